"""Who may send as whom (RFC 6409 section 6.1): users send as themselves, by all the names they have here."""

from __future__ import annotations

from twisted.logger import Logger

from mailframe import status as codes
from mailframe.address import Address
from mailframe.errors import MailError
from mailframe.hooks import HOOK_SECONDS
from mailframe.interfaces import AccountEntry, AliasEntry, Identity, IDirectory
from mailframe.smtp import replies
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session
from mailframe.waiting import in_time

_log = Logger()


async def check_sender(session: Session, sender: Address | None) -> None:
    """
    Refuse a sender that is not the user's.

    @param sender: C{None} is the null sender, which belongs to nobody. Programs need it for receipts (RFC 8098 3).
    @raise Refused: the user must not send as this.
    """
    identity, role = session.client.identity, session.role
    if identity is None or role.any_sender:
        return
    if sender is None:
        if not role.null_sender:
            raise Refused(reply(550, codes.POLICY, "The null sender is not yours"))
    elif not owns(identity, sender) and not await _leads_to(session, identity, sender):
        raise Refused(reply(553, codes.POLICY, "This sender address is not yours"))


def owns(identity: Identity, address: Address) -> bool:
    """Whether an address is one of an account's own ones, with any subaddress."""
    base = Address(address.local.partition("+")[0].lower() or address.local.lower(), address.domain)
    if identity.addresses is None:
        return identity.account.lower() in (str(base), str(address).lower())
    mine = {(each.local.lower(), each.domain) for each in identity.addresses}
    return (base.local, base.domain) in mine or (address.local.lower(), address.domain) in mine


async def _leads_to(session: Session, identity: Identity, address: Address) -> bool:
    """Whether the directory, where the users are one, says that an address is the account's, or an alias for it."""
    directory = None if session.login is None else session.login.users
    if not IDirectory.providedBy(directory):
        return False
    try:
        entry = await in_time(directory.find, address, session.site.clock, HOOK_SECONDS)
    except MailError:
        raise Refused(replies.FAULT) from None
    except Exception:
        _log.failure("{session} the sender cannot be looked up", session=session.client.session)
        raise Refused(replies.FAULT) from None
    if isinstance(entry, AliasEntry):
        return any(owns(identity, target) for target in entry.targets)
    return isinstance(entry, AccountEntry) and entry.account == identity.account
