"""The mail store in SQLite (the tables are in L{mailframe.sqlite.schema})."""
