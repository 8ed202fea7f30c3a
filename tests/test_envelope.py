"""The envelope: its defaults are what a client means that says nothing."""

from __future__ import annotations

import attrs
import pytest

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient


def test_a_client_that_wishes_nothing_gets_the_defaults() -> None:
    envelope = Envelope(None)
    assert envelope.sender is None
    assert envelope.recipients == ()
    assert (envelope.body, envelope.smtputf8, envelope.require_tls) == ("7BIT", False, False)
    assert (envelope.ret, envelope.envid) == (None, None)
    recipient = Recipient(Address("a", "b"))
    assert (recipient.notify, recipient.orcpt) == (frozenset(), None)


def test_a_transaction_is_never_changed_in_place() -> None:
    envelope = Envelope(Address("a", "b"), (Recipient(Address("c", "d")),))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        envelope.sender = None  # type: ignore[misc]  # this is what the test is about
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        envelope.recipients[0].orcpt = "x"  # type: ignore[misc]  # this is what the test is about


def test_equal_transactions_are_equal() -> None:
    def made() -> Envelope:
        return Envelope(Address("a", "b"), (Recipient(Address("c", "d"), frozenset({"NEVER"})),), envid="x")

    assert made() == made()
    assert hash(made()) == hash(made())


def test_only_the_recipients_are_others() -> None:
    one, two = Recipient(Address("c", "d")), Recipient(Address("e", "f"))
    full = Envelope(Address("a", "b"), (one,), "8BITMIME", True, True, "HDRS", "x", "ann")
    untold = attrs.asdict(Envelope(None), recurse=False)
    assert all(value != untold[name] for name, value in attrs.asdict(full, recurse=False).items())  # nothing forgotten
    assert full.to((two,)) == attrs.evolve(full, recipients=(two,))
