"""Every bound on what an IMAP client may ask for, with its name and its default."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limits:
    """
    Sizes are octets, times are seconds.

    @ivar line: a command line, without its literals.
    @ivar unauthenticated_line: the same before login: nobody needs more to log in.
    @ivar literal: a literal that is kept in memory; only APPEND's message may be longer.
    @ivar unauthenticated_literal: a literal before login.
    @ivar literals: literals in one command.
    @ivar message: a message given to APPEND.
    @ivar discarded: of a refused non-synchronizing literal, how much is read and thrown away; beyond, the
        connection ends (RFC 7888 section 4).
    @ivar sequence_ranges: ranges in one sequence set.
    @ivar search_keys: keys in one SEARCH program, nested ones counted.
    @ivar search_depth: how deep they may be nested.
    @ivar fetch_items: data items in one FETCH.
    @ivar header_names: field names in one HEADER.FIELDS.
    @ivar part_depth: numbers in one body part.
    @ivar flags: flags in one list.
    @ivar bad_commands: commands answered BAD in a row before the connection ends.
    @ivar unauthenticated_bad_commands: the same before login.
    @ivar login_seconds: until somebody has logged in.
    @ivar autologout_seconds: of silence, IDLE included (RFC 3501 5.4 demands at least 30 minutes).
    @ivar drain_seconds: until a client has read what it asked for.
    """

    line: int = 64 * 1024
    unauthenticated_line: int = 8 * 1024
    literal: int = 64 * 1024
    unauthenticated_literal: int = 4096
    literals: int = 100
    message: int = 50 * 1024 * 1024
    discarded: int = 128 * 1024 * 1024
    sequence_ranges: int = 10_000
    search_keys: int = 500
    search_depth: int = 30
    fetch_items: int = 200
    header_names: int = 200
    part_depth: int = 60
    flags: int = 200
    bad_commands: int = 20
    unauthenticated_bad_commands: int = 5
    login_seconds: float = 180.0
    autologout_seconds: float = 31 * 60.0
    drain_seconds: float = 300.0


DEFAULT = Limits()
