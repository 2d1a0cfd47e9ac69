"""docs/reference/api.md: what a program calls, with signatures."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import Enum

import attrs

import jackfield
from jackfield.session.background import Background
from jackfield.session.meeting import Meeting
from jackfield.session.messaging import Messaging
from jackfield.session.moderating import Moderating
from jackfield.session.sharing import Sharing
from jackfield.session.streams import AudioMedia, VideoMedia
from scripts.reference.markdown import code, comment_above, page, prose, table

ABOUT = """
Everything here is `jackfield.NAME`, save `VideoMedia` and `AudioMedia`, which a `Participant` has. The functions work
on one default `Calls`; a program with several makes its own. What begins with `async` or answers an `Awaitable` is
awaited; all of it belongs on the event loop, save `push`, which any thread may call. Errors are in
[errors.md](errors.md), events in [events.md](events.md), settings in [settings.md](settings.md), and what plugins are
made of in [hooks.md](hooks.md).
"""
FUNCTIONS = ("init", "login", "logout", "generate_token", "join_session")
#: Heading → its classes.
CLASSES: dict[str, tuple[type, ...]] = {
    "Calls": (jackfield.Calls,),
    "In a call": (jackfield.CallSession, jackfield.Publication, jackfield.CallListener),
    "Who is there, and what they send": (jackfield.Participant, VideoMedia, AudioMedia),
    "What a program sends": (jackfield.VideoSource, jackfield.AudioSource),
    "Texts, files, and calls of each other's methods": (
        *(jackfield.TextStreamReader, jackfield.ByteStreamReader, jackfield.TextStreamInfo, jackfield.ByteStreamInfo),
        *(jackfield.TextStreamWriter, jackfield.ByteStreamWriter, jackfield.RpcInvocationData, jackfield.RpcCode),
    ),
    "Media": (jackfield.VideoFrame, jackfield.AudioBlock, jackfield.EncodedFrame),
    "Formats and encodings": (
        *(jackfield.VideoFormat, jackfield.AudioFormat, jackfield.VideoEncoding, jackfield.AudioEncoding),
    ),
    "Values": (
        *(jackfield.LogIn, jackfield.CallToken, jackfield.Place, jackfield.Device, jackfield.DeviceChange),
        jackfield.Finding,
    ),
    "Settings": (
        *(jackfield.SessionSettings, jackfield.SessionSettingsBuilder, jackfield.VideoWish, jackfield.Layout),
        *(jackfield.SessionType, jackfield.AudioMode, jackfield.CameraFacing),
    ),
}
#: What `CallSession` is put together from.
PARTS = (Moderating, Sharing, Background, Meeting, Messaging)
#: Members that only the framework calls.
OWN = {
    "CallSession": {"begin", "on_over", "token"},
    "Publication": {"prepare", "choose_again", "announce", "swap", "end"},
    "Participant": {"take", "track_infos", "named", "tracks"},
    "VideoMedia": {"bind", "end"},
    **{name: {"push", "finish", "fail", "over"} for name in ("TextStreamReader", "ByteStreamReader")},
    **{name: {"begin", "abort"} for name in ("TextStreamWriter", "ByteStreamWriter")},
    "AudioMedia": {"bind", "end"},
}
#: Classes whose members are listed elsewhere, and where.
ELSEWHERE = {
    "CallListener": "Its methods are the [events](events.md).",
    "SessionSettings": "Its fields are the [settings](settings.md).",
    "SessionSettingsBuilder": "A method for each of the [settings](settings.md): `set_title`, `set_layout` …",
}
#: Classes that a program makes itself; the others come from calls and events.
MADE_BY_PROGRAMS = {"Calls", "VideoSource", "AudioSource"}


def made() -> str:
    """Functions and classes, with the first things first."""
    rows = [(code(_signature(_node(getattr(jackfield, name)))), _told(name)) for name in FUNCTIONS]
    parts = [f"## {title}\n\n" + "\n\n".join(map(_shown, kinds)) for title, kinds in CLASSES.items()]
    values = (
        "`jackfield.logged_in_user` and `jackfield.auth_token` are those of the default `Calls`, None before `init`."
    )
    return page("API", ABOUT, "## Functions\n\n" + table(("Function", "What it does"), rows), values, *parts)


def _told(name: str) -> str:
    """A function's docstring; where that refers to the method of `Calls`, the method's."""
    return prose(getattr(jackfield.Calls if name != "init" else jackfield, name).__doc__)


def _shown(kind: type) -> str:
    parts = [f"### {kind.__name__}", _about(kind)]
    if issubclass(kind, Enum):
        also = [name for name in dir(jackfield) if getattr(jackfield, name) is kind and name != kind.__name__]
        names = f" Also called `{also[0]}`." if also else ""
        return "\n\n".join([*parts, ", ".join(code(member.value) for member in kind) + "." + names])
    if kind.__name__ in ELSEWHERE:
        return "\n\n".join([*parts, ELSEWHERE[kind.__name__]])
    if kind.__name__ in MADE_BY_PROGRAMS:
        maker = next(node for node in _body(kind) if isinstance(node, ast.FunctionDef) and node.name == "__init__")
        parts.append(code(f"{kind.__name__}({_arguments(maker)})"))
    members = "\n".join(line for each in _family(kind) for line in _members(each, OWN.get(kind.__name__, set())))
    return "\n\n".join([*parts, *([members] if members else [])])


def _about(kind: type) -> str:
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    return "\n\n".join(prose(each) for each in paragraphs)


def _family(kind: type) -> list[type]:
    """The class, and those with a private name that it inherits from."""
    return [kind, *(each for each in kind.__mro__[1:] if each.__name__.startswith("_") or each in PARTS)]


def _members(kind: type, left_out: set[str]) -> Iterator[str]:
    lines = _source(kind).splitlines()
    for node in _body(kind):
        if isinstance(node, ast.AnnAssign) and attrs.has(kind):
            if ast.unparse(node.target) not in left_out:
                yield _field(node, lines)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_") or node.name in left_out:
                continue
            shown = _signature(node)
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if "property" in marks:
                shown = f"{node.name}: {ast.unparse(node.returns) if node.returns else 'Any'}"
            elif "classmethod" in marks:
                shown = f"{kind.__name__}.{shown}"
            yield f"- `{shown}`: {prose(ast.get_docstring(node))}"


def _field(node: ast.AnnAssign, lines: list[str]) -> str:
    above = comment_above(lines, node.lineno)
    note = f": {above}" if above else ""
    value = f" = {ast.unparse(node.value)}" if isinstance(node.value, ast.Constant | ast.Tuple) else ""
    return f"- `{ast.unparse(node.target)}: {ast.unparse(node.annotation)}{value}`{note}"


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = ast.unparse(node.returns) if node.returns else "None"
    return f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}{node.name}({_arguments(node)}) -> {returns}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    text = ast.unparse(node.args)
    for first in ("self", "cls"):
        text = text.removeprefix(first + ", ") if text.startswith(first + ", ") else text.removeprefix(first)
    return text


def _node(function: object) -> ast.FunctionDef | ast.AsyncFunctionDef:
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]  # type: ignore[arg-type]
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return node


def _source(kind: type) -> str:
    return textwrap.dedent(inspect.getsource(kind))


def _body(kind: type) -> list[ast.stmt]:
    node = ast.parse(_source(kind)).body[0]
    assert isinstance(node, ast.ClassDef)
    return node.body
