"""Where mail is kept: mail stores, and what the framework adds to those that know little."""
