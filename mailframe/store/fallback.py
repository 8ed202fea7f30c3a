"""What the framework does for a mailbox that lacks an optional power."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailframe.errors import NoSuchMessage
from mailframe.interfaces import (
    BASIC_FACTS,
    Changes,
    Copied,
    Fact,
    FlagSet,
    IChanges,
    IDigested,
    IMailbox,
    IMovable,
    MailboxState,
)
from mailframe.message import headers
from mailframe.message.digest import Digest, digest

DIGESTED: Mapping[Fact, Callable[[Digest], Any]] = {
    Fact.SIZE: lambda known: known.size,
    Fact.ENVELOPE: lambda known: known.envelope,
    Fact.BODYSTRUCTURE: lambda known: known.bodystructure,
    Fact.BODY: lambda known: known.body,
    Fact.OUTLINE: lambda known: known.outline,
    Fact.SENT: lambda known: known.sent,
    Fact.SUBJECT: lambda known: known.subject,
    Fact.BASE_SUBJECT: lambda known: known.base_subject,
    Fact.FROM: lambda known: known.from_,
    Fact.TO: lambda known: known.to,
    Fact.CC: lambda known: known.cc,
    Fact.MESSAGE_ID: lambda known: known.message_id,
    Fact.REFERENCES: lambda known: b" ".join(known.references),
}
"""How a digest answers each fact that it knows."""


async def facts(mailbox: IMailbox, uids: Sequence[int], wanted: Sequence[Fact]) -> Sequence[tuple[Any, ...]]:
    """
    Answer like L{IMailbox.facts}, for every L{Fact}: without L{IDigested} messages are read, one at a time.

    @param uids: ascending.
    """
    if IDigested.providedBy(mailbox) or BASIC_FACTS.issuperset(wanted):
        return await mailbox.facts(uids, wanted)
    basic = [fact for fact in wanted if fact in BASIC_FACTS]
    rows = []
    for uid, *known in await mailbox.facts(uids, basic):
        answers = dict(zip(basic, known, strict=True))
        try:
            answers.update(_computed(await mailbox.read(uid), wanted, answers))
        except NoSuchMessage:
            continue
        rows.append((uid, *(answers[fact] for fact in wanted)))
    return rows


def _computed(data: bytes, wanted: Sequence[Fact], known: Mapping[Fact, Any]) -> dict[Fact, Any]:
    head, body = headers.split(data)
    missing = [fact for fact in wanted if fact not in known]
    answers: dict[Fact, Any] = {Fact.HEAD: head, Fact.WHOLE: data}
    if digested := [fact for fact in missing if fact not in answers]:
        all_of_it = digest(head, body)
        answers.update({fact: DIGESTED[fact](all_of_it) for fact in digested})
    return answers


async def changes(mailbox: IMailbox, state: MailboxState, uids: Sequence[int], flags: Sequence[FlagSet]) -> Changes:
    """
    Return what happened since a state was read: without L{IChanges}, without mod-sequences, or when the mailbox has
    forgotten what went since then, by comparing all.

    @param uids: of the messages there were then, ascending.
    @param flags: of each of them.
    """
    if IChanges.providedBy(mailbox) and state.highestmodseq:
        found: Changes | None = await mailbox.changes(state.highestmodseq)
        if found is not None:
            return found
    now = await mailbox.entries()
    before = dict(zip(uids, flags, strict=True))
    entries = now.entries
    # Flags that changed and changed back are the same, and their mod-sequence is another.
    fresh = [
        at
        for at, (uid, value, modseq) in enumerate(zip(entries.uids, entries.flags, entries.modseqs, strict=True))
        if before.get(uid) != value or modseq > state.highestmodseq
    ]
    gone = sorted(before.keys() - set(entries.uids))
    return Changes(now.state, entries.only(fresh), gone)


async def move(mailbox: IMailbox, uids: Sequence[int], target: IMailbox) -> Copied:
    """Move like L{IMovable.move}: without it copy first and expunge then, so a fault leaves two rather than none."""
    if IMovable.providedBy(mailbox):
        moved: Copied = await mailbox.move(uids, target)
        return moved
    copied = await mailbox.copy(uids, target)
    await mailbox.expunge(copied.source, only_deleted=False)
    return copied
