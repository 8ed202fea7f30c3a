"""ETRN: a site that was away gets its mail, whoever else asks does not, and nobody can ask all the time."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field

from mailframe.address import Address
from mailframe.delivery.relay import ToMX, ToSmarthost
from mailframe.delivery.routes import Route
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.inline import now
from mailframe.interfaces import Selection
from mailframe.queue.memory import MemoryQueue
from mailframe.smtp.limits import Limits
from mailframe.spool import Message
from tests.smtp.world import PEER, World

LOGIN = "C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\nS: 235 2.7.0 Authentication succeeded\n"
MESSAGE = Message.from_bytes(b"Subject: x\r\n\r\ny\r\n")
OURS = {"relay_from": [f"{PEER}/32"]}


@define
class Site:
    """A world whose MX keeps mail for customer.example and everything below branch.example."""

    world: World = field(factory=World)
    queue: MemoryQueue = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = MemoryQueue(self.world.clock)

    @property
    def routes(self) -> list[Route]:
        away = ToSmarthost("mail.customer.example")
        return [
            *self.world.routes,
            Route("customer.example", away),
            Route("*.branch.example", away),
            Route(lambda address: address.local == "odd", away),
            Route("*", ToMX()),
        ]

    def mx(self, **options: Any) -> Any:
        return self.world.greeted(self.world.mx(**{"routes": self.routes, "queue": self.queue, **OURS, **options}))

    def put(self, *domains: str) -> None:
        to = tuple(Recipient(Address("x", domain)) for domain in domains)
        now(self.queue.put("m1", Envelope(None, to), MESSAGE, self.world.clock.seconds() + 7200))

    def due(self) -> list[str]:
        """Return the domains whose mail is due now."""
        found = now(self.queue.inspect(Selection()))
        return [
            each.envelope.recipients[0].address.domain
            for each in found
            if each.due is not None and each.due <= self.world.clock.seconds()
        ]


def test_mail_that_waits_for_a_domain_is_due_when_it_asks() -> None:
    site = Site()
    site.put("customer.example", "x.customer.example", "other.example")
    site.mx().play(
        """
        C: ETRN Customer.EXAMPLE
        S: 252 2.0.0 OK, pending messages for node customer.example started
        """
    )
    assert site.due() == ["customer.example"]


def test_the_domains_below_it_are_asked_for_with_an_at_sign() -> None:
    site = Site()
    site.put("customer.example", "x.customer.example", "a.b.customer.example", "notcustomer.example")
    site.mx().play(
        """
        C: ETRN @customer.example
        S: 252 2.0.0 OK, pending messages for node @customer.example started
        """
    )
    assert site.due() == ["customer.example", "x.customer.example", "a.b.customer.example"]


def test_it_is_told_that_nothing_waits() -> None:
    Site().mx().play("C: ETRN customer.example\nS: 251 2.0.0 OK, no messages waiting for node customer.example\n")


def test_mail_for_the_rest_of_the_world_goes_by_its_schedule() -> None:
    site = Site()
    site.put("other.example", "branch.example", "one.branch.example")
    site.mx().play(
        """
        C: ETRN other.example
        S: 459 4.7.1 Node other.example not allowed: this server keeps no mail for it
        C: ETRN @branch.example
        S: 459 4.7.1 Node @branch.example not allowed: this server keeps no mail for it
        C: ETRN @co.example
        S: 459 4.7.1 Node @co.example not allowed: this server keeps no mail for it
        C: ETRN one.branch.example
        S: 252 2.0.0 OK, pending messages for node one.branch.example started
        """
    )
    assert site.due() == ["one.branch.example"]


def test_nonsense_is_refused() -> None:
    Site().mx().play(
        """
        C: ETRN
        S: 500 5.5.2 The name of a node expected
        C: ETRN localname
        S: 501 5.5.4 A fully qualified domain name expected
        C: ETRN [192.0.2.1]
        S: 501 5.5.4 A fully qualified domain name expected
        C: ETRN @
        S: 501 5.5.4 A fully qualified domain name expected
        C: ETRN a..b
        S: 501 5.5.4 A fully qualified domain name expected
        C: ETRN #uucp
        S: 458 5.5.4 Unable to queue messages: there are no queues with names
        """
    )


def test_not_within_a_transaction() -> None:
    Site().mx().play(
        """
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: ETRN customer.example
        S: 503 5.5.1 A transaction is under way: send RSET first
        """
    )


def test_a_domain_can_be_asked_for_once_in_a_while_by_all_together() -> None:
    site = Site()
    site.mx().play(
        """
        C: ETRN customer.example
        S: 251 2.0.0 OK, no messages waiting for node customer.example
        S2: 220 ...
        C2: HELO a.example
        S2: 250 mx.example.org greets a.example
        C2: ETRN CUSTOMER.example
        S2: 458 4.7.1 Unable to queue messages for node customer.example: ask in 60 seconds
        C2: ETRN @customer.example
        S2: 251 2.0.0 OK, no messages waiting for node @customer.example
        --: 60 seconds
        C2: ETRN customer.example
        S2: 251 2.0.0 OK, no messages waiting for node customer.example
        """
    )


def test_how_often_is_a_limit() -> None:
    Site().mx(limits=Limits(etrn_seconds=5)).play(
        """
        C: ETRN customer.example
        S: 251 2.0.0 OK, no messages waiting for node customer.example
        --: 4 seconds
        C: ETRN customer.example
        S: 458 4.7.1 Unable to queue messages for node customer.example: ask in 1 seconds
        --: 1 seconds
        C: ETRN customer.example
        S: 251 2.0.0 OK, no messages waiting for node customer.example
        """
    )


def test_a_queue_that_does_not_work_is_told() -> None:
    site = Site()

    async def broken(_selection: Selection) -> int:
        raise Temporary("The database at /var/lib is full")

    site.queue.retry = broken  # type: ignore[method-assign, assignment]  # the fault
    site.mx().play("C: ETRN customer.example\nS: 458 4.3.0 Unable to queue messages for node customer.example\n")


# --- who may ask -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("networks", "offered"), [([f"{PEER}/32"], True), ([], False), (["198.51.100.0/24"], False)])
def test_it_is_offered_to_those_who_may_ask(networks: list[str], offered: bool) -> None:
    site = Site()
    player = site.world.mx(routes=site.routes, queue=site.queue, relay_from=networks)
    client = player._client("")
    client.protocol.dataReceived(b"EHLO a.example\r\n")
    client.collect()
    assert (b"250-ETRN\r\n" in client.unread or b"250 ETRN\r\n" in client.unread) is offered


def test_strangers_do_not_know_it() -> None:
    Site().mx(relay_from=[]).play("C: ETRN customer.example\nS: 500 5.5.1 Command not recognized\n")


def test_without_a_queue_nobody_knows_it() -> None:
    world = World()
    world.greeted(world.mx(relay_from=[PEER])).play("C: ETRN example.org\nS: 500 5.5.1 Command not recognized\n")


def test_users_log_in_first() -> None:
    site = Site()
    player = site.world.greeted(site.world.submission(queue=site.queue))
    player.play(
        "C: ETRN example.org\nS: 530 5.7.0 Authentication required\n"
        + LOGIN
        + "C: ETRN example.org\nS: 251 2.0.0 OK, no messages waiting for node example.org\n"
    )


def test_lmtp_has_none() -> None:
    site = Site()
    player = site.world.greeted(site.world.lmtp(routes=site.routes, queue=site.queue), "LHLO")
    player.play("C: ETRN customer.example\nS: 500 5.5.1 Command not recognized\n")
