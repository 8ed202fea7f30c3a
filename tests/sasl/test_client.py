"""SASL as a client: what is said, and which servers are not believed."""

from __future__ import annotations

import base64

import pytest
from attrs import evolve

from mailframe.sasl.client import (
    CHALLENGE_OCTETS,
    ITERATIONS,
    MECHANISMS,
    Binding,
    ClientExchange,
    ClientSaslError,
    Credentials,
    chosen,
)
from mailframe.sasl.client import _Scram as Scram

PASSWORD = Credentials("user", "pencil")
TOKEN = Credentials("user@example.org", token="abc")


def start(name: str, credentials: Credentials = PASSWORD) -> ClientExchange:
    [mechanism] = [each for each in MECHANISMS if each.name == name]
    return mechanism.start(credentials, None)


def test_simple_mechanisms() -> None:
    assert start("PLAIN").respond(None) == b"\0user\0pencil"
    login = start("LOGIN")
    assert [login.respond(b"Username:"), login.respond(b"Password:")] == [b"user", b"pencil"]
    assert start("EXTERNAL", Credentials("user")).respond(None) == b"user"
    assert start("XOAUTH2", TOKEN).respond(None) == b"user=user@example.org\1auth=Bearer abc\1\1"
    bearer = start("OAUTHBEARER", TOKEN)
    assert bearer.respond(None) == b"n,a=user@example.org,\1auth=Bearer abc\1\1"
    assert bearer.respond(b'{"status":"invalid_token"}') == b"\1"


def test_a_token_may_be_fetched_when_it_is_needed() -> None:
    tokens = iter(["one", "two"])
    credentials = Credentials("u", token=lambda: next(tokens))
    assert b"Bearer one" in start("XOAUTH2", credentials).respond(None)
    assert b"Bearer two" in start("XOAUTH2", credentials).respond(None)


def test_a_server_that_asks_for_ever_is_not_answered() -> None:
    exchange = start("PLAIN")
    exchange.respond(None)
    with pytest.raises(ClientSaslError, match="asks for more"):
        exchange.respond(b"and?")


def test_cram_md5_as_in_rfc_2195() -> None:
    exchange = start("CRAM-MD5", Credentials("tim", "tanstaaftanstaaf"))
    said = exchange.respond(b"<1896.697170952@postoffice.reston.mci.net>")
    assert said == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_scram_sha_1_as_in_rfc_5802() -> None:
    exchange = Scram(PASSWORD, "sha1", "fyko+d2lbbFgONRv9qkxdawL")
    assert exchange.respond(None) == b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    assert exchange.respond(challenge) == (
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    )
    assert not exchange.satisfied
    assert exchange.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=") == b""
    assert exchange.satisfied


def test_scram_sha_256_as_in_rfc_7677() -> None:
    exchange = Scram(PASSWORD, "sha256", "rOprNGfwEbeRWgbNEkqO")
    exchange.respond(None)
    challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert exchange.respond(challenge).endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    exchange.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert exchange.satisfied


def test_names_with_commas_are_escaped_for_scram() -> None:
    exchange = Scram(evolve(PASSWORD, username="a=b,c"), "sha1", "x")
    assert exchange.respond(None) == b"n,,n=a=3Db=2Cc,r=x"


@pytest.mark.parametrize(
    ("challenge", "complaint"),
    [
        (b"r=other,s=QSXC,i=4096", "no SCRAM"),
        (b"r=nonce,s=QSXC,i=4096", "no SCRAM"),
        (b"m=x,r=nonce2,s=QSXC,i=4096", "no SCRAM"),
        (b"", "no SCRAM"),
        (b"r=nonce2,s=QSXC,i=0", "rounds"),
        (b"r=nonce2,s=QSXC,i=-1", "rounds"),
        (b"r=nonce2,s=QSXC", "rounds"),
        (b"r=nonce2,s=QSXC,i=%d" % (ITERATIONS + 1), "rounds"),
        (b"r=nonce2,s=QSXC,i=" + b"0" * 50 + b"1", "rounds"),
        (b"r=nonce2,s=!,i=4096", "base64"),
        (b"r=" + b"x" * CHALLENGE_OCTETS, "too long"),
        (None, "rounds"),
    ],
)
def test_a_server_cannot_make_scram_do_what_it_should_not(challenge: bytes | None, complaint: str) -> None:
    exchange = Scram(PASSWORD, "sha1", "nonce")
    exchange.respond(None)
    if challenge is None:
        challenge = b"r=nonce2,s=QSXC,i=4096x"
    with pytest.raises(ClientSaslError, match=complaint):
        exchange.respond(challenge)


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    exchange = Scram(PASSWORD, "sha1", "nonce")
    exchange.respond(None)
    exchange.respond(b"r=nonce2,s=QSXC,i=1")
    with pytest.raises(ClientSaslError, match="does not know the password"):
        exchange.respond(b"v=" + base64.b64encode(b"x" * 20))
    assert not exchange.satisfied


