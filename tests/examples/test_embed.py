"""The eight lines really receive mail."""

from __future__ import annotations

import smtplib

import pytest
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.examples.loaded import example


class EmbedTests(TestCase):
    @pytest.fixture(autouse=True)
    def _printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    async def test_a_message_becomes_a_call(self) -> None:
        server = example("embed").server
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
