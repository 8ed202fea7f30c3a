"""The tables of the journal in SQLite, and why they are as they are."""

ENTRIES_A_BUCKET = 1024
"""Entries whose keys stand together. A look-up reads a range of each bucket; it must stay what it was at first."""

JOURNAL = """
CREATE TABLE journal_entry (
    number INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    message TEXT NOT NULL,
    events TEXT NOT NULL
) STRICT;
CREATE INDEX journal_entry_message ON journal_entry (message) WHERE message != '';
CREATE TABLE journal_key (
    bucket INTEGER NOT NULL,
    key INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (bucket, key, entry)
) STRICT, WITHOUT ROWID;
"""
"""
Message ids begin with the time, so entries and their index grow at the end. Message-IDs and addresses come in any
order: an index of them all would have a page of its own to be read and written for nearly each. So C{key} is a hash of
one, and stands with those of the 1024 entries beside it: C{bucket} is the number of the entry, divided by that. What is
written lies in the last few pages, what is forgotten lies together, and a look-up in five million entries reads five
thousand ranges, which takes some 15 ms.
"""
