"""The extensions, in the order of the EHLO reply: to add one, write its module and add a line here."""

from mailframe.smtp.extensions import auth, eight_bit_mime, enhanced_status_codes, pipelining, size, starttls

EXTENSIONS = (
    pipelining.EXTENSION,
    size.EXTENSION,
    eight_bit_mime.EXTENSION,
    enhanced_status_codes.EXTENSION,
    starttls.EXTENSION,
    auth.EXTENSION,
)
