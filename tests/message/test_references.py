"""Message ids and references."""

from __future__ import annotations

import pytest

from mailframe.message.references import message_id, message_ids, references


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<a@b>", [b"<a@b>"]),
        (b"<a@b> <c@d>,<e@f>", [b"<a@b>", b"<c@d>", b"<e@f>"]),
        (b"Your message <a@b> of today", [b"<a@b>"]),
        (b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', [b"<01KF8JCEOCBS0045PS@xxx.yyy.com>"]),
        (b"< a @ b >", [b"<a@b>"]),
        (b"<a\0@b>", [b"<a@b>"]),
        (b"<> < > <<a@b>>", [b"<a@b>"]),
        (b"a@b", []),
        (b"<unfinished", []),
        (b"", []),
        (b"<" * 100_000, []),
        (b"<a" * 100_000, []),
    ],
)
def test_message_ids_are_found_in_what_people_write(value: bytes, ids: list[bytes]) -> None:
    assert message_ids(value) == ids


def test_a_message_has_the_first_id_of_its_field() -> None:
    assert message_id(b"<a@b> <c@d>") == b"<a@b>"
    assert message_id(b"none") is None
    assert message_id(None) is None


@pytest.mark.parametrize(
    ("refs", "reply", "expected"),
    [
        (b"<a@b> <c@d>", b"<x@y>", (b"<a@b>", b"<c@d>")),
        (None, b"<x@y> <z@y>", (b"<x@y>",)),
        (b"broken", b"<x@y>", (b"<x@y>",)),
        (None, b"broken", ()),
        (None, None, ()),
    ],
)
def test_references_win_over_in_reply_to(refs: bytes | None, reply: bytes | None, expected: tuple[bytes, ...]) -> None:
    assert references(refs, reply) == expected
