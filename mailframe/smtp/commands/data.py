"""DATA (RFC 5321 section 4.1.1.4): the message comes, up to a line with a dot alone."""

from __future__ import annotations

from mailframe.smtp import replies
from mailframe.smtp.extension import Command
from mailframe.smtp.replies import Refused
from mailframe.smtp.session import Session
from mailframe.smtp.taking import take


async def data(session: Session, argument: bytes) -> None:
    """Receive the message of the transaction, and answer for it."""
    if session.envelope is None:
        raise Refused(replies.SENDER_FIRST)
    if session.arrival is not None or session.envelope.body == "BINARYMIME":
        raise Refused(replies.BAD_SEQUENCE)  # RFC 3030 2 and 3: not after BDAT, and not for what is no text
    if not session.targets:
        raise Refused(replies.NO_RECIPIENTS_LMTP if session.role.is_lmtp else replies.NO_RECIPIENTS)
    session.wire.write(replies.START_DATA.encoded)
    reader, arrival, seconds = session.reader, session.begin_message(), session.role.limits.data_seconds
    reader.begin_text()
    while not reader.text_is_over:
        arrival.add(await session.wire.pull(reader.text, seconds))
        if arrival.endless:
            session.over = True
            break
    await take(session, session.end_message())


COMMANDS = (Command(b"DATA", "DATA", data, argument=False),)
