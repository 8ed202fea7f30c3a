"""One attempt: recipients of one message are handed to where their route leads, and each has an outcome then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import Logger

from mailframe.delivery.handing import hand
from mailframe.hooks import Delivery, Outcome, Retry
from mailframe.interfaces import IDeliveryQueue, ISuppressions
from mailframe.queue import suppressing
from mailframe.queue.grouping import Group
from mailframe.site import Site

ATTEMPT_SECONDS = 3000.0
"""How long one delivery may take: the sum of what RFC 5321 4.5.3.2 lets a slow server have, and no server needs."""

_log = Logger()


async def attempted(
    group: Group, via: Any, site: Site, queue: IDeliveryQueue, suppressions: ISuppressions | None
) -> Mapping[int, Outcome]:
    """
    Make an attempt, and return outcomes by the keys of leases, whatever happens.

    @param via: an SMTP client, for those targets that send.
    @param queue: takes what goes on.
    """
    try:
        return await _outcomes(group, via, site, queue, suppressions)
    except Exception:
        _log.failure("{message} attempt failed", message=group.leased[0].id)
        return dict.fromkeys((each.key for each in group.leased), Retry())


async def _outcomes(
    group: Group, via: Any, site: Site, queue: IDeliveryQueue, suppressions: ISuppressions | None
) -> Mapping[int, Outcome]:
    refused = await suppressing.refused(suppressions, group.leased, group.target)
    if len(refused) == len(group.leased):
        return refused
    leased = [each for each in group.leased if each.key not in refused] if refused else group.leased
    first = leased[0]
    recipients = tuple(each.envelope.recipients[0] for each in leased)
    delivery = Delivery(first.id, first.envelope, recipients, first.message, via=via, site=site, queue=queue)
    handed = await hand(delivery, [(each, group.target) for each in recipients], site.clock, ATTEMPT_SECONDS)
    return {**refused, **{each.key: outcome for each, (_who, outcome) in zip(leased, handed, strict=True)}}
