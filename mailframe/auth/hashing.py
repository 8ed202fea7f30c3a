"""Password hashes as text: Argon2id for new ones, and what older files hold."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

ITERATIONS, LANES, MEMORY_KIBIBYTES = 2, 1, 19 * 1024
"""Parameters of Argon2id: what OWASP calls the minimum, about 25 ms."""
SALT_OCTETS, HASH_OCTETS = 16, 32
MOST_MEMORY_KIBIBYTES = 1024 * 1024
"""What a stored hash may ask for: a mistyped one must not take the machine down."""

_SALTED = re.compile(r"\{(SSHA|SSHA256|SSHA512)\}([A-Za-z0-9+/=]+)")
_DIGESTS = {"SSHA": "sha1", "SSHA256": "sha256", "SSHA512": "sha512"}
_PBKDF2 = re.compile(r"\$pbkdf2-sha256\$(?:i=)?([0-9]{1,8})\$([A-Za-z0-9./+]+)\$([A-Za-z0-9./+]+)")
_ARGON2 = re.compile(r"\$argon2id\$v=19\$m=([0-9]{1,8}),t=([0-9]{1,3}),p=([0-9]{1,3})\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")


def hash_password(password: str) -> str:
    """Return an Argon2id hash as a PHC string. Takes some 25 ms."""
    function = Argon2id(
        salt=os.urandom(SALT_OCTETS),
        length=HASH_OCTETS,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIBIBYTES,
    )
    return function.derive_phc_encoded(password.encode("utf-8"))


def check_form(stored: str) -> None:
    """
    Demand that a stored hash is of a form that L{verify} knows.

    @raise ValueError: it is not; the text says which forms there are.
    """
    if _verifier(stored) is None:
        raise ValueError("the hash is none of $argon2id$..., $pbkdf2-sha256$..., {SSHA}, {SSHA256}, {SSHA512}")


def verify(password: str, stored: str) -> bool:
    """
    Whether a password belongs to a stored hash; takes as long as the hash demands.

    @raise ValueError: the hash is of no known form.
    """
    verifier = _verifier(stored)
    if verifier is None:
        check_form(stored)
        return False
    return verifier(password.encode("utf-8"), stored)


def _verifier(stored: str) -> Callable[[bytes, str], bool] | None:
    argon2 = _ARGON2.fullmatch(stored)
    if argon2 is not None:
        return _argon2 if int(argon2[1]) <= MOST_MEMORY_KIBIBYTES else None
    if _PBKDF2.fullmatch(stored):
        return _pbkdf2
    return _salted if _SALTED.fullmatch(stored) else None


def _argon2(password: bytes, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password, stored)
    except InvalidKey:
        return False
    return True


def _pbkdf2(password: bytes, stored: str) -> bool:
    match = _PBKDF2.fullmatch(stored)
    assert match is not None
    salt, expected = (_unpadded(match[group]) for group in (2, 3))
    return hmac.compare_digest(hashlib.pbkdf2_hmac("sha256", password, salt, int(match[1])), expected)


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))


def _salted(password: bytes, stored: str) -> bool:
    match = _SALTED.fullmatch(stored)
    assert match is not None
    digest = hashlib.new(_DIGESTS[match[1]])
    try:
        data = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return False
    digest.update(password + data[digest.digest_size :])
    return hmac.compare_digest(digest.digest(), data[: digest.digest_size])
