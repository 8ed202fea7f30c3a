"""When a runner sends no mail to an address on another server, and when it stops doing so by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen
from attrs.validators import ge, gt
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.hooks import Delivered, Failed, Outcome, Target
from mailframe.interfaces import IElsewhere, ISuppressions, Leased
from mailframe.powers import suppressed

DAY = 86400.0

_log = Logger()


@frozen(kw_only=True)
class Suppressing:
    """
    Addresses that other servers refuse for good, again and again, get no more mail.

    A server that is set up wrongly for an hour refuses everybody as unknown: so it takes several failures of different
    messages, with no success between them, and does not last for ever.

    @ivar after: failures.
    @ivar within: seconds: a failure that is older than this when the next one comes does not count.
    @ivar lasts: seconds; 0 is for ever.
    @ivar statuses: codes of RFC 3463 that count, said by another server: C{5.1.1} is an unknown mailbox, C{5.1.6} one
        that has moved, C{5.1.10} a domain that takes no mail (RFC 7505).
    """

    after: int = field(default=3, validator=gt(0))
    within: float = field(default=30 * DAY, validator=gt(0))
    lasts: float = field(default=90 * DAY, validator=ge(0))
    statuses: frozenset[str] = field(default=frozenset({"5.1.1", "5.1.6", "5.1.10"}), converter=frozenset)


async def refused(
    suppressions: ISuppressions | None, leased: Sequence[Leased], target: Target
) -> Mapping[int, Outcome]:
    """Return the outcomes of those that no mail is sent to: on other servers only, never of our own mailboxes."""
    if suppressions is None or not IElsewhere.providedBy(target):
        return {}
    found = {each.key: await suppressions.find(_address(each)) for each in leased}
    return {key: Failed("5.1.1", suppressed(each)) for key, each in found.items() if each is not None}


async def learn(
    suppressions: ISuppressions | None,
    rules: Suppressing | None,
    leased: Sequence[Leased],
    outcomes: Mapping[int, Outcome],
    now: float,
) -> None:
    """Count what other servers refuse for good, where that is wanted, and suppress what they refuse too often."""
    if suppressions is None or rules is None:
        return
    try:
        for each in leased:
            await _learn_of(_address(each), outcomes[each.key], suppressions, rules, now)
    except Exception:  # the mail has gone, or has not, all the same
        _log.failure("refused addresses cannot be counted")


async def _learn_of(
    address: Address, outcome: Outcome, suppressions: ISuppressions, rules: Suppressing, now: float
) -> None:
    if isinstance(outcome, Delivered) and outcome.remote:
        await suppressions.forget(address)
    elif isinstance(outcome, Failed) and outcome.remote and outcome.status in rules.statuses:
        failures = await suppressions.count(address, now - rules.within)
        if failures >= rules.after:
            said = outcome.diagnostic or outcome.text
            until = now + rules.lasts if rules.lasts else None
            await suppressions.suppress(address, f"{outcome.remote} has refused it {failures} times, {said}", until)


def _address(leased: Leased) -> Address:
    return leased.envelope.recipients[0].address
