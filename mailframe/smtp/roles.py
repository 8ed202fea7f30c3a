"""What the three services on SMTP's ports share, and how they differ."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from attrs import field, frozen

from mailframe.hooks import ConnectHook, HelloHook, MessageHook, RecipientHook, SenderHook
from mailframe.smtp.limits import DEFAULT, BareNewlines, Limits

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


def _hooks(_instance: object, attribute: object, hooks: Sequence[object]) -> None:
    for hook in hooks:
        if not callable(hook):
            raise TypeError(f"a hook is a function of its event, and {hook!r} is none")


def _within(address: str, networks: Sequence[Network]) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return any(plain in network for network in networks)


@frozen(kw_only=True)
class Role:
    """
    Hooks, limits and policies of one service.

    @ivar bare_newlines: see L{BareNewlines}.
    @ivar any_sender: let authenticated users send as anybody.
    @ivar null_sender: let them send as nobody.
    @ivar relay_from: networks whose clients may send to other servers without a login.
    """

    keyword: ClassVar[str] = ""
    """Names the service in log events and for hooks."""
    protocol: ClassVar[str] = "ESMTP"
    """In the greeting."""
    is_lmtp: ClassVar[bool] = False
    """LHLO, and an answer for each recipient (RFC 2033)."""
    needs_login: ClassVar[bool] = False
    """No mail without AUTH (RFC 6409 4.3)."""

    at_connect: tuple[ConnectHook, ...] = field(default=(), validator=_hooks)
    at_hello: tuple[HelloHook, ...] = field(default=(), validator=_hooks)
    at_sender: tuple[SenderHook, ...] = field(default=(), validator=_hooks)
    at_recipient: tuple[RecipientHook, ...] = field(default=(), validator=_hooks)
    at_message: tuple[MessageHook, ...] = field(default=(), validator=_hooks)
    limits: Limits = DEFAULT
    bare_newlines: BareNewlines = BareNewlines.REJECT
    any_sender: bool = False
    null_sender: bool = True
    relay_from: Sequence[Network] = ()

    def is_trusted(self, address: str) -> bool:
        """
        Whether a client may send to other servers without a login.

        @param address: its IP address; empty for a UNIX socket.
        """
        return bool(self.relay_from) and bool(address) and _within(address, self.relay_from)


class MXRole(Role):
    """Mail from other servers."""

    keyword: ClassVar[str] = "mx"


class SubmissionRole(Role):
    """Mail from our users (RFC 6409)."""

    keyword: ClassVar[str] = "submission"
    needs_login: ClassVar[bool] = True


class LMTPRole(Role):
    """Mail from another MTA of this site."""

    keyword: ClassVar[str] = "lmtp"
    protocol: ClassVar[str] = "LMTP"
    is_lmtp: ClassVar[bool] = True

    def is_trusted(self, address: str) -> bool:
        """Whoever can reach it is."""
        return True
