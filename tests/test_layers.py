"""The shape of the house: imports point down, only the edge knows the reactor, modules are small and say what they are.

Each rule is one test over every module, so a failure names all that break it. An exception is one line in a table, with
its reason.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mailframe"

LINES = 400
"""More than this in one module is more than one concept, unless the table below says why."""

LONG = {
    "mailframe.interfaces": "every interface on one page: the docstrings are the manual",
}

EDGE = {
    "mailframe.net.conversation": "the edge that all protocols share",
    "mailframe.net.speaking": "its half that speaks",
    "mailframe.net.listening": "factories that count connections",
    "mailframe.net.accepting": "what takes the place of Twisted's ports",
    "mailframe.net.sockets": "what connections take for their reactor",
    "mailframe.net.certificates": "reads them again when they change",
    "mailframe.net.server_tls": "contexts for Twisted",
    "mailframe.net.dns.sockets": "sockets of the resolver",
    "mailframe.net.connecting": "connections to other servers",
    "mailframe.net.programs": "processes beside the server",
    "mailframe.net.client_tls": "contexts for Twisted",
    "mailframe.net.outgoing": "the edge as a client",
    "mailframe.mailauth.https": "connections to web servers that others name",
    "mailframe.service": "runs it all",
    "mailframe.twistd": "is what twistd starts",
    "mailframe.workers": "further processes of the server, and the sockets to them",
    "mailframe.control": "the control socket",
    "mailframe.config": "wraps endpoints",
    "mailframe.cli": "commands start the reactor, or talk to the control socket",
    "mailframe.testing": "in-memory transports and clocks",
    "mailframe.sqlite": "fires Deferreds from its writer thread",
    "mailframe.log": "observers for twistd",
    "mailframe.inline": "a clock instead of a reactor, for commands",
    "mailframe.smtp.protocol": "Twisted's side of SMTP",
    "mailframe.imap.protocol": "Twisted's side of IMAP",
    "mailframe.pop3.protocol": "Twisted's side of POP3",
    "mailframe.smtp.factory": "a value that builds protocols",
    "mailframe.imap.factory": "a value that builds protocols",
    "mailframe.pop3.factory": "a value that builds protocols",
}
"""Modules, and packages with all that is in them, that may import anything of C{twisted.internet}."""

EVERYWHERE = {
    "twisted.internet.defer": "what an awaitable is in Twisted; it needs no reactor",
    "twisted.internet.interfaces": "names of types",
}
"""What every other module may import of C{twisted.internet}."""

PURE = ("mailframe.message", "mailframe.sasl")
"""Packages without any Twisted: functions of octets."""

ABOVE = [f"mailframe.{name}" for name in ("smtp", "imap", "pop3", "store", "sqlite", "queue", "delivery", "cli")]
BELOW = [f"mailframe.{name}" for name in ("address", "envelope", "status", "errors", "interfaces", "site", "net")]
BELOW += [*PURE, "mailframe.spool", "mailframe.hooks"]
"""What everybody uses knows nobody that uses it."""

PROTOCOLS = ("mailframe.smtp", "mailframe.pop3", "mailframe.imap")

LAYERS = ("grammar", "reader", "session", "commands", "extensions", "protocol")
"""The rows of a protocol package; modules in none of them (C{vocabulary}, C{writing}, C{replies}) are free."""

ALLOWED = {
    "grammar": set[str](),
    "reader": {"grammar"},
    "session": {"grammar", "reader", "commands", "extensions"},
    "commands": {"grammar", "reader", "session"},
    "extensions": {"grammar", "reader", "session", "commands"},
    "protocol": {"grammar", "reader", "session", "commands", "extensions"},
}
"""What each row may import of the others. A session is given its tables, or imports them: but no two rows import
each other."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(node: ast.AST) -> list[ast.stmt]:
    """All statements within, except those that only a type checker runs."""
    found: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        if isinstance(child, ast.stmt):
            found.append(child)
        found += statements(child)
    return found


