"""A mailbox remembers what went lately, says so when it has forgotten, and nobody who looks at it notices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.imap.model import Model
from mailframe.inline import now
from mailframe.interfaces import FLAGGED, Changes, StoreMode
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite
from mailframe.store import fallback, memory
from mailframe.store.memory import MemoryStore
from mailframe.store.sqlite import forgetting
from tests.imap.world import World, selected

ANN = "ann@example.org"
NOTE = Message.from_bytes(b"Subject: note\r\n\r\n")
FEW = 10
"""What mailboxes remember in these tests."""
OFTEN = 3
"""How often the one in SQLite counts."""


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "TOMBSTONES", FEW)
        patch.setattr(forgetting, "TOMBSTONES", FEW)
        patch.setattr(forgetting, "LOOK_EVERY", OFTEN)
        yield


@pytest.fixture
def data(tmp_path: Any) -> Iterator[SQLite]:
    data = SQLite(str(tmp_path / "data"))
    now(data.start(Site("mx.example.org", Clock())))
    now(data.add_account(Address.parse(ANN), "secret"))
    yield data
    now(data.stop())


@pytest.fixture(params=["memory", "sqlite"])
def inbox(request: pytest.FixtureRequest) -> Any:
    """An inbox, of each store that keeps mod-sequences."""
    store: Any = MemoryStore() if request.param == "memory" else request.getfixturevalue("data")
    return now(now(store.open(ANN)).mailbox("INBOX"))


def fill(inbox: Any, count: int) -> list[int]:
    """Add messages; return their UIDs."""
    return [now(inbox.append(NOTE, frozenset(), 0)).uid for _ in range(count)]


def highest(inbox: Any) -> int:
    return int(now(inbox.state()).highestmodseq)


def changes(inbox: Any, since: int) -> Changes | None:
    found: Changes | None = now(inbox.changes(since))
    return found


def rows(data: SQLite) -> list[tuple[int, int]]:
    """The mod-sequences and UIDs that SQLite keeps of what is gone."""
    assert data._kept is not None
    return [(row[0], row[1]) for row in data._kept.database.read("SELECT modseq, uid FROM expunged")]


def test_what_it_tells_is_all_and_the_newest_is_never_forgotten(inbox: Any) -> None:
    went: list[tuple[int, int]] = []
    for turn in range(60):
        for uid in fill(inbox, 1 + turn % 4):
            now(inbox.expunge([uid], only_deleted=False))
            went.append((highest(inbox), uid))
        for since in range(1, highest(inbox) + 1):
            found, truth = changes(inbox, since), sorted(uid for modseq, uid in went if modseq > since)
            assert found is None or list(found.expunged) == truth
            assert found is not None or len(truth) > FEW - 1
    assert changes(inbox, 1) is None


def test_who_knows_the_last_forgotten_change_is_told_what_came_after(inbox: Any) -> None:
    uids = fill(inbox, FEW + 5)
    known = []
    for uid in uids:
        now(inbox.expunge([uid], only_deleted=False))
        known.append(highest(inbox))
    answers = [changes(inbox, since) for since in known]
    first = next(at for at, answer in enumerate(answers) if answer is not None)
    assert first > 0
    assert [None if each is None else list(each.expunged) for each in answers] == [
        *[None] * first,
        *(uids[at + 1 :] for at in range(first, len(uids))),
    ]


def test_more_than_it_remembers_may_go_at_once(inbox: Any) -> None:
    for _ in range(OFTEN):  # as many mod-sequences lie before each: it counts also when it would not yet
        first, *others = fill(inbox, 2 * OFTEN * FEW - 1)
        now(inbox.expunge([first], only_deleted=False))
        before = highest(inbox)
        now(inbox.expunge(others, only_deleted=False))
        assert changes(inbox, before) is None
        after = changes(inbox, highest(inbox))
        assert after is not None
        assert list(after.expunged) == []


def test_the_rows_are_bounded_whatever_is_done_between(data: SQLite) -> None:
    inbox: Any = now(now(data.open(ANN)).mailbox("INBOX"))
    most = 0
    for turn in range(300):
        uids = fill(inbox, 1 + turn % OFTEN)
        now(inbox.expunge(uids, only_deleted=False))
        most = max(most, len(rows(data)))
    assert FEW < most <= FEW + OFTEN * OFTEN
    assert sum(uid == forgetting.FORGOTTEN for _modseq, uid in rows(data)) == 1


def test_each_mailbox_has_its_own_history_which_goes_with_it(data: SQLite) -> None:
    account = now(data.open(ANN))
    now(account.create("Busy"))
    busy: Any = now(account.mailbox("Busy"))
    quiet: Any = now(account.mailbox("INBOX"))
    [gone, *_] = fill(quiet, 2)
    before = highest(quiet)
    now(quiet.expunge([gone], only_deleted=False))
    for uid in fill(busy, 5 * FEW):
        now(busy.expunge([uid], only_deleted=False))
    found = changes(quiet, before)
    assert found is not None
    assert list(found.expunged) == [gone]
    now(account.delete("Busy"))
    assert [uid for _modseq, uid in rows(data)] == [gone]


# --- those who look at it ---------------------------------------------------------------------------------------------

ADD, REMOVE, FLAG, UNFLAG = range(4)


@given(st.lists(st.lists(st.tuples(st.sampled_from((ADD, REMOVE, FLAG, UNFLAG)), st.integers(1, 30)), max_size=30)))
@settings(deadline=None, max_examples=50)
def test_who_compares_knows_as_much_as_who_reads_all(work: list[list[tuple[int, int]]]) -> None:
    inbox: Any = now(now(MemoryStore().open(ANN)).mailbox("INBOX"))
    model = now(Model.of(inbox))
    model.close()  # it follows when it is told to, as one whose notices are late
    for some in work:
        for what, uid in some:
            if what == ADD:
                fill(inbox, 2)
            elif what == REMOVE:
                now(inbox.expunge([uid], only_deleted=False))
            else:
                mode = StoreMode.ADD if what == FLAG else StoreMode.REMOVE
                now(inbox.store_flags([uid], mode, frozenset({FLAGGED})))
        now(model.follow())
        all_of_it = now(inbox.entries())
        entries = all_of_it.entries
        assert (model.uids, model.flags, model.modseqs) == (entries.uids, entries.flags, entries.modseqs)
        assert model.state == all_of_it.state


def test_flags_that_changed_and_changed_back_have_their_new_mod_sequence(inbox: Any) -> None:
    kept, *others = fill(inbox, 5 * FEW)
    before = now(inbox.entries())
    for mode in (StoreMode.ADD, StoreMode.REMOVE):
        now(inbox.store_flags([kept], mode, frozenset({FLAGGED})))
    modseq = highest(inbox)
    now(inbox.expunge(others, only_deleted=False))
    assert changes(inbox, before.state.highestmodseq) is None
    found = now(fallback.changes(inbox, before.state, before.entries.uids, before.entries.flags))
    assert (list(found.entries.uids), list(found.entries.modseqs)) == ([kept], [modseq])
    assert list(found.expunged) == others


def test_clients_are_told_of_messages_whose_going_was_forgotten() -> None:
    world = World()
    world.append(*"x" * (2 * FEW))
    player = world.play(selected("1", 2 * FEW) + selected("2", 2 * FEW, recent=0))
    others = "".join(f"S{{0}}: * {number} EXPUNGE\n" for number in range(2 * FEW, 1, -1))
    player.play(
        f"C1: c STORE 2:* +FLAGS.SILENT (\\Deleted)\nS1: c OK Done\nC1: d EXPUNGE\n{others.format(1)}S1: d OK Done\n"
        f"C2: c NOOP\n{others.format(2)}S2: c OK Done\nC2: d UID SEARCH ALL\nS2: * SEARCH 1\nS2: d OK Done"
    )
