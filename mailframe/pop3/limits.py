"""Every bound on what a POP3 client may do, with its name and its default."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limits:
    """
    @ivar line: octets of a command line with its CRLF (RFC 2449 section 4).
    @ivar bad_commands: commands answered with an error in a row before the connection ends.
    @ivar login_seconds: until somebody has logged in.
    @ivar autologout_seconds: of silence; messages marked deleted then stay (RFC 1939 section 3).
    @ivar drain_seconds: until a client has read what it asked for.
    """

    line: int = 255
    bad_commands: int = 20
    login_seconds: float = 180.0
    autologout_seconds: float = 600.0
    drain_seconds: float = 300.0


DEFAULT = Limits()
