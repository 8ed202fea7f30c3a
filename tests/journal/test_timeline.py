"""The lines of a trace, for people and for programs; and whom an event is about."""

from __future__ import annotations

import json

from mailframe.journal.events import (
    KINDS,
    Arrived,
    Attempted,
    Contacted,
    Event,
    Handed,
    Judged,
    Ordered,
    Refused,
    Reported,
)
from mailframe.journal.keys import address_key, message_id_key
from mailframe.journal.timeline import json_line, text_line
from mailframe.journal.tracing import concerns, possible_keys

T = 1_764_000_000.125
SUBMITTED = Arrived(
    T, "0193", "s1", "submission", "192.0.2.7", "laptop", "TLSv1.3 X", "ann@a.example", "ann@a.example",
    ("bob@b.example",), "1@a.example", 1234,
)  # fmt: skip
LOCAL = Arrived(T, "0193", "s1", "lmtp", "", "", "", "", "", tuple(f"{n}@b.example" for n in range(7)), "", 10)
REPORT = Arrived(T, "0194", "", "report", "", "", "", "", "", ("ann@a.example",), "0194@mx", 999, "0193")
CASES: list[tuple[Event, str]] = [
    (
        SUBMITTED,
        "2025-11-24 16:00:00.125 0193 arrived at submission from 192.0.2.7 (laptop), TLSv1.3 X, login ann@a.example: "
        "from <ann@a.example> to <bob@b.example>, 1234 octets, Message-ID <1@a.example>",
    ),
    (
        LOCAL,
        "2025-11-24 16:00:00.125 0193 arrived at lmtp from a local socket (no name), no TLS: from <> to "
        "<0@b.example>, <1@b.example>, <2@b.example>, <3@b.example>, <4@b.example> and 2 more, 10 octets, "
        "no Message-ID",
    ),
    (
        REPORT,
        "2025-11-24 16:00:00.125 0194 made here as report of 0193: from <> to <ann@a.example>, 999 octets, "
        "Message-ID <0194@mx>",
    ),
    (
        Judged(T, "0193", "message", "spam", "discard"),
        "2025-11-24 16:00:00.125 0193 message judged by spam: discard",
    ),
    (
        Judged(T, "", "recipient", "greylist", "postpone", "4.7.1", "Later", "bob@b.example"),
        "2025-11-24 16:00:00.125 - recipient <bob@b.example> judged by greylist: postpone 4.7.1 Later",
    ),
    (
        Refused(T, "", "recipient", 550, "5.1.1", "Who?", "s", "mx", "192.0.2.7", "h", "a@b", ("c@d",)),
        "2025-11-24 16:00:00.125 - refused recipient at mx from 192.0.2.7 (h): from <a@b> to <c@d>: 550 5.1.1 Who?",
    ),
    (
        Refused(T, "", "sender", 451, "", "Later", "s", "mx", "192.0.2.7", "h", "a@b", ()),
        "2025-11-24 16:00:00.125 - refused sender at mx from 192.0.2.7 (h): <a@b>: 451 Later",
    ),
    (Handed(T, "0193", "c@d", "queued", "", "queued"), "2025-11-24 16:00:00.125 0193 queued for <c@d>"),
    (
        Handed(T, "0193", "c@d", "delivered", "", "INBOX of c@d"),
        "2025-11-24 16:00:00.125 0193 delivered for <c@d>: INBOX of c@d",
    ),
    (
        Handed(T, "0193", "c@d", "postponed", "4.2.2", "The mailbox is full"),
        "2025-11-24 16:00:00.125 0193 postponed for <c@d>: 4.2.2 The mailbox is full",
    ),
    (
        Contacted(T, "0193", "mx.d", "TLSv1.3 X", "dane"),
        "2025-11-24 16:00:00.125 0193 talked to mx.d, TLSv1.3 X (wanted: dane)",
    ),
    (Contacted(T, "0193", "mx.d", "", "may"), "2025-11-24 16:00:00.125 0193 talked to mx.d, no TLS (wanted: may)"),
    (
        Contacted(T, "0193", "mx.d", "", "", "mx.d cannot be reached: refused"),
        "2025-11-24 16:00:00.125 0193 tried mx.d: mx.d cannot be reached: refused",
    ),
    (
        Attempted(T, "0193", "c@d", 2, "postponed", "4.2.1", "mx.d said: 450 busy", "mx.d", "450 busy", T + 60),
        "2025-11-24 16:00:00.125 0193 attempt 2 for <c@d>: postponed until 2025-11-24 16:01:00.125: "
        "4.2.1 mx.d said: 450 busy",
    ),
    (
        Attempted(T, "0193", "c@d", 3, "failed", "5.1.1", "mx.d said: 550 no", "mx.d", "550 no"),
        "2025-11-24 16:00:00.125 0193 attempt 3 for <c@d>: failed: 5.1.1 mx.d said: 550 no",
    ),
    (
        Reported(T, "0193", "delayed", "0194", "a@b", ("c@d", "e@f")),
        "2025-11-24 16:00:00.125 0193 reported to <a@b> in 0194: delayed for <c@d>, <e@f>",
    ),
    (Ordered(T, "0193", "c@d", "hold"), "2025-11-24 16:00:00.125 0193 hold by the administrator for <c@d>"),
    (
        Ordered(T, "0193", "c@d", "route", "mx.d:2525"),
        "2025-11-24 16:00:00.125 0193 route by the administrator for <c@d> to mx.d:2525",
    ),
]


