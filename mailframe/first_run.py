"""The server without a configuration: everything on 127.0.0.1, a first account, and mail for anybody caught.

What it needs once, a certificate and the account, is made before twistd becomes a daemon or another user: so the
password can be shown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from twisted.python.util import runAsEffectiveUser

from mailframe.address import Address
from mailframe.config import OverTLS, Server, Service, over_tls
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Route
from mailframe.imap import IMAP
from mailframe.inline import inline_site, now
from mailframe.net.certificates import make_self_signed
from mailframe.passwords import make_up
from mailframe.pop3 import POP3
from mailframe.service import make_directory
from mailframe.smtp import LMTP, MX, Submission
from mailframe.sqlite import SQLite

HOSTNAME = "localhost"
ME = Address("me", HOSTNAME)
CERTIFICATES = "tls"
CERTIFICATE_NAMES = (HOSTNAME, "127.0.0.1", "::1")


def everything_local(directory: str, offset: int) -> Server:
    """
    Return the server.

    @param directory: where its data is.
    @param offset: added to each well-known port.
    """
    data = SQLite(directory)
    routes = [Route("*", ToMailbox(data, catch_all=ME))]
    submission = Submission(routes, users=data, default_domain=HOSTNAME, any_sender=True)
    imap = IMAP(data, users=data, default_domain=HOSTNAME)
    pop3 = POP3(data, users=data, default_domain=HOSTNAME)
    ports: list[tuple[int, Service | OverTLS]] = [
        (25, MX(routes)),
        (24, LMTP(routes)),
        (587, submission),
        (465, over_tls(submission)),
        (143, imap),
        (993, over_tls(imap)),
        (110, pop3),
        (995, over_tls(pop3)),
    ]
    return Server(
        HOSTNAME,
        certificates=os.path.join(directory, CERTIFICATES),
        run=[data],
        listen=[(f"tcp:{port + offset}:interface=127.0.0.1", service) for port, service in ports],
        nameservers=(),  # nothing leaves the machine
    )


def prepare(directory: str, offset: int, owner: tuple[int, int] | None) -> Sequence[str]:
    """
    Make what is not there yet: the directory, a certificate, the first account.

    @param owner: user and group id that all of it shall belong to; C{None} is who we are.
    @return: lines for the user, with the password in the one time that it is known.
    @raise mailframe.errors.MailError: the data cannot be opened.
    @raise OSError: a file cannot be made.
    """
    make_directory(directory, owner)
    uid, gid = owner or (os.geteuid(), os.getegid())
    password: str | None = runAsEffectiveUser(uid, gid, _fill, directory)
    return [] if password is None else _welcome(directory, password, offset)


def _fill(directory: str) -> str | None:
    """Make certificate and account; return the password if it is new."""
    tls = os.path.join(directory, CERTIFICATES)
    if not os.path.exists(tls):
        make_directory(tls, None)
        make_self_signed(os.path.join(tls, f"{HOSTNAME}.pem"), CERTIFICATE_NAMES, time.time())
    return _first_account(directory)


def _first_account(directory: str) -> str | None:
    """Make the account that catches everything; return its password, or C{None} if it was there."""
    data = SQLite(directory)
    now(data.start(inline_site(HOSTNAME)))
    try:
        if now(data.find(ME)) is not None:
            return None
        password = make_up()
        now(data.add_account(ME, password))
        return password
    finally:
        now(data.stop())


def _welcome(directory: str, password: str, offset: int) -> Sequence[str]:
    user = f"{ME}:{password}"
    return [
        f"mailframe keeps its data in {directory} and has made the account {ME},",
        f"  password: {password}",
        "which catches mail for every address that is not an account. Try:",
        f"  swaks --server 127.0.0.1:{offset + 25} --to anybody@example.org",
        f"  curl --user {user} imap://127.0.0.1:{offset + 143}/INBOX -X 'FETCH 1:* (FLAGS ENVELOPE)'",
        f"  curl --user {user} pop3://127.0.0.1:{offset + 110}/1",
        "Programs under test send to port "
        f"{offset + 25}, or with that account to {offset + 587} (STARTTLS) or {offset + 465} (TLS); "
        f"mail programs read at {offset + 993} (IMAP, TLS).",
    ]
