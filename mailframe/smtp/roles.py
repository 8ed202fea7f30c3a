"""What the three services on SMTP's ports share, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from mailframe.hooks import ConnectHook, HelloHook, MessageHook, RecipientHook, SenderHook
from mailframe.smtp.limits import DEFAULT, BareNewlines, Limits


def _hooks(_instance: object, attribute: object, hooks: Sequence[object]) -> None:
    for hook in hooks:
        if not callable(hook):
            raise TypeError(f"a hook is a function of its event, and {hook!r} is none")


@frozen(kw_only=True)
class Role:
    """
    Hooks, limits and policies of one service.

    @ivar bare_newlines: see L{BareNewlines}.
    @ivar any_sender: let authenticated users send as anybody.
    @ivar null_sender: let them send as nobody.
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
