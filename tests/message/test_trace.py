"""The trace fields put in front of a message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailframe.message import headers, trace

WHEN = datetime(2026, 11, 23, 19, 40, 0, tzinfo=UTC)


def received(
    helo: bytes = b"client.test",
    peer_name: bytes | None = b"host.client.test",
    address: bytes = b"[192.0.2.1]",
    for_: bytes | None = b"me@example.org",
    tls: str | None = None,
) -> bytes:
    origin = trace.origin(helo, peer_name, address, b"mx.example.org", b"ESMTPS", tls)
    return trace.received(origin, b"4Xyz", for_, WHEN.timestamp())


def test_a_received_field_as_rfc_5321_has_it() -> None:
    assert received() == (
        b"Received: from client.test (host.client.test [192.0.2.1])\r\n"
        b"\tby mx.example.org with ESMTPS id 4Xyz\r\n"
        b"\tfor <me@example.org>; Mon, 23 Nov 2026 19:40:00 +0000\r\n"
    )


def test_what_is_not_known_is_left_out() -> None:
    assert received(peer_name=None, for_=None) == (
        b"Received: from client.test ([192.0.2.1])\r\n"
        b"\tby mx.example.org with ESMTPS id 4Xyz;\r\n"
        b"\tMon, 23 Nov 2026 19:40:00 +0000\r\n"
    )
    assert received(helo=b"").startswith(b"Received: from unknown (")


def test_the_cipher_is_a_comment() -> None:
    assert b"with ESMTPS\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384) id 4Xyz\r\n" in received(
        tls="TLSv1.3 TLS_AES_256_GCM_SHA384"
    )
    assert b"(a? b?c)" in received(tls="a)\r\n(\\\0 b\u20acc")


@pytest.mark.parametrize("evil", [b"x\r\nBcc: you@example.com", b"x\ny", b"x\0y", b"x y", b"x\x7fy\t", b"\r\n"])
def test_no_value_can_begin_another_field(evil: bytes) -> None:
    field = received(evil, evil, evil, evil, evil.decode())
    (only,) = headers.fields(field + b"\r\n")
    assert only.raw == field
    assert all(line.startswith(b"\t") for line in field.split(b"\r\n")[1:-1])
    assert b"\0" not in field
    assert headers.fields(trace.return_path(evil))[0].raw == trace.return_path(evil)


def test_no_line_is_longer_than_mail_may_have() -> None:
    field = received(b"h" * 5000, b"p" * 5000, b"a" * 5000, b"f" * 5000, "t" * 5000)
    assert len(field) < 6_000
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))


def test_the_return_path() -> None:
    assert trace.return_path(b"me@example.org") == b"Return-Path: <me@example.org>\r\n"
    assert trace.return_path(b"") == b"Return-Path: <>\r\n"


def test_hops_are_counted_by_received_fields_alone() -> None:
    assert trace.hops(b"Received: a\r\nX-Received: b\r\nRECEIVED: c\r\n Received: d\r\n\r\nReceived: e\r\n") == 3
    assert trace.hops(b"Received: a\r\n" * 50 + b"\r\n") == 50
    assert trace.hops(b"") == 0


def test_a_message_goes_in_circles_when_it_made_more_hops_than_the_limit() -> None:
    assert trace.goes_in_circles(b"received: a\r\n" * 3 + b"\r\n", 2)
    assert not trace.goes_in_circles(b"received: a\r\n" * 2 + b"\r\n", 2)
    assert not trace.goes_in_circles(b"Subject: received received received\r\n\r\n", 2)
