"""What a server's reply means for a recipient."""

from __future__ import annotations

from mailframe.hooks import Action, Delivered, Failed, Outcome, Retry
from mailframe.smtp.client.replies import PeerReply

_TOO_MANY_RECIPIENTS = 552
"""Said to RCPT it means: not in this transaction (RFC 5321 4.5.3.1.10)."""


class Unusable(Exception):
    """
    This server cannot be used now; another one may.

    @ivar outcome: what is to be recorded if there is no other.
    """

    def __init__(self, outcome: Retry | Failed) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


class Stale(Unusable):
    """A connection that was kept turned out to be dead before anything was asked of it: a new one is to be tried."""


def refused(reply: PeerReply, peer: str, default: str = "0.0") -> Retry | Failed:
    """
    Return what a negative reply means.

    @param peer: the server's name.
    @param default: subject and detail of the status code (RFC 3463) when the reply has none.
    """
    text = f"{peer} said: {reply}"
    if reply.permanent:
        return Failed(reply.enhanced or f"5.{default}", text, peer, str(reply))
    return later(reply, peer, f"4.{default}")


def later(reply: PeerReply, peer: str, status: str) -> Retry:
    """Return that it is to be tried again, whatever the class of the reply: it was not about the message."""
    return Retry(
        reply.enhanced if reply.enhanced.startswith("4") else status, f"{peer} said: {reply}", peer, str(reply)
    )


def recipient_refused(reply: PeerReply, peer: str) -> Retry | Failed:
    """Return what a negative reply to RCPT means."""
    return later(reply, peer, "4.5.3") if reply.code == _TOO_MANY_RECIPIENTS else refused(reply, peer)


def accepted(reply: PeerReply, peer: str, action: Action) -> Delivered:
    """Return that the server has the message."""
    return Delivered(f"{peer} said: {reply}", action, peer, str(reply))


def ended(reply: PeerReply, peer: str, action: Action) -> Outcome:
    """Return what the reply to the end of a message means."""
    return accepted(reply, peer, action) if reply.positive else refused(reply, peer)
