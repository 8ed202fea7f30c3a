"""Every interface of the framework: mail store, delivery queue, authenticator, directory, and their optional powers.

Implement the few methods of the interface you need; what may wait is declared C{-> Awaitable[T]}, so both C{async def}
methods and methods that return a Deferred fit. Optional powers are interfaces of their own: a class that implements one
is asked, for one that does not the framework does the work in a general way. Errors are those of L{mailframe.errors};
anything else that is raised is taken for a fault, logged and answered neutrally. The contract suites in
L{mailframe.testing} check an implementation.

It is long because it is all of them: whoever writes a part finds on one page what parts there are.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import field, frozen
from zope.interface import Attribute, Interface

from mailframe.address import Address

if TYPE_CHECKING:
    from mailframe.delivery.routes import Route
    from mailframe.envelope import Envelope
    from mailframe.hooks import Outcome, Retry, Verdict
    from mailframe.journal.events import Event
    from mailframe.net.dns.answers import Answer
    from mailframe.site import Site
    from mailframe.spool import Message, Spool

# --- values ----------------------------------------------------------------------------------------------------------

FlagSet: TypeAlias = frozenset[str]
"""The flags of a message: system flags with their backslash in their RFC 3501 spelling (C{\\Seen}), and keywords."""

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"
SYSTEM_FLAGS: FlagSet = frozenset({SEEN, ANSWERED, FLAGGED, DELETED, DRAFT})


@frozen
class MailboxInfo:
    """
    A mailbox as LIST shows it.

    @ivar name: levels separated by C{/}; the inbox is C{INBOX}.
    @ivar selectable: C{False} for a mere parent of others (C{\\Noselect}).
    """

    name: str
    selectable: bool = True


@frozen
class MailboxState:
    """
    The numbers of a mailbox at one moment.

    @ivar uidvalidity: changes when UIDs lose their meaning (RFC 3501 2.3.1.1); 1 to 2**32-1.
    @ivar uidnext: greater than every UID ever given out.
    @ivar highestmodseq: grows with every change (RFC 7162 3.1.2); 0 means that mod-sequences are not kept.
    @ivar messages: how many there are.
    @ivar unseen: how many of them lack C{\\Seen}.
    @ivar recent: the first UID that no session has been told of as C{\\Recent}; equal to C{uidnext} when there is none.
    """

    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int
    unseen: int
    recent: int


@frozen
class Entries:
    """
    Messages of a mailbox, as three sequences of one length, in ascending order of UID.

    @ivar uids: their UIDs.
    @ivar flags: the flags of each.
    @ivar modseqs: the mod-sequence of each; all 0 where none are kept.
    """

    uids: Sequence[int]
    flags: Sequence[FlagSet]
    modseqs: Sequence[int]

    def only(self, positions: Sequence[int]) -> Entries:
        """Return those at some positions."""
        return Entries(
            [self.uids[at] for at in positions],
            [self.flags[at] for at in positions],
            [self.modseqs[at] for at in positions],
        )


@frozen
class Reflagging:
    """
    One change of the flags of many messages, told for each set of flags and not for each message.

    @ivar first: the first of the UIDs that it is about.
    @ivar last: the last of them.
    @ivar flags: what messages that had these flags have now; those that had others are as they were. No set of flags is
        on both sides.
    @ivar modseq: of the messages that changed.
    """

    first: int
    last: int
    flags: Mapping[FlagSet, FlagSet]
    modseq: int


@frozen
class Changes:
    """
    What happened in a mailbox after some mod-sequence.

    @ivar state: the numbers now, after these changes.
    @ivar entries: messages that are new or whose flags changed.
    @ivar expunged: UIDs that are gone, ascending.
    @ivar reflagging: more messages whose flags changed, after all else.
    """

    state: MailboxState
    entries: Entries
    expunged: Sequence[int]
    reflagging: Reflagging | None = None


class Fact(enum.Enum):
    """What L{IMailbox.facts} can tell of a message: the two every mailbox knows, then those of L{IDigested}."""

    SIZE = "size"
    """int: octets of the whole message (RFC822.SIZE)."""
    INTERNAL_DATE = "internal_date"
    """int: seconds since the epoch, UTC."""

    ENVELOPE = "envelope"
    """bytes: as IMAP sends it."""
    BODYSTRUCTURE = "bodystructure"
    """bytes: as IMAP sends it."""
    BODY = "body"
    """bytes: the form without extension data."""
    OUTLINE = "outline"
    """bytes: where its parts are (L{mailframe.message.outline})."""
    HEAD = "head"
    """bytes: the header with its empty line."""
    WHOLE = "whole"
    """bytes or None: all octets of the message; C{None} of one that is better read alone."""
    SENT = "sent"
    """int or None: the Date field, seconds since the epoch, UTC."""
    SUBJECT = "subject"
    """str: decoded."""
    BASE_SUBJECT = "base_subject"
    """str: as RFC 5256 2.1 extracts it."""
    FROM = "from"
    """str: sort key of RFC 5256."""
    TO = "to"
    """str: sort key of RFC 5256."""
    CC = "cc"
    """str: sort key of RFC 5256."""
    MESSAGE_ID = "message_id"
    """bytes or None."""
    REFERENCES = "references"
    """bytes: message ids separated by spaces, oldest first."""


BASIC_FACTS = frozenset({Fact.SIZE, Fact.INTERNAL_DATE})


@frozen
class Appended:
    """
    Where a new message is (RFC 4315 APPENDUID).

    @ivar uid: its UID.
    """

    uidvalidity: int
    uid: int


@frozen
class Copied:
    """
    Where copies are (RFC 4315 COPYUID): the two sequences have one length; messages that were gone are left out.

    @ivar source: UIDs that were copied, ascending.
    @ivar target: the UIDs of the copies, ascending.
    """

    uidvalidity: int
    source: Sequence[int]
    target: Sequence[int]


class StoreMode(enum.Enum):
    """How L{IMailbox.store_flags} changes flags."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


