"""The tables of the delivery queue in SQLite, and what each of their columns says."""

FIRST = """
CREATE TABLE queued (
    message INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    envelope TEXT NOT NULL,
    created REAL NOT NULL,
    head BLOB NOT NULL,
    body BLOB,
    file TEXT,
    body_size INTEGER NOT NULL
) STRICT;
-- A key is never given out twice: a runner that comes late must not settle somebody else's mail.
CREATE TABLE queued_recipient (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL REFERENCES queued,
    recipient TEXT NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT
) STRICT;
CREATE INDEX queued_recipient_due ON queued_recipient (due);
CREATE INDEX queued_recipient_message ON queued_recipient (message);
"""
"""As they were at first: C{outcome} is how the last attempt ended; C{body} is null where C{file} is not."""

_SENDER = "coalesce(json_extract(q.envelope, '$.sender[0]') || '@' || json_extract(q.envelope, '$.sender[1]'), '')"
_DESTINATION = "json_extract(r.recipient, '$.address[1]')"

FLOWS = f"""
CREATE TABLE flow (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    sender TEXT NOT NULL,
    due REAL NOT NULL,
    served REAL NOT NULL DEFAULT 0,
    UNIQUE (destination, sender)
) STRICT;
CREATE INDEX flow_due ON flow (due);
ALTER TABLE queued_recipient ADD COLUMN flow INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queued_recipient ADD COLUMN lent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queued_recipient ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queued_recipient ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queued_recipient ADD COLUMN warned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queued_recipient ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queued_recipient ADD COLUMN route TEXT NOT NULL DEFAULT '';
INSERT INTO flow (destination, sender, due)
    SELECT {_DESTINATION}, {_SENDER}, min(r.due) FROM queued_recipient r JOIN queued q USING (message) GROUP BY 1, 2;
UPDATE queued_recipient AS r SET flow = (
    SELECT f.id FROM queued q JOIN flow f ON f.destination = {_DESTINATION} AND f.sender = {_SENDER}
    WHERE q.message = r.message
);
DROP INDEX queued_recipient_due;
CREATE INDEX queued_recipient_flow ON queued_recipient (flow, due);
CREATE INDEX queued_recipient_leased ON queued_recipient (flow) WHERE leased;
CREATE INDEX queued_id ON queued (id);
CREATE INDEX queued_file ON queued (file) WHERE file IS NOT NULL;
"""  # noqa: S608 - of constants alone
"""
The second step. A flow is the mail of one sender to one destination: C{due} is when the first of it is due, C{served}
when something of it was lent last. Of a recipient, C{lent} counts its leases, C{leased} says that the last one is not
settled, C{held} that it waits for an administrator (its C{due} is infinite then), C{warned} that a delay was reported,
C{returned} that it is to go back to its sender, and C{route} is the next hop that was chosen by hand.
"""

BY_HAND = """
CREATE INDEX queued_recipient_held ON queued_recipient (due) WHERE held;
CREATE INDEX flow_sender ON flow (sender COLLATE NOCASE);
"""
"""For administrators: who is held though its lease has ended, and the flows of one sender."""

SUPPRESSIONS = """
CREATE TABLE suppression (
    target TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    added REAL NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX suppression_until ON suppression (until);
CREATE TABLE hard_bounce (target TEXT PRIMARY KEY, failures INTEGER NOT NULL, last REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX hard_bounce_last ON hard_bounce (last);
"""
"""Who gets no mail: C{target} is a domain, or an address in lower case; C{until} is infinite for ever."""

STEPS = (FIRST, FLOWS, BY_HAND)
"""All, for a database that holds nothing but a queue."""
