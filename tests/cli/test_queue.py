"""C{mailframe queue}: what it asks for, what it shows, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailframe.address import Address
from mailframe.administration import Request
from mailframe.cli import queue as commands
from mailframe.cli import target
from mailframe.cli.main import main
from mailframe.cli.queue import PAGE, STATES
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Retry
from mailframe.inline import inline_site, now
from mailframe.interfaces import QueuedState, Settlement
from mailframe.spool import Message
from mailframe.sqlite import SQLite


class Server:
    """Remembers what it was asked, and answers one thing after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    def find(self, data: str | None, config: str | None) -> Server:
        return self

    def ask(self, request: Request) -> Any:
        self.asked.append(request)
        return self.answers.pop(0)


def run(monkeypatch: pytest.MonkeyPatch, server: Server, *arguments: str, stdin: str = "") -> Result:
    monkeypatch.setattr(target, "find_target", server.find)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda _fallback: os.terminal_size((100, 24)))
    monkeypatch.setattr(time, "time", lambda: 100_000.0)
    return CliRunner().invoke(main, ["queue", *arguments], input=stdin)


def shown(**changes: Any) -> dict[str, Any]:
    """Return a recipient as a server shows it."""
    return {
        "key": 7,
        "id": "0001abc",
        "sender": "ann@x.example",
        "recipient": "bob@one.example",
        "state": "waiting",
        "queued": 90_000.0,
        "size": 4300,
        "attempts": 3,
        "due": 100_600.0,
        "last": {
            "status": "4.2.2",
            "text": "Mailbox full",
            "remote": "mx.one.example",
            "diagnostic": "452 4.2.2 The mailbox is full, try again another day",
        },
        "route": "",
        "body": "8BITMIME",
        "smtputf8": False,
        "require_tls": False,
        "ret": None,
        "envid": None,
        "notify": [],
        "orcpt": None,
        **changes,
    }


HELD = shown(key=8, id="2", sender="", state="held", due=None, attempts=0, last=None, size=300)


# --- looking ---------------------------------------------------------------------------------------------------------


def test_the_states_are_those_of_a_queue() -> None:
    assert [state.value for state in QueuedState] == list(STATES)


def test_a_list_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([shown(), HELD])
    result = run(monkeypatch, server, "list")
    assert result.output.splitlines() == [
        "ID       AGE  SIZE  STATE    TRIES  NEXT  SENDER         RECIPIENT        LAST",
        "0001abc   2h  4.2K  waiting      3   10m  ann@x.example  bob@one.example  mx.one.example: 452 4.2.2…",
        "2         2h   300  held         0     -  <>             bob@one.example",
    ]
    assert (result.exit_code, server.asked) == (0, [{"do": "queue list", "after": 0, "limit": 101}])


def test_a_list_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([shown()])
    options = ("--id", "m1", "--sender", "<>", "--recipient", "a@b", "--destination", "b", "--state", "due")
    run(monkeypatch, server, "list", *options, "--limit", "5")
    selection = {"id": "m1", "sender": "<>", "recipient": "a@b", "destination": "b", "state": "due"}
    assert server.asked == [{"do": "queue list", "after": 0, "limit": 6, **selection}]


def test_a_list_as_json_is_a_line_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Server([shown(id="\x1b[2J"), HELD]), "list", "--json")
    assert [json.loads(line) for line in result.output.splitlines()] == [shown(id="\x1b[2J"), HELD]
    assert "\x1b" not in result.output


def test_a_list_says_that_there_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Server([shown(), shown(), shown()]), "list", "--limit", "2")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "There are more than these 2: --limit shows them.\n"


def test_a_long_list_comes_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [[shown(key=at) for at in range(start, start + size)] for start, size in ((1, PAGE), (PAGE + 1, 3))]
    server = Server(*pages)
    result = run(monkeypatch, server, "list", "--limit", "0", "--json")
    assert len(result.stdout.splitlines()) == PAGE + 3
    assert [each["after"] for each in server.asked] == [0, PAGE]
    server = Server(*pages)
    result = run(monkeypatch, server, "list", "--limit", str(PAGE + 2), "--json")
    assert len(result.stdout.splitlines()) == PAGE + 2
    assert [each["limit"] for each in server.asked] == [PAGE, 3]


