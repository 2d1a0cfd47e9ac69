"""Options whose keys are names that a person gives: ``[pipe.front]`` and ``[pipe.rear]`` are two tables of one kind."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

import attrs

_MARK = "jackfield: tables by name"


def named_tables() -> Any:
    """A field of an options class, annotated ``dict[str, C]``: each key of the section that is no other field is a
    name, and its table is read as the attrs class ``C``. In the environment, ``JACKFIELD_<PLUGIN>_<NAME>_<KEY>``."""
    return attrs.field(factory=dict, metadata={_MARK: True})


def named_field(kind: type) -> tuple[str, type] | None:
    """The field that `named_tables` made, and the class of its tables; None where the options have none."""
    for field in attrs.fields(kind):
        if _MARK in field.metadata:
            return field.name, typing.get_args(typing.get_type_hints(kind)[field.name])[1]
    return None


def named_by(variable_key: str, kind: type, known: Mapping[str, object]) -> tuple[str, str] | None:
    """The name and the key that ``front_door_user`` stands for: ``front-door`` where that is a name that is known."""
    keys = sorted((field.name for field in attrs.fields(kind)), key=len, reverse=True)
    key = next((each for each in keys if variable_key.endswith(f"_{each}")), None)
    if key is None:
        return None
    name = variable_key.removesuffix(f"_{key}")
    written = {each.lower().replace("-", "_"): each for each in known}
    return (written.get(name, name), key) if name else None
