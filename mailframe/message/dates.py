"""Dates of mail: RFC 5322 3.3 with its obsolete forms, and IMAP's date-time (RFC 3501 9); no locale has a say."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from mailframe.message import comments

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
WEEKDAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTH = {month.lower(): number for number, month in enumerate(MONTHS, 1)}
# RFC 5322 4.3: the zones of RFC 822, in hours; military letters and all others count as -0000.
_ZONES = {b"EDT": -4, b"EST": -5, b"CDT": -5, b"CST": -6, b"MDT": -6, b"MST": -7, b"PDT": -7, b"PST": -8}

_DATE = rb"\s*+(?:[A-Za-z]++\.?\s*+,?\s*+)?(\d{1,2})[\s-]++([A-Za-z]{3})[A-Za-z]*+\.?[\s-]++(\d{2,4})(?!\d)"
_TIME = rb"(?:,?\s++(\d{1,2})\s*+[:.]\s*+(\d{1,2})(?:\s*+[:.]\s*+(\d{1,2}))?\s*+([+-]\d{4}|[A-Za-z]{1,5})?)?"
_DATE_TIME = re.compile(_DATE + _TIME)
_INTERNAL_DATE = re.compile(rb"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-]\d{4})")
_LONGEST = 1024
"""Octets of a Date field that are looked at."""


def parse(value: bytes) -> datetime | None:
    """
    Return the moment that a Date field's value names, or C{None} when it names none.

    RFC 5256 2.2: a bad zone counts as UTC, a bad or missing time as 00:00:00. The weekday is not checked.
    """
    # The pattern has no parentheses: what it found as far as a zone does not change when comments are taken out.
    match = _DATE_TIME.match(value, 0, _LONGEST)
    if match is None or match[7] is None:
        match = _DATE_TIME.match(comments.strip(value[:_LONGEST]))
    if match is None:
        return None
    month = _MONTH.get(match[2].lower())
    if month is None:
        return None
    day, year, zone = int(match[1]), _year(match[3]), _zone(match[7])
    hour, minute, second = int(match[4] or 0), int(match[5] or 0), int(match[6] or 0)
    return _moment(year, month, day, hour, minute, second, zone) or _moment(year, month, day, 0, 0, 0, zone)


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, zone: timezone) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, second - (second == 60), tzinfo=zone)  # 60: a leap second
    except ValueError:
        return None


def _year(digits: bytes) -> int:
    """RFC 5322 4.3: two digits up to 49 are 20xx, from 50 on 19xx; three digits count from 1900."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


@lru_cache(maxsize=256)
def _zone(name: bytes | None) -> timezone:
    if name is None or name[0] not in b"+-":
        return timezone(timedelta(hours=_ZONES.get((name or b"").upper(), 0)))
    minutes = int(name[1:3]) * 60 + int(name[3:5])
    if int(name[3:5]) > 59 or minutes >= 24 * 60:
        return UTC
    return timezone(timedelta(minutes=-minutes if name[:1] == b"-" else minutes))


def _offset(when: datetime) -> bytes:
    offset = when.utcoffset()
    if offset is None:
        return b"-0000"  # RFC 5322 3.3: nothing is known about the zone
    minutes = int(offset.total_seconds()) // 60
    return b"%c%02d%02d" % (b"-" if minutes < 0 else b"+", abs(minutes) // 60, abs(minutes) % 60)


def format(when: datetime) -> bytes:  # noqa: A001 - read as dates.format, never imported by itself
    """Return the date-time of RFC 5322 3.3; a moment without a zone is taken as UTC, C{-0000}."""
    return b"%b, %d %b %04d %02d:%02d:%02d %b" % (
        *(WEEKDAYS[when.weekday()], when.day, MONTHS[when.month - 1], when.year),
        *(when.hour, when.minute, when.second, _offset(when)),
    )


@lru_cache(maxsize=16)
def utc(second: int) -> bytes:
    """Return L{format} of so many seconds since the epoch, in UTC: what arrives in one second has one date."""
    return format(datetime.fromtimestamp(second, UTC))


def internal_date(when: datetime) -> bytes:
    """Return the quoted date-time of RFC 3501 9, the day padded by a blank."""
    return b'"%2d-%b-%04d %02d:%02d:%02d %b"' % (
        *(when.day, MONTHS[when.month - 1], when.year),
        *(when.hour, when.minute, when.second, _offset(when)),
    )


def parse_internal_date(value: bytes) -> datetime | None:
    """Return the moment of a date-time of RFC 3501 9 (without its quotes), or C{None} when it is not exactly one."""
    match = _INTERNAL_DATE.fullmatch(value)
    if match is None or match[2].lower() not in _MONTH or int(match[7][1:3]) > 23 or int(match[7][3:5]) > 59:
        return None
    day, month, year = int(match[1]), _MONTH[match[2].lower()], int(match[3])
    return _moment(year, month, day, int(match[4]), int(match[5]), int(match[6]), _zone(match[7]))