def test_an_empty_queue_is_fine_and_a_selection_of_nothing_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Server([]), "list")
    assert (result.exit_code, result.output) == (0, "The queue is empty.\n")
    result = run(monkeypatch, Server([]), "list", "--json")
    assert (result.exit_code, result.output) == (0, "")
    result = run(monkeypatch, Server([]), "list", "--state", "held")
    assert (result.exit_code, result.stderr) == (1, "mailframe: nothing in the queue matches\n")
    assert run(monkeypatch, Server(), "list", "--state", "frozen").exit_code == 2


def test_a_message_is_shown_with_its_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = {"smtputf8": True, "require_tls": True, "ret": "HDRS", "envid": "E1"}
    first = shown(**wishes, notify=["DELAY"], orcpt="rfc822;b@c", route="relay.example")
    second = shown(**wishes, recipient="cat@two.example", state="leased", due=99_000.0, attempts=1, last=None)
    local = {"status": "4.4.1", "text": "Nobody answers", "remote": "", "diagnostic": ""}
    third = shown(**wishes, recipient="\x1bdog@two.example", state="held", due=None, last=local)
    fourth = shown(**wishes, last={**local, "diagnostic": "450 no"})
    result = run(monkeypatch, Server([first, second, third, fourth]), "show", "0001abc")
    assert result.output.splitlines() == [
        "Message    0001abc",
        "Sender     ann@x.example",
        "Arrived    1970-01-02 01:00:00 UTC, 2h ago",
        "Size       4.2K",
        "Transfer   8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=E1",
        "",
        "Recipient  bob@one.example",
        "State      waiting, 3 attempts made",
        "Next       1970-01-02 03:56:40 UTC, in 10m",
        "Last       4.2.2 Mailbox full",
        "           mx.one.example: 452 4.2.2 The mailbox is full, try again another day",
        "Route      relay.example",
        "Wishes     NOTIFY=DELAY ORCPT=rfc822;b@c",
        "",
        "Recipient  cat@two.example",
        "State      leased, 1 attempt made",
        "Lease ends 1970-01-02 03:30:00 UTC, now",
        "",
        "Recipient  \ufffddog@two.example",
        "State      held, 3 attempts made",
        "Last       4.4.1 Nobody answers",
        "",
        "Recipient  bob@one.example",
        "State      waiting, 3 attempts made",
        "Next       1970-01-02 03:56:40 UTC, in 10m",
        "Last       4.4.1 Nobody answers",
        "           450 no",
    ]


def test_a_message_as_json_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([shown(), shown(recipient="cat@two.example")])
    message = json.loads(run(monkeypatch, server, "show", "0001abc", "--json").output)
    assert (message["id"], message["size"], len(message["recipients"])) == ("0001abc", 4300, 2)
    assert message["recipients"][1]["recipient"] == "cat@two.example"
    assert "sender" not in message["recipients"][0]
    assert server.asked == [{"do": "queue list", "after": 0, "limit": PAGE, "id": "0001abc"}]


def test_a_message_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Server([]), "show", "none")
    assert (result.exit_code, result.stderr) == (1, "mailframe: nothing in the queue matches\n")


def test_totals_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        {"destination": "one.example", "recipients": 1200, "oldest": 1.0, "due": 99_000.0},
        {"destination": "two.example", "recipients": 3, "oldest": 99_999.0, "due": None},
    ]
    result = run(monkeypatch, Server(found), "totals", "--limit", "2")
    assert result.output.splitlines() == [
        "RECIPIENTS  OLDEST  NEXT  DESTINATION",
        "      1200      1d   now  one.example",
        "         3      1s     -  two.example",
    ]
    result = run(monkeypatch, Server(found), "totals", "--json")
    assert [json.loads(line) for line in result.output.splitlines()] == found
    assert run(monkeypatch, Server([]), "totals").output == "The queue is empty.\n"
    assert run(monkeypatch, Server([]), "totals", "--json").output == ""


# --- changing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "asked", "said"),
    [
        (("retry", "m1"), [{"do": "queue retry", "id": "m1"}], "2 recipients: due now"),
        (("hold", "--sender", "a@b"), [{"do": "queue hold", "sender": "a@b"}], "2 recipients: held"),
        (("release", "--all"), [{"do": "queue release", "all": True}], "2 recipients: released, and due now"),
        (("remove", "m1", "--yes"), [{"do": "queue remove", "id": "m1"}], "2 recipients: removed"),
        (
            ("bounce", "m1", "--destination", "b", "--yes"),
            [{"do": "queue bounce", "id": "m1", "destination": "b"}],
            "2 recipients: go back to their senders",
        ),
        (
            ("route", "relay.example:26", "m1"),
            [{"do": "queue route", "id": "m1", "route": "relay.example:26"}],
            "2 recipients: another way, now",
        ),
        (
            ("route", "", "--all"),
            [{"do": "queue route", "all": True, "route": ""}],
            "2 recipients: the ordinary way, now",
        ),
    ],
)
def test_changes(monkeypatch: pytest.MonkeyPatch, arguments: Any, asked: list[Request], said: str) -> None:
    server = Server(2)
    result = run(monkeypatch, server, *arguments)
    assert (result.exit_code, result.output, server.asked) == (0, said + "\n", asked)


