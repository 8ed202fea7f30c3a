"""Logging in to a smarthost: what is said, what never is, and what becomes of the mail when it does not work."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import cast

import pytest

from mailframe.hooks import Retry
from mailframe.sasl.client import Binding, Credentials
from mailframe.smtp.client.login import log_in
from mailframe.smtp.client.outcomes import Unusable
from tests.smtp.client.dialogue import Dialogue

ANN = Credentials("ann", "secret")
TOKEN = Credentials("ann", token="abc")


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def offering(mechanisms: str) -> Dialogue:
    dialogue = Dialogue()
    dialogue.begin(dialogue.session.greet)
    dialogue.play(f"S: 220 mx\nC: EHLO us.example\nS: 250-mx.example\nS: 250 AUTH {mechanisms}")
    dialogue.result()
    return dialogue


def log_in_by(
    dialogue: Dialogue, script: str, who: Credentials = ANN, private: bool = True, binding: Binding | None = None
) -> Retry | None:
    """Return why the login did not work, or C{None}."""
    dialogue.begin(lambda: log_in(dialogue.session, who, private, binding))
    dialogue.play(script)
    try:
        dialogue.result()
    except Unusable as problem:
        return cast("Retry", problem.outcome)
    return None


@pytest.mark.parametrize(
    ("mechanism", "who", "script"),
    [
        ("PLAIN", ANN, f"C: AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}\nS: 235 OK"),
        (
            "LOGIN",
            ANN,
            f"C: AUTH LOGIN\nS: 334 {b64('Username:')}\nC: {b64('ann')}\n"
            f"S: 334 {b64('Password:')}\nC: {b64('secret')}\nS: 235 OK",
        ),
        (
            "CRAM-MD5",
            ANN,
            f"C: AUTH CRAM-MD5\nS: 334 {b64('<1@mx>')}\n"
            f"C: {b64('ann ' + hmac.new(b'secret', b'<1@mx>', 'md5').hexdigest())}\nS: 235 OK",
        ),
        ("XOAUTH2", TOKEN, f"C: AUTH XOAUTH2 {b64('user=ann' + chr(1) + 'auth=Bearer abc' + chr(1) * 2)}\nS: 235 OK"),
        (
            "OAUTHBEARER",
            TOKEN,
            f"C: AUTH OAUTHBEARER {b64('n,a=ann,' + chr(1) + 'auth=Bearer abc' + chr(1) * 2)}\nS: 235 OK",
        ),
        ("EXTERNAL", Credentials("ann"), f"C: AUTH EXTERNAL {b64('ann')}\nS: 235 OK"),
        ("EXTERNAL", Credentials(""), "C: AUTH EXTERNAL =\nS: 235 OK"),
    ],
)
def test_each_mechanism_as_it_goes_over_the_wire(mechanism: str, who: Credentials, script: str) -> None:
    assert log_in_by(offering(f"GSSAPI {mechanism}"), script, who) is None


@pytest.mark.parametrize(
    ("name", "binding"),
    [
        ("SCRAM-SHA-1", None),
        ("SCRAM-SHA-256", None),
        ("SCRAM-SHA-1-PLUS", Binding("tls-unique", b"xyz")),
        ("SCRAM-SHA-256-PLUS", Binding("tls-exporter", b"\1\2\3")),
    ],
)
def test_scram_with_a_server_that_knows_the_password(name: str, binding: Binding | None) -> None:
    """The server's side is computed here, as RFC 5802 section 3 has it."""
    digest = "sha256" if "256" in name else "sha1"

    def mac(key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, digest).digest()

    dialogue = offering(name)
    dialogue.begin(lambda: log_in(dialogue.session, ANN, False, binding))
    verb, mechanism, initial = dialogue.wire.value().split()
    dialogue.wire.clear()
    assert (verb, mechanism) == (b"AUTH", name.encode())
    header, first = base64.b64decode(initial).split(b"n=ann", 1)
    first = b"n=ann" + first
    challenge = first.partition(b"r=")[2] + b"server"
    challenge = b"r=%b,s=%b,i=4096" % (challenge, base64.b64encode(b"salt"))
    dialogue.connection.dataReceived(f"334 {b64(challenge)}\r\n".encode())
    final = base64.b64decode(dialogue.wire.value())
    dialogue.wire.clear()
    bare, _, proof = final.partition(b",p=")
    bound = header + (b"" if binding is None else binding.data)
    assert bare.split(b",")[0] == b"c=" + base64.b64encode(bound)
    salted = hashlib.pbkdf2_hmac(digest, b"secret", b"salt", 4096)
    signed = b",".join([first, challenge, bare])
    key = mac(salted, b"Client Key")
    signature = mac(hashlib.new(digest, key).digest(), signed)
    assert bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True)) == key
    dialogue.play(f"S: 334 {b64(b'v=' + base64.b64encode(mac(mac(salted, b'Server Key'), signed)))}\nC: \nS: 235 OK")
    assert dialogue.result() is None


@pytest.mark.parametrize(
    ("offered", "who"), [("PLAIN LOGIN CRAM-MD5", ANN), ("XOAUTH2 OAUTHBEARER", TOKEN), ("XOAUTH2 PLAIN", TOKEN)]
)
def test_passwords_and_tokens_never_go_where_somebody_may_listen(offered: str, who: Credentials) -> None:
    dialogue = offering(offered)
    outcome = log_in_by(dialogue, "", who, private=False)
    assert outcome is not None
    assert outcome.status == "4.7.0"
    assert "that need TLS, and there is none" in outcome.text
    assert dialogue.wire.value() == b""


@pytest.mark.parametrize("private", [True, False])
def test_a_server_without_a_way_that_we_know_is_told_from_one_without_tls(private: bool) -> None:
    outcome = log_in_by(offering("GSSAPI NTLM"), "", private=private)
    assert outcome is not None
    assert outcome.text == "mx.example offers no way to log in that we may use (GSSAPI NTLM)"


@pytest.mark.parametrize(("reply", "status"), [("535 5.7.8 Wrong", "4.7.8"), ("454 4.7.0 Later", "4.7.0")])
def test_a_refused_login_makes_the_mail_wait(reply: str, status: str) -> None:
    plain = b64(chr(0) + "ann" + chr(0) + "secret")
    outcome = log_in_by(offering("PLAIN"), f"C: AUTH PLAIN {plain}\nS: {reply}")
    assert outcome is not None
    assert (outcome.status, outcome.text) == (status, f"mx.example said: {reply}")


@pytest.mark.parametrize(
    ("mechanism", "challenge", "text"),
    [
        ("CRAM-MD5", "not base64!", "mx.example sent a challenge that is no base64"),
        ("PLAIN", b64("more?"), "mx.example asks for more than the mechanism knows"),
    ],
)
def test_a_challenge_that_makes_no_sense_ends_it(mechanism: str, challenge: str, text: str) -> None:
    first = f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + 'secret')}" if mechanism == "PLAIN" else f"AUTH {mechanism}"
    outcome = log_in_by(offering(mechanism), f"C: {first}\nS: 334 {challenge}\nC: *\nS: 501 OK")
    assert outcome is not None
    assert outcome.text == text


def test_a_server_that_lets_everybody_in_is_not_believed() -> None:
    dialogue = offering("SCRAM-SHA-1")
    dialogue.begin(lambda: log_in(dialogue.session, ANN))
    dialogue.wire.clear()
    dialogue.play("S: 235 Welcome")
    with pytest.raises(Unusable, match="did not prove that it knows the password"):
        dialogue.result()
