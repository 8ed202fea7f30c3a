"""A mail receiver in eight lines: every message that arrives becomes a call of an async function."""

from twisted.internet import reactor

from mailframe import MX, Delivered, Delivery, Outcome, Server


async def show(delivery: Delivery) -> Outcome:
    print(f"{delivery.sender} wrote to {delivery.recipients[0].address}: {delivery.message.subject}")
    return Delivered()


server = Server("localhost", listen=[("tcp:2525:interface=127.0.0.1", MX(show))])

if __name__ == "__main__":
    server.service(reactor).startService()
    reactor.run()
