"""Policies of other domains: when they are fetched, and how long they hold."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.interfaces import IPolicyStorage
from mailframe.mailauth.mta_sts import FetchFailed, Mode, Policy
from mailframe.mailauth.policy_cache import REFRESH_SECONDS, RESTING_SECONDS, PolicyCache
from mailframe.mailauth.storage import MemoryPolicies
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import NoAnswer
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import NOW

DAY = 86400
WEEK = 7 * DAY


def file(mode: str = "enforce", mx: str = "mx.example.org", max_age: int = WEEK) -> bytes:
    return f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: {max_age}\n".encode()


class PolicyCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.zone: dict[str, Any] = {}
        self.faults: dict[str, type[Exception]] = {}
        self.announce("1")
        self.answer: Any = file()
        self.fetched: list[str] = []
        self.now = NOW
        self.storage = MemoryPolicies()
        self.cache = self.restarted()

    def restarted(self, storage: Any = None, **options: Any) -> PolicyCache:
        return PolicyCache(FakeDNS(self.zone, self.faults), self.fetch, storage or self.storage, **options)

    def announce(self, id: str | None, domain: str = "example.org") -> None:
        if id is None:
            del self.zone[f"_mta-sts.{domain}"]
        else:
            self.zone[f"_mta-sts.{domain}"] = {"TXT": [f"v=STSv1; id={id}".encode()]}

    async def fetch(self, domain: str) -> bytes:
        self.fetched.append(domain)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Deferred):
            octets: bytes = await self.answer
            return octets
        return bytes(self.answer)

    def asked(self, domain: str = "example.org") -> Deferred[Policy | None]:
        return Deferred.fromCoroutine(self.cache.policy_for(domain, self.now))

    def policy(self, domain: str = "example.org") -> Policy | None:
        return self.successResultOf(self.asked(domain))

    def test_a_policy_is_fetched_once(self) -> None:
        assert self.policy() == Policy(Mode.ENFORCE, WEEK, ("mx.example.org",))
        assert self.policy("Example.ORG.") == self.policy()
        assert self.fetched == ["example.org"]

    def test_no_record_is_no_policy(self) -> None:
        assert self.policy("example.com") is None
        assert self.fetched == []

    def test_what_is_no_domain_has_no_policy(self) -> None:
        for text in ("[192.0.2.1]", "", "a b", "example.org/x", "a" * 64 + ".example"):
            assert self.policy(text) is None
        assert self.fetched == []

    def test_a_new_id_is_a_new_policy(self) -> None:
        self.policy()
        self.announce("2")
        self.answer = file("testing")
        policy = self.policy()
        assert policy is not None
        assert policy.mode is Mode.TESTING

    def test_the_same_id_is_fetched_again_after_a_day(self) -> None:
        self.policy()
        self.now += REFRESH_SECONDS - 1
        self.policy()
        assert len(self.fetched) == 1
        self.now += 1
        self.answer = file(mx="new.example.org")
        policy = self.policy()
        assert policy is not None
        assert policy.mx == ("new.example.org",)

    def test_a_policy_outlives_its_record_and_its_server(self) -> None:
        before = self.policy()
        self.announce(None)
        assert self.policy() == before
        self.faults["_mta-sts.example.org"] = NoAnswer
        assert self.policy() == before
        self.faults.clear()
        self.announce("2")
        self.answer = FetchFailed("The server is down")
        assert self.policy() == before
        self.now += WEEK - 1
        assert self.policy() == before
        self.now += 1
        assert self.policy() is None

    def test_a_policy_is_withdrawn_by_one_of_mode_none(self) -> None:
        self.policy()
        self.announce("2")
        self.answer = file("none")
        policy = self.policy()
        assert policy is not None
        assert policy.mode is Mode.NONE

    # --- failures --------------------------------------------------------------------------------------------------

    def test_after_a_failure_a_domain_rests(self) -> None:
        self.answer = FetchFailed("It has no good certificate", ResultType.STS_WEBPKI_INVALID)
        assert self.policy() is None
        self.answer = file()
        self.now += RESTING_SECONDS - 1
        assert self.policy() is None
        assert len(self.fetched) == 1
        failure = self.cache.failure("Example.org")
        assert failure is not None
        assert failure.result is ResultType.STS_WEBPKI_INVALID
        self.now += 1
        assert self.policy() is not None
        assert self.cache.failure("example.org") is None

    def test_a_new_id_ends_the_rest(self) -> None:
        self.answer = FetchFailed("down")
        self.policy()
        self.announce("2")
        self.answer = file()
        assert self.policy() is not None

    def test_a_failure_is_forgotten_with_the_record(self) -> None:
        self.answer = FetchFailed("down")
        self.policy()
        self.announce(None)
        self.policy()
        assert self.cache.failure("example.org") is None

    def test_a_file_that_is_no_policy(self) -> None:
        self.answer = b"<html>"
        assert self.policy() is None
        failure = self.cache.failure("example.org")
        assert failure is not None
        assert failure.result is ResultType.STS_POLICY_INVALID
        assert "bad" in failure.text

    def test_a_fault_of_the_fetcher_is_logged_and_a_failure(self) -> None:
        self.answer = ZeroDivisionError("secret")
        assert self.policy() is None
        failure = self.cache.failure("example.org")
        assert failure is not None
        assert failure.result is ResultType.STS_POLICY_FETCH_ERROR
        assert "secret" not in failure.text
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    # --- one at a time ---------------------------------------------------------------------------------------------

    def test_those_who_ask_together_wait_for_one_answer(self) -> None:
        self.answer = Deferred()
        first, second, third = self.asked(), self.asked(), self.asked()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        self.answer.callback(file())
        assert self.successResultOf(second) == self.successResultOf(third) is not None
        assert len(self.fetched) == 1
        assert self.policy() is not None

    def test_domains_do_not_wait_for_each_other(self) -> None:
        self.announce("1", "example.net")
        self.answer = Deferred()
        slow = self.asked()
        self.answer = file()
        assert self.policy("example.net") is not None
        self.assertNoResult(slow)

    # --- memory and storage ----------------------------------------------------------------------------------------

    def test_memory_is_bounded(self) -> None:
        self.cache = PolicyCache(FakeDNS(self.zone), self.fetch, None, entries=2)
        for domain in ("a.example", "b.example", "c.example"):
            self.announce("1", domain)
            self.policy(domain)
        self.policy("b.example")
        assert self.fetched == ["a.example", "b.example", "c.example"]
        self.policy("a.example")
        assert self.fetched[3:] == ["a.example"]

    def test_failures_in_memory_are_bounded(self) -> None:
        self.cache = PolicyCache(FakeDNS(self.zone), self.fetch, None, entries=2)
        self.answer = FetchFailed("down")
        for domain in ("a.example", "b.example", "c.example"):
            self.announce("1", domain)
            self.policy(domain)
        assert self.cache.failure("a.example") is None
        assert self.cache.failure("c.example") is not None

    def test_a_policy_survives_a_restart(self) -> None:
        before = self.policy()
        self.answer = FetchFailed("down")
        self.announce("2")
        self.cache = self.restarted()
        assert self.policy() == before
        self.cache = self.restarted()
        self.now += WEEK
        assert self.policy() is None

    def test_what_was_stored_and_cannot_be_read_is_fetched_again(self) -> None:
        for text in ("", "{}", json.dumps({"id": "1", "fetched": NOW, "policy": "x"})):
            self.successResultOf(Deferred.fromCoroutine(self.storage.put("example.org", text)))
            self.cache = self.restarted()
            assert self.policy() is not None
        assert len(self.flushLoggedErrors()) == 3

    def test_a_storage_in_trouble_stops_nothing(self) -> None:
        class Broken:
            async def get(self, domain: str) -> str | None:
                raise OSError("disk")

            async def put(self, domain: str, text: str) -> None:
                raise OSError("disk")

        self.cache = self.restarted(Broken())
        assert self.policy() is not None
        assert len(self.flushLoggedErrors(OSError)) == 2

    def test_the_storage_in_memory_is_bounded(self) -> None:
        storage = MemoryPolicies(entries=2)
        verifyObject(IPolicyStorage, storage)
        for name in ("a", "b"):
            self.successResultOf(Deferred.fromCoroutine(storage.put(name, name)))
        assert self.successResultOf(Deferred.fromCoroutine(storage.get("a"))) == "a"
        self.successResultOf(Deferred.fromCoroutine(storage.put("c", "c")))
        assert self.successResultOf(Deferred.fromCoroutine(storage.get("b"))) is None
        assert self.successResultOf(Deferred.fromCoroutine(storage.get("a"))) == "a"
