"""Handing a message to its targets, whatever they are, and collecting an outcome for every recipient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.envelope import Recipient
from mailframe.hooks import Delivery, Outcome, Retry, Target
from mailframe.waiting import in_time

_log = Logger()

DELIVERY_SECONDS = 240.0
"""How long a target may take: the client waits 10 minutes for its answer (RFC 5321 4.5.3.2.6)."""

_LATER = Retry("4.3.0", "Delivery did not work, try again later")


async def hand(
    delivery: Delivery,
    targets: Sequence[tuple[Recipient, Target]],
    clock: IReactorTime,
    seconds: float = DELIVERY_SECONDS,
) -> list[tuple[Recipient, Outcome]]:
    """
    Deliver to all targets, one after the other.

    A target that raises, answers nonsense or takes too long has not delivered: L{Retry}, never success.

    @return: an outcome for each recipient, in the order of C{targets}.
    """
    if len(targets) == 1:  # which is most mail
        [(recipient, target)] = targets
        return [(recipient, _outcome(target, await _answer(target, delivery, clock, seconds), recipient.address))]
    groups: dict[int, tuple[Target, list[Recipient]]] = {}
    for recipient, target in targets:
        groups.setdefault(id(target), (target, []))[1].append(recipient)
    answers: dict[int, Any] = {}
    for key, (target, recipients) in groups.items():
        part = delivery if len(groups) == 1 else delivery.to(recipients)
        answers[key] = await _answer(target, part, clock, seconds)
    return [(recipient, _outcome(target, answers[id(target)], recipient.address)) for recipient, target in targets]


async def _answer(target: Target, delivery: Delivery, clock: IReactorTime, seconds: float) -> Any:
    try:
        return await in_time(target, delivery, clock, seconds)
    except defer.TimeoutError:
        _log.error(
            "{message} target {target!r} took over {seconds} s", message=delivery.id, target=target, seconds=seconds
        )
    except defer.CancelledError:
        _log.info("{message} target {target!r} was interrupted", message=delivery.id, target=target)
    except Exception:
        _log.failure("{message} target {target!r} failed", message=delivery.id, target=target)
    return _LATER


def _outcome(target: Target, answer: Any, recipient: Address) -> Outcome:
    # To ask whether it is any Mapping takes several times as long as all the rest.
    is_mapping = type(answer) is dict or isinstance(answer, Mapping)
    outcome = answer.get(recipient) if is_mapping else answer
    if isinstance(outcome, Outcome):
        return outcome
    _log.error("target {target!r} answered {outcome!r}, which is no outcome", target=target, outcome=outcome)
    return _LATER
