"""The tables, and the steps from each version of them to the next."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from mailframe.errors import NewerSchema
from mailframe.journal import tables as journal
from mailframe.journal.upgrade import into_blocks
from mailframe.queue import tables as queue
from mailframe.sqlite import answered, tls

_MAIL = """
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- name is the address in the one form in which it is looked up; address as it was given.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    password TEXT
) STRICT;
CREATE TABLE alias (name TEXT PRIMARY KEY, address TEXT NOT NULL, targets TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- An id is never given out twice: models of deleted mailboxes must not meet a new one.
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    selectable INTEGER NOT NULL DEFAULT 1,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL DEFAULT 1,
    modseq INTEGER NOT NULL DEFAULT 1,
    messages INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0,
    recent INTEGER NOT NULL DEFAULT 1,
    UNIQUE (account, name)
) STRICT;
CREATE TABLE subscription (
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- One row for a message, however many mailboxes hold it (refs); what IMAP sends of it is computed once.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    refs INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sent INTEGER,
    subject TEXT NOT NULL,
    base_subject TEXT NOT NULL,
    from_key TEXT NOT NULL,
    to_key TEXT NOT NULL,
    cc_key TEXT NOT NULL,
    message_id BLOB,
    reference_ids BLOB NOT NULL,
    outline BLOB NOT NULL,
    envelope BLOB NOT NULL,
    bodystructure BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
-- Apart from message, so that reading a thousand envelopes reads no mail. body is null where file names one.
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    head BLOB NOT NULL,
    body BLOB,
    file TEXT
) STRICT;
CREATE TABLE item (
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    message INTEGER NOT NULL,
    flags TEXT NOT NULL,
    internal_date INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_modseq ON item (mailbox, modseq);
CREATE TABLE expunged (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
) STRICT, WITHOUT ROWID;
"""

_FLAG_CHANGES = """
DROP INDEX item_modseq;
-- UIDs between which some have other flags since then.
CREATE TABLE flag_change (
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, first)
) STRICT, WITHOUT ROWID;
-- Of what changed before, nobody knows any longer where it was: it may have been anywhere.
INSERT INTO flag_change SELECT id, modseq, 1, uidnext FROM mailbox;
"""

STEPS: tuple[str | Callable[[apsw.Connection], None], ...] = (
    _MAIL + queue.FIRST,
    queue.FLOWS,
    tls.TABLES,
    queue.BY_HAND,
    journal.FIRST,
    answered.TABLE,
    queue.SUPPRESSIONS,
    _FLAG_CHANGES,
    into_blocks,
)
"""Step n leads from version n to version n+1, as SQL or a function; a step that was released is never changed."""

VERSION = len(STEPS)


def prepare(connection: apsw.Connection) -> None:
    """
    Bring the tables up to date, in one transaction.

    @raise NewerSchema: they are of a newer mailframe.
    """
    found = connection.pragma("user_version")
    if found > VERSION:
        raise NewerSchema(
            f"The data has version {found}, and this mailframe knows only up to {VERSION}: install a newer mailframe"
        )
    if found < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in STEPS[found:]:
                _take(step, connection)
            connection.pragma("user_version", VERSION)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk may have ended it already
                connection.execute("ROLLBACK")
            raise


def _take(step: str | Callable[[apsw.Connection], None], connection: apsw.Connection) -> None:
    if isinstance(step, str):
        connection.execute(step)
    else:
        step(connection)
