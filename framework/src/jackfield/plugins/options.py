"""Options: a table of plain values, or environment variables, read into an attrs class with every mistake reported."""

from __future__ import annotations

import math
import tomllib
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

import attrs
from attrs import frozen

from jackfield.plugins.tables import named_by, named_field
from jackfield.values.findings import Finding
from jackfield.values.settings_rules import nearest

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@frozen
class Given:
    """One value as it was written, and where. ``is_text``: from the environment, so still to be read as its type."""

    value: Any
    source: str
    spelled: str
    is_text: bool = False
    #: The key alone, as it was written in a file.
    key: str = ""


class _Wrong(ValueError):
    """The value does not suit its type; the message says what does."""


def read(kind: type[T], given: Mapping[str, Given], section: str) -> tuple[T | None, list[Finding]]:
    """An instance of ``kind`` from ``given``, or None where it would not hold; and every finding."""
    fields = {field.name: field for field in attrs.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    clean: dict[str, Any] = {}
    findings: list[Finding] = []
    if named := named_field(kind):
        del fields[named[0]]
        others = {key: item for key, item in given.items() if key not in fields}
        given = {key: item for key, item in given.items() if key in fields}
        clean[named[0]], findings = _tables(named[1], others, section, list(fields))
    for key, item in given.items():
        if key not in fields:
            findings.append(_unknown(key, item, list(fields), section))
            continue
        try:
            clean[key] = _value(hints[key], fields[key], item)
        except (ValueError, TypeError) as exc:
            findings.append(Finding("error", item.spelled, f"found {_shown(fields[key], item)}", str(exc), item.source))
    findings += _missing(fields, given, section)
    if any(finding.severity == "error" for finding in findings):
        return None, findings
    return _made(kind, clean, section, findings)


def _tables(
    kind: type, given: Mapping[str, Given], section: str, options: list[str]
) -> tuple[dict[str, Any], list[Finding]]:
    """The tables of one kind, by the names that they were given; one that does not hold is left out."""
    tables: dict[str, dict[str, Given]] = {}
    findings: list[Finding] = []
    for key, item in given.items():
        if isinstance(item.value, Mapping):
            name = item.key or key
            tables[name] = {
                each.replace("-", "_"): Given(value, item.source, f"[{section}.{name}] {each}", key=each)
                for each, value in item.value.items()
            }
        elif item.is_text and (found := named_by(key, kind, tables)):
            tables.setdefault(found[0], {})[found[1]] = item
        else:
            findings.append(_no_table(item.key or key, item, options, section, kind))
    held: dict[str, Any] = {}
    made: Any
    for name, table in tables.items():
        made, wrong = read(kind, table, f"{section}.{name}")
        if made is not None:
            held[name] = made
        findings += [_left_out(each, f"[{section}.{name}]") if made is None else each for each in wrong]
    return held, findings


def _left_out(finding: Finding, table: str) -> Finding:
    return attrs.evolve(finding, severity="warning", found=f"{finding.found}, so {table} is left out")


def _no_table(key: str, item: Given, options: list[str], section: str, kind: type) -> Finding:
    if near := nearest(key, options):
        return Finding("error", item.spelled, "is no option", f"did you mean {near}?", item.source)
    keys = ", ".join(field.name for field in attrs.fields(kind))
    fix = f"write a table [{section}.{key}] with some of {keys}"
    if item.is_text:
        fix = f"name a key at its end: JACKFIELD_{section.upper().replace('-', '_')}_<NAME>_ and one of {keys}"
    return Finding("error", item.spelled, "is no option and no table", fix, item.source)


def _made(
    kind: type[T], clean: dict[str, Any], section: str, findings: list[Finding]
) -> tuple[T | None, list[Finding]]:
    try:
        return kind(**clean), findings
    except (ValueError, TypeError) as exc:
        return None, [*findings, Finding("error", f"[{section}]", "does not hold together", str(exc))]


def _missing(fields: Mapping[str, attrs.Attribute[Any]], given: Mapping[str, Given], section: str) -> list[Finding]:
    lacking = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in given]
    return [Finding("error", f"[{section}] {name}", "is missing", "it has no default: set it") for name in lacking]


def _shown(field: attrs.Attribute[Any], item: Given) -> str:
    return repr(item.value) if field.repr else "a value"


