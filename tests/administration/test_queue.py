"""What the C{mailframe} command may ask of a queue, and what happens to nonsense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.administration import Administered, BadRequest, perform
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Retry
from mailframe.inline import now
from mailframe.interfaces import Selection, Settlement
from mailframe.queue.memory import MemoryQueue
from mailframe.spool import Message

MESSAGE = Message.from_bytes(b"Subject: x\r\n\r\ny\r\n")
WORDS = Retry("4.2.2", "Mailbox full", "mx.one.example", "452 4.2.2 Mailbox full")


@pytest.fixture
def queue() -> MemoryQueue:
    """A queue at 1000 seconds past the epoch, with two messages: one for two domains, and a report."""
    clock = Clock()
    clock.advance(1000)
    queue = MemoryQueue(clock)
    ann = Recipient(Address("ann", "one.example"), frozenset({"DELAY", "FAILURE"}), "rfc822;ann@one.example")
    bob = Recipient(Address("bob", "two.example"))
    envelope = Envelope(Address("me", "x.example"), (ann, bob), "8BITMIME", True, True, "HDRS", "E1")
    now(queue.put("m1", envelope, MESSAGE, 1000.0))
    now(queue.put("m2", Envelope(None, (bob,)), MESSAGE, 2000.0))
    return queue


def ask(queue: Any, do: str, **arguments: Any) -> Any:
    """Return the answer as the command gets it."""
    return json.loads(json.dumps(now(perform(Administered(queue=queue), {"do": f"queue {do}", **arguments}))))


def test_a_recipient_is_shown_with_all_that_is_known(queue: MemoryQueue) -> None:
    [leased] = now(queue.lease(1000, 1100, 1, {"two.example"}))
    now(queue.settle(1000, {leased.key: Settlement(WORDS, 1600.0)}))
    [shown] = ask(queue, "list", recipient="ann@one.example")
    assert shown == {
        "key": 1,
        "id": "m1",
        "sender": "me@x.example",
        "recipient": "ann@one.example",
        "state": "waiting",
        "queued": 1000.0,
        "size": MESSAGE.size,
        "attempts": 1,
        "due": 1600.0,
        "last": {
            "status": "4.2.2",
            "text": "Mailbox full",
            "remote": "mx.one.example",
            "diagnostic": "452 4.2.2 Mailbox full",
        },
        "route": "",
        "body": "8BITMIME",
        "smtputf8": True,
        "require_tls": True,
        "ret": "HDRS",
        "envid": "E1",
        "notify": ["DELAY", "FAILURE"],
        "orcpt": "rfc822;ann@one.example",
    }


def test_who_was_not_tried_yet_has_no_last_attempt(queue: MemoryQueue) -> None:
    [shown] = ask(queue, "list", sender="")
    assert (shown["sender"], shown["last"], shown["notify"], shown["orcpt"]) == ("", None, [], None)
    now(queue.hold(Selection()))
    assert ask(queue, "list", sender="<>")[0]["due"] is None


def test_lists_come_in_pages(queue: MemoryQueue) -> None:
    first, second = ask(queue, "list", limit=2)
    [third] = ask(queue, "list", after=second["key"], limit=2)
    assert [first["id"], second["id"], third["id"]] == ["m1", "m1", "m2"]
    assert ask(queue, "list", limit=0) == []


def test_totals_are_told_by_destination(queue: MemoryQueue) -> None:
    assert ask(queue, "totals") == [
        {"destination": "two.example", "recipients": 2, "oldest": 1000.0, "due": 1000.0},
        {"destination": "one.example", "recipients": 1, "oldest": 1000.0, "due": 1000.0},
    ]
    assert len(ask(queue, "totals", limit=1)) == 1


@pytest.mark.parametrize(
    ("arguments", "touched"),
    [
        ({"id": "m1"}, 2),
        ({"sender": "ME@X.example"}, 2),
        ({"sender": "<>"}, 1),
        ({"recipient": "bob@two.example"}, 2),
        ({"destination": "TWO.example"}, 2),
        ({"state": "waiting"}, 1),
        ({"id": "m1", "destination": "two.example"}, 1),
        ({"id": "none"}, 0),
        ({"all": True}, 3),
    ],
)
def test_changes_apply_to_what_is_selected(queue: MemoryQueue, arguments: dict[str, Any], touched: int) -> None:
    assert ask(queue, "hold", **arguments) == touched
    assert [each["state"] for each in ask(queue, "list")].count("held") == touched


def test_every_change_can_be_asked_for(queue: MemoryQueue) -> None:
    assert ask(queue, "retry", id="m2") == 1
    assert ask(queue, "hold", all=True) == 3
    assert ask(queue, "release", id="m2") == 1
    assert ask(queue, "route", id="m2", route="relay.example:26") == 1
    assert ask(queue, "bounce", recipient="ann@one.example") == 1
    assert ask(queue, "remove", recipient="bob@two.example", id="m1") == 1
    told = [(each["id"], each["state"], each["route"]) for each in ask(queue, "list")]
    assert told == [("m1", "returned", ""), ("m2", "due", "relay.example:26")]


@pytest.mark.parametrize(
    ("do", "arguments", "what"),
    [
        ("hold", {}, "nothing is selected"),
        ("remove", {"all": "yes"}, "nothing is selected"),
        ("hold", {"id": 1}, "id is not a text"),
        ("hold", {"sender": "me"}, "'me': an address has the form"),
        ("hold", {"recipient": "me\n@x"}, r"'me\\n@x': an address has no control characters"),
        ("hold", {"destination": "a b"}, "'a b': the domain is not a host name"),
        ("hold", {"state": "frozen"}, "a state is one of due, waiting, leased, held, returned"),
        ("route", {"all": True}, "a next hop is missing"),
        ("route", {"all": True, "route": "a b"}, "'a b' is no host with an optional port"),
        ("list", {"limit": -1}, "limit is no number that can be"),
        ("list", {"after": "1"}, "after is no number that can be"),
        ("list", {"after": 2**63}, "after is no number that can be"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(queue: MemoryQueue, do: str, arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(BadRequest, match=what):
        ask(queue, do, **arguments)
    assert [each["state"] for each in ask(queue, "list")] == ["due", "due", "waiting"]


def test_the_queue_may_be_kept_by_something_else(queue: MemoryQueue) -> None:
    class Keeper:
        pass

    keeper = Keeper()
    keeper.queue = queue  # type: ignore[attr-defined]  # only once it has started
    assert len(ask(keeper, "list")) == 3


def test_a_queue_without_the_power_is_told() -> None:
    class Plain:
        queue = None

    with pytest.raises(BadRequest, match="cannot be looked into"):
        ask(Plain(), "list")
    with pytest.raises(BadRequest, match="this server has no queue"):
        ask(None, "list")
