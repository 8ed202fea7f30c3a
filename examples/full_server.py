"""example.org on one machine: receive, submit, send, keep and serve mail.

Check it with C{mailframe check examples/full_server.py} and run it with
C{twistd -n mailframe --config examples/full_server.py}.
"""

import os
from pathlib import Path

from mailframe import IMAP, MX, POP3, Route, Runner, Server, SQLite, Submission, ToMailbox, ToMX, over_tls

HERE = Path(os.environ.get("MAILFRAME_HOME", "/var/lib/mailframe"))

data = SQLite(HERE / "data")  # mail, accounts, aliases and the queue
runner = Runner(data, [Route("example.org", ToMailbox(data)), Route("*", ToMX())])  # no stranger reaches "*"

server = Server(
    "mx.example.org",
    certificates=HERE / "tls",  # NAME.pem, or certbot's folders; renewed ones are taken up without a restart
    run=[data, runner],
    listen=[
        ("tcp:25", MX(runner)),
        ("tcp:587", Submission(runner, users=data)),
        ("tcp:465", over_tls(Submission(runner, users=data))),
        ("tcp:993", over_tls(IMAP(data, users=data))),
        ("tcp:995", over_tls(POP3(data, users=data))),
    ],
)
