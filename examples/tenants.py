"""Each tenant's mail leaves by a smarthost of the tenant's own, with its credentials; everybody else's by the DNS."""

import os

from mailframe import Credentials, Delivery, Route, Runner, Server, SQLite, Submission, ToChosen, ToMX, ToSmarthost

data, direct = SQLite(os.environ.get("MAILFRAME_HOME", "/var/lib/mailframe")), ToMX()
smarthosts = {
    "red.example": ToSmarthost("smtp.red.example", credentials=Credentials("mx", os.environ.get("RED_PASSWORD", ""))),
    "blue.example": ToSmarthost("relay.blue.example:2525"),
}


async def by_tenant(delivery: Delivery) -> ToMX | ToSmarthost:  # who logged in decides, not what the message says
    return smarthosts.get((delivery.account or "").rpartition("@")[2], direct)


runner = Runner(data, [Route("*", ToChosen(by_tenant))])
listen = [("tcp:587", Submission(runner, users=data))]
server = Server("mx.example.org", certificates="/etc/mailframe/tls", run=[data, runner], listen=listen)
