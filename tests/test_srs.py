"""Senders rewritten for forwarding, and found again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailframe.address import Address, quote_local
from mailframe.errors import Permanent
from mailframe.srs import DAYS_VALID, HASH_LENGTH, SRS, Expired, ForeignAddress, NotReversible, WrongHash

DAY = 24 * 60 * 60
NOW = 20_781 * DAY + 3600.0
OURS = SRS([b"a secret of 16 octets"], "us.test")
THEIRS = SRS([b"their own secret"], "them.test")


def address(text: str) -> Address:
    return Address.parse(text)


def test_a_sender_is_rewritten_and_found_again() -> None:
    sender = address("Ann.Smith@example.org")
    forwarded = OURS.forward(sender, NOW)
    assert str(forwarded) == "SRS0=kUCK3l=JN=example.org=Ann.Smith@us.test"
    assert OURS.reverse(forwarded, NOW) == sender


def test_a_second_forwarder_leads_back_to_the_first() -> None:
    once = THEIRS.forward(address("ann@a.test"), NOW)
    twice = OURS.forward(once, NOW)
    assert str(twice).startswith("SRS1=")
    assert str(twice).endswith(f"=them.test={once.local.removeprefix('SRS0')}@us.test")
    assert OURS.reverse(twice, NOW) == once
    assert THEIRS.reverse(OURS.reverse(twice, NOW), NOW) == address("ann@a.test")


def test_a_third_forwarder_leads_back_to_the_first_too() -> None:
    third = SRS([b"third"], "third.test")
    once = THEIRS.forward(address("ann@a.test"), NOW)
    thrice = third.forward(OURS.forward(once, NOW), NOW)
    assert len(str(thrice)) <= len(str(OURS.forward(once, NOW))) + len("third.test") - len("us.test")
    assert third.reverse(thrice, NOW) == once


@pytest.mark.parametrize("local", ["SRS0+a+b=AB=c.test=d", "srs0-h=AB=c.test=d", "SRS0=h=XYZ=c.test=d=e"])
def test_what_others_made_is_taken_as_they_made_it(local: str) -> None:
    twice = OURS.forward(Address(local, "them.test"), NOW)
    assert twice.local.startswith("SRS1=")
    assert OURS.reverse(twice, NOW) == Address("SRS0" + local[4:], "them.test")


@pytest.mark.parametrize("local", ["SRS0=", "SRS0=ann", "SRS0=h=AB=c.test", "srs1=h=x", "SRS1=h=them.test=ann", "SRS"])
def test_an_address_that_only_begins_like_one_is_a_sender_like_others(local: str) -> None:
    sender = Address(local, "a.test")
    forwarded = OURS.forward(sender, NOW)
    assert forwarded.local.startswith("SRS0=")
    assert OURS.reverse(forwarded, NOW) == sender


@pytest.mark.parametrize(
    "text",
    [
        '"john smith"@a.test',
        "a=b@a.test",
        "ann@[192.0.2.1]",
        "ann@[IPv6:2001:db8::1]",
        "jos\xe9@a.test",
        '"a@b"@a.test',
    ],
)
def test_every_address_comes_back(text: str) -> None:
    forwarded = OURS.forward(address(text), NOW)
    assert forwarded.domain == "us.test"
    assert OURS.reverse(Address.parse(str(forwarded)), NOW) == address(text)


def test_our_own_senders_need_no_rewriting() -> None:
    ours = address("me@US.test")
    assert OURS.forward(ours, NOW) == ours
    again = OURS.forward(address("ann@a.test"), NOW)
    assert OURS.forward(again, NOW) == again


# --- too long -------------------------------------------------------------------------------------------------------


def test_a_local_part_that_would_be_too_long_leaves_the_sender_as_it_is() -> None:
    room = 64 - len(OURS.forward(address("x@a.test"), NOW).local) + 1
    longest = address("x" * room + "@a.test")
    assert len(OURS.forward(longest, NOW).local) == 64
    assert OURS.reverse(OURS.forward(longest, NOW), NOW) == longest
    longer = address("x" * (room + 1) + "@a.test")
    assert OURS.forward(longer, NOW) == longer
    quoted = address('"' + "x" * (room - 3) + ' "@a.test')  # its quotes count
    assert OURS.forward(quoted, NOW).domain == "us.test"
    assert OURS.forward(address('"' + "x" * (room - 2) + ' "@a.test'), NOW).domain == "a.test"


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30),
    st.sampled_from(["a.test", "x" * 20 + ".test", "[192.0.2.1]"]),
    st.integers(0, 2**40),
)
def test_whatever_is_forwarded_can_be_written_and_comes_back(local: str, domain: str, now: int) -> None:
    assume(len(quote_local(local).encode()) <= 64)  # else it is no address
    sender = address(f"{quote_local(local)}@{domain}")
    forwarded = OURS.forward(sender, now)
    assert Address.parse(str(forwarded)) == forwarded
    assert forwarded == sender or OURS.reverse(forwarded, now) == sender


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ann@us.test",
            "SRS0@us.test",
            "SRS0=@us.test",
            "SRS0=abcdef=AB=a.test@us.test",
            "SRS0=abcdef=A=a.test=b@us.test",
        ),
        *("SRS0=abcdef=A1=a.test=b@us.test", "SRS1=abcdef=a.test=b@us.test", "SRS2=abcdef=AB=a.test=b@us.test"),
        *(
            "xSRS0=abcdef=AB=a.test=b@us.test",
            "\u017fRS0=abcdef=AB=a.test=b@us.test",
            "SRS0=abcdef=A\u212a=a.test=b@us.test",
        ),
    ],
)
def test_what_is_no_such_address_leads_nowhere(text: str) -> None:
    with pytest.raises(ForeignAddress):
        OURS.reverse(address(text), NOW)


def test_the_address_of_another_domain_is_none_of_ours() -> None:
    forwarded = THEIRS.forward(address("ann@a.test"), NOW)
    with pytest.raises(ForeignAddress):
        OURS.reverse(forwarded, NOW)
    with pytest.raises(WrongHash):
        OURS.reverse(Address(forwarded.local, "us.test"), NOW)


@pytest.mark.parametrize("forwarder", [OURS.forward(address("ann@a.test"), NOW), None])
def test_no_octet_may_be_changed(forwarder: Address | None) -> None:
    made = forwarder or OURS.forward(THEIRS.forward(address("ann@a.test"), NOW), NOW)
    OURS.reverse(made, NOW)
    for at in range(5, len(made.local)):
        for other in "x/Q7":
            if made.local[at].lower() != other.lower():
                with pytest.raises(NotReversible):
                    OURS.reverse(Address(made.local[:at] + other + made.local[at + 1 :], "us.test"), NOW)


@pytest.mark.parametrize("length", range(HASH_LENGTH))
def test_a_shorter_hash_is_no_hash(length: int) -> None:
    tag, hash_, *rest = OURS.forward(address("ann@a.test"), NOW).local.split("=")
    with pytest.raises(NotReversible):
        OURS.reverse(Address("=".join([tag, hash_[:length], *rest]), "us.test"), NOW)
    longer = SRS(OURS.secrets, "us.test", hash_length=20).forward(address("ann@a.test"), NOW)
    assert OURS.reverse(longer, NOW) == address("ann@a.test")


def test_a_hash_for_one_domain_is_not_good_for_another() -> None:
    # a.co and msmith, together the same octets as a.com and smith
    tag, hash_, date, _domain, _local = OURS.forward(address("msmith@a.co"), NOW).local.split("=")
    with pytest.raises(WrongHash):
        OURS.reverse(Address("=".join([tag, hash_, date, "a.com", "smith"]), "us.test"), NOW)


def test_a_server_that_writes_lower_case_does_no_harm() -> None:
    forwarded = OURS.forward(address("Ann@a.test"), NOW)
    assert OURS.reverse(Address(forwarded.local.lower(), "us.test"), NOW) == address("ann@a.test")
    assert OURS.reverse(Address(forwarded.local.upper(), "us.test"), NOW) == address("ANN@a.test")
    twice = OURS.forward(THEIRS.forward(address("ann@a.test"), NOW), NOW)
    once = OURS.reverse(Address(twice.local.lower(), "us.test"), NOW)
    assert THEIRS.reverse(once, NOW) == address("ann@a.test")


@pytest.mark.parametrize("local", ["SRS0+{}", "SRS0-{}", "srs0={}"])
def test_any_separator_will_do(local: str) -> None:
    rest = OURS.forward(address("ann@a.test"), NOW).local.removeprefix("SRS0=")
    assert OURS.reverse(Address(local.format(rest), "us.test"), NOW) == address("ann@a.test")


def test_what_was_signed_and_is_no_address_leads_nowhere() -> None:
    strange = OURS.forward(Address("SRS1=h=no host==h=AB=c.test=d", "them.test"), NOW)
    assert strange.domain == "us.test"
    with pytest.raises(ForeignAddress):
        OURS.reverse(strange, NOW)


# --- time and secrets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 1, DAYS_VALID, -1])
def test_an_address_is_good_for_three_weeks(days: int) -> None:
    forwarded = OURS.forward(address("ann@a.test"), NOW)
    assert OURS.reverse(forwarded, NOW + days * DAY) == address("ann@a.test")


@pytest.mark.parametrize("days", [DAYS_VALID + 1, 100, 1022, -2, 1024 + DAYS_VALID + 1])
def test_then_it_has_expired(days: int) -> None:
    forwarded = OURS.forward(address("ann@a.test"), NOW)
    with pytest.raises(Expired, match="expired"):
        OURS.reverse(forwarded, NOW + days * DAY)


def test_the_days_are_counted_across_the_end_of_the_cycle() -> None:
    last = 1023 * DAY + 1.0
    forwarded = OURS.forward(address("ann@a.test"), last)
    assert "=77=" in forwarded.local
    assert "=AA=" in OURS.forward(address("ann@a.test"), last + DAY).local
    assert OURS.reverse(forwarded, last + 5 * DAY) == address("ann@a.test")


def test_the_first_secret_signs_and_all_are_accepted() -> None:
    both = SRS([b"new secret", *OURS.secrets], "us.test")
    sender = address("ann@a.test")
    assert both.reverse(OURS.forward(sender, NOW), NOW) == sender
    assert both.reverse(both.forward(sender, NOW), NOW) == sender
    with pytest.raises(WrongHash):
        OURS.reverse(both.forward(sender, NOW), NOW)


@pytest.mark.parametrize(
    "changed",
    [
        *({"secrets": []}, {"secrets": [b"x", b""]}, {"domain": "a b"}, {"days": 0}, {"days": 512}),
        *({"hash_length": 3}, {"hash_length": 28}),
    ],
)
def test_what_cannot_work_is_refused_at_once(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"secret|host name|must be"):
        SRS(**{"secrets": [b"x"], "domain": "us.test", **changed})


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(OURS)


def test_the_errors_are_for_those_who_write_to_such_an_address() -> None:
    assert issubclass(NotReversible, Permanent)
