"""What the C{mailframe} command can ask of a server: requests and answers as plain values, actions by area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailframe.administration.accounts import ACCOUNTS
from mailframe.administration.journal import JOURNAL
from mailframe.administration.queue import QUEUE
from mailframe.administration.requests import Administered, Area, BadRequest, Request
from mailframe.administration.suppressions import SUPPRESSIONS

__all__ = ["AREAS", "Administered", "BadRequest", "Request", "perform"]

AREAS: tuple[Area, ...] = (ACCOUNTS, QUEUE, SUPPRESSIONS, JOURNAL)

_AREA_OF: Mapping[str, Area] = {name: area for area in AREAS for name in area.actions}


async def perform(administered: Administered, request: Request) -> Any:
    """
    Do what a request says.

    @return: what is to be shown, as JSON values.
    @raise BadRequest: it makes no sense, or the server has nothing of the kind.
    @raise mailframe.errors.MailError: it could not be done.
    """
    name = request.get("do", "")
    area = _AREA_OF.get(name)
    if area is None:
        raise BadRequest("no such action")
    part = area.part(administered)
    if part is None:
        raise BadRequest(area.lacking)
    return await area.actions[name](part, request)
