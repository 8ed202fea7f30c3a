"""TLS with other servers, and what follows when it fails: under each policy, with each fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mailframe import Server
from mailframe.mailauth.mta_sts import FetchFailed
from mailframe.mailauth.tls_policy import Destination, Level
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import NoAnswer, ServerFailed
from mailframe.testing.authority import Authority, Issued
from mailframe.testing.scripted import OFFERS, Act, Scripted
from mailframe.testing.virtual_time import START
from mailframe.testing.world import World
from tests.world.relays import EXACT, THEM, US, outcomes, relay, reports, submit

CERTIFICATES: Mapping[str, Callable[[Authority], Issued]] = {
    "good": lambda authority: authority.issue(THEM),
    "for another name": lambda authority: authority.issue("other.example"),
    "that has ended": lambda authority: authority.issue(THEM, until=START - 3600),
    "of no authority": lambda authority: authority.self_signed(THEM),
}

NO_STARTTLS = {"EHLO": ["250 mx"]}
REFUSED = {"STARTTLS": ["454 4.7.0 Not now"]}
GARBAGE = {"TLS": [Act.GARBAGE]}
CLOSED = {"TLS": [Act.CLOSE]}

VERIFY = {"tls": {"them.example": Destination(Level.VERIFY)}}
ENCRYPT = {"tls": {"them.example": Destination(Level.ENCRYPT)}}

Script = Mapping[str, Sequence[Any]]


class Place:
    """A world with our relay and a server of theirs."""

    def __init__(self, certificate: str = "good", script: Script | None = None, offers: Sequence[str] = OFFERS) -> None:
        self.world = World(1)
        self.issued = CERTIFICATES[certificate](self.world.authority)
        self.world.dns["them.example"] = {"MX": [(10, THEM)]}
        self.world.dns["us.example"] = {"MX": [(10, US)]}
        self.them = Scripted(offers, **(script or {}))
        directory = self.issued.save(f"{self.world.directory}/them")
        self.world.start(Server(THEM, certificates=directory, listen=[("tcp:25", self.them)]), "192.0.2.2")

    def deliver(self, policy: Mapping[str, Any], **how: Any) -> str:
        """Let our relay send a message, and return the outcome."""
        with self.world:
            self.world.start(relay(schedules=EXACT, **policy), "192.0.2.1")
            submit(self.world, **how)
            [outcome] = outcomes(self.world)
            self.told = reports(self.world)
            if outcome.startswith("retry"):
                self.world.advance(days=6)
                self.told = reports(self.world)
                assert self.taken == [], "nothing was sent, however often it was tried"
            return outcome

    def sign(self, tlsa: bytes | None = None) -> None:
        """Let DNSSEC vouch for everything, and perhaps DANE for a certificate."""
        if tlsa is not None:
            self.world.dns[f"_25._tcp.{THEM}"] = {"TLSA": [tlsa]}
        self.world.dns.sign("them.example", THEM, f"_25._tcp.{THEM}")

    @property
    def taken(self) -> list[bool]:
        """Whether the messages that they have came over TLS."""
        return [each.tls for each in self.them.taken]


# --- nobody says anything: whatever works (RFC 7435) ---------------------------------------------------------------


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_without_a_policy_any_certificate_will_do(certificate: str) -> None:
    place = Place(certificate)
    assert place.deliver({}).startswith("delivered")
    assert place.taken == [True]


@pytest.mark.parametrize("fault", [NO_STARTTLS, REFUSED, GARBAGE, CLOSED])
def test_without_a_policy_mail_goes_in_plain_text_when_tls_does_not_work(fault: Script) -> None:
    place = Place(script=fault)
    assert place.deliver({}).startswith("delivered")
    assert place.taken == [False]


def test_tls_can_be_left_out() -> None:
    place = Place()
    assert place.deliver({"tls": {"them.example": Destination(Level.NONE)}}).startswith("delivered")
    assert place.taken == [False]


# --- what is configured ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (NO_STARTTLS, f"{THEM} does not offer TLS"),
        (REFUSED, f"{THEM} said: 454 4.7.0 Not now"),
        (GARBAGE, f"TLS with {THEM} failed: "),
        (CLOSED, f"TLS with {THEM} failed: the connection was closed during the handshake"),
    ],
)
@pytest.mark.parametrize("policy", [ENCRYPT, VERIFY, {"least_tls": Level.ENCRYPT}])
def test_where_tls_is_demanded_nothing_goes_without(fault: Script, text: str, policy: Mapping[str, Any]) -> None:
    place = Place(script=fault)
    assert place.deliver(policy).startswith(f"retry 4.7.5 {text}")
    _delayed, failed = place.told
    assert "5.4.7" in bytes(failed).decode()


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_where_encryption_is_demanded_any_certificate_will_do(certificate: str) -> None:
    place = Place(certificate)
    assert place.deliver(ENCRYPT).startswith("delivered")
    assert place.taken == [True]


@pytest.mark.parametrize("certificate", [each for each in CERTIFICATES if each != "good"])
def test_where_a_good_certificate_is_demanded_no_other_will_do(certificate: str) -> None:
    place = Place(certificate)
    assert place.deliver(VERIFY).startswith("retry 4.7.5 ")


def test_where_a_good_certificate_is_demanded_a_good_one_will_do() -> None:
    place = Place()
    assert place.deliver(VERIFY).startswith("delivered")
    assert place.taken == [True]


# --- DANE (RFC 7672) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_dane_wants_the_certificate_of_the_record_whatever_else_it_is(certificate: str) -> None:
    place = Place(certificate)
    place.sign(place.issued.tlsa)
    assert place.deliver({}).startswith("delivered")
    assert place.taken == [True]


def test_dane_refuses_the_certificate_of_somebody_in_the_way() -> None:
    place = Place()
    place.sign(CERTIFICATES["good"](place.world.authority).tlsa)
    assert place.deliver({}).startswith("retry 4.7.5 ")


@pytest.mark.parametrize("fault", [NO_STARTTLS, REFUSED, GARBAGE, CLOSED])
def test_dane_lets_nothing_go_without_tls(fault: Script) -> None:
    place = Place(script=fault)
    place.sign(place.issued.tlsa)
    assert place.deliver({}).startswith("retry 4.7.5 ")


def test_dane_waits_while_the_records_cannot_be_looked_up() -> None:
    place = Place()
    place.sign(place.issued.tlsa)
    place.world.dns.faults[f"_25._tcp.{THEM}"] = ServerFailed
    assert place.deliver({}).startswith(f"retry 4.7.5 TLSA records of {THEM} cannot be looked up")


def test_records_that_nobody_vouches_for_are_none() -> None:
    place = Place()
    place.world.dns[f"_25._tcp.{THEM}"] = {"TLSA": [CERTIFICATES["good"](place.world.authority).tlsa]}
    assert place.deliver({}).startswith("delivered")


def test_where_dane_is_demanded_there_must_be_records() -> None:
    place = Place()
    place.sign()
    demand = {"tls": {"them.example": Destination(Level.DANE)}}
    assert place.deliver(demand).startswith(f"retry 4.7.5 {THEM} has no secure TLSA records")


# --- MTA-STS (RFC 8461) ---------------------------------------------------------------------------------------------


class Policies:
    """Fetches one policy, or none."""

    def __init__(self, mode: str, mx: str = THEM) -> None:
        self.text = f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 604800\n"
        self.fails = False
        self.fetched: list[str] = []

    async def __call__(self, domain: str) -> bytes:
        self.fetched.append(domain)
        if self.fails:
            raise FetchFailed("no", ResultType.STS_POLICY_FETCH_ERROR)
        return self.text.encode()


def sts_place(certificate: str = "good", script: Script | None = None) -> Place:
    place = Place(certificate, script)
    place.world.dns["_mta-sts.them.example"] = {"TXT": [b"v=STSv1; id=1;"]}
    return place


def test_an_enforced_policy_wants_a_good_certificate() -> None:
    place = sts_place()
    assert place.deliver({"fetch": Policies("enforce")}).startswith("delivered")
    assert place.taken == [True]


@pytest.mark.parametrize("certificate", [each for each in CERTIFICATES if each != "good"])
def test_an_enforced_policy_takes_no_other_certificate(certificate: str) -> None:
    assert sts_place(certificate).deliver({"fetch": Policies("enforce")}).startswith("retry 4.7.5 ")


@pytest.mark.parametrize("fault", [NO_STARTTLS, REFUSED, GARBAGE, CLOSED])
def test_an_enforced_policy_lets_nothing_go_without_tls(fault: Script) -> None:
    assert sts_place(script=fault).deliver({"fetch": Policies("enforce")}).startswith("retry 4.7.5 ")


def test_an_enforced_policy_lets_nothing_go_to_servers_that_it_does_not_name() -> None:
    place = sts_place()
    outcome = place.deliver({"fetch": Policies("enforce", "*.other.example")})
    assert outcome == f"retry 4.7.5 {THEM} is none of the servers that the MTA-STS policy of them.example names"


@pytest.mark.parametrize("mode", ["testing", "none"])
@pytest.mark.parametrize("fault", [NO_STARTTLS, REFUSED, GARBAGE, CLOSED])
def test_a_policy_that_is_not_enforced_stops_no_mail(fault: Script, mode: str) -> None:
    place = sts_place(script=fault)
    assert place.deliver({"fetch": Policies(mode)}).startswith("delivered")
    assert place.taken == [False]


def test_a_policy_that_is_tested_takes_any_certificate() -> None:
    place = sts_place("of no authority")
    assert place.deliver({"fetch": Policies("testing")}).startswith("delivered")
    assert place.taken == [True]


def test_a_policy_that_cannot_be_fetched_stops_no_mail() -> None:
    place, policies = sts_place("of no authority"), Policies("enforce")
    policies.fails = True
    assert place.deliver({"fetch": policies}).startswith("delivered")
    assert policies.fetched == ["them.example"]


def test_a_policy_that_was_fetched_protects_when_it_cannot_be_fetched_any_more() -> None:
    place, policies = sts_place(), Policies("enforce")
    with place.world as world:
        world.start(relay(schedules=EXACT, fetch=policies), "192.0.2.1")
        submit(world)
        policies.fails = True
        world.dns.faults["_mta-sts.them.example"] = NoAnswer
        world.advance(days=2)
        CERTIFICATES["of no authority"](world.authority).save(f"{world.directory}/them")
        world.restart(US)
        submit(world)
        first, second = outcomes(world)
        assert first.startswith("delivered")
        assert second.startswith("retry 4.7.5 ")


# --- what the sender asks for (RFC 8689) ----------------------------------------------------------------------------

REQUIRES = (*OFFERS, "REQUIRETLS")


def test_requiretls_goes_where_dane_vouches_for_the_server() -> None:
    place = Place(offers=REQUIRES)
    place.sign(place.issued.tlsa)
    assert place.deliver({}, require_tls=True).startswith("delivered")
    assert place.them.taken[0].sender.endswith(" REQUIRETLS")


def test_requiretls_goes_where_mta_sts_vouches_for_the_server() -> None:
    place = Place(offers=REQUIRES)
    place.world.dns["_mta-sts.them.example"] = {"TXT": [b"v=STSv1; id=1;"]}
    assert place.deliver({"fetch": Policies("enforce")}, require_tls=True).startswith("delivered")


def test_requiretls_goes_nowhere_when_nobody_vouches_for_the_server() -> None:
    place = Place(offers=REQUIRES)
    outcome = place.deliver({}, require_tls=True)
    assert outcome.startswith(f"retry 4.7.5 Nobody vouches that {THEM} is a server of them.example")


def test_requiretls_comes_back_from_a_server_that_does_not_promise_it() -> None:
    place = Place()
    place.sign(place.issued.tlsa)
    outcome = place.deliver({}, require_tls=True)
    assert outcome.startswith("failed 5.7.30 The sender wants TLS all the way (RFC 8689)")
    [failed] = place.told
    assert "5.7.30" in bytes(failed).decode()


def test_a_message_that_need_not_have_tls_goes_without() -> None:
    place = Place(script=NO_STARTTLS)
    place.sign(place.issued.tlsa)
    with place.world as world:
        world.start(relay(schedules=EXACT), "192.0.2.1")
        text = "TLS-Required: No\nSubject: hello\n\nText\n"
        world.send("ann@us.example", ["bob@them.example"], text, US, login=("ann@us.example", "secret"))
        [outcome] = outcomes(world)
        assert outcome.startswith("delivered")
        assert place.taken == [False]
