"""Which commands there are, read from their files without importing them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click

FOLDER = Path(__file__).resolve().parent.parent


def found(folder: Path = FOLDER) -> Mapping[str, str]:
    """Command → short help, by name. A file that cannot be parsed is listed and says so."""
    commands = {}
    for path in sorted(folder.glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as exc:
            commands[_name(path.stem)] = f"(broken: {exc.msg}, line {exc.lineno})"
            continue
        if any(_makes_command(node) for node in tree.body):
            commands[_name(path.stem)] = _short(ast.get_docstring(tree) or "")
    return commands


def imported(name: str, package: str = "jackfield.cli") -> click.Command:
    """The command of that name; only its own module is imported."""
    module = import_module(f"{package}.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command


def _makes_command(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name == "command"
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == "command" for target in targets)


def _short(docstring: str) -> str:
    """The first line; where it is ```jackfield x``: does this``, what follows the colon."""
    first = (docstring.strip().splitlines() or [""])[0]
    head, colon, rest = first.partition(": ")
    text = rest if colon and head.startswith("``") else first
    return text[:1].upper() + text[1:].rstrip(".")


def _name(stem: str) -> str:
    return stem.replace("_", "-")