@frozen(cache_hash=True)
class Filing:
    """One place a delivered message goes to."""

    account: str
    mailbox: str = "INBOX"
    flags: FlagSet = frozenset()


# --- mail store ------------------------------------------------------------------------------------------------------


class IMailStore(Interface):
    """
    Mail of any number of accounts.

    An account's name is the string an L{IAuthenticator} puts into L{Identity.account} and an L{IDirectory}
    into L{AccountEntry.account}; the framework passes it on and does not look inside.
    """

    def open(account: str) -> Awaitable[IAccount]:
        """
        Return an account's mail. Called at each login and, without L{IBulkDelivery}, for each delivery.

        @raise mailframe.errors.NoSuchAccount: there is none of that name.
        """


class IBulkDelivery(Interface):
    """Optional power of an L{IMailStore}: store one message for many accounts in one step."""

    def deliver(message: Message, filings: Sequence[Filing]) -> Awaitable[Mapping[Filing, Exception]]:
        """
        Store the message at every place, durably when this returns. INBOX is made when it is not there.

        @return: the filings that did not succeed, with their L{mailframe.errors.MailError};
            the others did. Empty means that all is well.
        """


class IAccount(Interface):
    """
    The mailboxes of one account.

    Names are Unicode, levels are separated by C{/}, and the framework has checked each name it passes: no empty level,
    no control characters, bounded in length and depth, INBOX in capitals (RFC 3501 5.1).
    """

    def mailboxes() -> Awaitable[Sequence[MailboxInfo]]:
        """Return all mailboxes, INBOX among them always; a parent that is no mailbox may be left out."""

    def mailbox(name: str) -> Awaitable[IMailbox]:
        """
        Open a mailbox.

        @raise mailframe.errors.NoSuchMailbox: there is none, or it cannot be selected.
        """

    def create(name: str) -> Awaitable[None]:
        """
        Make a mailbox and its missing parents (RFC 3501 6.3.3).

        @raise mailframe.errors.MailboxExists: it is there already.
        """

    def delete(name: str) -> Awaitable[None]:
        """
        Remove a mailbox and its messages, but not those below it (RFC 3501 6.3.4): one with children stays as a
        parent that cannot be selected. UIDs of a later mailbox of the same name must differ, or its UIDVALIDITY.

        @raise mailframe.errors.NoSuchMailbox: there is none.
        @raise mailframe.errors.NotPermitted: it is INBOX, or it has children and cannot be selected anyway.
        """

    def rename(old: str, new: str) -> Awaitable[None]:
        """
        Rename a mailbox and all below it (RFC 3501 6.3.5). Renaming INBOX moves its messages to the new mailbox,
        leaves INBOX empty, and touches none of its children.

        @raise mailframe.errors.NoSuchMailbox: there is no C{old}.
        @raise mailframe.errors.MailboxExists: there is a C{new}.
        @raise mailframe.errors.NotPermitted: C{new} lies below C{old}.
        """

    def subscriptions() -> Awaitable[Sequence[str]]:
        """Return the subscribed names, those of deleted mailboxes too (RFC 3501 6.3.9)."""

    def subscribe(name: str, subscribed: bool) -> Awaitable[None]:
        """Add the name to the subscribed ones or take it away; neither is an error when it is so already."""


