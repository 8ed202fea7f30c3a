"""SQLite: the database that keeps everything, and its schema."""
