"""The first configuration of a real server, written by C{mailframe init}."""

from __future__ import annotations

import os
import time
from importlib.resources import files
from pathlib import Path

from mailframe.address import parse_domain
from mailframe.files import write_durably
from mailframe.net.certificates import make_self_signed

FILE = "mail.py"
CERTIFICATES = "tls"


class AlreadyThere(Exception):
    """There is a configuration; it is not overwritten."""


def write_configuration(directory: str | os.PathLike[str], domain: str, hostname: str) -> Path:
    """
    Write a configuration and a self-signed certificate, so that it runs at once.

    @return: the file.
    @raise AlreadyThere: there is one.
    @raise ValueError: the domain or the host name is none.
    """
    folder = Path(directory)
    names = {"DOMAIN": parse_domain(domain), "HOSTNAME": parse_domain(hostname)}
    file = folder / FILE
    if file.exists():
        raise AlreadyThere(f"{file} is there already, and stays as it is")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    certificates = folder / CERTIFICATES
    if not certificates.exists():
        certificates.mkdir(mode=0o700)
        make_self_signed(certificates / f"{names['HOSTNAME']}.pem", [names["HOSTNAME"]], time.time())
    text = files("mailframe.cli").joinpath("initial.txt").read_text("utf-8")
    for name, value in names.items():
        text = text.replace(f"@{name}@", value)
    write_durably(file, text.encode("utf-8"), 0o644)
    return file
