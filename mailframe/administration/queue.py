"""What the C{mailframe} command can do with the delivery queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mailframe.address import parse_domain
from mailframe.administration.requests import Action, Area, BadRequest, Request, parsed
from mailframe.interfaces import Backlog, Queued, QueuedState, Selection
from mailframe.powers import administered

PAGE = 500
"""Recipients or destinations in one answer, at most."""

SELECTING = ("id", "sender", "recipient", "destination", "state")
"""The arguments that select recipients."""


def _queue(part: Any) -> Any:
    queue = administered(part)
    if queue is None:
        raise BadRequest("this server's queue cannot be looked into")
    return queue


# --- looking ---------------------------------------------------------------------------------------------------------


async def _list(part: Any, request: Request) -> list[dict[str, Any]]:
    found = await _queue(part).inspect(_selection(request), _number(request, "after", 0), _limit(request))
    return [shown(each) for each in found]


async def _totals(part: Any, request: Request) -> list[dict[str, Any]]:
    return [_shown_backlog(each) for each in await _queue(part).backlogs(_limit(request))]


def shown(queued: Queued) -> dict[str, Any]:
    """Return a recipient as JSON values; times are seconds since the epoch."""
    envelope, outcome = queued.envelope, queued.outcome
    [recipient] = envelope.recipients
    last = outcome and {name: getattr(outcome, name) for name in ("status", "text", "remote", "diagnostic")}
    return {
        "key": queued.key,
        "id": queued.id,
        "sender": str(envelope.sender or ""),
        "recipient": str(recipient.address),
        "state": queued.state.value,
        "queued": queued.queued,
        "size": queued.size,
        "attempts": queued.attempts,
        "due": queued.due,
        "last": last,
        "route": queued.route,
        "body": envelope.body,
        "smtputf8": envelope.smtputf8,
        "require_tls": envelope.require_tls,
        "ret": envelope.ret,
        "envid": envelope.envid,
        "notify": sorted(recipient.notify),
        "orcpt": recipient.orcpt,
    }


def _shown_backlog(backlog: Backlog) -> dict[str, Any]:
    return {
        "destination": backlog.destination,
        "recipients": backlog.recipients,
        "oldest": backlog.oldest,
        "due": backlog.due,
    }


# --- changing --------------------------------------------------------------------------------------------------------


def _changing(change: Callable[[Any, Selection, Request], Awaitable[int]]) -> Action:
    """Return the action of a change; it returns how many recipients it applies to."""

    async def action(part: Any, request: Request) -> int:
        queue, selection = _queue(part), _selection(request)
        if selection == Selection() and request.get("all") is not True:
            raise BadRequest("nothing is selected, and all was not meant")
        return await change(queue, selection, request)

    return action


async def _reroute(queue: Any, selection: Selection, request: Request) -> int:
    route = request.get("route")
    if not isinstance(route, str):
        raise BadRequest("a next hop is missing")
    try:
        touched: int = await queue.reroute(selection, route)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return touched


# --- arguments -------------------------------------------------------------------------------------------------------


def _selection(request: Request) -> Selection:
    texts = {name: request.get(name) for name in SELECTING}
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise BadRequest(f"{name} is not a text")
    recipient = texts["recipient"]
    return Selection(
        id=texts["id"],
        sender=_sender(texts["sender"]),
        recipient=None if recipient is None else parsed(recipient),
        destination=_destination(texts["destination"]),
        state=_state(texts["state"]),
    )


def _sender(text: str | None) -> Any:
    return text if text is None else "" if text in ("", "<>") else parsed(text)


def _destination(text: str | None) -> str | None:
    try:
        return text and parse_domain(text)
    except ValueError as error:
        raise BadRequest(f"{text!r}: {error}") from None


def _state(text: str | None) -> QueuedState | None:
    if text is None:
        return None
    try:
        return QueuedState(text)
    except ValueError:
        raise BadRequest(f"a state is one of {', '.join(each.value for each in QueuedState)}") from None


def _limit(request: Request) -> int:
    return min(PAGE, _number(request, "limit", PAGE))


def _number(request: Request, name: str, default: int) -> int:
    number = request.get(name, default)
    if not isinstance(number, int) or not 0 <= number < 2**63:
        raise BadRequest(f"{name} is no number that can be")
    return number


QUEUE = Area(
    lambda administered: administered.queue,
    "this server has no queue",
    {
        "queue list": _list,
        "queue totals": _totals,
        "queue retry": _changing(lambda queue, selection, _request: queue.retry(selection)),
        "queue hold": _changing(lambda queue, selection, _request: queue.hold(selection)),
        "queue release": _changing(lambda queue, selection, _request: queue.release(selection)),
        "queue remove": _changing(lambda queue, selection, _request: queue.remove(selection)),
        "queue bounce": _changing(lambda queue, selection, _request: queue.send_back(selection)),
        "queue route": _changing(_reroute),
    },
)
