"""REQUIRETLS (RFC 8689): a wish that is only taken where TLS has kept it so far."""

from __future__ import annotations

from typing import Any

from mailframe.hooks import Delivered
from mailframe.testing.transcript import Transcript
from tests.smtp.world import World


def protected(world: World, **options: Any) -> Transcript:
    """Return a client that has begun TLS and said hello again."""
    player = world.greeted(world.mx(tls=object(), **options))
    player.play("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS")
    return player


def test_it_is_offered_once_tls_is_on() -> None:
    protected(World()).play("""
        C: EHLO x
        S: 250-mx.example.org greets x
        S: 250-PIPELINING
        S: 250-SIZE 52428800
        S: 250-8BITMIME
        S: 250-BINARYMIME
        S: 250-CHUNKING
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250 REQUIRETLS
        C: MAIL FROM:<eve@example.net> REQUIRETLS=yes
        S: 501 5.5.4 REQUIRETLS has no value
        C: MAIL FROM:<eve@example.net> REQUIRETLS
        S: 250 2.1.0 Sender OK
    """)


def test_the_wish_comes_with_the_delivery_and_holds_for_one_message() -> None:
    seen: list[bool] = []

    def target(delivery: Any) -> Delivered:
        seen.append(delivery.envelope.require_tls)
        return Delivered()

    world = World()
    player = protected(world, routes=target)
    player.play("C: HELO x\nS: 250 mx.example.org greets x")
    for parameter in (" REQUIRETLS", ""):
        player.play(f"""
            C: MAIL FROM:<eve@example.net>{parameter}
            S: 250 2.1.0 Sender OK
            C: RCPT TO:<ann@example.org>
            S: 250 2.1.5 Recipient OK
            C: DATA
            S: 354 ...
            C: .
            S: 250 2.0.0 OK, stored as ...
        """)
    assert seen == [True, False]


def test_without_tls_it_is_refused() -> None:
    world = World()
    world.greeted(world.mx(tls=object())).play("""
        C: MAIL FROM:<eve@example.net> REQUIRETLS
        S: 530 5.7.10 REQUIRETLS needs TLS: send STARTTLS first
        C: RCPT TO:<ann@example.org>
        S: 503 5.5.1 MAIL comes first
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
    """)
