"""What is known about the TLS of a connection, however it was started."""

from __future__ import annotations

from typing import Any

from attrs import frozen


@frozen
class TLSInfo:
    """
    The protection of one connection.

    @ivar version: such as C{TLSv1.3}.
    @ivar cipher: OpenSSL's name of the cipher suite.
    @ivar server_name: what the client asked for by SNI, or empty.
    """

    version: str
    cipher: str
    server_name: str = ""


def tls_info(transport: Any) -> TLSInfo | None:
    """
    Read off a transport how it is protected; C{None} for one in plain text.

    After STARTTLS the transport is still the TCP one, with implicit TLS it is the TLS protocol itself;
    both give the OpenSSL connection by C{getHandle}.
    """
    get_handle = getattr(transport, "getHandle", None)
    handle: Any = get_handle() if get_handle is not None else None
    if not hasattr(handle, "get_protocol_version_name"):
        return None
    name = handle.get_servername() or b""
    return TLSInfo(handle.get_protocol_version_name(), handle.get_cipher_name() or "", name.decode("ascii", "replace"))
