"""Addresses that take no mail, and say so before it comes."""

from __future__ import annotations

from attrs import frozen
from zope.interface import implementer

from mailframe import status as codes
from mailframe.address import Address
from mailframe.hooks import Delivery, Failed, Outcome, Reject, Verdict
from mailframe.interfaces import IRecipientCheck


@implementer(IRecipientCheck)
@frozen
class ToNobody:
    """
    A delivery target for addresses that must not be: C{Route("old@example.org", ToNobody("5.1.6", "Ann has moved"))}.

    @ivar status: a 5.x.x code of RFC 3463.
    @ivar text: one line for the sender's eyes.
    """

    status: str = codes.BAD_MAILBOX
    text: str = "No such user here"

    def __attrs_post_init__(self) -> None:
        Failed(self.status, self.text)  # refuses what is none

    async def check(self, recipient: Address) -> Verdict | None:
        """Refuse a recipient."""
        return Reject(self.status, self.text)

    def __call__(self, delivery: Delivery) -> Outcome:
        """Refuse mail that has come in another way."""
        return Failed(self.status, self.text)