def test_several_messages_are_changed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(1, 0)
    assert run(monkeypatch, server, "hold", "m1", "m2").output == "1 recipient: held\n"
    assert [each["id"] for each in server.asked] == ["m1", "m2"]


def test_a_change_of_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Server(0), "retry", "none")
    assert (result.exit_code, result.stderr) == (1, "mailframe: nothing in the queue matches\n")


@pytest.mark.parametrize("arguments", [("hold",), ("hold", "m1", "--all"), ("route", "x", "--all", "--state", "due")])
def test_what_is_not_said_clearly_is_not_done(monkeypatch: pytest.MonkeyPatch, arguments: Any) -> None:
    server = Server()
    result = run(monkeypatch, server, *arguments)
    assert (result.exit_code, server.asked) == (2, [])
    assert "say which: " in result.stderr


@pytest.mark.parametrize("do", ["remove", "bounce"])
def test_what_cannot_be_taken_back_is_asked_for(monkeypatch: pytest.MonkeyPatch, do: str) -> None:
    monkeypatch.setattr(commands, "is_terminal", lambda: True)
    server = Server(1)
    assert run(monkeypatch, server, do, "m1", stdin="n\n").exit_code == 1
    assert server.asked == []
    assert run(monkeypatch, server, do, "m1", stdin="y\n").exit_code == 0
    assert server.asked == [{"do": f"queue {do}", "id": "m1"}]


def test_what_cannot_be_taken_back_is_not_done_when_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    result = run(monkeypatch, server, "remove", "--all")
    assert (result.exit_code, server.asked) == (2, [])
    assert "say --yes" in result.stderr


# --- without a server ------------------------------------------------------------------------------------------------


@pytest.fixture
def folder() -> Iterator[Path]:
    """Data with one message in its queue, that no server has open."""
    with tempfile.TemporaryDirectory(prefix="mailframe-") as name:
        data = SQLite(name)
        now(data.start(inline_site()))
        to = (Recipient(Address("ann", "one.example")), Recipient(Address("bob", "two.example")))
        message = Message.from_bytes(b"Subject: x\r\n\r\ny\r\n")
        now(data.queue.put("m1", Envelope(Address("me", "x.example"), to), message, time.time()))
        for each in now(data.queue.lease(time.time(), time.time() + 100, 10)):
            now(data.queue.settle(time.time(), {each.key: Settlement(Retry("4.4.1", "Nobody"), time.time() + 900)}))
        now(data.stop())
        yield Path(name)


def on(folder: Path, *arguments: str) -> Result:
    """Run the command on data."""
    return CliRunner().invoke(main, ["--data", str(folder), "queue", *arguments])


def test_the_queue_is_looked_into_and_changed_while_no_server_runs(folder: Path) -> None:
    assert "4.4.1 Nobody" in on(folder, "list").output
    assert on(folder, "hold", "--destination", "one.example").output == "1 recipient: held\n"
    states = {
        each["recipient"]: each["state"] for each in json.loads(on(folder, "show", "m1", "--json").output)["recipients"]
    }
    assert states["ann@one.example"] == "held"
    assert on(folder, "remove", "m1", "--yes").output == "2 recipients: removed\n"
    assert on(folder, "list").output == "The queue is empty.\n"


def test_the_queue_of_a_configured_server_is_that_of_its_runner(folder: Path) -> None:
    file = folder / "mail.py"
    file.write_text(
        "from mailframe import Route, Server, SQLite, ToMX\n"
        "from mailframe.queue.runner import Runner\n"
        f"data = SQLite({str(folder)!r})\n"
        'server = Server("mx.example.org", run=[data, Runner(data, [Route("*", ToMX())])])\n'
    )
    result = CliRunner().invoke(main, ["--config", str(file), "queue", "totals", "--json"])
    assert [json.loads(line)["destination"] for line in result.output.splitlines()] == ["one.example", "two.example"]
