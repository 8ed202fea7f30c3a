"""Dates of messages and of IMAP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailframe.message import dates


def zone(hours: int, minutes: int = 0) -> timezone:
    return timezone(timedelta(hours=hours, minutes=minutes))


DATES = [
    (b"Fri, 21 Nov 1997 09:55:06 -0600", datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6))),
    (b"Tue, 1 Jul 2003 10:52:37 +0200", datetime(2003, 7, 1, 10, 52, 37, tzinfo=zone(2))),
    (b"Thu, 13 Feb 1969 23:32 -0330", datetime(1969, 2, 13, 23, 32, tzinfo=zone(-3, -30))),
    (
        b"Thu,      13\tFeb 1969\t23:32:00 -0330 (Newfoundland Time)",
        datetime(1969, 2, 13, 23, 32, tzinfo=zone(-3, -30)),
    ),
    (b"21 Nov 97 09:55:06 GMT", datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC)),
    (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6))),
    (b"1 Jan 49 00:00 EST", datetime(2049, 1, 1, tzinfo=zone(-5))),
    (b"1 Jan 50 00:00 pdt", datetime(1950, 1, 1, tzinfo=zone(-7))),
    (b"1 Jan 101 00:00 Z", datetime(2001, 1, 1, tzinfo=UTC)),
    (b"1 January 2001 1:2:3 A", datetime(2001, 1, 1, 1, 2, 3, tzinfo=UTC)),
    (b"Mon 1-Jan-2001 1.2.3 +0000", datetime(2001, 1, 1, 1, 2, 3, tzinfo=UTC)),
    (b"31 Dec 2016 23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (b"1 Jan 2001", datetime(2001, 1, 1, tzinfo=UTC)),
    (b"1 Jan 2001 25:00:00 +0100", datetime(2001, 1, 1, tzinfo=zone(1))),
    (b"1 Jan 2001 10:00:99 +0100", datetime(2001, 1, 1, tzinfo=zone(1))),
    (b"1 Jan 2001 10:00 +9999", datetime(2001, 1, 1, 10, tzinfo=UTC)),
    (b"1 Jan 2001 10:00 +2400", datetime(2001, 1, 1, 10, tzinfo=UTC)),
    (b"1 Jan 2001 10:00 +01", datetime(2001, 1, 1, 10, tzinfo=UTC)),
    (b"1 Jan 2001 10:00 nonsense", datetime(2001, 1, 1, 10, tzinfo=UTC)),
    (b"1 Jan 0001 00:00 +1400", datetime(1, 1, 1, tzinfo=zone(14))),
    (b"31 Feb 2001 10:00 +0000", None),
    (b"0 Jan 2001 10:00 +0000", None),
    (b"1 Jan 0000 10:00 +0000", None),
    (b"1 Foo 2001 10:00 +0000", None),
    (b"1 Jan 20011 10:00", None),
    (b"2001-01-01T10:00:00Z", None),
    (b"", None),
    (b"\xff\x00", None),
    (b" " * 100_000, None),
    (b"(" * 100_000, None),
    (b"a" * 100_000, None),
]


@pytest.mark.parametrize(("value", "when"), DATES)
def test_the_date_of_a_message(value: bytes, when: datetime | None) -> None:
    found = dates.parse(value)
    assert found == when
    assert found is None or when is None or found.utcoffset() == when.utcoffset()


@pytest.mark.parametrize(
    ("when", "mail", "imap"),
    [
        (datetime(1996, 7, 17, 2, 44, 25, tzinfo=zone(-7)), b"Wed, 17 Jul 1996 02:44:25 -0700",
         b'"17-Jul-1996 02:44:25 -0700"'),
        (datetime(2026, 1, 1, tzinfo=UTC), b"Thu, 1 Jan 2026 00:00:00 +0000", b'" 1-Jan-2026 00:00:00 +0000"'),
        (datetime(800, 12, 25, tzinfo=zone(5, 30)), b"Mon, 25 Dec 0800 00:00:00 +0530",
         b'"25-Dec-0800 00:00:00 +0530"'),
        (datetime(1969, 2, 13, 23, 32, tzinfo=zone(-3, -30)), b"Thu, 13 Feb 1969 23:32:00 -0330",
         b'"13-Feb-1969 23:32:00 -0330"'),
    ],
)  # fmt: skip
def test_dates_are_written_and_read_back(when: datetime, mail: bytes, imap: bytes) -> None:
    assert dates.format(when) == mail
    assert dates.internal_date(when) == imap
    assert dates.parse(mail) == when
    assert dates.parse_internal_date(imap[1:-1]) == when


def test_a_date_without_a_zone_says_so() -> None:
    assert dates.format(datetime(2026, 1, 1)) == b"Thu, 1 Jan 2026 00:00:00 -0000"


@pytest.mark.parametrize(
    "value",
    [
        b"", b"1-Jan-2026 00:00:00 +0000", b" 1-Jam-2026 00:00:00 +0000", b" 1-Jan-2026 24:00:00 +0000",
        b"31-Feb-2026 00:00:00 +0000", b" 1-Jan-2026 00:00:00 +2400", b" 1-Jan-2026 00:00:00 +0060",
        b" 1-Jan-2026 00:00:00", b' 1-Jan-2026 00:00:00 +0000"', b" 1-Jan-2026 00:00:61 +0000",
        b" 1-Jan-2026 00:00:00 +0000\n",
    ],
)  # fmt: skip
def test_what_is_not_exactly_an_imap_date_is_refused(value: bytes) -> None:
    assert dates.parse_internal_date(value) is None
