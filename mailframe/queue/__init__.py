"""Mail that still has to go somewhere."""
