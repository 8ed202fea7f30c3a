"""The tables of the journal in SQLite, and why they are as they are."""

FIRST = """
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
"""What it was at first: a row for each entry and each key. L{mailframe.journal.upgrade} makes L{BLOCKS} of it."""

BLOCKS = """
CREATE TABLE journal_block (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL UNIQUE,
    entries INTEGER NOT NULL,
    began REAL NOT NULL,
    time REAL NOT NULL,
    keys BLOB NOT NULL,
    events ANY NOT NULL
) STRICT;
CREATE TABLE journal_message (
    message TEXT NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (message, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE journal_sieve (
    part INTEGER NOT NULL,
    run INTEGER NOT NULL,
    keys BLOB NOT NULL,
    PRIMARY KEY (part, run)
) STRICT, WITHOUT ROWID;
"""
"""
Entries that were noted about the same time are a block: one row, with their numbers from C{first} on, and their events
as one text. As long as that is short, what comes next is added to it, so that quiet servers have few blocks too; a long
one is packed with zlib, to a third or less. That a block takes an hour at the most is for those who want old entries
forgotten: they are forgotten together.

Message ids begin with the time, so C{journal_message} grows at the end.

Message-IDs and addresses come in any order: an index of them would have a page of its own to be read and written for
nearly each. So a block has hashes of them, each once, behind each other in C{keys}. Whoever looks for one would have to
read those of all blocks: 100 MB where there are five million entries, 0.1 s from memory and 3 s from a disk. Therefore
the beginnings of the hashes of eight blocks, once these are complete, are sorted into 32 parts, by the first
octet. To find one of five million entries is then to read the rows of one part, some 2 MB, and the keys of those eight
blocks that it may be in.
"""
