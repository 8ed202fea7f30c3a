"""A Dovecot of one's own that takes mail by LMTP: its state in one folder, on a loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.foreign.dns_servers import program
from tests.foreign.ports import wait_for

STOP_SECONDS = 30.0

_CONF = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 100
default_internal_user = dovecot
default_login_user = dovenull
mail_location = maildir:{root}/mail/%u
mail_plugins = quota
lmtp_rcpt_check_quota = no
quota_full_tempfail = {later}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/users
}}
userdb {{
  driver = passwd-file
  args = {root}/users
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""


class Dovecot:
    """
    Runs until L{stop}.

    @ivar root: the folder with all that is its own.
    """

    def __init__(
        self, root: Path, lmtp: int, auth: int, users: Mapping[str, str], quotas: Mapping[str, str], later: bool = False
    ) -> None:
        """
        @param root: a folder that is not there yet.
        @param lmtp: the port for mail.
        @param auth: the port where Postfix asks about passwords.
        @param users: addresses with their passwords.
        @param quotas: what some of them may keep, such as C{10K}.
        @param later: tell a client whose recipient is over quota to try again.
        """
        assert os.getuid() == 0, "Dovecot starts as root only"
        self.root = root
        for folder in ("run", "state", "mail"):
            (root / folder).mkdir(parents=True)
        nobody = pwd.getpwnam("nobody")
        shutil.chown(root / "mail", nobody.pw_uid, nobody.pw_gid)
        (root / "users").write_text("".join(_line(user, word, quotas.get(user)) for user, word in users.items()))
        conf = _CONF.format(
            root=root,
            uid=nobody.pw_uid,
            gid=nobody.pw_gid,
            lmtp=lmtp,
            auth=auth,
            later="yes" if later else "no",
        )
        (root / "dovecot.conf").write_text(conf)
        self._server = subprocess.Popen([program("dovecot"), "-F", "-c", root / "dovecot.conf"])
        wait_for([("127.0.0.1", lmtp), ("127.0.0.1", auth)])

    def stop(self) -> None:
        """End it."""
        self._server.terminate()
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()

    def mail(self, user: str) -> list[bytes]:
        """Return what a user has got by now."""
        return [file.read_bytes() for file in sorted((self.root / "mail" / user).glob("new/*"))]


def _line(user: str, password: str, quota: str | None) -> str:
    extra = "" if quota is None else f"userdb_quota_rule=*:storage={quota}"
    return f"{user}:{password}::::::{extra}\n"