class IMailbox(Interface):
    """
    One mailbox. It knows UIDs, never sequence numbers, and nothing of any protocol.

    A change is durable when the call that makes it returns, and is seen by every later call, through whichever
    object. Messages never change; only flags do.
    """

    id: str = Attribute("Identifies the mailbox in the store for ever, also after a rename: equal for equal mailboxes.")
    name: str = Attribute("Its name when it was opened.")

    def state() -> Awaitable[MailboxState]:
        """
        Return the numbers of now.

        @raise mailframe.errors.NoSuchMailbox: it was deleted (so may every method below).
        """

    def entries() -> Awaitable[Changes]:
        """Return all messages: L{Changes} since the beginning, without the expunged ones."""

    def facts(uids: Sequence[int], wanted: Sequence[Fact]) -> Awaitable[Sequence[tuple[Any, ...]]]:
        """
        Return what is known of messages, in bulk: one tuple C{(uid, fact, fact ...)} a message, by ascending UID.

        @param uids: ascending; those that do not exist (any more) are left out of the answer.
        @param wanted: only L{BASIC_FACTS}, unless the mailbox provides L{IDigested}.
        """

    def read(uid: int, start: int = 0, length: int | None = None) -> Awaitable[bytes]:
        """
        Return octets of a message; fewer than asked for where it ends. Big messages are asked for in pieces.

        @param length: C{None} is all from C{start} on.
        @raise mailframe.errors.NoSuchMessage: it was expunged.
        """

    def append(message: Message, flags: FlagSet, internal_date: int | None) -> Awaitable[Appended]:
        """
        Add a message; durable when this returns.

        @param internal_date: seconds since the epoch, UTC; C{None} is now.
        @raise mailframe.errors.OverQuota: there is no room.
        """

    def store_flags(
        uids: Sequence[int], mode: StoreMode, flags: FlagSet, unchanged_since: int | None = None
    ) -> Awaitable[Sequence[int]]:
        """
        Change flags of messages. Each whose flags really change gets a new, higher mod-sequence.

        @param uids: ascending; those that do not exist are passed over.
        @param unchanged_since: leave alone the messages whose mod-sequence is greater (RFC 7162 3.1.3).
        @return: the UIDs left alone for that reason, ascending.
        @raise mailframe.errors.BadFlags: a keyword is too long, or there are too many of them.
        """

    def expunge(uids: Sequence[int], only_deleted: bool = True) -> Awaitable[Sequence[int]]:
        """
        Remove messages for good.

        @param only_deleted: pass over those that lack C{\\Deleted} at this moment.
        @return: the UIDs that were removed, ascending.
        """

    def copy(uids: Sequence[int], target: IMailbox) -> Awaitable[Copied]:
        """
        Copy messages with their flags and internal dates into another mailbox of the same store, all or none.

        @param uids: ascending; those that do not exist are passed over.
        @raise mailframe.errors.NoSuchMailbox: the target was deleted.
        @raise mailframe.errors.OverQuota: there is no room.
        """

    def watch(changed: Callable[[], None]) -> Callable[[], None]:
        """
        Call C{changed} in the reactor soon after every change of this mailbox, by whomever; several may share a call.
        It says only that something changed: the watcher then reads what did.

        @return: call this to end it.
        """


class IChanges(Interface):
    """Optional power of an L{IMailbox}: cheap answers to "what is new?". Without it all entries are compared."""

    def changes(since: int) -> Awaitable[Changes | None]:
        """
        Return what happened after a mod-sequence; all of it, or C{None}: who asks then compares all entries.

        @param since: an earlier C{highestmodseq}, at least 1.
        @return: C{None} when the mailbox has forgotten what went since then; it need not remember for ever.
        """


class IDigested(Interface):
    """Optional power of an L{IMailbox}: L{IMailbox.facts} answers every L{Fact}, computed when the message came."""


