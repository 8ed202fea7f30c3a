"""A Postfix of one's own: its state in one folder, on loopback ports, ended with the processes that it started."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.foreign.dns_servers import program
from tests.foreign.ports import wait_for
from tests.mailauth.pki import Issued

_MAIN = """\
compatibility_level = 3.6
config_directory = {etc}
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mydestination =
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
maillog_file = {root}/maillog
maillog_file_prefixes = {root}
smtpd_tls_chain_files = {root}/chain.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_security_level = may
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtputf8_enable = yes
message_size_limit = 20000000
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = texthash:{root}/users
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
virtual_transport = virtual
{more}
"""

_MASTER = """\
{listening}
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
lmtp      unix - - n - - lmtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

OLD = "-o smtputf8_enable=no -o smtpd_discard_ehlo_keywords=8bitmime,chunking,dsn,pipelining,smtputf8"
"""Options of a listener that knows of nothing but plain SMTP."""


class Postfix:
    """
    Runs until L{stop}. Everything that it takes for its users is in one Maildir.

    @ivar root: the folder with all that is its own.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        certificate: Sequence[Issued],
        listen: Sequence[str],
        users: Sequence[str],
        more: str = "",
    ) -> None:
        """
        @param root: a folder that is not there yet.
        @param certificate: its own with the key, and those that lead to its root.
        @param listen: addresses with ports, each with options for its smtpd after a blank.
        @param users: addresses whose mail it takes.
        @param more: further lines of main.cf.
        """
        assert os.getuid() == 0, "Postfix starts as root only"
        self.root, self._etc = root, root / "etc"
        for folder in ("etc", "data", "spool", "mail"):
            (root / folder).mkdir(parents=True)
        nobody = pwd.getpwnam("nobody")
        shutil.chown(root / "data", "postfix")
        shutil.chown(root / "mail", nobody.pw_uid, nobody.pw_gid)
        (root / "chain.pem").write_bytes(
            b"".join([certificate[0].pem_with_key, *(each.pem for each in certificate[1:])])
        )
        (root / "users").write_text("".join(f"{user} all/\n" for user in users))
        domains = sorted({user.partition("@")[2] for user in users})
        main = _MAIN.format(
            root=root,
            etc=self._etc,
            name=name,
            domains=", ".join(domains),
            uid=nobody.pw_uid,
            gid=nobody.pw_gid,
            more=more,
        )
        (self._etc / "main.cf").write_text(main)
        listening = [
            f"{where} inet n - n - - smtpd {how}" for where, _, how in (each.partition(" ") for each in listen)
        ]
        (self._etc / "master.cf").write_text(_MASTER.format(listening="\n".join(listening)))
        self._run("start")
        where = [each.partition(" ")[0].rpartition(":") for each in listen]
        wait_for([(address, int(port)) for address, _colon, port in where])

    def _run(self, command: str) -> None:
        done = subprocess.run(
            [program("postfix"), "-c", self._etc, command], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"postfix {command}: {done.stdout}{done.stderr}{self.log()}"

    def stop(self) -> None:
        """End it: its master process by its number, which ends the others."""
        self._run("stop")

    def log(self) -> str:
        """Return what it has logged by now."""
        log = self.root / "maillog"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def mail(self, id: str) -> bytes | None:
        """Return the message of this Message-ID, or a report about it, once it has come for one of its users."""
        return next(iter(self.containing(f"Message-ID: <{id}>\n".encode())), None)

    def containing(self, octets: bytes) -> list[bytes]:
        """Return the messages for its users in which these octets stand."""
        files = (self.root / "mail" / "all").glob("new/*")
        return [data for data in (file.read_bytes() for file in files) if octets in data]
