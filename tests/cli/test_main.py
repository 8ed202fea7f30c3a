"""The C{mailframe} command, with somebody else to do what it asks for."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailframe import passwords
from mailframe.administration import Request
from mailframe.cli import target
from mailframe.cli.main import main
from mailframe.cli.target import CannotDo


class Done:
    """Remembers what it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[Request] = []
        self.found: list[tuple[str | None, str | None]] = []

    def find(self, data: str | None, config: str | None) -> Done:
        self.found.append((data, config))
        return self

    def ask(self, request: Request) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def run(monkeypatch: pytest.MonkeyPatch, done: Done, *arguments: str, stdin: str = "") -> Result:
    monkeypatch.setattr(target, "find_target", done.find)
    return CliRunner().invoke(main, list(arguments), input=stdin)


def test_a_user_is_added_with_a_password_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Done()
    result = run(monkeypatch, done, "user", "add", "ann@example.org", "--password-stdin", stdin="ge heim \nmore\n")
    assert (result.exit_code, result.output) == (0, "")
    assert done.asked == [{"do": "user add", "address": "ann@example.org", "password": "ge heim "}]


@pytest.mark.parametrize("action", ["add", "password"])
def test_a_password_is_made_up_and_shown(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    done = Done()
    result = run(monkeypatch, done, "user", action, "ann@example.org")
    assert result.output == f"password: {done.asked[0]['password']}\n"
    assert len(done.asked[0]["password"]) == 16


def test_made_up_passwords_differ() -> None:
    assert passwords.make_up() != passwords.make_up()


def test_passwords_are_asked_for_twice_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from mailframe.cli import main as module

    monkeypatch.setattr(module, "is_terminal", lambda: True)
    done = Done()
    result = run(monkeypatch, done, "user", "add", "a@b", stdin="one\ntwo\nthree\nthree\n")
    assert result.exit_code == 0
    assert done.asked[0]["password"] == "three"
    assert "three" not in result.output
    result = run(monkeypatch, done, "user", "password", "a@b", stdin="\n\n")
    assert len(done.asked[1]["password"]) == 16
    assert f"password: {done.asked[1]['password']}\n" in result.output


def test_lists_are_shown_one_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, Done(["a@b", "c@d"]), "user", "list").output == "a@b\nc@d\n"
    aliases = [["a@b", ["c@d", "e@f"]]]
    assert run(monkeypatch, Done(aliases), "alias", "list").output == "a@b -> c@d, e@f\n"


def test_aliases_are_added_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Done()
    assert run(monkeypatch, done, "alias", "add", "a@b", "c@d", "e@f").exit_code == 0
    assert run(monkeypatch, done, "alias", "remove", "a@b").exit_code == 0
    assert done.asked == [
        {"do": "alias add", "address": "a@b", "targets": ["c@d", "e@f"]},
        {"do": "alias remove", "address": "a@b"},
    ]


def test_removing_a_user_is_confirmed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from mailframe.cli import main as module

    monkeypatch.setattr(module, "is_terminal", lambda: True)
    done = Done()
    assert run(monkeypatch, done, "user", "remove", "a@b", stdin="n\n").exit_code == 1
    assert done.asked == []
    assert run(monkeypatch, done, "user", "remove", "a@b", stdin="y\n").exit_code == 0
    assert run(monkeypatch, done, "user", "remove", "--yes", "a@b").exit_code == 0
    assert done.asked == [{"do": "user remove", "address": "a@b"}] * 2


def test_the_options_say_which_server(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Done([])
    run(monkeypatch, done, "user", "list")
    run(monkeypatch, done, "--data", "d", "user", "list")
    run(monkeypatch, done, "--config", "c", "user", "list")
    assert done.found == [(None, None), ("d", None), (None, "c")]


def test_what_cannot_be_done_is_one_line_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, Done(CannotDo("it is full")), "user", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "mailframe: it is full\n")


@pytest.mark.parametrize(
    "arguments",
    [["--data", "d", "--config", "c", "user", "list"], ["user", "ad"], ["user", "add"], ["alias", "add", "a@b"], ["x"]],
)
def test_wrong_calls_are_status_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    assert run(monkeypatch, Done(), *arguments).exit_code == 2
