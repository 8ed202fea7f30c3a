"""A message on its way to a server without 8BITMIME: made 7bit as it is sent, so a big one is never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from mailframe.message import sevenbit
from mailframe.spool import FileBody, Message


@frozen(eq=False)
class SevenBit:
    """
    A big message, converted anew each time it is asked for.

    @ivar long_lines: convert parts with lines that are too long, too.
    """

    message: Message
    long_lines: bool

    def chunks(self) -> Iterator[bytes]:
        """Yield the octets."""
        with self.message.mapped() as body:
            yield from sevenbit.converted(self.message.head, body, long_lines=self.long_lines)


def seven_bit(message: Message, binary: bool) -> Message | SevenBit:
    """
    Return a message as 7bit; itself, if it is that already.

    @param binary: its lines may be too long as well.
    @raise mailframe.message.sevenbit.Unconvertible: it cannot be made so.
    """
    with message.mapped() as body:
        if not (binary or sevenbit.needs_conversion(message.head, body)):
            return message
        pieces = sevenbit.converted(message.head, body, long_lines=binary)  # what cannot be done is told here
        if isinstance(message.body, FileBody):
            return SevenBit(message, binary)
        return Message.from_bytes(b"".join(pieces))
