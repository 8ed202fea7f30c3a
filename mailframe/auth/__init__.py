"""Who may enter, and who is known."""
