"""The public test kit: a world of servers on virtual time, transcripts of conversations, contract suites."""
