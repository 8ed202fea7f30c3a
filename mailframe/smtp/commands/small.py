"""RSET, NOOP, VRFY, HELP and QUIT (RFC 5321 sections 4.1.1.5 to 4.1.1.10)."""

from __future__ import annotations

from mailframe import status as codes
from mailframe.smtp import replies
from mailframe.smtp.extension import Command
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session


async def rset(session: Session, argument: bytes) -> None:
    """Forget the transaction."""
    session.reset()
    session.answer(replies.OK)


async def noop(session: Session, argument: bytes) -> None:
    """Do nothing."""
    session.answer(replies.OK)


async def vrfy(session: Session, argument: bytes) -> None:
    """Do not tell who is here (RFC 5321 7.3): with C{SMTPUTF8} there is no more to tell (RFC 6531 3.7.4.2)."""
    if not argument:
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "An address expected"))
    session.answer(reply(252, codes.RECIPIENT_OK, "Cannot tell, but will take mail and try to deliver it"))


async def help_(session: Session, argument: bytes) -> None:
    """Show the commands."""
    usages = [each.usage for each in session.vocabulary.commands.values()]
    session.answer(reply(214, codes.OK, "mailframe knows these commands:", *usages))


async def quit_(session: Session, argument: bytes) -> None:
    """End."""
    session.end(replies.BYE)


COMMANDS = (
    Command(b"RSET", "RSET", rset, argument=False, greeted=False),
    Command(b"NOOP", "NOOP [anything]", noop, greeted=False),
    Command(b"VRFY", "VRFY address [SMTPUTF8]", vrfy, greeted=False),
    Command(b"HELP", "HELP [verb]", help_, greeted=False),
    Command(b"QUIT", "QUIT", quit_, argument=False, greeted=False),
)
