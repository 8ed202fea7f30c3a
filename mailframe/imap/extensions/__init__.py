"""The extensions, in the order of CAPABILITY: to add one, write its module and add a line here."""

from mailframe.imap.extensions import (
    children,
    condstore,
    enable,
    id,
    idle,
    literal,
    login,
    move,
    namespace,
    sasl_ir,
    starttls,
    uidplus,
    unselect,
)

EXTENSIONS = (
    literal.EXTENSION,
    sasl_ir.EXTENSION,
    starttls.EXTENSION,
    login.EXTENSION,
    enable.EXTENSION,
    id.EXTENSION,
    idle.EXTENSION,
    namespace.EXTENSION,
    uidplus.EXTENSION,
    unselect.EXTENSION,
    children.EXTENSION,
    move.EXTENSION,
    condstore.EXTENSION,
)
