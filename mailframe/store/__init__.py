"""Where mail is kept."""
