"""IMAP as clients speak it: the commands of RFC 3501."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe import errors
from mailframe.imap.extension import Command, Vocabulary
from mailframe.imap.limits import Limits
from tests.imap.world import World, login, selected


def test_before_login_little_is_possible() -> None:
    World().play(
        """
        C: a CAPABILITY
        S: * OK [CAPABILITY IMAP4rev1 LITERAL- SASL-IR AUTH=PLAIN AUTH=LOGIN ENABLE ... CONDSTORE] mailframe is ready
        S: * CAPABILITY IMAP4rev1 LITERAL- SASL-IR AUTH=PLAIN ...
        S: a OK Done
        C: b SELECT INBOX
        S: b BAD SELECT is not possible when not authenticated
        C: c FROB
        S: c BAD There is no such command
        C: d LOGIN ann
        S: d BAD LOGIN: a space expected at octet 12
        C: e NOOP now
        S: e BAD NOOP: the end of the command expected at octet 7
        C: f LOGOUT
        S: * BYE See you
        S: f OK Logged out
        S closes
        """
    )


def test_passwords_need_privacy_from_elsewhere() -> None:
    World().play(
        """
        C: a LOGIN ann secret
        S: * OK [CAPABILITY IMAP4rev1 LITERAL- SASL-IR STARTTLS LOGINDISABLED ...] mailframe is ready
        S: a NO [PRIVACYREQUIRED] Encryption is needed first
        C: b AUTHENTICATE PLAIN
        S: b NO [PRIVACYREQUIRED] Encryption is needed first
        C: c STARTTLS
        S: c OK Begin TLS now
        C: d STARTTLS
        S: d BAD TLS is on already
        C: e LOGIN ann secret
        S: e OK [CAPABILITY ...] Logged in
        """,
        peer="192.0.2.7",
        tls=object(),
    )
    World().play("C: a STARTTLS\nS: * OK ...\nS: a BAD TLS is not offered here")


def test_ways_to_authenticate() -> None:
    World().play(
        """
        C: a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=
        S: * OK ...
        S: a OK [CAPABILITY ...] Logged in
        C: b LOGIN ann secret
        S: b BAD LOGIN is not possible when authenticated
        """
    )
    World().play(
        """
        C: a AUTHENTICATE FROB
        S: * OK ...
        S: a NO [CANNOT] There is no such mechanism
        C: b AUTHENTICATE PLAIN
        S: +...
        C: *
        S: b BAD Authentication cancelled
        C: c AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: YW5u
        S: + UGFzc3dvcmQ6
        C: c2VjcmV0
        S: c OK [CAPABILITY ...] Logged in
        """
    )
    World().play(f"C: a AUTHENTICATE PLAIN\nS: * OK ...\nS: +...\nC: {'A' * 20000}\nS: a BAD The response is too long")


def test_a_wrong_password_is_answered_late() -> None:
    World().play(
        """
        C: a LOGIN ann wrong
        S: * OK ...
        --: 1 second
        S: a NO [AUTHENTICATIONFAILED] Authentication failed
        C: b LOGIN "" ""
        S: b BAD LOGIN: User name and password must not be empty
        """
    )


def test_a_user_without_mail_cannot_log_in() -> None:
    world = World()
    world.store.any_account = False
    world.play("C: a LOGIN ann secret\nS: * OK ...\nS: a NO [AUTHENTICATIONFAILED] Authentication failed")


def test_who_does_not_log_in_is_hung_up_on() -> None:
    World().play(
        "C: a NOOP\nS: * OK ...\nS: a OK Done\n--: 2 minutes\nC: b NOOP\nS: b OK Done\n--: 1 minute\n"
        "S: * BYE Autologout\nS closes"
    )


def test_too_many_bad_commands_end_the_connection() -> None:
    World().play(
        "C: a FROB\nS: * OK ...\nS: a BAD ...\nC: b FROB\nS: b BAD ...\nS: * BYE Too many bad commands\nS closes",
        limits=Limits(unauthenticated_bad_commands=2),
    )


# --- mailboxes --------------------------------------------------------------------------------------------------------


def test_mailboxes_are_made_listed_renamed_and_deleted() -> None:
    World().play(
        login()
        + """
        C: a CREATE lists/twisted/
        S: a OK Done
        C: a CREATE inbox
        S: a NO [ALREADYEXISTS] There is such a mailbox already
        C: a CREATE a//b
        S: a NO [CANNOT] A mailbox name has no empty levels
        C: a CREATE "Entw&APw-rfe"
        S: a OK Done
        C: a CREATE "&bad"
        S: a BAD CREATE: a mailbox name is modified UTF-7
        C: a LIST "" ""
        S: * LIST (\\Noselect) "/" ""
        S: a OK Done
        C: a LIST "" *
        S: * LIST (\\HasNoChildren) "/" "Entw&APw-rfe"
        S: * LIST (\\HasNoChildren) "/" "INBOX"
        S: * LIST (\\HasChildren) "/" "lists"
        S: * LIST (\\HasNoChildren) "/" "lists/twisted"
        S: a OK Done
        C: a LIST lists/ %
        S: * LIST (\\HasNoChildren) "/" "lists/twisted"
        S: a OK Done
        C: a DELETE lists
        S: a OK Done
        C: a LIST "" %
        S: * LIST (\\HasNoChildren) "/" "Entw&APw-rfe"
        S: * LIST (\\HasNoChildren) "/" "INBOX"
        S: * LIST (\\Noselect \\HasChildren) "/" "lists"
        S: a OK Done
        C: a RENAME lists/twisted new
        S: a OK Done
        C: a RENAME nowhere x
        S: a NO [NONEXISTENT] There is no such mailbox
        C: a DELETE INBOX
        S: a NO [CANNOT] INBOX cannot be deleted
        C: a STATUS new (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT HIGHESTMODSEQ)
        S: * STATUS "new" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 3 UNSEEN 0 RECENT 0 HIGHESTMODSEQ 1)
        S: a OK Done
        C: a STATUS new (FROB)
        S: a BAD STATUS: FROB is no STATUS item
        """
    )


def test_subscriptions() -> None:
    World().play(
        login()
        + """
        C: a SUBSCRIBE lists/a
        S: a OK Done
        C: a LSUB "" *
        S: * LSUB () "/" "lists/a"
        S: a OK Done
        C: a LSUB "" %
        S: * LSUB (\\Noselect) "/" "lists"
        S: a OK Done
        C: a UNSUBSCRIBE lists/a
        S: a OK Done
        C: a LSUB "" *
        S: a OK Done
        """
    )


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_is_appended_and_fetched() -> None:
    World().play(
        selected()
        + """
        C: c APPEND INBOX (\\Seen $Work) "17-Jul-1996 02:44:25 -0700" {30}
        S: + OK
        C: Subject: hi
        C:
        C: Hello, world.
        C:
        S: * 1 EXISTS
        S: * 1 RECENT
        S: c OK [APPENDUID 1 1] Stored
        C: d FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY[HEADER.FIELDS (Subject)] BODY[TEXT]<0.5>)
        S: * 1 FETCH (FLAGS ($Work \\Seen \\Recent) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE 30 ...
        S: Subject: hi
        S:
        S:  BODY[TEXT]<0> {5}
        S: Hello)
        S: d OK Done
        C: e APPEND nowhere {1+}
        C: x
        S: e NO [TRYCREATE] There is no such mailbox
        C: f APPEND INBOX {0+}
        C:
        S: f NO [CANNOT] An empty message cannot be stored
        """
    )


FETCHES = [
    ("1 UID", "* 1 FETCH (UID 1)"),
    (
        "1 FAST",
        '* 1 FETCH (FLAGS (\\Recent) INTERNALDATE "09-Sep-2001 01:46:40 +0000" RFC822.SIZE 114)'.replace('"09', '" 9'),
    ),
    ("1:* (UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (\\Recent))"),
    ("1 (FLAGS FLAGS)", "* 1 FETCH (FLAGS (\\Recent))"),
    ("1 BODY.PEEK[9]", "* 1 FETCH (BODY[9] NIL)"),
    ("1 ENVELOPE", '* 1 FETCH (ENVELOPE ("Sat, 1 Jan 2022 10:00:00 +0000" "x" (("Bob" NIL "bob" "example.net")) ...))'),
    ("1 BODY", '* 1 FETCH (BODY ("text" "plain" ...))'),
    ("1 BODYSTRUCTURE", '* 1 FETCH (BODYSTRUCTURE ("text" "plain" ...))'),
    ("1 BODY.PEEK[TEXT]<500.10>", "* 1 FETCH (BODY[TEXT]<500> {0}|)"),
    ("1 BODY.PEEK[TEXT]<0.4>", "* 1 FETCH (BODY[TEXT]<0> {4}|Body)"),
    ("1 RFC822.TEXT", "* 1 FETCH (RFC822.TEXT {12}|Body of x.| FLAGS (\\Seen \\Recent))"),
    ("1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {14}|Subject: x||)"),
    ("1 BODY.PEEK[1]", "* 1 FETCH (BODY[1] {12}|Body of x.|)"),
    ("1 MODSEQ", "* 1 FETCH (MODSEQ (2))"),
]


@pytest.mark.parametrize(("what", "answer"), FETCHES)
def test_fetch(what: str, answer: str) -> None:
    world = World()
    world.append("x")
    lines = "\n".join(f"S: {line}" for line in answer.split("|"))
    world.play(selected(count=1) + f"C: c FETCH {what}\n{lines}\nS: c OK Done")


def test_bad_fetches_are_refused() -> None:
    world = World()
    world.append("x")
    world.play(
        selected(count=1)
        + """
        C: c FETCH 2 UID
        S: c BAD There is no message of that number
        C: c UID FETCH 2 UID
        S: c OK Done
        C: c FETCH 1 FROB
        S: c BAD FETCH: FROB is no FETCH item
        C: c FETCH 0 UID
        S: c BAD FETCH: a message number is between 1 and 4294967295
        C: c FETCH 1 BODY[0]
        S: c BAD FETCH: a body section expected at octet ...
        C: c FETCH 1 BODY[]<0.0>
        S: c BAD FETCH: a partial like <0.2048> expected at octet ...
        C: c FETCH 1 UID (FROB 1)
        S: c BAD FETCH: an unknown modifier of FETCH
        """
    )


def test_reading_marks_seen_but_not_when_examined() -> None:
    world = World()
    world.append("x")
    world.play(
        login()
        + """
        C: b EXAMINE INBOX
        S: * FLAGS (...)
        S: * OK [PERMANENTFLAGS ()] ...
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * OK [UNSEEN 1] ...
        S: * OK [UIDVALIDITY 1] ...
        S: * OK [UIDNEXT 2] ...
        S: * OK [HIGHESTMODSEQ 2] ...
        S: b OK [READ-ONLY] Opened read-only
        C: c FETCH 1 BODY[TEXT]
        S: * 1 FETCH (BODY[TEXT] {12}
        S: Body of x.
        S: )
        S: c OK Done
        C: d STORE 1 +FLAGS (\\Seen)
        S: d NO [CANNOT] The mailbox was opened read-only
        C: e EXPUNGE
        S: e NO [CANNOT] The mailbox was opened read-only
        C: f CLOSE
        S: f OK Closed
        """
    )


def test_store_tells_the_flags_unless_silent() -> None:
    world = World()
    world.append("x", "y")
    world.play(
        selected(count=2)
        + """
        C: c STORE 1:2 +FLAGS (\\Seen)
        S: * 1 FETCH (FLAGS (\\Seen \\Recent))
        S: * 2 FETCH (FLAGS (\\Seen \\Recent))
        S: c OK Done
        C: d UID STORE 2 FLAGS.SILENT $x \\Flagged
        S: d OK Done
        C: e UID STORE 2 -FLAGS $x
        S: * 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))
        S: e OK Done
        C: f STORE 1 FROB (\\Seen)
        S: f BAD STORE: FLAGS, +FLAGS or -FLAGS expected
        C: g STORE 1 FLAGS (\\Recent)
        S: g BAD STORE: \\Recent is no flag that can be changed
        """
    )


def test_expunge_close_and_uid_expunge() -> None:
    world = World()
    world.append("a", "b", "c", "d")
    world.play(
        selected(count=4)
        + """
        C: c STORE 1,3:4 +FLAGS.SILENT \\Deleted
        S: c OK Done
        C: d UID EXPUNGE 3
        S: * 3 EXPUNGE
        S: d OK Done
        C: e EXPUNGE
        S: * 3 EXPUNGE
        S: * 1 EXPUNGE
        S: e OK Done
        C: f STORE 1 +FLAGS.SILENT \\Deleted
        S: f OK Done
        C: g CLOSE
        S: g OK Closed
        C: h STATUS INBOX (MESSAGES)
        S: * STATUS "INBOX" (MESSAGES 0)
        S: h OK Done
        """
    )


def test_copy_and_move() -> None:
    world = World()
    world.append("a", "b")
    world.play(
        selected(count=2)
        + """
        C: c COPY 1:2 other
        S: c NO [TRYCREATE] There is no such mailbox
        C: c CREATE other
        S: c OK Done
        C: c COPY 1:2 other
        S: c OK [COPYUID 2 1:2 1:2] Copied
        C: c UID COPY 7 other
        S: c OK Copied
        C: c UID MOVE 2 other
        S: * OK [COPYUID 2 2 3] Moved
        S: * 2 EXPUNGE
        S: c OK Done
        C: c CHECK
        S: c OK Done
        """
    )


SEARCHES = [
    ("ALL", "1 2 3"),
    ("SUBJECT alpha", "1"),
    ("FROM bob", "1 2 3"),
    ("NOT SUBJECT alpha", "2 3"),
    ("OR SUBJECT alpha SUBJECT gamma", "1 3"),
    ("FLAGGED", "2"),
    ("UNFLAGGED", "1 3"),
    ("KEYWORD $WORK", "2"),
    ("UNKEYWORD $Work", "1 3"),
    ("BODY gamma", "3"),
    ("TEXT bob", "1 2 3"),
    ('TEXT ""', "1 2 3"),
    ("HEADER Subject beta", "2"),
    ('HEADER Subject ""', "1 2 3"),
    ("HEADER X-None x", ""),
    ("LARGER 10 SMALLER 1000", "1 2 3"),
    ("LARGER 1000", ""),
    ("SENTON 1-Jan-2022", "1 2 3"),
    ("SENTSINCE 2-Jan-2022", ""),
    ("BEFORE 10-Sep-2001", "1 2 3"),
    ("ON 9-Sep-2001", "1 2 3"),
    ("SINCE 10-Sep-2001", ""),
    ("2:3", "2 3"),
    ("UID 1,3", "1 3"),
    ("NEW", "1 3"),
    ("OLD", ""),
    ("RECENT (SUBJECT beta)", "2"),
    ("CHARSET UTF-8 SUBJECT alpha", "1"),
    ("MODSEQ 4", "3 (MODSEQ 4)"),
    ('MODSEQ "/flags/\\\\draft" all 5', ""),
    ("NOT (OR MODSEQ 5 DELETED)", "1 2 3 (MODSEQ 4)"),
]


@pytest.mark.parametrize(("program", "found"), SEARCHES)
def test_search(program: str, found: str) -> None:
    world = World()
    world.append("alpha")
    world.append("beta", flags=("\\Flagged", "$work", "\\Seen"))
    world.append("gamma")
    answer = f"S: * SEARCH {found}" if found else "S: * SEARCH"
    world.play(selected(count=3) + f"C: c SEARCH {program}\n{answer}\nS: c OK Done")


def test_bad_searches_are_refused() -> None:
    world = World()
    world.append("x")
    world.play(
        selected(count=1)
        + """
        C: c SEARCH CHARSET X-NONE ALL
        S: c NO [BADCHARSET (US-ASCII UTF-8 ISO-8859-1 ISO-8859-15)] The charset is not known
        C: c SEARCH FROB
        S: c BAD SEARCH: FROB is no search key
        C: c SEARCH 2
        S: c BAD There is no message of that number
        C: c SEARCH ON 31-Feb-2000
        S: c BAD SEARCH: a date like 1-Feb-1994 expected at octet ...
        C: c UID SEARCH UID 1 SUBJECT x
        S: * SEARCH 1
        S: c OK Done
        """
        + f"C: c SEARCH {'(' * 40}ALL\nS: c BAD SEARCH: the search program is too complex"
    )


# --- several clients --------------------------------------------------------------------------------------------------


def test_a_change_reaches_the_other_client() -> None:
    world = World()
    world.append("a", "b")
    world.play(
        selected("1", 2)
        + selected("2", 2, recent=0)
        + """
        C2: c IDLE
        S2: + idling
        C1: c STORE 1 +FLAGS.SILENT (\\Seen)
        S1: c OK Done
        S2: * 1 FETCH (FLAGS (\\Seen))
        C1: d STORE 2 +FLAGS.SILENT (\\Deleted)
        S1: d OK Done
        S2: * 2 FETCH (FLAGS (\\Deleted))
        C1: e EXPUNGE
        S1: * 2 EXPUNGE
        S1: e OK Done
        S2: * 2 EXPUNGE
        C2: DONE
        S2: c OK Done
        """
    )


def test_a_client_is_not_told_of_expunges_while_numbers_must_stay() -> None:
    world = World()
    world.append("a", "b")
    world.play(
        selected("1", 2)
        + selected("2", 2, recent=0)
        + """
        C1: c STORE 1 +FLAGS.SILENT \\Deleted
        S1: c OK Done
        C1: d EXPUNGE
        S1: * 1 EXPUNGE
        S1: d OK Done
        C2: c FETCH 1:2 (UID RFC822.SIZE)
        S2: * 2 FETCH (UID 2 RFC822.SIZE 114)
        S2: c OK [EXPUNGEISSUED] Some messages are gone
        C2: d NOOP
        S2: * 1 EXPUNGE
        S2: d OK Done
        C2: e FETCH 1 UID
        S2: * 1 FETCH (UID 2)
        S2: e OK Done
        """
    )


def test_changes_of_many_messages_reach_the_other_client() -> None:
    world = World()
    world.append(*"abcd")
    world.play(
        selected("1", 4)
        + selected("2", 4, recent=0)
        + """
        C1: c STORE 1:* +FLAGS.SILENT (\\Seen)
        S1: c OK Done
        C2: c NOOP
        S2: * 1 FETCH (FLAGS (\\Seen))
        S2: * 2 FETCH (FLAGS (\\Seen))
        S2: * 3 FETCH (FLAGS (\\Seen))
        S2: * 4 FETCH (FLAGS (\\Seen))
        S2: c OK Done
        C2: d STORE 2,4 FLAGS ($x)
        S2: * 2 FETCH (FLAGS ($x))
        S2: * 4 FETCH (FLAGS ($x))
        S2: d OK Done
        C1: d UID STORE 1:3 -FLAGS.SILENT (\\Seen)
        S1: * 2 FETCH (FLAGS ($x \\Recent))
        S1: * 4 FETCH (FLAGS ($x \\Recent))
        S1: d OK Done
        C2: e NOOP
        S2: * 1 FETCH (FLAGS ())
        S2: * 3 FETCH (FLAGS ())
        S2: e OK Done
        """
    )


def test_flags_are_told_of_messages_that_are_still_there() -> None:
    world = World()
    world.append(*"abc")
    world.play(
        selected("1", 3)
        + selected("2", 3, recent=0)
        + """
        C1: c STORE 2 +FLAGS.SILENT \\Deleted
        S1: c OK Done
        C1: d EXPUNGE
        S1: * 2 EXPUNGE
        S1: d OK Done
        C2: c STORE 1:3 -FLAGS (\\Deleted)
        S2: * 1 FETCH (FLAGS ())
        S2: * 3 FETCH (FLAGS ())
        S2: c OK Done
        C2: d STORE 1:2 +FLAGS.SILENT (\\Seen)
        S2: d OK Done
        C2: e NOOP
        S2: * 2 EXPUNGE
        S2: e OK Done
        C2: f FETCH 1:2 (UID FLAGS)
        S2: * 1 FETCH (UID 1 FLAGS (\\Seen))
        S2: * 2 FETCH (UID 3 FLAGS ())
        S2: f OK Done
        """
    )


def test_new_mail_is_told_at_once_while_idle() -> None:
    world = World()
    player = world.play(selected() + "C: c IDLE\nS: + idling")
    world.append("x")
    player.play("S: * 1 EXISTS\nS: * 1 RECENT\nC: DONE\nS: c OK Done")


def test_idle_ends_with_done_only_and_after_half_an_hour() -> None:
    World().play(selected() + "C: c IDLE\nS: + idling\nC: d NOOP\nS: c BAD DONE expected")
    World().play(selected() + "C: c IDLE\nS: + idling\n--: 31 minutes\nS: * BYE Autologout\nS closes")
    World().play(login() + f"C: c IDLE\nS: + idling\nC: {'x' * 20000}\nS: c BAD DONE expected")


def test_who_has_a_deleted_mailbox_open_is_sent_away() -> None:
    world = World()
    opened = "C1: c CREATE old\nS1: c OK Done\nC1: c SELECT old\n" + "S1: ...\n" * 7 + "S1: c OK ..."
    world.play(login("1") + opened).play(
        login("2") + "C2: c DELETE old\nS2: c OK Done\nC1: d NOOP\nS1: * BYE The selected mailbox was deleted\n"
        "S1: d OK Done\nS1 closes"
    )


# --- extensions -------------------------------------------------------------------------------------------------------


def test_small_extensions() -> None:
    World().play(
        selected()
        + """
        C: c NAMESPACE
        S: * NAMESPACE (("" "/")) NIL NIL
        S: c OK Done
        C: c ID ("name" "test" "version" NIL)
        S: * ID ("name" "mailframe")
        S: c OK Done
        C: c ID NIL
        S: * ID ("name" "mailframe")
        S: c OK Done
        C: c ID ("name")
        S: c BAD ID: a value for each field expected
        C: c ID "x"
        S: c BAD ID: a list or NIL expected
        C: c ENABLE CONDSTORE FROB
        S: * ENABLED CONDSTORE
        S: c OK Done
        C: c ENABLE CONDSTORE
        S: * ENABLED
        S: c OK Done
        C: c UNSELECT
        S: c OK Closed
        C: c UNSELECT
        S: c BAD UNSELECT is not possible when authenticated
        """
    )


def test_condstore() -> None:
    world = World()
    world.append("a", "b")
    world.play(
        login()
        + """
        C: b SELECT INBOX (CONDSTORE)
        S: * FLAGS (...)
        S: * OK [PERMANENTFLAGS (...)] ...
        S: * 2 EXISTS
        S: * 2 RECENT
        S: * OK [UNSEEN 1] ...
        S: * OK [UIDVALIDITY 1] ...
        S: * OK [UIDNEXT 3] ...
        S: * OK [HIGHESTMODSEQ 3] ...
        S: b OK [READ-WRITE] Opened
        C: c STORE 1 (UNCHANGEDSINCE 3) +FLAGS.SILENT (\\Seen)
        S: * 1 FETCH (UID 1 MODSEQ (4))
        S: c OK Done
        C: d STORE 1:2 (UNCHANGEDSINCE 3) +FLAGS (\\Flagged)
        S: * 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent) MODSEQ (5))
        S: d OK [MODIFIED 1] Some messages have changed since
        C: e FETCH 1:* (FLAGS) (CHANGEDSINCE 4)
        S: * 2 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (5))
        S: e OK Done
        C: f FETCH 2 BODY[TEXT]
        S: * 2 FETCH (BODY[TEXT] {12}
        S: Body of b.
        S:  FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (6))
        S: f OK Done
        C: g STORE 1:2 (UNCHANGEDSINCE 3) FLAGS ()
        S: g OK [MODIFIED 1:2] Some messages have changed since
        C: g UID STORE 1:* (UNCHANGEDSINCE 6) FLAGS.SILENT ()
        S: * 1 FETCH (UID 1 MODSEQ (7))
        S: * 2 FETCH (UID 2 MODSEQ (7))
        S: g OK Done
        C: g SELECT INBOX (FROB)
        S: g BAD SELECT: an unknown parameter of SELECT
        C: h STORE 1 (FROB 1) FLAGS ()
        S: h BAD STORE: an unknown modifier of STORE
        """
    )


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_store_in_trouble_is_told_neutrally() -> None:
    world = World()
    account: Any = world.store.add("ann@example.org")

    class Trouble(type(account)):  # type: ignore[misc]  # a class that is known when it runs
        async def create(self, name: str) -> None:
            raise {"later": errors.Temporary("Later"), "full": errors.OverQuota("Full")}.get(
                name, ZeroDivisionError("secret")
            )

    world.store._accounts["ann@example.org"] = Trouble(account.watchers, account.now, account.uidvalidities)
    world.play(
        login()
        + """
        C: a CREATE later
        S: a NO [UNAVAILABLE] Later
        C: a CREATE full
        S: a NO [OVERQUOTA] Full
        C: a CREATE x
        S: a NO [SERVERBUG] The server is at fault, its log says why
        """
    )


def test_literals_are_bounded() -> None:
    World().play(
        """
        C: a LOGIN {5000}
        S: * OK ...
        S: a BAD The literal is too long
        C: b LOGIN {3}
        S: + OK
        C: ann {6+}
        C: secret
        S: b OK ...
        C: c CREATE {100000}
        S: c BAD The literal is too long
        C: d APPEND INBOX {100000000}
        S: d NO [TOOBIG] The message is too large
        C: e APPEND INBOX {100000000000}
        S: e BAD ...
        """
    )


def test_a_refused_literal_that_comes_anyway_is_thrown_away() -> None:
    World().play(
        login() + f"C: c CREATE {{70000+}}\nS: c BAD The literal is too long\nC: {'x' * 70000}\nC: d NOOP\nS: d OK Done"
    )
    World().play(
        login() + "C: c APPEND INBOX {300+}\nS: c NO [TOOBIG] ...\nS: * BYE The literal is too long\nS closes",
        limits=Limits(literal=100, message=200, discarded=250),
    )


def test_big_messages_go_through_the_spool() -> None:
    world = World()
    text = "x" * 98
    world.play(
        login()
        + f"C: c APPEND INBOX {{{100 * 1000 + 2}}}\nS: + OK\nC:\n"
        + f"C: {text}\n" * 1000
        + "C:\nS: c OK [APPENDUID 1 1] Stored",
    )
    assert len(world.mailbox()._items[1].data) == 100_002


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", "* BAD A command begins with a tag and a space"),
        ("(", "* BAD A command begins with a tag and a space"),
        ("a (", "a BAD A command name is expected behind the tag"),
        ("a NOOP\0", "a BAD NUL, CR and LF are not allowed in a command line"),
        ("a NOOP\nb NOOP", "a BAD NUL, CR and LF are not allowed in a command line"),
    ],
)
def test_what_is_no_command_gets_bad(line: str, answer: str) -> None:
    player = World().play("C: a NOOP\nS: * OK ...\nS: a OK Done")
    client = player._client("")
    client.protocol.dataReceived(line.encode() + b"\r\n")
    player.play(f"S: {answer}\nC: z NOOP\nS: z OK Done")


def test_a_line_that_is_too_long_gets_bad() -> None:
    World().play(
        f"C: a LOGIN {'x' * 9000}\nS: * OK ...\nS: * BAD The command line is too long\nC: b NOOP\nS: b OK Done"
    )


def test_two_extensions_cannot_claim_one_command() -> None:
    never: Any = lambda *_arguments: None  # noqa: E731
    command: Any = Command(b"X", frozenset(), never, never)
    with pytest.raises(ValueError, match="two extensions claim X"):
        Vocabulary.of((command, command), ())


def test_a_client_that_hangs_up_leaves_nothing() -> None:
    world = World()
    world.append("x")
    world.play(selected(count=1) + "C: c APPEND INBOX {100}\nS: + OK\nC: half\nC closes")
    assert world.clock.getDelayedCalls() == []
    assert world.store._watchers._callbacks == {}


def test_the_server_says_bye_when_it_stops() -> None:
    player = World().play(selected() + "C: c IDLE\nS: + idling")
    conversation: Any = player._client("").protocol
    conversation.stop()
    player.play("S: * BYE [UNAVAILABLE] Shutting down\nS closes")
