"""What becomes of a message before it is put into the database."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mailframe.bodies import Files
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.store.sqlite.inserting import SMALL_OCTETS, Prepared, stored

HEAD = b"Subject: hello\r\nFrom: Ann <ann@example.org>\r\n\r\n"


@pytest.mark.parametrize(("octets", "with_others"), [(SMALL_OCTETS, True), (SMALL_OCTETS + 1, False)])
def test_a_small_message_is_digested_with_others_and_alike(octets: int, with_others: bool) -> None:
    message = Message.from_bytes(HEAD + b"x" * (octets - len(HEAD)))
    assert message.size == octets
    seen: list[Prepared] = []

    def insert(prepared: Prepared) -> Deferred[None]:
        seen.append(prepared)
        return succeed(None)

    stored(message, Files("/nowhere"), Site("mx.example.org", Clock()), insert)
    [prepared] = seen
    assert (prepared.digest is None) is with_others
    assert prepared.columns == Prepared(prepared.content, octets, message.digest()).columns
