"""A maildrop: the inbox as it was at login, with numbers that stay (RFC 1939 section 4)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from mailframe.interfaces import Fact, IMailbox


@define(eq=False)
class Maildrop:
    """
    @ivar uids: of the messages, in the order of their numbers.
    @ivar sizes: octets of each.
    @ivar deleted: numbers marked by DELE.
    """

    mailbox: IMailbox
    uidvalidity: int
    uids: Sequence[int]
    sizes: Sequence[int]
    deleted: set[int] = field(factory=set)

    @classmethod
    async def of(cls, mailbox: IMailbox) -> Maildrop:
        """Look at an inbox."""
        everything = await mailbox.entries()
        facts = await mailbox.facts(everything.entries.uids, [Fact.SIZE])
        return cls(mailbox, everything.state.uidvalidity, [uid for uid, _size in facts], [size for _uid, size in facts])

    def there(self) -> list[int]:
        """Return the numbers of the messages that are not marked deleted."""
        return [number for number in range(1, len(self.uids) + 1) if number not in self.deleted]

    def __contains__(self, number: int) -> bool:
        return 1 <= number <= len(self.uids) and number not in self.deleted

    def size(self, number: int) -> int:
        """Return a message's octets."""
        return self.sizes[number - 1]

    def unique_id(self, number: int) -> bytes:
        """Return what names a message for ever (RFC 1939 section 7, UIDL)."""
        return b"%d.%d" % (self.uidvalidity, self.uids[number - 1])

    async def remove_deleted(self) -> None:
        """Remove what is marked; durable when this returns."""
        uids = [self.uids[number - 1] for number in sorted(self.deleted)]
        if uids:
            await self.mailbox.expunge(uids, only_deleted=False)


@define(eq=False)
class Stuffing:
    """
    Makes a multi-line response of pieces of a message: dots are stuffed at every edge (RFC 1939 section 3).
    """

    _last: bytes = b"\r\n"

    def piece(self, data: bytes) -> bytes:
        """Return a piece as it is sent."""
        if not data:
            return data
        stuffed = (self._last + data).replace(b"\r\n.", b"\r\n..")[len(self._last) :]
        # A dot may be stuffed again where a piece begins with one: what went before says whether a line begins here.
        self._last = (self._last + data)[-2:]
        return stuffed

    def end(self) -> bytes:
        """Return what ends the response; a message without a final line end gets one."""
        return b".\r\n" if self._last == b"\r\n" else b"\r\n.\r\n"
