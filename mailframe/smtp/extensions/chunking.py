"""CHUNKING (RFC 3030 section 2): BDAT brings a message in chunks of octets that were counted before.

What BDAT announces is consumed whatever else is wrong: a chunk that is refused must not be taken for commands. Where
that cannot be done, because the number is none or beyond all bounds, the connection ends.
"""

from __future__ import annotations

from mailframe import status as codes
from mailframe.smtp import replies
from mailframe.smtp.extension import Command, Extension
from mailframe.smtp.grammar import BadSyntax, chunk
from mailframe.smtp.receiving import Arrival
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session
from mailframe.smtp.taking import take


async def bdat(session: Session, argument: bytes) -> None:
    """Receive a chunk, and with the last one answer for the message."""
    octets, last = _announced(session, argument)
    if session.envelope is None:
        await _skip(session, octets)
        raise Refused(replies.SENDER_FIRST if session.greeted else replies.HELLO_FIRST)
    arrival = session.arrival or _begin(session)
    await _receive(session, arrival, octets)
    if last:
        await _finish(session, arrival)
    elif arrival.problem is not None:
        raise Refused(arrival.problem)  # RFC 3030 2: so is every chunk that follows, up to RSET or the last one
    else:
        session.answer(reply(250, codes.OK, f"{octets} octets received"))


def _announced(session: Session, argument: bytes) -> tuple[int, bool]:
    """Return how many octets are to come, and whether they are the last ones."""
    try:
        octets, last = chunk(argument)
    except BadSyntax as problem:
        session.over = True  # nobody knows where the next command begins
        raise Refused(reply(501, codes.BAD_ARGUMENTS, str(problem))) from None
    before = 0 if session.arrival is None else session.arrival.size
    if before + octets > session.role.limits.chunk:
        session.over = True
        raise Refused(replies.TOO_LARGE)
    return octets, last


def _begin(session: Session) -> Arrival:
    arrival = session.begin_message()
    session.reader.begin_chunks()
    if not session.targets:
        # Remembered, so that a recipient that comes late does not get the rest of a message.
        arrival.refuse(replies.NO_RECIPIENTS_LMTP if session.role.is_lmtp else replies.NO_RECIPIENTS)
    return arrival


async def _receive(session: Session, arrival: Arrival, octets: int) -> None:
    reader, limits = session.reader, session.role.limits
    reader.begin_chunk(octets)
    while not reader.chunk_is_over:
        arrival.add(await session.wire.pull(arrival.chunk, limits.data_seconds))
    if octets >= limits.small_chunk and arrival.problem is None:
        session.idle -= 1


async def _skip(session: Session, octets: int) -> None:
    reader = session.reader
    reader.begin_chunk(octets)
    while not reader.chunk_is_over:
        await session.wire.pull(reader.chunk, session.role.limits.data_seconds)


async def _finish(session: Session, arrival: Arrival) -> None:
    """For LMTP, no recipients mean no answer (RFC 2033 4.3)."""
    if held := session.reader.end_chunks():
        arrival.add(held)
    await take(session, session.end_message())


EXTENSION = Extension(
    "CHUNKING",
    3030,
    lambda session: "CHUNKING",
    # Before HELO, too, the octets behind it are no commands: it says itself that this comes first.
    commands=(Command(b"BDAT", "BDAT octets [LAST]", bdat, greeted=False),),
)
