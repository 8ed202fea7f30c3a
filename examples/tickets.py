"""Mail for support@ becomes a ticket: a program gets it, and says by its exit status what came of it (sysexits.h).

It is run from the queue: while it is broken, or the machine behind it is down, mail waits and is tried again.
"""

import os

from mailframe import MX, Route, Runner, Server, SQLite, ToCommand, ToMX

data = SQLite(os.environ.get("MAILFRAME_HOME", "/var/lib/mailframe"))
new_ticket = ToCommand(
    ["/usr/local/bin/new-ticket", "--queue", "support", "--", "{sender}"],  # no shell; addresses stand behind "--"
    environment={"TICKET_SERVER": "http://127.0.0.1:8080"},
    seconds=30,
)
# Reports to senders leave by the second route, which strangers do not reach.
runner = Runner(data, [Route("support@example.org", new_ticket), Route("*", ToMX())])
server = Server("mx.example.org", run=[data, runner], listen=[("tcp:25", MX(runner))])