def test_each_kind_of_credentials_has_its_mechanisms_best_first() -> None:
    def fitting(credentials: Credentials) -> list[str]:
        return [each.name for each in MECHANISMS if each.fits(credentials)]

    assert fitting(PASSWORD) == [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
    ]
    assert fitting(TOKEN) == ["OAUTHBEARER", "XOAUTH2"]
    assert fitting(Credentials("user")) == ["EXTERNAL"]


def test_secrets_are_not_shown() -> None:
    assert "pencil" not in repr(PASSWORD)
    assert "abc" not in repr(TOKEN)


BINDING = Binding("tls-exporter", b"\x01\x02")
ALL = [each.name for each in MECHANISMS]


@pytest.mark.parametrize(
    ("offered", "credentials", "binding", "private", "name"),
    [
        (ALL, PASSWORD, BINDING, True, "SCRAM-SHA-256-PLUS"),
        (ALL, PASSWORD, None, True, "SCRAM-SHA-256"),
        (ALL, PASSWORD, None, False, "SCRAM-SHA-256"),
        (["PLAIN", "SCRAM-SHA-1", "LOGIN"], PASSWORD, BINDING, True, "SCRAM-SHA-1"),
        (["PLAIN", "LOGIN", "CRAM-MD5"], PASSWORD, BINDING, True, "CRAM-MD5"),
        (["PLAIN", "LOGIN", "CRAM-MD5"], PASSWORD, None, False, None),
        (ALL, TOKEN, BINDING, True, "OAUTHBEARER"),
        (["XOAUTH2"], TOKEN, None, True, "XOAUTH2"),
        (ALL, TOKEN, None, False, None),
        (ALL, Credentials("user"), BINDING, True, "EXTERNAL"),
        (ALL, evolve(PASSWORD, mechanisms=("LOGIN",)), BINDING, True, "LOGIN"),
        (["PLAIN"], evolve(PASSWORD, mechanisms=("LOGIN",)), BINDING, True, None),
        (["GSSAPI"], PASSWORD, BINDING, True, None),
        ([], PASSWORD, BINDING, True, None),
    ],
)
def test_the_best_mechanism_that_gives_nothing_away_is_chosen(
    offered: list[str], credentials: Credentials, binding: Binding | None, private: bool, name: str | None
) -> None:
    found = chosen(offered, credentials, binding, private)
    assert (None if found is None else found[0].name) == name


@pytest.mark.parametrize(
    ("offered", "mechanisms", "header"),
    [
        (["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"], (), b"p=tls-exporter,,"),
        (["SCRAM-SHA-1"], (), b"y,,"),  # or somebody has taken it out
        (["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"], ("SCRAM-SHA-1",), b"n,,"),
        (["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1"], ("SCRAM-SHA-1",), b"n,,"),
    ],
)
def test_a_server_is_told_whether_the_login_is_bound_to_the_connection(
    offered: list[str], mechanisms: tuple[str, ...], header: bytes
) -> None:
    found = chosen(offered, evolve(PASSWORD, mechanisms=mechanisms), BINDING, True)
    assert found is not None
    first = found[1].respond(None)
    assert first.startswith(header + b"n=user,r=")
    nonce = first.partition(b"r=")[2]
    answer = found[1].respond(b"r=%bx,s=QSXC,i=1" % nonce)
    bound = header + (BINDING.data if header.startswith(b"p") else b"")
    assert answer.startswith(b"c=%b,r=%bx,p=" % (base64.b64encode(bound), nonce))
