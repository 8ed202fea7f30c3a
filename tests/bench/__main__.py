"""C{python -m tests.bench [NAME...]}: measure mailframe beside Postfix and Dovecot and print the table.

Needs Debian's postfix and dovecot-imapd (not running) and root, since both start daemons under users of their own.
"""

from __future__ import annotations

import os
import platform
import sys
from datetime import date

from tests.bench import imap, memory, queue, relay, smtp
from tests.bench.report import table

SUITES = {"smtp": smtp.run, "imap": imap.run, "memory": memory.run, "relay": relay.run, "queue": queue.run}


def main(names: list[str]) -> None:
    """Run the named suites, or all."""
    unknown = set(names) - set(SUITES)
    if unknown:
        raise SystemExit(f"no suite {', '.join(sorted(unknown))}: there are {', '.join(SUITES)}")
    rows = [row for name in names or SUITES for row in SUITES[name]()]
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.platform()}, CPython {platform.python_version()}\n")
    print(table(rows))
    missed = [row.what for row in rows if row.ratio < row.wanted]
    if missed:
        raise SystemExit(f"\nbelow what is wanted: {'; '.join(missed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
