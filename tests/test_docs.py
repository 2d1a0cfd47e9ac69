"""If it is documented, it exists: the reference is the code's, links lead somewhere, commands and keys are known.

What the tutorial shows is run by test_tutorial, what the guides to plugins show by test_dist.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import pytest
from attrs import frozen

import jackfield
from jackfield.cli.frame import commands, group
from jackfield.plugins import Config, load, load_config
from jackfield.plugins.tables import named_field
from scripts.reference.__main__ import FOLDER, pages
from tests.test_house_rules import MEMBERS, ROOT, name, tracked

PAGES = [path for path in tracked() if path.suffix == ".md" and path.name != "CHANGELOG.md"]
WRITTEN = [path for path in PAGES if FOLDER not in path.parents]


@frozen
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def blocks(page: Path, *languages: str) -> list[Block]:
    """The page's blocks in these languages, or all of them."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text[: hit.start()].count("\n") + 1, hit[1], hit[2] or "", hit[3])
        for hit in re.finditer(r"^```(\w*)(?: title=(\S+))?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]
    return [block for block in found if not languages or block.language in languages]


def of_all_pages(*languages: str) -> list[Block]:
    """Blocks of every page that people wrote."""
    return [block for page in WRITTEN for block in blocks(page, *languages)]


# --- the reference ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("page", "text"), pages().items(), ids=lambda value: value if len(value) < 30 else "")
def test_the_reference_is_what_the_code_says(page: str, text: str) -> None:
    """What was changed in the code stands in docs/reference."""
    assert (FOLDER / page).read_text(encoding="utf-8") == text, f"docs/reference/{page} is stale: run `make docs`"


def test_the_reference_has_every_name() -> None:
    """No setting, event, error, hook or command is missing, and no page is left over."""
    made = pages()
    assert {path.name for path in FOLDER.iterdir()} == set(made)
    from jackfield import hookspecs
    from jackfield.values import events, settings

    wanted = {"settings.md": settings.SETTINGS, "events.md": events.EVENTS, "cli.md": commands.found()}
    wanted["hooks.md"] = [hook for hook in vars(hookspecs) if hook.startswith(("register_", "check_"))]
    wanted["errors.md"] = [each for each in vars(jackfield) if each.endswith("Error")]
    wanted["api.md"] = list(jackfield._WHERE)
    for page, names in wanted.items():
        assert [each for each in names if each not in made[page]] == [], page


# --- links ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files and headings that a page links to are there."""
    wrong = []
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", text):
        link = next(filter(None, target))
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (heading and heading not in headings(there)):
            wrong.append(link)
    assert wrong == []


def headings(page: Path) -> set[str]:
    """The page's headings as links name them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_index_names_every_page() -> None:
    """docs/README.md leads to each page of docs/."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    found = {str(path.relative_to(ROOT / "docs")) for path in PAGES if path.is_relative_to(ROOT / "docs")}
    assert {page for page in found - {"README.md"} if f"({page})" not in index} == set()


# --- commands ---------------------------------------------------------------------------------------------------------
def command_lines(text: str) -> Iterator[list[str]]:
    """Lines of a shell block, split as a shell does, without comments and variables."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words:
            yield words


def parsed(words: list[str]) -> None:
    """Fails where ``jackfield`` would not take this command line; runs nothing."""
    rest = words[1:]
    while rest[0].startswith("-"):
        rest = rest[2 if rest[0] == "--config" else 1 :]
    context = group.jackfield.make_context("jackfield", words[1:])
    found, command, arguments = group.jackfield.resolve_command(context, rest)
    assert command is not None
    command.make_context(found, arguments, context)


@pytest.mark.parametrize("block", of_all_pages("sh", "bash", "console", ""), ids=str)
def test_command_lines_are_understood(block: Block) -> None:
    """Every `jackfield …` parses with the options it is shown with; `make …` is a target; programs are on the page."""
    titles = {each.title for each in blocks(block.page)}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    if block.language == "" and not re.search(r"^(\w+=\S+ )*(jackfield|make) ", block.text, re.MULTILINE):
        return
    for words in command_lines(block.text):
        if words[0] == "jackfield":
            try:
                parsed(words)
            except click.exceptions.ClickException as exc:
                pytest.fail(f"{block}: {shlex.join(words)}: {exc.format_message()}")
        elif words[0] == "make":
            assert words[1] in targets, f"{block}: there is no target {words[1]}"
        elif words[0] == "python":
            assert words[1] in titles, f"{block}: {words[1]} is not on the page"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_sentences_exist(page: Path) -> None:
    """`jackfield NAME --option` between backticks names a command, and options that it has."""
    wrong = []
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for line in re.findall(r"`(?:[A-Z_]+=\S+ )*jackfield ([a-z][^`]*)`", text):
        words = line.split()
        if words[0] not in commands.found():
            wrong.append(line)
            continue
        known = {option for each in commands.imported(words[0]).params for option in each.opts}
        wrong += [line for word in words if word.startswith("--") and word.partition("=")[0] not in known | {"--help"}]
    assert wrong == []


@pytest.mark.parametrize("command", list(commands.found()))
def test_examples_of_help_are_understood(command: str) -> None:
    """What `jackfield COMMAND --help` shows as examples parses."""
    epilog = commands.imported(command).epilog or ""
    shown = [line.strip() for line in epilog.splitlines() if re.match(r"  (\w+=\".*\" )?jackfield ", line)]
    assert shown, "it shows no example"
    for line in shown:
        for words in command_lines(re.split(r"   +", line)[0]):
            parsed(words)


# --- configuration ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("block", of_all_pages("toml"), ids=str)
def test_configuration_is_understood(block: Block, tmp_path: Path) -> None:
    """Every section and key of a shown `jackfield.toml` is known, and its values hold."""
    if block.title == "pyproject.toml":
        return
    path = tmp_path / "jackfield.toml"
    path.write_text(block.text, encoding="utf-8")
    findings = load(load_config(path, env={})).findings
    own = {"write-a-capture-plugin.md": "jackfield-grey"}.get(block.page.name)
    assert [str(each) for each in findings if own is None or own not in each.fix] == []


@pytest.mark.parametrize("member", MEMBERS, ids=lambda path: path.name)
def test_a_plugins_page_names_its_options(member: Path) -> None:
    """Every option of a plugin stands in its README."""
    [loaded] = load(Config(), only=[member.name]).loaded
    options = getattr(loaded.plugin, "options", None)
    text = (member / "README.md").read_text(encoding="utf-8")
    wanted = [each.name for each in (attrs.fields(options) if options else ())]
    if options and (named := named_field(options)):
        wanted = [name for name in wanted if name != named[0]] + [each.name for each in attrs.fields(named[1])]
    assert [name for name in wanted if name not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_variables_are_read(page: Path) -> None:
    """Every `JACKFIELD_…` that a page names is one that something reads."""
    found = set(re.findall(r"\bJACKFIELD_[A-Z0-9_]*[A-Z0-9]\b(?![<…])", page.read_text(encoding="utf-8")))
    findings = load(load_config(env=dict.fromkeys(found - {"JACKFIELD_CONFIG"}, "1"))).findings
    unknown = [each for each in findings if each.key.startswith("JACKFIELD_") and "allowed" not in each.fix]
    assert [str(each) for each in unknown if "nothing reads it" in each.found or "is no" in each.found] == []


# --- programs ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("block", of_all_pages("python"), ids=str)
def test_python_parses_and_imports_what_is_there(block: Block) -> None:
    """Snippets are Python, and what they import from jackfield exists."""
    tree = compile(block.text, str(block), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "jackfield":
            assert [each.name for each in node.names if not hasattr(jackfield, each.name)] == []