class IMovable(Interface):
    """Optional power of an L{IMailbox}: move in one step. Without it: copy, then expunge."""

    def move(uids: Sequence[int], target: IMailbox) -> Awaitable[Copied]:
        """Like L{IMailbox.copy}, and the originals are gone in the same step (RFC 6851)."""


class IRecent(Interface):
    """Optional power of an L{IMailbox}: keep which messages are C{\\Recent}. Without it none ever is."""

    def claim_recent() -> Awaitable[int]:
        """Return L{MailboxState.recent} and set it to C{uidnext}, in one step: one session is told of each message."""


# --- who is known, who may enter -------------------------------------------------------------------------------------


@frozen
class AccountEntry:
    """
    An address with mail of its own.

    @ivar account: its name in the mail store.
    """

    account: str


@frozen
class AliasEntry:
    """
    An address that stands for others.

    @ivar targets: where its mail goes; looked up in turn, a bounded number of times.
    """

    targets: tuple[Address, ...]


class IDirectory(Interface):
    """Who is known here."""

    def find(address: Address) -> Awaitable[AccountEntry | AliasEntry | None]:
        """
        Look an address up, exactly as given; case folding of the local part is this method's business.

        @return: C{None} when it is unknown.
        @raise mailframe.errors.Temporary: it cannot be known now: the client is told 451, never 550.
        """


@frozen
class Identity:
    """
    Somebody who has authenticated.

    @ivar account: the name in the mail store.
    @ivar addresses: what this account may send as; C{None} is only the address that C{account} spells.
    """

    account: str
    addresses: frozenset[Address] | None = None


@frozen
class Password:
    """
    A user name and a password, as SASL PLAIN, LOGIN and the LOGIN and PASS commands give them.

    @ivar username: with a domain: the session has added the default one.
    """

    username: str
    password: str = field(repr=False)


Credentials: TypeAlias = Password


class IAuthenticator(Interface):
    """Decides who may enter."""

    def authenticate(credentials: Credentials) -> Awaitable[Identity]:
        """
        Check credentials; for unknown users this must take as long as for known ones.

        @raise mailframe.errors.BadCredentials: they are wrong.
        @raise mailframe.errors.Temporary: nobody can tell now; the client is not blamed.
        """


class IAccounts(Interface):
    """Optional power of a directory: accounts and aliases can be changed, as the C{mailframe} command does."""

    def add_account(address: Address, password: str) -> Awaitable[None]:
        """@raise mailframe.errors.AlreadyExists: there is such an account or alias."""

    def set_password(address: Address, password: str) -> Awaitable[None]:
        """@raise mailframe.errors.NoSuchAccount: there is none."""

    def remove_account(address: Address) -> Awaitable[None]:
        """
        Remove the account and its mail.

        @raise mailframe.errors.NoSuchAccount: there is none.
        """

    def accounts() -> Awaitable[Sequence[Address]]:
        """Return all, sorted."""

    def add_alias(address: Address, targets: Sequence[Address]) -> Awaitable[None]:
        """@raise mailframe.errors.AlreadyExists: there is such an account or alias."""

    def remove_alias(address: Address) -> Awaitable[None]:
        """@raise mailframe.errors.NoSuchAccount: there is no such alias."""

    def aliases() -> Awaitable[Sequence[tuple[Address, Sequence[Address]]]]:
        """Return all with their targets, sorted."""


class IRecipientCheck(Interface):
    """Optional power of a delivery target: say at RCPT time whether a recipient is known."""

    def check(recipient: Address) -> Awaitable[Verdict | None]:
        """Return L{mailframe.hooks.Reject} with 5.1.1 for one that is unknown, C{None} for one that is welcome."""


class ISiteCheck(Interface):
    """Like L{IRecipientCheck}, for a delivery target that needs to know the time, or more of the world."""

    def check_at(site: Site, recipient: Address) -> Awaitable[Verdict | None]:
        """Return what L{IRecipientCheck.check} does."""


class IElsewhere(Interface):
    """
    Optional power of a delivery target: it leads to another server.

    Mail for it is queued before the client is told that all is well, and goes when it can. Through a route for
    everything only our own users reach it: else this were an open relay.
    """


class IQueues(Interface):
    """
    Optional power of a delivery target: it puts mail into the queue, C{delivery.queue}, by itself.

    A server without a queue is refused. If it provides L{IElsewhere} too it is asked before the client is told that
    all is well, since what it queues is durable then.
    """


