"""What can happen to a message, as values: the kinds of events that a journal keeps.

A time is seconds since the epoch; C{message} is the id of the message, as in the log, and empty before there is one.
Addresses are written out, the null sender is empty. New fields come last and have a default: events that were kept by
an earlier version are read by position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mailframe.values import value


@value
class Arrived:
    """
    A message came in whole.

    @ivar session: of the client, as in the log; empty for a message of our own.
    @ivar service: C{mx}, C{submission} or C{lmtp}; what this server has made itself is a C{report}, C{forward} or
        C{answer}.
    @ivar client: its IP address; empty for a UNIX socket.
    @ivar helo: what it called itself.
    @ivar tls: version and cipher; empty for plain text.
    @ivar login: the account that has authenticated; empty if none has.
    @ivar recipients: those that were accepted.
    @ivar message_id: of the Message-ID field, without its angle brackets; empty if there is none.
    @ivar size: octets, with the trace fields.
    @ivar about: the id of the message that was forwarded or answered, or that a report is about.
    """

    time: float
    message: str
    session: str
    service: str
    client: str
    helo: str
    tls: str
    login: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    size: int
    about: str = ""


@value
class Judged:
    """
    A hook had an opinion.

    @ivar point: where it was asked: C{connect}, C{hello}, C{sender}, C{recipient} or C{message}.
    @ivar hook: its name.
    @ivar verdict: C{accept}, C{reject}, C{postpone} or C{discard}.
    @ivar status: of a refusal (RFC 3463).
    @ivar text: of a refusal.
    @ivar recipient: whom it was asked about, at C{recipient}.
    """

    time: float
    message: str
    point: str
    hook: str
    verdict: str
    status: str = ""
    text: str = ""
    recipient: str = ""


@value
class Refused:
    """
    The client was told no.

    @ivar point: what was refused: C{sender}, C{recipient} or C{message}.
    @ivar code: of the reply: 4xx, the client may try again; 5xx, it shall not.
    @ivar recipients: the one that was refused, or all of a message that was.
    """

    time: float
    message: str
    point: str
    code: int
    status: str
    text: str
    session: str
    service: str
    client: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str = ""


@value
class Handed:
    """
    A message that came was handed on, for one recipient, before the client was answered.

    @ivar outcome: C{delivered}, C{queued}, C{postponed} or C{failed}.
    @ivar text: where it is, or why it is not there.
    """

    time: float
    message: str
    recipient: str
    outcome: str
    status: str
    text: str


@value
class Contacted:
    """
    A server was talked to about a queued message, or could not be.

    @ivar host: its name.
    @ivar tls: version and cipher; empty for plain text.
    @ivar policy: what TLS had to be like there.
    @ivar problem: why it cannot be used; empty if it can.
    """

    time: float
    message: str
    host: str
    tls: str
    policy: str
    problem: str = ""


@value
class Attempted:
    """
    An attempt to deliver a queued message to one recipient has ended.

    @ivar attempt: its number, from 1.
    @ivar outcome: C{delivered}, C{postponed} or C{failed}.
    @ivar text: what it says, in our words.
    @ivar host: the server that said so; empty if we did.
    @ivar reply: what it said.
    @ivar due: when the next attempt is made; 0 for none.
    """

    time: float
    message: str
    recipient: str
    attempt: int
    outcome: str
    status: str
    text: str
    host: str = ""
    reply: str = ""
    due: float = 0.0


@value
class Reported:
    """
    The sender of a queued message was sent a report about it.

    @ivar what: C{failed}, C{delayed} or C{success}.
    @ivar report: the id of the report, which is a message of its own.
    @ivar to: whom it goes to.
    @ivar recipients: whom it is about.
    """

    time: float
    message: str
    what: str
    report: str
    to: str
    recipients: tuple[str, ...]


@value
class Ordered:
    """
    An administrator did something to a recipient in the queue.

    @ivar action: C{retry}, C{hold}, C{release}, C{remove}, C{bounce} or C{route}, as C{mailframe queue} calls it.
    @ivar detail: the next hop that was chosen; empty for the ordinary one.
    """

    time: float
    message: str
    recipient: str
    action: str
    detail: str = ""


Event: TypeAlias = Arrived | Judged | Refused | Handed | Contacted | Attempted | Reported | Ordered

KINDS: Mapping[str, type[Event]] = {
    "arrived": Arrived,
    "judged": Judged,
    "refused": Refused,
    "handed": Handed,
    "contacted": Contacted,
    "attempted": Attempted,
    "reported": Reported,
    "ordered": Ordered,
}
"""All of them, by the names that C{mailframe trace --json} shows."""

KIND_OF: Mapping[type[Event], str] = {kind: name for name, kind in KINDS.items()}
