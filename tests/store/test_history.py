"""SQLite tells what changed in a mailbox from the few spans of UIDs that it keeps, and nobody who looks notices."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.imap.model import Model
from mailframe.inline import now
from mailframe.interfaces import DELETED, FLAGGED, SEEN, Changes, Reflagging, StoreMode
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite, schema
from mailframe.store.sqlite import flagging, history, spans

ANN = "ann@example.org"
NOTE = Message.from_bytes(b"Subject: note\r\n\r\n")
ADD, REMOVE, SET = StoreMode.ADD, StoreMode.REMOVE, StoreMode.SET


def opened(path: Path) -> SQLite:
    data = SQLite(str(path))
    now(data.start(Site("mx.example.org", Clock())))
    return data


@pytest.fixture
def data(tmp_path: Path) -> Iterator[SQLite]:
    data = opened(tmp_path / "data")
    now(data.add_account(Address.parse(ANN), "secret"))
    yield data
    now(data.stop())


@pytest.fixture
def inbox(data: SQLite) -> Any:
    return inbox_of(data)


def inbox_of(data: SQLite) -> Any:
    return now(now(data.open(ANN)).mailbox("INBOX"))


def fill(inbox: Any, count: int) -> None:
    for _ in range(count):
        now(inbox.append(NOTE, frozenset(), 0))


def store(inbox: Any, uids: Sequence[int], *flags: str, mode: StoreMode = ADD) -> int:
    """Change flags; return the mod-sequence before."""
    before = now(inbox.state()).highestmodseq
    now(inbox.store_flags(uids, mode, frozenset(flags)))
    return int(before)


def changed(inbox: Any, since: int) -> list[int] | None:
    """The UIDs of which another process is told that they are new or have other flags; C{None}: it has forgotten."""
    inbox.kept.just_stored = flagging.FlagsStored(0)
    found: Changes | None = now(inbox.changes(since))
    return None if found is None else list(found.entries.uids)


def noted(data: SQLite) -> list[tuple[int, int]]:
    assert data._kept is not None
    return [(row[0], row[1]) for row in data._kept.database.read("SELECT first, last FROM flag_change ORDER BY 1")]


def reads(data: SQLite, work: Callable[[], object]) -> int:
    """How many queries it takes to do something."""
    assert data._kept is not None
    reader: Any = data._kept.database._reader
    queries: list[str] = []

    def asked(_cursor: object, sql: str, _bindings: object) -> bool:
        queries.append(sql)
        return True

    reader.exec_trace = asked
    work()
    reader.exec_trace = None
    return len(queries)


def test_exactly_what_changed_is_told(inbox: Any) -> None:
    fill(inbox, 400)
    for uids in ([7], [1, 400], range(1, 401), range(3, 400, 3), range(2, 200)):
        assert changed(inbox, store(inbox, uids, SEEN, mode=SET)) == list(uids)
        store(inbox, range(1, 401), mode=SET)


def test_new_messages_are_told_whether_or_not_their_flags_changed(inbox: Any) -> None:
    fill(inbox, 5)
    since = store(inbox, [2], SEEN)
    fill(inbox, 3)
    store(inbox, [7], SEEN)
    now(inbox.expunge([8], only_deleted=False))
    assert changed(inbox, since) == [2, 6, 7]
    now(inbox.expunge([1, 2, 3, 4, 5, 6, 7], only_deleted=False))
    fill(inbox, 1)
    assert changed(inbox, since) == [9]


def test_a_change_of_many_scattered_messages_leaves_few_spans(
    inbox: Any, data: SQLite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SPANS", 3)
    fill(inbox, 1000)
    uids = range(1, 1001, 111)
    assert changed(inbox, store(inbox, uids, SEEN)) == list(uids)
    assert noted(data)[-3:] == [(1, 334), (445, 778), (889, 1000)]


def test_what_is_near_each_other_is_read_together(inbox: Any, data: SQLite) -> None:
    fill(inbox, 200)
    uids = [1, 1 + spans.NEAR, 50 + spans.NEAR, 51 + spans.NEAR]
    assert changed(inbox, store(inbox, uids, SEEN)) == uids
    assert noted(data) == [(uids[0], uids[1]), (uids[2], uids[3])]


def test_it_forgets_what_is_long_ago_and_says_so(inbox: Any, data: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "REMEMBERED", 10)
    fill(inbox, 1)
    since = [store(inbox, [1], flag, mode=SET) for _ in range(20) for flag in (SEEN, FLAGGED)]
    assert [changed(inbox, each) for each in since] == [None] * 30 + [[1]] * 10
    assert len(noted(data)) == 10
    fill(inbox, 1)
    assert [changed(inbox, each) for each in since] == [None] * 31 + [[1, 2]] * 9


def test_each_mailbox_has_its_own_history_which_goes_with_it(data: SQLite) -> None:
    account = now(data.open(ANN))
    now(account.create("Busy"))
    inbox, busy = inbox_of(data), now(account.mailbox("Busy"))
    for mailbox in (inbox, busy):
        fill(mailbox, 2)
    since = store(inbox, [1], SEEN)
    for flag in (SEEN, FLAGGED, DELETED) * 5:
        store(busy, [1, 2], flag, mode=SET)
    assert changed(inbox, since) == [1]
    now(account.delete("Busy"))
    assert noted(data) == [(1, 1)]


def test_data_from_before_it_kept_a_history_is_told_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schema.STEPS
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", steps[: steps.index(schema._FLAG_CHANGES)])
        patch.setattr(schema, "VERSION", len(schema.STEPS))
        (tmp_path / "data").mkdir()
        connection = apsw.Connection(str(tmp_path / "data" / "mail.sqlite3"))
        schema.prepare(connection)
    connection.execute(
        "INSERT INTO account VALUES (1, 'ann@example.org', 'ann@example.org', NULL);"
        "INSERT INTO mailbox VALUES (1, 1, 'INBOX', 1, 5, 4, 9, 3, 2, 1);"
        "INSERT INTO item VALUES (1, 1, 1, '', 0, 2), (1, 2, 1, '\\Seen', 0, 9), (1, 3, 1, '', 0, 4)"
    )
    connection.close()
    data = opened(tmp_path / "data")
    inbox = inbox_of(data)
    assert [changed(inbox, since) for since in (1, 3, 4, 8, 9)] == [[1, 2, 3], [2, 3], [2], [2], []]
    now(data.stop())


# --- who made the change need not read it -----------------------------------------------------------------------------


def test_a_change_of_all_messages_is_told_without_reading_them(data: SQLite, inbox: Any) -> None:
    fill(inbox, 10)
    store(inbox, [3], FLAGGED)
    model = now(Model.of(inbox))
    since = now(inbox.state()).highestmodseq
    assert reads(data, lambda: store(inbox, range(1, 11), SEEN)) == len(["state", "whether to write", "state"])
    told = now(inbox.changes(since))
    seen = {frozenset(): frozenset({SEEN}), frozenset({FLAGGED}): frozenset({FLAGGED, SEEN})}
    assert told.reflagging == Reflagging(1, 10, seen, since + 1)
    assert (model.flags[1:3], model.modseqs[1:3]) == (list(seen.values()), [since + 1] * 2)
    model.close()


def test_a_change_that_changes_nothing_is_not_written(inbox: Any, data: SQLite) -> None:
    fill(inbox, 3)
    store(inbox, [1, 3], SEEN)
    assert data._kept is not None
    writer: Any = data._kept.database._writer
    writer.exec_trace = lambda cursor, sql, bindings: pytest.fail(sql)
    since = store(inbox, [1, 3], SEEN)
    store(inbox, [2, 9], SEEN, mode=REMOVE)
    store(inbox, [], SEEN)
    writer.exec_trace = None
    assert changed(inbox, since) == []
    store(inbox, [1, 2], SEEN)
    assert changed(inbox, since) == [2]


def test_a_change_of_many_that_changes_nothing_is_none(inbox: Any) -> None:
    fill(inbox, 40)
    store(inbox, range(1, 41), SEEN)
    for uids in (range(1, 41), range(1, 41, 2)):
        since = store(inbox, uids, SEEN)
        assert now(inbox.state()).highestmodseq == since


def test_who_knows_less_or_looks_at_another_mailbox_reads(data: SQLite, inbox: Any) -> None:
    account = now(data.open(ANN))
    now(account.create("Other"))
    other: Any = now(account.mailbox("Other"))
    for mailbox in (inbox, other):
        fill(mailbox, 3)
        store(mailbox, [1], DELETED)
        store(mailbox, [2], DELETED)
    since = store(inbox, range(1, 4), SEEN)
    assert now(other.state()).highestmodseq == since
    assert now(other.changes(since - 1)).reflagging is None
    assert now(inbox.changes(since)).reflagging is not None
    assert list(now(inbox.changes(since - 1)).entries.uids) == [1, 2, 3]
    fill(inbox, 1)
    assert list(now(inbox.changes(since)).entries.uids) == [1, 2, 3, 4]


FLAGS = st.sets(st.sampled_from((SEEN, FLAGGED, DELETED, "$a", "$b"))).map(frozenset)
UIDS = st.one_of(
    st.builds(lambda first, count: range(first, first + count), st.integers(1, 12), st.integers(1, 12)),
    st.sets(st.integers(1, 20), min_size=1).map(sorted),
)
WORK = st.one_of(
    st.just(("append",)),
    st.tuples(st.just("expunge"), st.integers(1, 20)),
    st.tuples(st.just("store"), UIDS, st.sampled_from(StoreMode), FLAGS),
    st.tuples(st.just("store"), UIDS, st.sampled_from(StoreMode), FLAGS),
    st.just(("look",)),
)


@given(st.lists(WORK, max_size=40))
@settings(deadline=None, max_examples=60)
def test_who_hears_of_each_change_and_who_looks_now_and_then_both_know_all(work: list[tuple[Any, ...]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(history, "REMEMBERED", 6)
        patch.setattr(history, "SPANS", 2)
        patch.setattr(spans, "NEAR", 1)
        patch.setattr(flagging, "STATEMENTS", 3)
        data = opened(Path(folder) / "data")
        now(data.add_account(Address.parse(ANN), "secret"))
        inbox = inbox_of(data)
        fill(inbox, 8)
        hears, looks = now(Model.of(inbox)), now(Model.of(inbox))
        looks.close()
        for what, *arguments in work:
            if what == "append":
                fill(inbox, 1)
            elif what == "expunge":
                now(inbox.expunge(arguments, only_deleted=False))
            elif what == "store":
                now(inbox.store_flags(*arguments))
            else:
                check(inbox, looks)
            check(inbox, hears)
        check(inbox, looks)
        hears.close()
        now(data.stop())


def check(inbox: Any, model: Model) -> None:
    now(model.follow())
    everything = now(inbox.entries())
    entries = everything.entries
    assert (model.uids, model.flags, model.modseqs) == (list(entries.uids), list(entries.flags), list(entries.modseqs))
    assert model.state == everything.state
    assert model.state.unseen == sum(SEEN not in flags for flags in model.flags)
