"""What the C{mailframe} command can ask of the journal: pages of a bounded size, and nothing that makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe.administration import Administered, BadRequest, perform
from mailframe.administration.journal import KEY_CHARACTERS, PAGE, PAGE_EVENTS
from mailframe.inline import now
from mailframe.journal.events import Handed
from mailframe.journal.keys import address_key
from mailframe.journal.memory import MemoryJournal
from mailframe.testing.journals import START, arrived


class Without:
    """What keeps no journal after all."""

    journal = None


def ask(journal: Any, do: str, **arguments: Any) -> Any:
    return now(perform(Administered(journal=journal), {"do": do, **arguments}))


def test_pages_have_a_bounded_number_of_entries_and_of_events() -> None:
    journal = MemoryJournal()
    for _ in range(PAGE + 5):
        journal.note([arrived("m1")])
    page = ask(journal, "trace message", message="m1")
    assert len(page) == PAGE
    assert len(ask(journal, "trace message", message="m1", after=page[-1][0])) == 5
    handed = [Handed(START, "m2", "bob@example.net", "queued", "", "")] * (PAGE_EVENTS + 1)
    journal.note(handed)
    journal.note(handed)
    page = ask(journal, "trace message", message="m2")
    assert [len(events) for _number, events in page] == [PAGE_EVENTS + 1]
    assert len(ask(journal, "trace message", message="m2", after=page[-1][0])) == 1


def test_entries_are_found_the_latest_first() -> None:
    journal = MemoryJournal()
    for number in range(PAGE + 5):
        journal.note([arrived(f"m{number}")])
    page = ask(journal, "trace find", key=address_key("ann@example.org"))
    assert [number for number, _events in page] == list(range(PAGE + 5, 5, -1))
    page = ask(journal, "trace find", key=address_key("ann@example.org"), before=page[-1][0])
    assert [number for number, _events in page] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "what is to be traced has 1 to"),
        ({"key": ""}, "what is to be traced has 1 to"),
        ({"key": 1}, "what is to be traced has 1 to"),
        ({"key": "x" * (KEY_CHARACTERS + 1)}, "what is to be traced has 1 to"),
        ({"key": "\ud800"}, "what is to be traced has 1 to"),
        ({"key": "x", "before": "1"}, "before must be the number of an entry"),
        ({"key": "x", "before": -1}, "before must be the number of an entry"),
        ({"key": "x", "before": 2**63}, "before must be the number of an entry"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        ask(MemoryJournal(), "trace find", **arguments)


def test_where_no_journal_is_kept_that_is_said() -> None:
    for keeper in (None, Without()):
        with pytest.raises(BadRequest, match="this server keeps no journal"):
            ask(keeper, "trace find", key="x")
