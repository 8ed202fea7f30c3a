"""The commands of RFC 3501, a family each module."""

from mailframe.imap.commands import any_state, append, fetch, login, mailboxes, search, select, store

COMMANDS = (
    *any_state.COMMANDS,
    *login.COMMANDS,
    *mailboxes.COMMANDS,
    *select.COMMANDS,
    *append.COMMANDS,
    *fetch.COMMANDS,
    *store.COMMANDS,
    *search.COMMANDS,
)
