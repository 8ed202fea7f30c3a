"""Which hosts take the mail of a domain."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import pytest
from twisted.internet.defer import Deferred

from mailframe.delivery.exchangers import ADDRESSES, EXCHANGERS, Exchanger, Unroutable, addresses, exchangers
from mailframe.hooks import Failed, Retry
from mailframe.net.dns import MX, NoAnswer, ServerFailed
from mailframe.testing.dns import FakeDNS

T = TypeVar("T")

DNS = FakeDNS(
    {
        "example.org": {"MX": [MX(20, "c.example.org"), MX(10, "a.example.org"), MX(10, "b.example.org")]},
        "null.example": {"MX": [MX(0, "")]},
        "odd.example": {"MX": [MX(0, ""), MX(10, "a.example.org")]},
        "implicit.example": {"A": ["192.0.2.9"]},
        "many.example": {"MX": [MX(number, f"mx{number}.example") for number in range(50)]},
        "signed.example": {"MX": [MX(10, "a.example.org")]},
        "a.example.org": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]},
        "b.example.org": {"A": [f"192.0.2.{number}" for number in range(1, 50)]},
        "bare.example": {"TXT": [b""]},
        "us.example": {"A": ["192.0.2.7"]},
    },
    faults={"broken.example": ServerFailed, "silent.example": NoAnswer},
    signed={"signed.example"},
)


def now(call: Awaitable[T]) -> T:
    """Return what a call returns that has nothing to wait for."""

    async def run() -> T:
        return await call

    results: list[T] = []
    Deferred.fromCoroutine(run()).addCallback(results.append).addErrback(lambda failure: failure.raiseException())
    return results[0]


def found(domain: str, *ours: str, random: int = 0) -> list[str]:
    source = iter(range(random, 1000))
    return [each.name for each in now(exchangers(DNS, domain, ours, lambda count: bytes([next(source) % 2] * count)))]


def why(call: Awaitable[object]) -> Retry | Failed:
    async def run() -> Retry | Failed:
        try:
            await call
        except Unroutable as error:
            return error.outcome
        pytest.fail("it has a way")

    return now(run())


def unroutable(domain: str, *ours: str) -> Retry | Failed:
    return why(exchangers(DNS, domain, ours, bytes))


def test_they_come_by_preference_and_within_one_by_chance() -> None:
    assert found("example.org") == ["a.example.org", "b.example.org", "c.example.org"]
    assert found("example.org", random=1) == ["b.example.org", "a.example.org", "c.example.org"]


def test_a_domain_without_mx_is_its_own_exchanger() -> None:
    assert found("implicit.example") == ["implicit.example"]


def test_an_address_literal_needs_no_dns() -> None:
    assert found("[192.0.2.5]") == ["192.0.2.5"]
    assert found("[IPv6:2001:db8::5]") == ["2001:db8::5"]
    assert now(addresses(DNS, "2001:db8::5")) == ["2001:db8::5"]


def test_a_null_mx_takes_no_mail() -> None:
    assert unroutable("null.example") == Failed("5.1.10", "The domain null.example takes no mail (null MX)")
    assert found("odd.example") == ["a.example.org"]


def test_a_domain_that_is_not_there_fails_and_one_nobody_can_tell_of_waits() -> None:
    assert unroutable("nowhere.example") == Failed("5.1.2", "The domain nowhere.example does not exist")
    for domain in ("broken.example", "silent.example"):
        outcome = unroutable(domain)
        assert isinstance(outcome, Retry)
        assert outcome.status == "4.4.3"


def test_only_better_ones_than_ourselves_are_used() -> None:
    assert found("example.org", "c.example.org") == ["a.example.org", "b.example.org"]
    assert unroutable("example.org", "a.example.org").status == "5.4.6"
    assert unroutable("us.example", "us.example").status == "5.4.6"


def test_a_domain_cannot_make_us_try_for_ever() -> None:
    assert len(found("many.example")) == EXCHANGERS
    assert len(now(addresses(DNS, "b.example.org"))) == ADDRESSES


def test_dnssec_is_told() -> None:
    assert now(exchangers(DNS, "signed.example", (), bytes)) == [Exchanger("a.example.org", secure=True)]
    assert now(exchangers(DNS, "example.org", (), bytes))[0].secure is False


def test_addresses_of_both_families_come_in_turn() -> None:
    assert now(addresses(DNS, "a.example.org")) == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]


def test_a_host_without_an_address_fails_and_one_nobody_can_tell_of_waits() -> None:
    assert why(addresses(DNS, "bare.example")) == Failed("5.4.4", "The host bare.example has no address")
    assert why(addresses(DNS, "nowhere.example")).status == "5.4.4"
    assert why(addresses(DNS, "broken.example")).status == "4.4.3"