class IWayBack(Interface):
    """Optional power of a delivery target: what bounces of its mail comes back by a route of its own."""

    way_back: Route | None = Attribute("It comes before all other routes. C{None}: there is none.")


class IKnowsServers(Interface):
    """Optional power of a target that leads to other servers: say which, so that their limits can be kept."""

    def servers(site: Site, domain: str) -> Awaitable[Sequence[str]]:
        """Return the names of the servers for a domain, in lower case, the best first; none when nobody can tell."""


# --- delivery queue --------------------------------------------------------------------------------------------------


@frozen
class Leased:
    """
    One recipient of a queued message, lent to one runner for a time.

    @ivar key: names this lease.
    @ivar id: the message's id; recipients of one message share it.
    @ivar envelope: of the message, with this recipient alone.
    @ivar attempts: how many were made before.
    @ivar queued: when the message came, seconds since the epoch.
    @ivar warned: a report of the delay went out.
    @ivar returned: an administrator wants it to go back to its sender now.
    @ivar route: the next hop that an administrator has chosen, C{host} or C{host:port}; empty is the ordinary way.
    """

    key: int
    id: str
    envelope: Envelope
    message: Message
    attempts: int
    queued: float
    warned: bool = False
    returned: bool = False
    route: str = ""


@frozen
class Settlement:
    """
    How an attempt ended for one recipient.

    @ivar due: for L{mailframe.hooks.Retry}, when it is due again, seconds since the epoch.
    @ivar warned: a report of the delay goes out now, and need not again.
    """

    outcome: Outcome
    due: float | None = None
    warned: bool = False


@frozen
class Report:
    """
    A message of our own, to be queued in the same step that settles what it reports.

    @ivar about: keys of leases: when all of these are over, it is not queued. Nothing is queued in any case.
    """

    id: str
    envelope: Envelope
    message: Message
    due: float
    about: Collection[int] = ()


class IDeliveryQueue(Interface):
    """Messages that still have to go somewhere, a state for each recipient."""

    def put(id: str, envelope: Envelope, message: Message, due: float) -> Awaitable[None]:
        """
        Take a message for all recipients of its envelope; durable when this returns.

        @param due: when the first attempt may be made, seconds since the epoch.
        @raise ValueError: the envelope has no recipients.
        @raise mailframe.errors.Temporary: it cannot be stored now.
        """

    def lease(now: float, until: float, limit: int, busy: Collection[str] = ()) -> Awaitable[Sequence[Leased]]:
        """
        Lend recipients of one destination, their domain, that are due: nobody else is lent them before C{until}.

        It is the destination that is due longest; of its recipients each sender has a share, those that are due longest
        first. A runner that dies has lent them until then, and no longer. What is lent may be fewer than C{limit}, and
        its messages stay the queue's: they are not to be discarded.

        @param busy: destinations, in lower case, of which nothing is wanted now.
        """

    def settle(now: float, settlements: Mapping[int, Settlement], reports: Sequence[Report] = ()) -> Awaitable[None]:
        """
        Record how attempts ended, and queue the reports about them in the same step; durable when this returns.

        Recipients with another outcome than L{mailframe.hooks.Retry} leave the queue, and the message with the last of
        them. Leases that are over are passed over: they were settled, have ended and been lent anew, or an
        administrator has removed the recipient.

        @param settlements: by the key of the lease.
        @raise ValueError: a L{mailframe.hooks.Retry} has no time; nothing is recorded.
        """

    def give_back(keys: Collection[int]) -> Awaitable[None]:
        """End leases without an attempt having been made: these recipients are due now."""

    def next_due(now: float, busy: Collection[str] = ()) -> Awaitable[float | None]:
        """
        Return when L{lease} will have something to lend, or C{None}: not before something is put.

        @param busy: destinations that do not count.
        """


class QueuedState(enum.Enum):
    """What one recipient of a queued message waits for."""

    DUE = "due"
    """To be lent: its time has come."""
    WAITING = "waiting"
    """For its time to come."""
    LEASED = "leased"
    """It is lent: an attempt is made, or will be as soon as its destination has room."""
    HELD = "held"
    """For an administrator."""
    RETURNED = "returned"
    """To go back to its sender."""


