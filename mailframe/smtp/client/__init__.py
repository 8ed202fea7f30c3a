"""SMTP and LMTP as a client: what goes over the wire, and what each answer means for each recipient."""
