"""The eight lines really receive mail."""

from __future__ import annotations

import importlib.util
import smtplib
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "embed.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("embed", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class EmbedTests(TestCase):
    @pytest.fixture(autouse=True)
    def _printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    async def test_a_message_becomes_a_call(self) -> None:
        server = example().server
        [(_port, mx)] = server.listen
        service = evolve(server, listen=[("tcp:0:interface=127.0.0.1", mx)], nameservers=()).service(reactor)
        serving = service.when_serving()
        service.startService()
        await serving
        try:
            await deferToThread(self.send, service.addresses()[0].port)
        finally:
            await service.stopService()
        assert "ann@example.org wrote to bob@example.net: Hello" in self.capsys.readouterr().out

    @staticmethod
    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.sendmail("ann@example.org", ["bob@example.net"], "Subject: Hello\n\nHi\n")