@frozen
class Selection:
    """
    Recipients of queued messages: those for which all is true that is said here; all of them when nothing is.

    @ivar id: the message's id.
    @ivar sender: its sender, an empty text for the null sender; upper and lower case are one.
    @ivar recipient: in upper or lower case as well.
    @ivar destination: a domain in lower case.
    @ivar subdomains: with all domains below it.
    """

    id: str | None = None
    sender: Address | Literal[""] | None = None
    recipient: Address | None = None
    destination: str | None = None
    state: QueuedState | None = None
    subdomains: bool = False


@frozen
class Queued:
    """
    One recipient of a queued message, as an administrator sees it.

    @ivar key: the later it was put, the greater; never that of another one.
    @ivar id: the message's id; recipients of one message share it.
    @ivar envelope: of the message, with this recipient alone.
    @ivar size: octets of the message.
    @ivar queued: when the message came, seconds since the epoch.
    @ivar attempts: how many were made.
    @ivar due: when the next is due, or when the lease ends; C{None} is when an administrator says so.
    @ivar outcome: how the last attempt ended, a L{mailframe.hooks.Retry}; C{None} before it.
    @ivar route: the next hop that an administrator has chosen; empty is the ordinary way.
    """

    key: int
    id: str
    envelope: Envelope
    size: int
    queued: float
    state: QueuedState
    attempts: int
    due: float | None
    outcome: Retry | None
    route: str


@frozen
class Backlog:
    """
    What waits for one destination.

    @ivar recipients: how many.
    @ivar oldest: when the first message for them came, seconds since the epoch.
    @ivar due: when the next of them is due; C{None} when all wait for an administrator.
    """

    destination: str
    recipients: int
    oldest: float
    due: float | None


@frozen
class QueueChange:
    """
    Some recipients were changed by an administrator, or put by another process.

    @ivar destinations: theirs.
    @ivar lent: some of them are lent: what of them has not begun is to be given back, since it would be done as it was.
    @ivar new: they were put, by another process, and nothing else has changed.
    """

    destinations: frozenset[str]
    lent: bool = False
    new: bool = False


class IAdministeredQueue(Interface):
    """
    Optional power of an L{IDeliveryQueue}: look into it, and change it by hand, as C{mailframe queue} does.

    Each change applies to the recipients of a selection and returns how many these are; it is durable then. A big
    selection is changed in parts, one after the other, each of them at once. An attempt that is under way ends as it
    ends: whom it reaches has got the message, and for whom it does not the change applies when it is settled.
    """

    def inspect(selection: Selection, after: int = 0, limit: int = 100) -> Awaitable[Sequence[Queued]]:
        """
        Return recipients, the oldest first.

        @param after: the key of the last one that was returned before.
        """

    def backlogs(limit: int = 100) -> Awaitable[Sequence[Backlog]]:
        """Return the destinations for which most recipients wait, with most of all first."""

    def retry(selection: Selection) -> Awaitable[int]:
        """Let them be due now, but for those that are held."""

    def hold(selection: Selection) -> Awaitable[int]:
        """Let them wait until they are released."""

    def release(selection: Selection) -> Awaitable[int]:
        """Let those that are held be due now; the others are not counted."""

    def remove(selection: Selection) -> Awaitable[int]:
        """Forget them. Nobody is told, not even of an attempt that is under way and fails."""

    def send_back(selection: Selection) -> Awaitable[int]:
        """Let them go back to their senders now, with a report; held or not."""

    def reroute(selection: Selection, route: str) -> Awaitable[int]:
        """
        Choose their next hop, C{host} or C{host:port}, empty for the ordinary way, and let them be due now.

        @raise ValueError: that is no next hop.
        """

    def watch(changed: Callable[[QueueChange], None]) -> Callable[[], None]:
        """
        Call C{changed} in the reactor after each change, or part of one.

        @return: call this to end it; once more does nothing.
        """


class ILendsAtOnce(Interface):
    """
    Optional power of an L{IDeliveryQueue}: lend in the step that puts. Without it: put, then lease.

    What is sent as soon as it comes is written once, and need not be read again.
    """

    def put_and_lend(
        id: str, envelope: Envelope, message: Message, due: float, until: float, destinations: Collection[str]
    ) -> Awaitable[Sequence[Leased]]:
        """
        Take a message as L{IDeliveryQueue.put} does, and lend its recipients of some destinations as C{lease} does.

        @param due: as in C{put}, for the other recipients.
        @param until: the end of the lease.
        @param destinations: in lower case; C{due} has come for them.
        """


