"""RCPT: parameters, checks that fail, and recipients whose mail is thrown away."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.address import Address
from mailframe.envelope import Recipient
from mailframe.errors import MailError
from mailframe.hooks import HOOK_SECONDS, Delivered, Delivery, Discard, Outcome, RecipientEvent, Verdict
from mailframe.interfaces import IRecipientCheck
from mailframe.smtp import factory
from mailframe.smtp.commands import COMMANDS
from mailframe.smtp.extension import Extension, Vocabulary
from mailframe.smtp.session import Session
from tests.smtp.test_session import HELLO, NOTE
from tests.smtp.world import World

SENDER = HELLO + "C: MAIL FROM:<eve@example.net>\nS: 250 2.1.0 Sender OK\n"


@implementer(IRecipientCheck)
class Checking:
    """A target of somebody's own, whose check does what a test wants."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def check(self, recipient: Address) -> Verdict | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        verdict: Verdict | None = await self.answer
        return verdict

    def __call__(self, delivery: Delivery) -> Outcome:
        return Delivered()


@pytest.mark.parametrize("error", [MailError("The database at 10.0.0.1 is down"), KeyError("a bug")])
def test_a_check_that_fails_means_later_and_shows_nothing(error: Exception) -> None:
    World().mx(routes=Checking(error)).play(
        SENDER
        + """
        C: RCPT TO:<ann@example.org>
        S: 451 4.3.0 Local error, try again later
        C: NOOP
        S: 250 2.0.0 OK
        """
    )


def test_a_check_that_never_answers_means_later() -> None:
    World().mx(routes=Checking(Deferred())).play(
        SENDER
        + f"""
        C: RCPT TO:<ann@example.org>
        --: {HOOK_SECONDS:.0f} seconds
        S: 451 4.3.0 Local error, try again later
        """
    )


def test_a_hook_may_have_one_recipients_copy_thrown_away() -> None:
    world = World()
    seen: list[list[str]] = []

    def trap(event: RecipientEvent) -> Verdict | None:
        seen.append([str(each.address) for each in event.envelope.recipients])
        return Discard() if event.recipient.address.local == "ann" else None

    world.mx(at_recipient=[trap]).play(
        SENDER
        + """
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        """
        + NOTE
        + "S: 250 2.0.0 OK, stored as ..."
    )
    assert seen == [[], ["ann@example.org"]]
    assert (len(world.mail("ann@example.org")), len(world.mail("bob@example.org"))) == (0, 1)


def test_a_recipient_that_is_thrown_away_needs_no_account() -> None:
    world = World()
    world.mx(at_recipient=[lambda event: Discard()]).play(
        SENDER + "C: RCPT TO:<trap@example.com>\nS: 250 2.1.5 Recipient OK\nC: DATA\nS: 354 ..." + NOTE + "S: 250 ..."
    )


def test_an_extensions_parameter_is_part_of_the_recipient(monkeypatch: pytest.MonkeyPatch) -> None:
    def notify(session: Session, recipient: Recipient, value: bytes | None) -> Recipient:
        return evolve(recipient, notify=frozenset({(value or b"").decode()}))

    extension = Extension("X-WISH", 0, lambda session: "X-WISH", rcpt={b"X-WISH": notify})
    monkeypatch.setattr(factory, "_SMTP", Vocabulary.of(COMMANDS, (extension,)).without(b"LHLO"))
    wishes: list[Any] = []
    world = World()
    world.mx(at_recipient=[lambda event: wishes.append(event.recipient.notify)]).play(
        SENDER + "C: RCPT TO:<ann@example.org> X-WISH=NEVER\nS: 250 2.1.5 Recipient OK"
    )
    assert wishes == [frozenset({"NEVER"})]
