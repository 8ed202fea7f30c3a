"""The extensions, in the order of the EHLO reply: to add one, write its module and add a line here."""

from mailframe.smtp.extensions import (
    auth,
    binary_mime,
    chunking,
    dsn,
    eight_bit_mime,
    enhanced_status_codes,
    etrn,
    pipelining,
    require_tls,
    size,
    smtputf8,
    starttls,
)

EXTENSIONS = (
    pipelining.EXTENSION,
    size.EXTENSION,
    eight_bit_mime.EXTENSION,
    binary_mime.EXTENSION,
    chunking.EXTENSION,
    smtputf8.EXTENSION,
    dsn.EXTENSION,
    enhanced_status_codes.EXTENSION,
    starttls.EXTENSION,
    require_tls.EXTENSION,
    auth.EXTENSION,
    etrn.EXTENSION,
)
