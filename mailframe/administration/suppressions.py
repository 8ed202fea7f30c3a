"""What the C{mailframe} command can do with the list of those that no mail is sent to."""

from __future__ import annotations

from typing import Any

from mailframe.address import Address, parse_domain
from mailframe.administration.requests import Area, BadRequest, Request, parsed
from mailframe.interfaces import ISuppressions

PAGE = 500
"""Suppressions in one answer, at most."""
BY_HAND = "The administrator of this server has stopped it"


def _list_of(part: Any) -> Any:
    return part if ISuppressions.providedBy(part) else part.suppressions


async def _add(part: Any, request: Request) -> None:
    reason, until = request.get("reason") or BY_HAND, request.get("until")
    if not isinstance(reason, str) or not reason.isprintable():
        raise BadRequest("a reason is one printable line")
    if until is not None and not isinstance(until, int | float):
        raise BadRequest("the end is no time")
    await _list_of(part).suppress(_target(request), reason, until)


async def _list(part: Any, request: Request) -> list[dict[str, Any]]:
    after = request.get("after", "")
    if not isinstance(after, str):
        raise BadRequest("what it is to come after is not a text")
    found = await _list_of(part).suppressions(after, PAGE)
    return [{"address": each.target, "reason": each.reason, "added": each.added, "until": each.until} for each in found]


async def _remove(part: Any, request: Request) -> None:
    target = _target(request)
    if not await _list_of(part).allow(target):
        raise BadRequest(f"{target} is not suppressed")


def _target(request: Request) -> Address | str:
    text = request.get("address")
    if isinstance(text, str) and "@" not in text:
        try:
            return parse_domain(text)
        except ValueError as error:
            raise BadRequest(f"{text!r}: {error}") from None
    return parsed(text)


SUPPRESSIONS = Area(
    lambda administered: administered.suppressions,
    "this server has no list of those that no mail is sent to",
    {"suppress add": _add, "suppress list": _list, "suppress remove": _remove},
)
