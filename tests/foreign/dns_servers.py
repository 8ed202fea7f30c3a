"""A zone signed by Knot DNS, and an Unbound that validates what it asks it: real DNSSEC on loopback ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Timer

START_SECONDS = 30.0
STOP_SECONDS = 30.0

SIGNED, BOGUS, PLAIN = "example.test", "bogus.test", "plain.test"
"""A zone that is well, one whose keys are not those that its parent vouches for, and one without signatures."""

_ZONE = """$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
{records}
"""

_KNOT = """server:
    rundir: "{home}"
    pidfile: "{home}/knot.pid"
    listen: 127.0.0.1@{port}
database:
    storage: "{home}/keys"
    journal-db-max-size: 16M
log:
  - target: stdout
    any: info
policy:
  - id: signed
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: "{home}"
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
zone:
  - domain: example.test
    dnssec-signing: on
    dnssec-policy: signed
  - domain: bogus.test
    dnssec-signing: on
    dnssec-policy: signed
  - domain: plain.test
"""

_UNBOUND = """server:
    interface: 127.0.0.1
    port: {port}
    do-daemonize: no
    use-syslog: no
    logfile: ""
    verbosity: 1
    chroot: ""
    username: ""
    directory: "{home}"
    pidfile: "{home}/unbound.pid"
    num-threads: 1
    module-config: "validator iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
    {anchors}
remote-control:
    control-enable: no
{stubs}
"""

_STUB = """stub-zone:
    name: "{zone}"
    stub-addr: 127.0.0.1@{port}
    stub-first: no
"""


class DNSServers:
    """
    Both servers, until L{stop}.

    @ivar port: where Unbound answers, on 127.0.0.1.
    """

    def __init__(self, home: Path, records: str) -> None:
        """
        @param home: an empty folder.
        @param records: what stands in each of the zones, beside SOA and NS.
        """
        self.home = home
        self._running: list[subprocess.Popen[str]] = []
        for zone in (SIGNED, BOGUS, PLAIN):
            (home / f"{zone}.zone").write_text(_ZONE.format(records=records))
        authority, self.port = _free_ports(2)
        try:
            self._start_knot(authority)
            self._start_unbound(authority)
        except BaseException:
            self.stop()
            raise

    def _start_knot(self, port: int) -> None:
        (self.home / "keys").mkdir()
        self._config("knot.conf", _KNOT.format(home=self.home, port=port))
        self._start("server started", "knotd", "-c", "knot.conf")

    def _start_unbound(self, authority: int) -> None:
        ds = subprocess.run(
            [program("keymgr"), "-c", "knot.conf", SIGNED, "ds"],
            cwd=self.home,
            capture_output=True,
            text=True,
            check=True,
            timeout=START_SECONDS,
        ).stdout.splitlines()[0]
        anchors = [f'trust-anchor: "{zone}. {ds.partition(" ")[2]}"' for zone in (SIGNED, BOGUS)]
        stubs = "".join(_STUB.format(zone=zone, port=authority) for zone in (SIGNED, BOGUS, PLAIN))
        text = _UNBOUND.format(home=self.home, port=self.port, anchors="\n    ".join(anchors), stubs=stubs)
        self._config("unbound.conf", text)
        self._start("start of service", "unbound", "-d", "-c", "unbound.conf")

    def _config(self, name: str, text: str) -> None:
        (self.home / name).write_text(text)

    def _start(self, ready: str, name: str, *arguments: str) -> None:
        """Start a server and wait for the line that says it is ready."""
        server = subprocess.Popen(
            [program(name), *arguments],
            cwd=self.home,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._running.append(server)
        late = Timer(START_SECONDS, server.kill)
        late.start()
        try:
            lines = list(_up_to(ready, server))
        finally:
            late.cancel()
        assert any(ready in line for line in lines), f"{name} does not start:\n{''.join(lines)}"

    def stop(self) -> None:
        """End both."""
        for server in reversed(self._running):
            server.terminate()
            try:
                server.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.communicate()


def _up_to(words: str, server: subprocess.Popen[str]) -> Iterator[str]:
    """Yield the lines that a server prints, up to the one with these words."""
    assert server.stdout is not None
    for line in server.stdout:
        yield line
        if words in line:
            return


def program(name: str) -> str:
    """Return the path of a program that must be installed."""
    found = shutil.which(name, path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
    assert found, f"{name} is not installed: it must be, or nothing is shown"
    return found


def _free_ports(count: int) -> Sequence[int]:
    """Return ports that nobody uses at this moment, by UDP or TCP."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found