def imports(path: Path) -> set[str]:
    """Dotted names that a module imports: C{from a import b} is C{a.b}, which may be a module or a name in one."""
    found: set[str] = set()
    for node in statements(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def importing(*packages: str) -> dict[str, set[str]]:
    """Return which modules import something of these packages, and what."""
    found = {
        module: {name for name in imports(path) if any(within(name, package) for package in packages)}
        for module, path in modules().items()
    }
    return {module: names for module, names in found.items() if names}


def layer(module: str) -> tuple[str, str] | None:
    """Return the protocol package and the row of a module, or C{None} when it stands in none."""
    for package in PROTOCOLS:
        if module.startswith(package + "."):
            row = module[len(package) + 1 :].split(".")[0]
            return (package, row) if row in LAYERS else None
    return None


def test_there_is_something_to_check() -> None:
    assert "mailframe.address" in modules()
    assert "mailframe" in modules()


def test_nothing_imports_twisted_mail() -> None:
    offenders = {module: names for module, names in importing("twisted.mail").items() if ".compat" not in module}
    assert offenders == {}


def test_only_the_edge_imports_the_reactors_world() -> None:
    offenders = {}
    for module, names in importing("twisted.internet").items():
        wrong = {name for name in names if not any(within(name, allowed) for allowed in EVERYWHERE)}
        if wrong and not any(within(module, edge) for edge in EDGE):
            offenders[module] = wrong
    assert offenders == {}


def test_nobody_imports_the_reactor_itself_except_where_it_is_started() -> None:
    starters = ("mailframe.cli", "mailframe.twistd", "mailframe.testing", "mailframe.workers.worker")
    offenders = [
        module
        for module in importing("twisted.internet.reactor")
        if not any(within(module, starter) for starter in starters)
    ]
    assert offenders == []


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_know_no_twisted(package: str) -> None:
    offenders = {module: names for module, names in importing("twisted").items() if within(module, package)}
    assert offenders == {}


def test_pure_packages_and_values_import_nothing_that_stands_above_them() -> None:
    offenders = {
        module: names for module, names in importing(*ABOVE).items() if any(within(module, each) for each in BELOW)
    }
    assert offenders == {}


def test_protocols_do_not_know_each_other() -> None:
    offenders = {}
    for protocol in PROTOCOLS:
        others = [other for other in PROTOCOLS if other != protocol]
        for module, names in importing(*others).items():
            if within(module, protocol):
                offenders[module] = names
    assert offenders == {}


def test_protocols_know_stores_only_by_their_interfaces() -> None:
    offenders = {
        module: wrong
        for module, names in importing("mailframe.store", "mailframe.sqlite", "mailframe.queue").items()
        if any(within(module, protocol) for protocol in PROTOCOLS)
        # what the framework does for mailboxes without some optional power
        and (wrong := {name for name in names if not within(name, "mailframe.store.fallback")})
    }
    assert offenders == {}


def row_imports() -> list[tuple[str, str, str, str, str]]:
    """Return package, importing row, imported row, importing module and imported name for all that cross rows."""
    found = []
    for module, path in modules().items():
        here = layer(module)
        for name in sorted(imports(path)) if here else ():
            there = layer(name)
            if here and there and there[0] == here[0] and there[1] != here[1]:
                found.append((here[0], here[1], there[1], module, name))
    return found


def test_within_a_protocol_imports_point_down() -> None:
    offenders = [
        f"{module} ({row}) imports {name} ({below})"
        for _package, row, below, module, name in row_imports()
        if below not in ALLOWED[row]
    ]
    assert offenders == []


def test_within_a_protocol_no_two_rows_import_each_other() -> None:
    edges = {(package, row, below) for package, row, below, _module, _name in row_imports()}
    offenders = [
        f"{module} ({row}) imports {name} ({below})"
        for package, row, below, module, name in row_imports()
        if (package, below, row) in edges
    ]
    assert offenders == []


def test_nothing_is_dispatched_by_names_built_from_pieces() -> None:
    offenders = [
        f"{module}:{node.lineno}"
        for module, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("getattr", "setattr", "hasattr", "delattr")
        and isinstance(node.args[1], ast.JoinedStr | ast.BinOp | ast.Call)
    ]
    assert offenders == []


def test_nothing_is_done_by_star_imports_eval_or_exec() -> None:
    offenders = [
        f"{module}:{node.lineno}"
        for module, path in modules().items()
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "__import__"))
    ]
    assert offenders == []


def test_every_module_opens_with_one_sentence() -> None:
    offenders = {}
    for module, path in modules().items():
        first = (ast.get_docstring(tree(path)) or "").split("\n\n")[0].split(". ")
        if not first[0] or not re.search(r"[.:?]$", first[-1].strip()):
            offenders[module] = first[0]
    assert offenders == {}


def test_modules_are_of_a_size_to_be_read() -> None:
    lengths = {module: len(path.read_text("utf-8").splitlines()) for module, path in modules().items()}
    assert {module: length for module, length in lengths.items() if length > LINES and module not in LONG} == {}


def test_no_exception_stands_here_in_vain() -> None:
    lengths = {module: len(path.read_text("utf-8").splitlines()) for module, path in modules().items()}
    assert [module for module in LONG if lengths.get(module, 0) <= LINES] == []


def test_importing_a_module_calls_nothing_for_its_effect() -> None:
    offenders = [
        f"{module}:{node.lineno}"
        for module, path in modules().items()
        for node in tree(path).body
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    assert offenders == []
