"""Users send as themselves (RFC 6409 6.1): by their address, its subaddresses, and aliases that lead to them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.address import Address
from mailframe.auth.memory import MemoryAccounts
from mailframe.errors import Temporary
from mailframe.interfaces import AccountEntry, AliasEntry, IAuthenticator, Identity, IDirectory
from mailframe.smtp import Submission
from tests.smtp.world import World

USERS = MemoryAccounts.of(
    {"ann@example.org": "secret", "bob@example.org": "geheim"},
    {
        "info@example.org": ["bob@example.org", "ann@example.org"],
        "sales@example.org": ["bob@example.org"],
        "@shop.example": ["Ann+shop@example.org"],
        "@bob.example": ["bob@example.org"],
    },
)
LOGIN = "C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\nS: 235 2.7.0 Authentication succeeded\n"
OK = "250 2.1.0 Sender OK"
NOT_YOURS = "553 5.7.1 This sender address is not yours"


def play(script: str, users: Any = USERS, **options: Any) -> None:
    world = World(users=users)
    world.greeted(world.submission(**options)).play(LOGIN + script)


@pytest.mark.parametrize(
    ("sender", "answer"),
    [
        ("ann@example.org", OK),
        ("ANN@Example.ORG", OK),
        ("ann+list@example.org", OK),
        ("bob@example.org", NOT_YOURS),
        ("info@example.org", OK),
        ("info+x@example.org", OK),
        ("sales@example.org", NOT_YOURS),
        ("anything@shop.example", OK),
        ("anything@bob.example", NOT_YOURS),
        ("ann@elsewhere.example", NOT_YOURS),
        ("nobody@example.org", NOT_YOURS),
        ("+@example.org", NOT_YOURS),
        ('"ann@example.org"@elsewhere.example', NOT_YOURS),
        ("postmaster", NOT_YOURS),
        ("", OK),
    ],
)
def test_who_may_be_sent_as(sender: str, answer: str) -> None:
    play(f"C: MAIL FROM:<{sender}>\nS: {answer}")


def test_a_refused_sender_begins_no_transaction() -> None:
    play(f"""
        C: MAIL FROM:<bob@example.org>
        S: {NOT_YOURS}
        C: RCPT TO:<bob@example.org>
        S: 503 5.5.1 MAIL comes first
        C: MAIL FROM:<ann@example.org>
        S: {OK}
    """)


def test_the_null_sender_can_be_refused() -> None:
    play("C: MAIL FROM:<>\nS: 550 5.7.1 The null sender is not yours", null_sender=False)


def test_users_may_send_as_anybody_where_that_is_wanted() -> None:
    play(f"C: MAIL FROM:<bob@elsewhere.example>\nS: {OK}", any_sender=True)
    play(f"C: MAIL FROM:<>\nS: {OK}", any_sender=True, null_sender=False)


def test_logging_in_comes_first() -> None:
    world = World()
    world.greeted(world.submission()).play(
        "C: MAIL FROM:<ann@example.org>\nS: 530 5.7.0 Authentication required\n"
        "C: MAIL FROM:<>\nS: 530 5.7.0 Authentication required"
    )


# --- users that stand elsewhere ---------------------------------------------------------------------------------------


@implementer(IAuthenticator)
@define
class Elsewhere:
    """Knows who logs in, under an account that is no address."""

    addresses: frozenset[Address] | None = None

    async def authenticate(self, credentials: Any) -> Identity:
        return Identity("uid-7" if self.addresses else "ann@example.org", self.addresses)


@implementer(IDirectory)
@define
class ElsewhereWithDirectory(Elsewhere):
    answer: Any = None

    def find(self, address: Address) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_without_a_directory_only_the_own_addresses_count() -> None:
    ann = Elsewhere(frozenset({Address.parse("ann@example.org"), Address.parse("a.smith@example.org")}))
    world = World()
    for users, sender, answer in (
        (ann, "a.smith+x@example.org", OK),
        (ann, "info@example.org", NOT_YOURS),
        (Elsewhere(), "Ann+x@example.org", OK),
        (Elsewhere(), "bob@example.org", NOT_YOURS),
    ):
        world = World()
        player = world._play(_submission(world, users), "127.0.0.1", None)
        world.greeted(player).play(LOGIN + f"C: MAIL FROM:<{sender}>\nS: {answer}")


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (AccountEntry("uid-7"), OK),
        (AccountEntry("uid-8"), NOT_YOURS),
        (AliasEntry((Address.parse("x@example.org"), Address.parse("ann@example.org"))), OK),
        (AliasEntry(()), NOT_YOURS),
        (None, NOT_YOURS),
        (Temporary("down"), "451 4.3.0 Local error, try again later"),
    ],
)
def test_a_directory_knows_more_addresses(found: Any, answer: str) -> None:
    world = World()
    users = ElsewhereWithDirectory(frozenset({Address.parse("ann@example.org")}), found)
    player = world._play(_submission(world, users), "127.0.0.1", None)
    world.greeted(player).play(LOGIN + f"C: MAIL FROM:<a.smith@example.org>\nS: {answer}")


@pytest.mark.parametrize("found", [ValueError("no"), Deferred()])
def test_a_directory_that_fails_or_never_answers_means_later(found: Any) -> None:
    world = World()
    users = ElsewhereWithDirectory(frozenset({Address.parse("ann@example.org")}), found)
    player = world._play(_submission(world, users), "127.0.0.1", None)
    world.greeted(player).play(
        LOGIN + "C: MAIL FROM:<a.smith@example.org>\n--: 2 minutes\nS: 451 4.3.0 Local error, try again later"
    )


def _submission(world: World, users: Any) -> Any:
    return Submission(world.routes, users=users)
