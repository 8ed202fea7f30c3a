"""What the C{mailframe} command can ask of the journal: entries, in pages of a bounded size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mailframe.administration.requests import Area, BadRequest, Request
from mailframe.interfaces import Entry, IJournal, IKeepsJournal
from mailframe.journal.rows import as_lists

PAGE = 50
"""Entries in one answer at most."""
PAGE_EVENTS = 2000
"""Events in one answer, as soon as it has one entry."""
KEY_CHARACTERS = 1000
"""Of what can be asked for."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_JOURNAL = "this server keeps no journal: a SQLite(...) in run= does, unless it has events=None"


async def _find(keeper: IKeepsJournal, request: Request) -> list[list[Any]]:
    return _page(await _journal(keeper).find(_text(request, "key"), _number(request, "before"), PAGE))


async def _of(keeper: IKeepsJournal, request: Request) -> list[list[Any]]:
    return _page(await _journal(keeper).of(_text(request, "message"), _number(request, "after") or 0, PAGE))


def _page(entries: Sequence[Entry]) -> list[list[Any]]:
    """Return entries as pairs of number and events, as many as fit: whoever wants more asks for what comes then."""
    page: list[list[Any]] = []
    events = 0
    for entry in entries:
        events += len(entry.events)
        if page and events > PAGE_EVENTS:
            break
        page.append([entry.number, as_lists(entry.events)])
    return page


def _journal(keeper: IKeepsJournal) -> IJournal:
    if keeper.journal is None:
        raise BadRequest(_NO_JOURNAL)
    return keeper.journal


def _text(request: Request, name: str) -> str:
    text = request.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= KEY_CHARACTERS or _SURROGATE.search(text):
        raise BadRequest(f"what is to be traced has 1 to {KEY_CHARACTERS} characters of Unicode")
    return text


def _number(request: Request, name: str) -> int | None:
    number = request.get(name)
    if number is not None and (not isinstance(number, int) or not 0 <= number < 2**63):
        raise BadRequest(f"{name} must be the number of an entry")
    return number


JOURNAL = Area(lambda administered: administered.journal, _NO_JOURNAL, {"trace find": _find, "trace message": _of})