def test_each_event_is_a_line() -> None:
    for event, line in CASES:
        assert text_line(event) == line
    assert {type(event) for event, _line in CASES} == set(KINDS.values())


def test_nothing_from_outside_breaks_a_line_or_plays_with_the_terminal() -> None:
    evil = "\x1b[2J\r\n250 OK\0\x07\u202e\u2028\udcff\x9b"
    line = text_line(Contacted(T, "0193", evil, evil, evil, evil))
    assert line.isprintable()
    assert r"\x1b[2J\r\n250 OK\x00\x07\u202e\u2028\udcff\x9b" in line
    assert text_line(Handed(T, "0193", "用户@例え.jp", "queued", "", "")).endswith("queued for <用户@例え.jp>")
    assert json_line(Contacted(T, "0193", evil, "", "")).isascii()
    assert json.loads(json_line(Contacted(T, "0193", evil, "", "")))["host"] == evil


def test_each_event_is_a_json_object_with_names() -> None:
    for event, _line in CASES:
        [line] = json_line(event).splitlines()
        read = json.loads(line)
        assert type(event) is KINDS[read.pop("kind")]
        assert (read["time"], read["message"]) == (T, event.message)
    assert json.loads(json_line(CASES[-3][0])) == {
        "kind": "reported",
        "time": T,
        "message": "0193",
        "what": "delayed",
        "report": "0194",
        "to": "a@b",
        "recipients": ["c@d", "e@f"],
    }


def test_what_is_asked_for_may_be_a_message_id_or_an_address() -> None:
    ann = [message_id_key("Ann@Example.ORG"), address_key("ann@example.org")]
    assert possible_keys("Ann@Example.ORG") == possible_keys("<Ann@Example.ORG>") == ann
    assert possible_keys(" <a b@c> ") == [message_id_key("a b@c")]
    assert possible_keys('"a b"@c.example')[1:] == [address_key('"a b"@c.example')]
    assert possible_keys("x@例え.jp")[1:] == [address_key("x@xn--r8jz45g.jp")]


def test_what_became_of_others_is_not_told() -> None:
    mine = address_key("c@d")
    for about, told in (("c@d", True), ("C@D", True), ("x@y", False)):
        events: list[Event] = [
            Handed(T, "m", about, "queued", "", ""),
            Attempted(T, "m", about, 1, "delivered", "", ""),
            Ordered(T, "m", about, "hold"),
            Judged(T, "m", "recipient", "h", "accept", recipient=about),
            Reported(T, "m", "failed", "r", "a@b", ("p@q", about)),
            Refused(T, "m", "recipient", 550, "", "", "", "", "", "", "a@b", (about,)),
        ]
        assert [concerns(event, mine) for event in events] == [told] * len(events)
    assert concerns(SUBMITTED, mine)
    assert concerns(Judged(T, "m", "message", "h", "accept"), mine)
    assert concerns(Contacted(T, "m", "h", "", ""), mine)
