"""TLS as a client: what is sent, what is shown, and what a login can be bound to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from OpenSSL import SSL, crypto

from mailframe.net.client_tls import ClientTLS, channel_binding, peer_chain
from mailframe.testing import tls


@frozen
class Transport:
    """Gives the OpenSSL side of a connection, as Twisted's do."""

    handle: Any

    def getHandle(self) -> Any:
        return self.handle


def shake_hands(client: SSL.Connection, server: SSL.Connection) -> None:
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(65536))
            except SSL.WantReadError:
                pass


def connected(name: str = "mx.example.org", version: int = SSL.TLS1_3_VERSION, **how: Any) -> tuple[Any, Any]:
    """Return both ends of a connection."""
    certificate = tls.certificate()
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_max_proto_version(version)
    context.use_certificate(certificate.original)
    context.use_privatekey(certificate.privateKey.original)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    server = SSL.Connection(context, None)
    client = ClientTLS().to(name, **how).clientConnectionForTLS(None)
    shake_hands(client, server)
    return client, server


def test_the_name_is_asked_for_and_an_address_is_not() -> None:
    assert connected()[1].get_servername() == b"mx.example.org"
    assert connected("192.0.2.1")[1].get_servername() is None
    assert connected("")[1].get_servername() is None


def test_the_certificates_of_the_server_are_seen() -> None:
    client, _server = connected()
    [certificate] = peer_chain(Transport(client))
    assert certificate == tls.certificate().original.to_cryptography()
    assert peer_chain(Transport(None)) == ()
    assert peer_chain(object()) == ()


def test_a_login_can_be_bound_to_what_both_sides_know() -> None:
    client, server = connected()
    binding = channel_binding(Transport(client))
    assert binding is not None
    assert binding.name == "tls-exporter"
    assert binding.data == server.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    assert len(binding.data) == 32
    client, server = connected(version=SSL.TLS1_2_VERSION)
    binding = channel_binding(Transport(client))
    assert binding is not None
    assert (binding.name, binding.data) == ("tls-unique", server.get_peer_finished())
    assert channel_binding(Transport(None)) is None
    assert channel_binding(object()) is None


def test_our_certificate_is_shown_where_there_is_one(tmp_path: Path) -> None:
    ours = tls.certificate()
    file = tmp_path / "client.pem"
    file.write_bytes(ours.dumpPEM())
    assert connected(certificate=str(file))[1].get_peer_certificate() is not None
    assert connected()[1].get_peer_certificate() is None


def test_a_file_that_holds_no_certificate_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    with pytest.raises(ValueError, match="is no PEM file with a key and its certificate"):
        ClientTLS().to("mx", str(file))
    file.write_bytes(crypto.dump_certificate(crypto.FILETYPE_PEM, tls.certificate().original))
    with pytest.raises(ValueError, match="is no PEM file with a key and its certificate"):
        ClientTLS().to("mx", str(file))
