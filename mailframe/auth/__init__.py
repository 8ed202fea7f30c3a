"""Who may enter: authenticators, directories, and the door that slows down guessing."""
