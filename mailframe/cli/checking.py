"""What is wrong with a configuration, found without starting anything."""

from __future__ import annotations

from mailframe.config_file import ConfigError, load
from mailframe.net.certificates import CertificateError, load_directory


def mistakes(file: str) -> list[str]:
    """Return one line for each mistake; none if the server could be started."""
    try:
        server = load(file)
    except ConfigError as error:
        return [str(error)]
    if server.certificates is not None:
        try:
            load_directory(server.certificates)
        except CertificateError as error:
            return [f"{file}: {error}"]
    return []
