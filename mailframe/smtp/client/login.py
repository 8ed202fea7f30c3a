"""AUTH as a client (RFC 4954): for smarthosts."""

from __future__ import annotations

import binascii

from mailframe.hooks import Retry
from mailframe.sasl.client import MECHANISMS, ClientSaslError, Credentials
from mailframe.smtp.client.outcomes import Unusable, later
from mailframe.smtp.client.session import ClientSession

__all__ = ["Credentials", "log_in"]


async def log_in(session: ClientSession, credentials: Credentials) -> None:
    """
    Log in by the best mechanism that both sides know.

    @raise Unusable: it did not work: the mail waits until somebody has mended it.
    """
    offered = session.offers.mechanisms
    best = next((each for each in MECHANISMS if each.name in offered and each.fits(credentials)), None)
    if best is None:
        text = f"{session.peer} offers no way to log in that we know ({' '.join(sorted(offered)) or 'none'})"
        raise Unusable(Retry("4.7.0", text, session.peer))
    exchange = best.start(credentials)
    initial = exchange.respond(None) if best.initial else None
    line = f"AUTH {best.name}" + ("" if initial is None else f" {_encoded(initial) or '='}")
    reply = await session.command(line, session.limits.small)
    while reply.code == 334:
        try:
            answer = _encoded(exchange.respond(_decoded(reply.lines[0])))
        except ClientSaslError as error:
            await session.command("*", session.limits.small)
            raise Unusable(Retry("4.7.0", f"{session.peer} {error}", session.peer)) from None
        reply = await session.command(answer, session.limits.small)
    if reply.code != 235:
        raise Unusable(later(reply, session.peer, "4.7.8"))
    if not exchange.satisfied:
        raise Unusable(Retry("4.7.0", f"{session.peer} did not prove that it knows the password", session.peer))


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ClientSaslError("sent a challenge that is no base64") from None
