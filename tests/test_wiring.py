"""What a configuration leans on must run: else its mail would wait for ever, and nobody would know why."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailframe.config_file import ConfigError, load

BEGIN = """\
from mailframe import *
data = SQLite("data")
other = SQLite("other")
runner = Runner(data, [Route("example.org", ToMailbox(data)), Route("*", ToMX())])
"""


@pytest.mark.parametrize(
    ("run", "service", "what"),
    [
        ("[data]", "MX(runner)", "MX uses Runner, which does not run: put it into run=[...]"),
        ("[]", "MX(ToMailbox(data))", "MX uses SQLite, which does not run: put it into run=[...]"),
        ("[data]", "IMAP(data, users=other)", "IMAP uses SQLite, which does not run: put it into run=[...]"),
        ("[data]", "POP3(other, users=data)", "POP3 uses SQLite, which does not run: put it into run=[...]"),
        ("[data]", "Submission(ToMailbox(data), users=other)", "Submission uses SQLite, which does not run"),
        ("[data]", "MX([Route('*', ToMailbox(data, other))])", "MX uses SQLite, which does not run"),
        ("[runner]", "LMTP(discard)", "Runner uses SQLite, which does not run: put it into run=[...] before it"),
        ("[runner, data]", "MX(runner)", "SQLite starts too late: in run=[...] it stands before Runner, which uses it"),
        (
            "[data, Runner(data, [Route('example.org', discard)])]",
            "LMTP(discard)",
            "Runner could tell no sender elsewhere what became of mail: add Route('*', ToMX())",
        ),
        (
            "[data, Runner(data, ToReply(ToMailbox(data), 'Away', remember=other))]",
            "LMTP(discard)",
            "Runner uses SQLite, which does not run",
        ),
    ],
)
def test_parts_that_do_not_run_are_told(tmp_path: Path, run: str, service: str, what: str) -> None:
    file = tmp_path / "mail.py"
    file.write_text(f"{BEGIN}server = Server('mx.example.org', run={run}, listen=[('tcp:25', {service})])\n")
    with pytest.raises(ConfigError) as raised:
        load(file)
    assert str(raised.value).startswith(f"{file}:5: {what}")


@pytest.mark.parametrize(
    "service", ["MX(runner)", "over_tls(Submission(runner, users=data))", "IMAP(data, users=data)"]
)
def test_a_whole_server_is_fine(tmp_path: Path, service: str) -> None:
    file = tmp_path / "mail.py"
    listen = f"listen=[('tcp:25', {service})]"
    file.write_text(f"{BEGIN}server = Server('mx.example.org', certificates='tls', run=[data, runner], {listen})\n")
    assert len(load(file).run) == 2
