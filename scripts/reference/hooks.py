"""docs/reference/hooks.md: every question that a plugin is asked, and the interfaces behind the answers."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from types import ModuleType

import jackfield.testing
from jackfield import hookspecs, roles
from scripts.reference.markdown import code, comment_above, page, prose, table


def made() -> str:
    """Every question that a plugin is asked, and every interface behind the answers."""
    functions = [node for node in _tree(hookspecs).body if isinstance(node, ast.FunctionDef)]
    asked = [
        (
            code(f"{node.name}({', '.join(argument.arg for argument in node.args.args)})"),
            prose(ast.get_docstring(node)),
            code(ast.unparse(node.returns) if node.returns else ""),
        )
        for node in functions
    ]
    contracts = [
        (code(name), prose(getattr(jackfield.testing, name).__doc__))
        for name in dir(jackfield.testing)
        if name.endswith("Contract")
    ]
    return page(
        "Hooks and roles",
        inspect.cleandoc(hookspecs.__doc__ or "").replace("``", "`"),
        "[write-a-capture-plugin.md](../write-a-capture-plugin.md) makes one from nothing.",
        "## Hooks\n\n" + table(("Hook", "The question", "The answer"), asked),
        "## Roles\n\n" + prose(roles.__doc__),
        *_roles(),
        "## Contracts\n\n`jackfield.testing` has one for each role; a plugin's tests inherit them.\n\n"
        + table(("Contract", "Of"), contracts),
    )


def _roles() -> Iterator[str]:
    """Each role as Markdown, under the heading that the source gives it."""
    lines = inspect.getsource(roles).splitlines()
    rules = {i: rule[1] for i, line in enumerate(lines, 1) if (rule := re.match(r"# --- (.+?) -+$", line))}
    for node in _tree(roles).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for at in [at for at in rules if at < node.lineno]:
            title = rules.pop(at)
            yield f"### {title[:1].upper()}{title[1:]}"
        marks = [ast.unparse(each) for each in node.decorator_list]
        kind = " (an ability)" if "runtime_checkable" in marks else ""
        body = "\n".join(_members(node, lines))
        yield f"**`{node.name}`**{kind}: {prose(ast.get_docstring(node))}\n\n{body}"


def _members(node: ast.ClassDef, lines: Sequence[str]) -> Iterator[str]:
    for each in node.body:
        if isinstance(each, ast.AnnAssign):
            above = comment_above(lines, each.lineno)
            note = f": {above}" if above else ""
            yield f"- `{ast.unparse(each)}`{note}"
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            mark = "async " if isinstance(each, ast.AsyncFunctionDef) else ""
            arguments = ast.unparse(each.args).removeprefix("self").removeprefix(", ")
            returns = ast.unparse(each.returns) if each.returns else "None"
            shown = f"{mark}{each.name}({arguments}) -> {returns}"
            if any(ast.unparse(mark) == "property" for mark in each.decorator_list):
                shown = f"{each.name}: {returns}"
            yield f"- `{shown}`: {prose(ast.get_docstring(each))}"


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))