def _value(hint: Any, field: attrs.Attribute[Any], item: Given) -> Any:
    value = _from_text(hint, item.value) if item.is_text else item.value
    try:
        value = _converter().structure(value, hint)
    except _Wrong:
        raise
    except Exception as exc:
        wrong = _first_wrong(exc)
        raise _Wrong(str(wrong) if wrong else f"allowed is {_named(hint)}") from exc
    convert: Any = field.converter
    if convert is not None and not isinstance(convert, attrs.Converter):
        value = convert(value)
    if field.validator is not None:
        field.validator(None, field, value)  # the standard validators do not look at the instance
    return value


def _first_wrong(exc: BaseException) -> BaseException | None:
    if isinstance(exc, _Wrong):
        return exc
    if isinstance(exc, BaseExceptionGroup):
        return next((found for part in exc.exceptions if (found := _first_wrong(part))), None)
    return None


def _from_text(hint: Any, text: str) -> Any:
    """The text of an environment variable as the plain value that ``hint`` wants."""
    kinds = _alternatives(hint)
    if type(None) in kinds and not text.strip():
        return None
    if bool in kinds and text.strip().lower() in _TRUE | _FALSE:
        return text.strip().lower() in _TRUE
    if int in kinds or float in kinds:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    origins = {typing.get_origin(kind) or kind for kind in kinds}
    if origins & {dict, Mapping} and str in kinds and not text.lstrip().startswith("{"):
        return text
    if origins & {dict, Mapping} or (origins & {tuple, list} and text.lstrip().startswith("[")):
        return _toml(text)
    if origins & {tuple, list} and str not in kinds:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as exc:
        raise _Wrong(f"it cannot be read as a TOML value: {exc}") from exc


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _named(hint: Any) -> str:
    if hint is type(None):
        return "nothing"
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(str(member.value) for member in hint)
    if len(_alternatives(hint)) > 1:
        return " or ".join(_named(part) for part in _alternatives(hint) if part is not type(None))
    if typing.get_origin(hint) in (tuple, list):
        return f"a list of {_PLURALS.get(typing.get_args(hint)[0], 'values')}"
    return _NAMES.get(typing.get_origin(hint) or hint, getattr(hint, "__name__", str(hint)))


_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    dict: "a table",
}
_PLURALS: dict[Any, str] = {str: "texts", int: "whole numbers", float: "numbers", bool: "true and false"}


def _unknown(key: str, item: Given, known: list[str], section: str) -> Finding:
    near = nearest(key, known)
    if near:
        fix = f"did you mean {near}?"
    else:
        fix = f"[{section}] knows {', '.join(known)}" if known else f"[{section}] has no options: remove it"
    return Finding("error", item.spelled, "is no option", fix, item.source)


def _strict(converter: cattrs.Converter, kind: type, *accepted: type) -> None:
    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, accepted) and (kind is bool or not isinstance(value, bool)):
            made = kind(value)
            if isinstance(made, float) and not math.isfinite(made):
                raise _Wrong("allowed is a number that has an end")
            return made
        raise _Wrong(f"allowed is {_NAMES[kind]}")

    converter.register_structure_hook(kind, structure)


def _is_sequence(hint: Any) -> bool:
    return typing.get_origin(hint) in (tuple, list)


def _structure_union(value: Any, hint: Any) -> Any:
    for kind in _alternatives(hint):
        if kind is type(None):
            if value is None:
                return None
            continue
        try:
            return _converter().structure(value, kind)
        except Exception:
            continue
    raise _Wrong(f"allowed is {_named(hint)}")


def _structure_sequence(value: Any, hint: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise _Wrong(f"allowed is {_named(hint)}")
    inner = typing.get_args(hint)[0] if typing.get_args(hint) else Any
    items = [_converter().structure(item, inner) for item in value]
    return items if typing.get_origin(hint) is list else tuple(items)


@cache
def _converter() -> cattrs.Converter:
    """Made when something is written: importing cattrs takes a fifth of what listing devices takes."""
    import cattrs

    converter = cattrs.Converter(detailed_validation=False)
    _strict(converter, bool, bool)
    _strict(converter, int, int)
    _strict(converter, float, int, float)
    _strict(converter, str, str)
    _strict(converter, Path, str, Path)
    converter.register_structure_hook_func(lambda hint: len(_alternatives(hint)) > 1, _structure_union)
    converter.register_structure_hook_func(_is_sequence, _structure_sequence)
    return converter
