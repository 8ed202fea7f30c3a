"""Which RFCs are implemented, where, and how far: README's table is made of this, and a test compares the two.

C{python -m mailframe.rfcs} prints the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

YES = "yes"


@frozen
class Rfc:
    """
    @ivar module: where to start reading, without C{mailframe.}.
    @ivar state: L{YES}, or C{partly: } and what is missing.
    """

    number: int
    title: str
    module: str
    state: str = YES


RFCS: Sequence[Rfc] = (
    # --- messages
    Rfc(2045, "MIME: format of message bodies", "message.parts", "partly: read; composed in reports, encoded as 7bit"),
    Rfc(2046, "MIME: media types", "message.parts", "partly: read; composed in reports; no message/partial"),
    Rfc(2047, "MIME: encoded words", "message.words"),
    Rfc(2231, "MIME: parameter values in other character sets", "message.parameters"),
    Rfc(3464, "Delivery status notifications", "message.delivery_status"),
    Rfc(3834, "Automatic responses", "delivery.reply"),
    Rfc(5322, "Internet Message Format", "message.headers", "partly: read; composed as far as trace and reports go"),
    Rfc(6522, "multipart/report", "message.report"),
    Rfc(6533, "Internationalized delivery status notifications", "message.delivery_status", "partly: no MDN"),
    # --- SMTP
    Rfc(1870, "SMTP: SIZE", "smtp.extensions.size"),
    Rfc(1985, "SMTP: ETRN", "smtp.extensions.etrn"),
    Rfc(2033, "LMTP", "smtp.factory"),
    Rfc(2034, "SMTP: enhanced status codes", "smtp.extensions.enhanced_status_codes"),
    Rfc(2920, "SMTP: PIPELINING", "smtp.extensions.pipelining"),
    Rfc(3030, "SMTP: CHUNKING and BINARYMIME", "smtp.extensions.chunking"),
    Rfc(3207, "SMTP: STARTTLS", "smtp.extensions.starttls"),
    Rfc(3461, "SMTP: DSN", "smtp.extensions.dsn"),
    Rfc(3463, "Enhanced status codes", "status"),
    Rfc(3848, "SMTP: transmission types in Received", "smtp.tracing"),
    Rfc(4954, "SMTP: AUTH", "smtp.extensions.auth"),
    Rfc(5321, "SMTP", "smtp", "partly: no EXPN, and VRFY tells nothing, as 7.3 allows"),
    Rfc(6152, "SMTP: 8BITMIME", "smtp.extensions.eight_bit_mime"),
    Rfc(6409, "Message submission", "smtp.factory"),
    Rfc(6531, "SMTP: SMTPUTF8", "smtp.extensions.smtputf8"),
    Rfc(8689, "SMTP: REQUIRETLS", "smtp.extensions.require_tls"),
    # --- POP3
    Rfc(1939, "POP3", "pop3", "partly: no APOP, which needs passwords kept in plain text"),
    Rfc(2449, "POP3: CAPA", "pop3.commands"),
    Rfc(3206, "POP3: SYS and AUTH response codes", "pop3.session"),
    Rfc(5034, "POP3: SASL", "pop3.commands"),
    # --- IMAP
    Rfc(2177, "IMAP: IDLE", "imap.extensions.idle"),
    Rfc(2342, "IMAP: NAMESPACE", "imap.extensions.namespace"),
    Rfc(2595, "TLS for IMAP and POP3", "pop3.commands"),
    Rfc(2971, "IMAP: ID", "imap.extensions.id"),
    Rfc(3348, "IMAP: CHILDREN", "imap.extensions.children"),
    Rfc(3501, "IMAP4rev1", "imap"),
    Rfc(3691, "IMAP: UNSELECT", "imap.extensions.unselect"),
    Rfc(4315, "IMAP: UIDPLUS", "imap.extensions.uidplus"),
    Rfc(4959, "IMAP: SASL-IR", "imap.extensions.sasl_ir"),
    Rfc(5161, "IMAP: ENABLE", "imap.extensions.enable"),
    Rfc(5256, "IMAP: SORT and THREAD", "message.subject", "partly: sort keys are kept, the commands are missing"),
    Rfc(5530, "IMAP: response codes", "imap.session"),
    Rfc(6851, "IMAP: MOVE", "imap.extensions.move"),
    Rfc(7162, "IMAP: CONDSTORE and QRESYNC", "imap.extensions.condstore", "partly: CONDSTORE; no QRESYNC"),
    Rfc(7888, "IMAP: LITERAL+ and LITERAL-", "imap.extensions.literal"),
    # --- authentication, TLS, DNS
    Rfc(4013, "SASLprep", "sasl"),
    Rfc(2195, "SASL: CRAM-MD5", "sasl.client", "partly: as a client"),
    Rfc(5802, "SASL: SCRAM-SHA-1", "sasl.client", "partly: as a client"),
    Rfc(7677, "SASL: SCRAM-SHA-256", "sasl.client", "partly: as a client"),
    Rfc(7628, "SASL: OAUTHBEARER", "sasl.client", "partly: as a client"),
    Rfc(9266, "Channel bindings for TLS 1.3", "net.client_tls", "partly: as a client"),
    Rfc(8305, "Happy Eyeballs", "net.eyeballs", "partly: A and AAAA are asked one after the other"),
    Rfc(7505, "Null MX", "delivery.exchangers"),
    Rfc(4422, "SASL", "sasl", "partly: PLAIN and LOGIN"),
    Rfc(4616, "SASL: PLAIN", "sasl.plain"),
    Rfc(8314, "TLS for mail clients", "config"),
    Rfc(8996, "TLS 1.0 and 1.1 are over", "net.server_tls"),
    Rfc(9106, "Argon2", "auth.hashing"),
    Rfc(6698, "DANE: TLSA", "mailauth.dane", "partly: usages DANE-TA and DANE-EE, as SMTP has them"),
    Rfc(
        7671,
        "DANE: updates and guidance",
        "mailauth.dane",
        "partly: usages DANE-TA and DANE-EE, as SMTP has them",
    ),
    Rfc(7672, "DANE for SMTP", "mailauth.dane"),
    Rfc(8460, "SMTP: TLS reports", "queue.tls_reports", "partly: reports are sent, not read; no DKIM signature"),
    Rfc(8461, "MTA-STS", "mailauth.mta_sts"),
    Rfc(6891, "DNS: EDNS(0)", "net.dns.messages", "partly: as a stub resolver needs it"),
)


def table() -> str:
    """Return the table as Markdown, in the order of the numbers."""
    rows = [_row(rfc) for rfc in sorted(RFCS, key=lambda rfc: rfc.number)]
    return "\n".join(["| RFC | what | module | state |", "|--:|---|---|---|", *rows])


def _row(rfc: Rfc) -> str:
    link = f"[{rfc.number}](https://www.rfc-editor.org/rfc/rfc{rfc.number})"
    return f"| {link} | {rfc.title} | `{rfc.module}` | {rfc.state} |"


if __name__ == "__main__":
    print(table())
