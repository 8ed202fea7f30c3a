"""Who may enter: hashes, accounts of every kind, and the door before them."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe import sasl
from mailframe.address import Address
from mailframe.auth import hashing
from mailframe.auth.login import Login, LoginPolicy, is_loopback
from mailframe.auth.memory import MemoryAccounts
from mailframe.auth.password_file import BadFile, PasswordFile, parse
from mailframe.auth.throttle import Throttle, ThrottleLimits
from mailframe.auth.verifying import Verifier
from mailframe.errors import BadCredentials, Temporary
from mailframe.hooks import Client
from mailframe.interfaces import AliasEntry, Password
from mailframe.net.tls import TLSInfo
from mailframe.sasl.exchange import Cancelled
from mailframe.site import Site
from mailframe.sqlite import SQLite
from mailframe.testing.accounts import AccountsContract, raises
from tests.temporary import path_for

ANN, BOB = map(Address.parse, ("ann@example.org", "bob@example.org"))


class MemoryAccountsTests(AccountsContract, TestCase):
    async def make_accounts(self) -> Any:
        return MemoryAccounts()

    async def test_a_catch_all_catches_who_is_unknown(self) -> None:
        users = MemoryAccounts.of({"ann@example.org": "a"}, {"@example.org": ["ann@example.org"]})
        assert await users.find(BOB) == AliasEntry((Address.parse("ann@example.org"),))


class SQLiteAccountsTests(AccountsContract, TestCase):
    async def make_accounts(self) -> Any:
        data = SQLite(path_for(self))
        await data.start(Site("mx.example.org", Clock()))
        self.addCleanup(data.stop)
        return data

    async def test_so_many_addresses_are_remembered_and_no_more(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "a"})
        users.people.remembers = 2
        for number in range(5):
            assert await users.find(Address.parse(f"ann+{number}@example.org"))
            assert 1 <= len(users.people._remembered) <= 2


class PasswordFileTests(AccountsContract, TestCase):
    async def make_accounts(self) -> Any:
        path = path_for(self)
        Path(path).touch()
        users = PasswordFile(path)
        await users.start(Site("mx.example.org", Clock()))
        return users

    async def test_a_file_changed_by_hand_is_read_again(self) -> None:
        users = await self.make_accounts()
        Path(users.path).write_text(f"ann@example.org: {hashing.hash_password('x')}\n@example.org = ann@example.org\n")
        assert await users.find(BOB) == AliasEntry((Address.parse("ann@example.org"),))
        Path(users.path).write_text("nonsense\n")
        await raises(Temporary, users.find(BOB))
        os.unlink(users.path)
        await raises(Temporary, users.find(BOB))
        await users.stop()

    async def test_a_file_that_cannot_be_written_is_told(self) -> None:
        users = await self.make_accounts()
        await users.find(BOB)
        users.path, real = os.path.join(users.path, "x"), users.path
        users._stamp = None
        await raises(Temporary, users.find(ANN))
        users.path = real


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("nonsense", "wanted 'address: hash'"),
        ("ann: x", "local-part@domain"),
        ("ann@example.org: plain", "the hash is none of"),
        ("info@example.org = ann", "local-part@domain"),
        ("a@example.org = b@example.org\na@example.org = b@example.org", "is there twice"),
        ("a@example.org: {SSHA}AAAA\nA@example.org: {SSHA}AAAA", "is there twice"),
    ],
)
def test_a_bad_line_is_named(line: str, what: str) -> None:
    with pytest.raises(BadFile, match=what) as caught:
        parse("# remark\n\n" + line, "users")
    assert str(caught.value).startswith(f"users:{len(line.splitlines()) + 2}: ")


# --- hashes -----------------------------------------------------------------------------------------------------------


def _salted(name: str, algorithm: str) -> str:
    digest = hashlib.new(algorithm, b"secret" + b"salt").digest()
    return f"{{{name}}}{base64.b64encode(digest + b'salt').decode()}"


def _pbkdf2() -> str:
    digest = hashlib.pbkdf2_hmac("sha256", b"secret", b"saltsalt", 1000)
    parts = (base64.b64encode(part).decode().rstrip("=") for part in (b"saltsalt", digest))
    return "$pbkdf2-sha256$1000$" + "$".join(parts)


@pytest.mark.parametrize(
    "stored",
    [
        hashing.hash_password("secret"),
        _salted("SSHA", "sha1"),
        _salted("SSHA256", "sha256"),
        _salted("SSHA512", "sha512"),
        _pbkdf2(),
    ],
    ids=["argon2id", "ssha", "ssha256", "ssha512", "pbkdf2"],
)
def test_hashes_are_verified(stored: str) -> None:
    hashing.check_form(stored)
    assert hashing.verify("secret", stored)
    assert not hashing.verify("wrong", stored)


@pytest.mark.parametrize("stored", ["", "secret", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "{MD5}x"])
def test_other_hashes_are_refused(stored: str) -> None:
    with pytest.raises(ValueError, match="the hash is none of"):
        hashing.verify("secret", stored)


def test_a_salted_hash_that_is_no_base64_never_matches() -> None:
    assert not hashing.verify("secret", "{SSHA}A=A")


# --- verifying --------------------------------------------------------------------------------------------------------


class VerifierTests(TestCase):
    async def test_a_right_password_is_remembered_for_a_while(self) -> None:
        clock = Clock()
        calls: list[Any] = []

        def in_thread(call: Any, /, *arguments: Any) -> Any:
            calls.append(arguments)
            from mailframe.site import inline

            return inline(call, *arguments)

        verifier = Verifier(Site("x", clock, in_thread))
        stored = _salted("SSHA", "sha1")
        for _again in range(3):
            await verifier.check("secret", stored)
        assert len(calls) == 1
        clock.advance(301)
        await verifier.check("secret", stored)
        assert len(calls) == 2

    async def test_unknown_users_cost_a_verification_too(self) -> None:
        calls: list[Any] = []

        def in_thread(call: Any, /, *arguments: Any) -> Any:
            calls.append(arguments)
            from mailframe.site import inline

            return inline(call, *arguments)

        verifier = Verifier(Site("x", Clock(), in_thread))
        with pytest.raises(BadCredentials):
            await verifier.check("secret", None)
        assert calls == [("secret", None)]

    async def test_too_many_at_once_are_told_to_come_again(self) -> None:
        verifier = Verifier(Site("x", Clock()))
        verifier._waiting = 200
        with pytest.raises(Temporary):
            await verifier.check("secret", None)


# --- the door ---------------------------------------------------------------------------------------------------------


def test_guessing_is_refused_after_a_while_and_forgotten_later() -> None:
    throttle = Throttle(ThrottleLimits(failures_per_client=3, failures_per_user=5, remembered=4))
    assert [throttle.failed("a", f"u{number}", 0.0) for number in range(3)] == [0.5, 1.0, 2.0]
    assert throttle.refuses("a", "x", 1.0)
    assert not throttle.refuses("b", "x", 1.0)
    assert not throttle.refuses("a", "x", 601.0)
    for number in range(5):
        throttle.failed(f"c{number}", "victim", 0.0)
    assert throttle.refuses("new", "victim", 1.0)
    throttle.succeeded("new", "victim")
    assert not throttle.refuses("new", "victim", 1.0)
    assert len(throttle._failures) <= 4


class LoginTests(TestCase):
    def _login(self, **policy: Any) -> tuple[Login, Clock]:
        clock = Clock()
        users = MemoryAccounts.of({"ann@example.org": "secret"})
        return Login(users, Site("x", clock), LoginPolicy(**policy), "example.org"), clock

    async def test_a_name_without_domain_gets_the_default_one(self) -> None:
        login, _clock = self._login()
        assert (await login.attempt(Password("ann", "secret"), Client("s", "192.0.2.1"))).account == "ann@example.org"

    def test_failures_are_answered_late_and_then_unheard(self) -> None:
        from twisted.internet.defer import ensureDeferred

        login, clock = self._login(limits=ThrottleLimits(failures_per_client=2))
        client = Client("s", "192.0.2.1")
        for password, seconds in (("wrong", 0.5), ("x" * 5000, 1.0), ("secret", 8.0)):
            attempt = ensureDeferred(login.attempt(Password("ann", password), client))
            clock.advance(seconds - 0.01)
            self.assertNoResult(attempt)
            clock.advance(0.02)
            self.failureResultOf(attempt, BadCredentials)

    def test_where_passwords_may_be_sent(self) -> None:
        login, _clock = self._login()
        tls = TLSInfo("TLSv1.3", "x")
        assert [
            login.allowed(Client("s", "192.0.2.1")),
            login.allowed(Client("s", "192.0.2.1", tls=tls)),
            login.allowed(Client("s", "127.0.0.1")),
            login.allowed(Client("s", "::1")),
            login.allowed(Client("s", "")),
            self._login(plaintext=True)[0].allowed(Client("s", "192.0.2.1")),
        ] == [False, True, True, True, True, True]
        assert not is_loopback("nonsense")


# --- SASL -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"\0ann\0secret", Password("ann", "secret")),
        (b"ann\0ann\0secret", Password("ann", "secret")),
        (b"bob\0ann\0secret", None),
        (b"ann\0secret", None),
        (b"\0\0secret", None),
        (b"\0ann\0", None),
        (b"\0a\nn\0x", None),
        (b"\0\xff\0x", None),
    ],
)
def test_plain(response: bytes, expected: Password | None) -> None:
    exchange = sasl.MECHANISMS[b"PLAIN"].start()
    assert exchange.respond(None) == sasl.Challenge(b"")
    if expected is None:
        with pytest.raises(sasl.SaslError):
            exchange.respond(response)
    else:
        assert exchange.respond(response) == expected


def test_responses_are_strict_base64_of_bounded_length() -> None:
    assert sasl.decode(b"=") == b""
    assert sasl.decode(sasl.encode(b"x\0y")) == b"x\0y"
    for bad in (b"a", b"!!!!", b"A" * 13000, b"aGk=\n"):
        with pytest.raises(sasl.SaslError):
            sasl.decode(bad)
    with pytest.raises(Cancelled):
        sasl.decode(b"*")


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(Password("ann", "secret"))
    assert "secret" not in repr(MemoryAccounts.of({"ann@example.org": "secret"}))
