"""What becomes of a message before it is put into the database."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock

from mailframe.bodies import Files
from mailframe.site import Site
from mailframe.spool import FileBody, Message, Spool
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


@pytest.mark.parametrize("has_place", [True, False])
def test_the_file_of_a_big_message_stays_only_if_the_message_is_anywhere(tmp_path: Path, has_place: bool) -> None:
    files = Files(str(tmp_path / "messages"))
    writer = Spool(str(tmp_path), small=10).begin()
    writer.write(HEAD + b"x" * 100)
    message = writer.finish()
    assert isinstance(message.body, FileBody)
    files.sweep(())
    seen: list[Prepared] = []

    async def insert() -> None:
        seen.append(await stored(message, files, Site("mx.example.org", Clock()), succeed, lambda _inserted: has_place))

    ensureDeferred(insert())
    [prepared] = seen
    _head, _body, name = prepared.content
    assert name is not None
    assert prepared.size == len(HEAD)
    assert os.path.exists(files.path(name)) is has_place
