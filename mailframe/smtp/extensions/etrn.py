"""ETRN (RFC 1985): a site that was away asks for the mail that waits for it.

Only clients of ours are heard: those that have logged in, and those of C{relay_from}. They may ask for the domains
that a route names, since these are the sites we keep mail for; mail for the rest of the world goes by its schedule. So
what a client can bring about is an attempt at what is sent anyway, and that once in a while.
"""

from __future__ import annotations

from typing import Any

from mailframe import status as codes
from mailframe.address import parse_domain
from mailframe.errors import MailError
from mailframe.interfaces import Selection
from mailframe.powers import administered
from mailframe.smtp import replies
from mailframe.smtp.extension import Command, Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session


def _ehlo(session: Session) -> str | None:
    return "ETRN" if _offered(session) else None


def _offered(session: Session) -> bool:
    """Whether somebody who can connect here may be heard, now or once he has logged in."""
    heard = session.login is not None or session.role.is_trusted(session.client.address)
    return heard and not session.role.is_lmtp and administered(session.queue) is not None


async def etrn(session: Session, argument: bytes) -> None:
    """Let mail for a domain be due now."""
    if not _offered(session):
        raise Refused(replies.UNKNOWN_COMMAND)
    if session.client.identity is None and not session.role.is_trusted(session.client.address):
        raise Refused(reply(530, codes.AUTHENTICATION_REQUIRED, "Authentication required"))
    if session.envelope is not None:
        raise Refused(replies.NESTED_MAIL)
    node = argument.strip()
    if not node:
        raise Refused(reply(500, codes.SYNTAX, "The name of a node expected"))
    if node.startswith(b"#"):
        raise Refused(reply(458, codes.BAD_ARGUMENTS, "Unable to queue messages: there are no queues with names"))
    domain = _domain(node.removeprefix(b"@"))
    session.answer(await _started(session, domain, node.startswith(b"@")))


def _domain(name: bytes) -> str:
    """Return a domain that is fully qualified (RFC 1985 5)."""
    try:
        domain = parse_domain(name.decode("utf-8"))
    except ValueError:
        domain = ""
    if "." not in domain or domain.startswith("["):
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "A fully qualified domain name expected"))
    return domain


async def _started(session: Session, domain: str, subdomains: bool) -> replies.Reply:
    node = f"{'@' * subdomains}{domain}"
    if not session.routes.names(domain):
        return reply(459, codes.POLICY_LATER, f"Node {node} not allowed: this server keeps no mail for it")
    left = session.etrn_pace.wait(node, session.site.clock.seconds())
    if left:
        return reply(458, codes.POLICY_LATER, f"Unable to queue messages for node {node}: ask in {left:.0f} seconds")
    queue: Any = administered(session.queue)
    try:
        touched = await queue.retry(Selection(destination=domain, subdomains=subdomains))
    except MailError:
        return reply(458, codes.SYSTEM_FAULT, f"Unable to queue messages for node {node}")
    if not touched:
        return reply(251, codes.OK, f"OK, no messages waiting for node {node}")
    return reply(252, codes.OK, f"OK, pending messages for node {node} started")


EXTENSION = Extension("ETRN", 1985, _ehlo, commands=(Command(b"ETRN", "ETRN [@]domain", etrn),))
