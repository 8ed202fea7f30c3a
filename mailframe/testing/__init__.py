"""The public test kit: transcripts of conversations, contract suites for implementations of the interfaces."""
