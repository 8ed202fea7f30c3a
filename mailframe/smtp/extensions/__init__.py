"""The extensions, in the order of the EHLO reply: to add one, write its module and add a line here."""

from mailframe.smtp.extensions import auth, eightbitmime, enhancedstatuscodes, pipelining, size, starttls

EXTENSIONS = (
    pipelining.EXTENSION,
    size.EXTENSION,
    eightbitmime.EXTENSION,
    enhancedstatuscodes.EXTENSION,
    starttls.EXTENSION,
    auth.EXTENSION,
)