# --- addresses that get no mail --------------------------------------------------------------------------------------


@frozen
class Suppression:
    """
    An address or a domain on another server that no mail is sent to.

    @ivar target: the address in lower case, or the domain.
    @ivar reason: one printable line.
    @ivar added: when, seconds since the epoch.
    @ivar until: when it ends; C{None} is never.
    """

    target: str
    reason: str
    added: float
    until: float | None = None


class ISuppressions(Interface):
    """
    The addresses and domains on other servers that no mail is sent to.

    A target is an L{Address}, or a domain in lower case, which is for all its addresses but not for the domains below
    it. Upper and lower case are one.
    """

    def find(address: Address) -> Awaitable[Suppression | None]:
        """Return what forbids to send there now, or C{None}; what another process forbids counts a second later."""

    def suppress(target: Address | str, reason: str, until: float | None = None) -> Awaitable[None]:
        """
        Forbid to send there, in place of what was said of that target before; durable when this returns.

        @param reason: one printable line for senders; longer ones are cut.
        @raise ValueError: it is none.
        """

    def allow(target: Address | str) -> Awaitable[bool]:
        """Let mail go there again, and forget what was counted; return whether it was suppressed."""

    def suppressions(after: str = "", limit: int = 100) -> Awaitable[Sequence[Suppression]]:
        """
        Return those that count now, in the order of their targets.

        @param after: the target of the last one that was returned before.
        """

    def count(address: Address, since: float) -> Awaitable[int]:
        """
        Count one more failure for good of an address, and return how many there are now.

        @param since: seconds since the epoch: the count begins anew if the last one was before.
        """

    def forget(address: Address) -> Awaitable[None]:
        """Forget what was counted of an address, since it works."""


# --- the world -------------------------------------------------------------------------------------------------------


class IResolver(Interface):
    """The DNS."""

    def names(address: str) -> Awaitable[Sequence[str]]:
        """
        Return the host names of an IP address that lead back to it (forward-confirmed reverse DNS), best first.

        @raise mailframe.errors.Temporary: no answer.
        """

    def query(name: str, type: str) -> Awaitable[Answer]:
        """
        Return the records of a name, aliases followed.

        @param name: fully qualified, in ASCII, with or without a final dot.
        @param type: such as C{MX} or C{TLSA}.
        @raise mailframe.net.dns.NoSuchName: the name does not exist.
        @raise mailframe.net.dns.NoRecords: it does, without records of that type.
        @raise mailframe.net.dns.ServerFailed: the servers cannot tell.
        @raise mailframe.net.dns.NoAnswer: they did not answer in time; both are L{mailframe.errors.Temporary}.
        """


class IPart(Interface):
    """Something a server runs as long as it runs: a store, a queue."""

    def start(site: Site) -> Awaitable[None]:
        """Begin; nothing is accepted before this is done."""

    def stop() -> Awaitable[None]:
        """End; everything accepted is durable when this is done."""


class IFellows(Interface):
    """The other processes of a server that has workers: what one of them changes, the others have to hear of."""

    is_worker: bool = Attribute(
        "Whether this process only serves clients. What one process alone may do, such as sending what is queued and "
        "tidying up, is done by the one that is no worker."
    )

    def tell(topic: str, *what: str | int) -> None:
        """
        Tell all others, soon: what is told of one topic in one turn of the reactor arrives together, each once.

        @param topic: with the name of what it is about, where there may be several.
        """

    def listen(topic: str, heard: Callable[[Sequence[Any]], object]) -> None:
        """Call C{heard} with what any other process tells."""

    def hold(name: str) -> bool:
        """Hold a name until L{release}, or the end of this process; return whether no other process holds it."""

    def release(name: str) -> None:
        """Let another process hold it."""


class IShared(Interface):
    """
    Optional power of an L{IPart}: it may run in several processes of a server at the same time.

    Each process starts it with a site of its own, in which C{site.fellows} are the others. Without workers there are
    none, and C{site.fellows} is C{None}.
    """


class IKeepsSpool(Interface):
    """Optional power of a store or a delivery target: big messages wait where it can take them over by a link."""

    spool: Spool = Attribute("Where they wait.")


class IKeepsQueue(Interface):
    """Optional power of an L{IPart}: it keeps a delivery queue."""

    queue: IDeliveryQueue = Attribute("There once it has started.")


