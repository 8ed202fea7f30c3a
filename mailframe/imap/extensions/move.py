"""MOVE and UID MOVE (RFC 6851)."""

from __future__ import annotations

from mailframe.imap.commands.store import Copy, copied_code, parse_copy, target_of
from mailframe.imap.extension import SELECTED, Command, Extension, Run
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session
from mailframe.store import fallback


def _run(by_uid: bool) -> Run:
    async def move(session: Session, arguments: Copy) -> Status:
        view = session.writable()
        uids = view.rows(view.positions(arguments.numbers, by_uid)).uids
        moved = await fallback.move(view.model.mailbox, uids, await target_of(session, arguments))
        if moved.source:
            # COPYUID comes before the EXPUNGEs, so that the client knows what they are about (RFC 6851 4.3).
            session.untagged(b"OK [%b] Moved" % copied_code(moved))
        await view.model.follow()
        return ok("Done")

    return move


EXTENSION = Extension(
    b"MOVE",
    6851,
    lambda session: (b"MOVE",),
    commands=(
        Command(b"MOVE", SELECTED, parse_copy, _run(by_uid=False)),
        Command(b"UID MOVE", SELECTED, parse_copy, _run(by_uid=True)),
    ),
)
