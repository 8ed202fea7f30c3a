"""AUTH as a client (RFC 4954): for smarthosts."""

from __future__ import annotations

import binascii

from mailframe.hooks import Retry
from mailframe.sasl.client import Binding, ClientExchange, ClientMechanism, ClientSaslError, Credentials, chosen
from mailframe.smtp.client.outcomes import Unusable, later
from mailframe.smtp.client.session import ClientSession

__all__ = ["Credentials", "log_in"]


async def log_in(
    session: ClientSession, credentials: Credentials, private: bool = False, binding: Binding | None = None
) -> None:
    """
    Log in by the best mechanism that both sides know.

    @param private: nobody can listen: else nothing is said that would give a password or token away.
    @param binding: what ties the login to the connection's TLS.
    @raise Unusable: it did not work: the mail waits until somebody has mended it.
    """
    found = chosen(session.offers.mechanisms, credentials, binding, private)
    if found is None:
        raise Unusable(Retry("4.7.0", _no_way(session, credentials, binding, private), session.peer))
    await _logged_in(session, *found)


def _no_way(session: ClientSession, credentials: Credentials, binding: Binding | None, private: bool) -> str:
    offered = session.offers.mechanisms
    if not private and chosen(offered, credentials, binding, private=True):
        return f"{session.peer} offers only ways to log in that need TLS, and there is none: look at its port and TLS"
    return f"{session.peer} offers no way to log in that we may use ({' '.join(sorted(offered)) or 'none'})"


async def _logged_in(session: ClientSession, best: ClientMechanism, exchange: ClientExchange) -> None:
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
