"""Trust anchors: those of the system, or of a file of PEM certificates."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from attrs import field, frozen
from cryptography import x509
from cryptography.x509.verification import Store

ROOTS = 5000
"""Certificates read at most."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


@frozen(eq=False)
class Roots:
    """
    @ivar certificates: at least one.
    """

    certificates: Sequence[x509.Certificate]
    store: Store = field(init=False)

    @store.default
    def _store(self) -> Store:
        return Store(list(self.certificates))

    @classmethod
    def from_pem(cls, text: bytes) -> Roots:
        """
        Read certificates one behind the other; what cannot be read is left out, as a bundle has oddities.

        @raise ValueError: there is none.
        """
        return cls(_certificates(text))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Roots:
        """
        Read a file; this blocks for some milliseconds.

        @raise OSError: it cannot be read.
        @raise ValueError: there is no certificate in it.
        """
        return cls.from_pem(Path(path).read_bytes())


def _certificates(text: bytes) -> list[x509.Certificate]:
    found = []
    for match in _PEM.finditer(text):
        try:
            found.append(x509.load_pem_x509_certificate(match[0]))
        except ValueError:
            continue
        if len(found) == ROOTS:
            break
    return found


@cache
def system_roots() -> Roots:
    """
    Return the roots that OpenSSL trusts on this machine, read once; C{SSL_CERT_FILE} and C{SSL_CERT_DIR} count.

    @raise ValueError: there are none.
    """
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None:
        return Roots.from_file(paths.cafile)
    files = sorted(Path(paths.capath).glob("*.pem")) if paths.capath is not None else []
    return Roots.from_pem(b"\n".join(file.read_bytes() for file in files[:ROOTS]))
