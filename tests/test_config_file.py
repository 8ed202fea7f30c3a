"""A configuration file is Python; each mistake in it becomes one line that names the file and the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailframe.config_file import ConfigError, load


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "mail.py"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_the_server_of_the_file_is_returned(tmp_path: Path) -> None:
    file = written(tmp_path, "from mailframe import Server\nserver = Server('mx.example.org')\n")
    assert load(file).hostname == "mx.example.org"


def test_the_file_knows_where_it_is(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "from pathlib import Path\nfrom mailframe import Server\n"
        "server = Server('h', certificates=Path(__file__).parent / 'tls')\n",
    )
    assert load(file).certificates == tmp_path / "tls"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a = 1\nb = = 2\n", 2, "invalid syntax"),
        ("a = (\n", 1, "'(' was never closed"),
        ("\n\nimport nothing_of_the_kind\n", 3, "ModuleNotFoundError: No module named 'nothing_of_the_kind'"),
        ("from mailframe import Sever\n", 1, "ImportError: cannot import name 'Sever' from 'mailframe'"),
        ("def f():\n    return 1 / 0\nf()\n", 2, "ZeroDivisionError: division by zero"),
        (
            "from mailframe import Server\nserver = Server(\n    'mx.example.org',\n    listen=[('tcp:x', 1)],\n)\n",
            2,
            "'tcp:x' is no server endpoint such as 'tcp:25'",
        ),
        ("from mailframe import Server\nServer('mx.example.org')\n", 2, "no name 'server' in it: end with server ="),
        ("", 1, "no name 'server' in it"),
        ("server = 1\nx = 2\n", 1, "server is 1, not a Server"),
        ("a = 1\0\n", 1, "null bytes"),
        ("a = '\\\n", 1, "unterminated string literal"),
        (b"a = '\xff'\n", 1, "(unicode error) 'utf-8' codec can't decode"),
        ("raise ValueError('one\\ntwo')\n", 1, "one two"),
        ("raise ValueError\n", 1, "ValueError"),
        ("compile('x y', __file__, 'exec')\n", 1, "SyntaxError: invalid syntax"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str | bytes, line: int, what: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load(file)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"{file}:{line}: ")
    assert what in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.py:1: cannot be read: No such file"):
        load(tmp_path / "missing.py")