class IKeepsSuppressions(Interface):
    """Optional power of an L{IPart}: it keeps a list of those that no mail is sent to."""

    suppressions: ISuppressions = Attribute("There once it has started.")


class IKeepsFiles(Interface):
    """Optional power of an L{IPart}: it keeps files in a directory of its own."""

    directory: str = Attribute("Made, with its parents, before the server drops its privileges, for whom it then is.")


class IRelocatable(IKeepsFiles):
    """Optional power of an L{IPart} that keeps files: it can keep them elsewhere, for those who try a server out."""

    def keep_in(directory: str) -> None:
        """Keep everything in another directory; called before the part starts."""


class IKeepsTLS(Interface):
    """Optional power of what a queue is in: what transport security remembers outlives a restart there."""

    policies: IPolicyStorage = Attribute("MTA-STS policies; there once it has started.")
    tls_counts: IReportStorage = Attribute("Counts for TLS reports; there once it has started.")


class IPolicyStorage(Interface):
    """Keeps texts by the name of a domain: MTA-STS policies, which protect only when they outlive a restart."""

    def get(domain: str) -> Awaitable[str | None]:
        """Return what was put last, or C{None}."""

    def put(domain: str, text: str) -> Awaitable[None]:
        """Keep a text of up to 100 KiB in place of the one before."""


class IAnswered(Interface):
    """Remembers whom automatic answers have gone to, so that nobody gets the same one with every message."""

    def answer_first(answerer: str, to: str, now: float, since: float) -> Awaitable[bool]:
        """
        Return whether nobody was answered so since then, and remember that it happens now; in one step.

        @param answerer: the address whose answer it is, in lower case.
        @param to: who gets it.
        @param now: seconds since the epoch, as is C{since}.
        """


class IReportStorage(Interface):
    """Counts texts by day and domain: how TLS went, for the reports of RFC 8460."""

    def add(day: str, domain: str, text: str) -> Awaitable[None]:
        """
        Count a text once more.

        @param day: C{2026-11-24}; days sort as text.
        """

    def domains(day: str) -> Awaitable[Sequence[str]]:
        """Return the domains that something is counted for on a day."""

    def read(day: str, domain: str) -> Awaitable[Sequence[tuple[str, int]]]:
        """Return the texts of a day and domain, in any order, each with its count."""

    def days() -> Awaitable[Sequence[str]]:
        """Return the days that something is counted for, in order."""

    def remove(day: str, domain: str) -> Awaitable[None]:
        """Forget a domain's counts of a day."""


# --- journal ---------------------------------------------------------------------------------------------------------


@frozen
class Entry:
    """
    Events of one message that were noted together.

    @ivar number: its place in the journal: later entries have higher numbers.
    @ivar events: at least one.
    """

    number: int
    events: Sequence[Event]


class IJournal(Interface):
    """
    What happened to each message (L{mailframe.journal.events}): for people, and never needed to deliver mail.

    It may lose the last events in a crash, and events for which there is no room; it never makes mail wait, and never
    raises where events are noted.
    """

    def note(events: Sequence[Event]) -> None:
        """
        Take events, soon to be kept; costs next to nothing.

        @param events: of one message, or of what was refused before there was one; at least one. They are found
            together, by the keys of all of them (L{mailframe.journal.keys.keys}).
        """

    def find(key: str, before: int | None, limit: int) -> Awaitable[Sequence[Entry]]:
        """
        Return entries that a key leads to, the latest first.

        @param key: as L{mailframe.journal.keys} makes it of a Message-ID or an address.
        @param before: only entries of lower numbers; C{None} is all, with what was noted just now.
        @param limit: how many at the most.
        """

    def of(message: str, after: int, limit: int) -> Awaitable[Sequence[Entry]]:
        """
        Return entries of a message, by its id, in the order in which they were noted.

        @param after: only entries of higher numbers; 0 is all, with what was noted just now.
        @param limit: how many at the most.
        """

    def prune(now: float) -> Awaitable[bool]:
        """
        Forget some of what need not be remembered any longer: so little that nobody has to wait for it.

        @param now: seconds since the epoch.
        @return: whether there is more to forget.
        """


class IKeepsJournal(Interface):
    """Optional power of an L{IPart}: it keeps the journal of the server that runs it."""

    journal: IJournal | None = Attribute("The journal, there before the start; C{None} where none is to be kept.")
