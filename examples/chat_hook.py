"""Post mail for one address to a chat room: a delivery in ten lines.

The function that posts is given, so the delivery can be tested without any network; treq's C{post} would do.
"""

from collections.abc import Awaitable, Callable

from mailframe import Delivered, Delivery, Failed, Outcome, Retry

Post = Callable[[str], Awaitable[int]]
"""Posts a line of text to the room and returns the HTTP status."""


def to_chat(post: Post) -> Callable[[Delivery], Awaitable[Outcome]]:
    """Return a delivery for C{Route("alerts@example.org", to_chat(post))}."""

    async def deliver(delivery: Delivery) -> Outcome:
        status = await post(f"{delivery.sender}: {delivery.message.subject}")
        if status == 404:
            return Failed("5.1.1", "The room is gone")
        return Delivered() if status < 300 else Retry("4.3.0", "Chat is down")

    return deliver
