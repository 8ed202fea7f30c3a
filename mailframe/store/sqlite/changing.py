"""The transactions that change which messages a mailbox holds; they are given the writing connection."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe import flagsets
from mailframe.errors import NoSuchMailbox
from mailframe.interfaces import DELETED, SEEN, Copied
from mailframe.sqlite.database import Writer
from mailframe.store.sqlite.forgetting import remember
from mailframe.store.sqlite.inserting import release
from mailframe.store.sqlite.spans import rows_of

_IN_RANGE = (
    "SELECT uid, flags, modseq, message, internal_date FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid"
)
_NEXT_MODSEQ = "UPDATE mailbox SET modseq = modseq + 1 WHERE id = ? AND selectable RETURNING modseq"


def next_modseq(connection: Writer, mailbox: int) -> int:
    """
    Count a change, and return its mod-sequence.

    @raise mailframe.errors.NoSuchMailbox: the mailbox is gone.
    """
    for (modseq,) in connection.execute(_NEXT_MODSEQ, (mailbox,)):
        return int(modseq)
    raise NoSuchMailbox("The mailbox is gone")


def expunge(connection: Writer, mailbox: int, uids: Sequence[int], only_deleted: bool) -> tuple[list[int], list[str]]:
    """Remove messages; return their UIDs, and the files to be removed."""
    rows = [
        row
        for row in rows_of(connection, _IN_RANGE, mailbox, uids)
        if not only_deleted or DELETED in flagsets.parsed(row[1])
    ]
    if not rows:
        return [], []
    modseq = next_modseq(connection, mailbox)
    unseen = sum(SEEN not in flagsets.parsed(row[1]) for row in rows)
    connection.execute(
        "UPDATE mailbox SET messages = messages - ?, unseen = unseen - ? WHERE id = ?", (len(rows), unseen, mailbox)
    )
    gone = [row[0] for row in rows]
    _delete(connection, mailbox, gone)
    remember(connection, mailbox, modseq, gone)
    return gone, release(connection, [row[3] for row in rows])


def _delete(connection: Writer, mailbox: int, uids: Sequence[int]) -> None:
    between = mailbox, uids[0], uids[-1]
    [(count,)] = connection.execute("SELECT count(*) FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ?", between)
    if count == len(uids):
        connection.execute("DELETE FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ?", between)
    else:
        connection.executemany("DELETE FROM item WHERE mailbox = ? AND uid = ?", [(mailbox, uid) for uid in uids])


def copy(connection: Writer, mailbox: int, uids: Sequence[int], target: int) -> Copied:
    """Copy messages; the stored messages are shared."""
    rows = rows_of(connection, _IN_RANGE, mailbox, uids)
    unseen = sum(SEEN not in flagsets.parsed(row[1]) for row in rows)
    counted = connection.execute(
        "UPDATE mailbox SET uidnext = uidnext + ?1, modseq = modseq + 1, messages = messages + ?1, "
        "unseen = unseen + ?2 WHERE id = ?3 AND selectable RETURNING uidvalidity, uidnext - ?1, modseq",
        (len(rows), unseen, target),
    ).fetchall()
    if not counted:
        raise NoSuchMailbox("The target mailbox is gone")
    uidvalidity, first, modseq = counted[0]
    connection.executemany(
        "INSERT INTO item (mailbox, uid, message, flags, internal_date, modseq) VALUES (?, ?, ?, ?, ?, ?)",
        [(target, first + at, row[3], row[1], row[4], modseq) for at, row in enumerate(rows)],
    )
    connection.executemany("UPDATE message SET refs = refs + 1 WHERE id = ?", [(row[3],) for row in rows])
    return Copied(uidvalidity, [row[0] for row in rows], range(first, first + len(rows)))


def move(connection: Writer, mailbox: int, uids: Sequence[int], target: int) -> Copied:
    """Copy messages and remove the originals; no message loses its last reference, so no file goes."""
    copied = copy(connection, mailbox, uids, target)
    expunge(connection, mailbox, copied.source, only_deleted=False)
    return copied


def claim_recent(connection: Writer, mailbox: int) -> int:
    """Return the first recent UID, and leave none."""
    for (recent,) in connection.execute("SELECT recent FROM mailbox WHERE id = ? AND selectable", (mailbox,)):
        connection.execute("UPDATE mailbox SET recent = uidnext WHERE id = ?", (mailbox,))
        return int(recent)
    raise NoSuchMailbox("The mailbox is gone")
