"""`python -m sandbox.describe` writes botapi.json: the methods of the Bot API and the objects in their requests.

Its source is the description from which aiogram's own models are generated, read back from them. The server reads the
file, not aiogram: it starts in a moment, and the client cannot hide a mistake that is on both sides.
"""

import datetime as dt
import enum
import inspect
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

import aiogram
from aiogram import methods
from aiogram.client.default import Default
from aiogram.methods.base import TelegramMethod
from aiogram.types import InputFile, TelegramObject
from pydantic import BaseModel
from pydantic.fields import FieldInfo

JSON = dict[str, Any]
PLACE = Path(__file__).with_name("botapi.json")
_SCALARS = {int: "int", str: "str", float: "float", bool: "bool"}


def describe() -> JSON:
    """{"version", "methods": {name: {field: type}}, "types": …}; "!" before a type: required, "=x": just this text."""
    objects: set[type[TelegramObject]] = set()
    found = [one for one in vars(methods).values() if inspect.isclass(one) and issubclass(one, TelegramMethod)]
    calls = {one.__api_method__: _fields(_known(one), objects) for one in found if one is not TelegramMethod}
    described: dict[str, JSON] = {}
    while objects:
        one = objects.pop()
        described[one.__name__] = {}
        described[one.__name__] = _fields(_known(one), objects)
        objects = {other for other in objects if other.__name__ not in described}
    return {
        "version": aiogram.__api_version__,
        "methods": dict(sorted(calls.items())),
        "types": dict(sorted(described.items())),
    }


def _known(one: type[BaseModel]) -> dict[str, FieldInfo]:
    one.model_rebuild()  # bot.lean leaves it to the first use
    return one.model_fields


def _fields(fields: dict[str, FieldInfo], objects: set[type[TelegramObject]]) -> dict[str, str]:
    found = {}
    for name, field in fields.items():
        kind = "|".join(_kinds(field.annotation, objects))
        required = field.is_required() or kind.startswith("=")
        found[field.alias or name] = ("!" if required else "") + kind
    return found


def _kinds(annotation: Any, objects: set[type[TelegramObject]]) -> list[str]:
    """Names of the types a value may have; time comes as seconds and files as text or upload."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0], objects)
    if origin in (typing.Union, types.UnionType):
        found = [kind for one in typing.get_args(annotation) for kind in _kinds(one, objects)]
        return ["file"] if "file" in found else list(dict.fromkeys(found))
    if origin is list:
        return [f"[{'|'.join(_kinds(typing.get_args(annotation)[0], objects))}]"]
    if origin is typing.Literal:
        return [f"={one.value if isinstance(one, enum.Enum) else one}" for one in typing.get_args(annotation)]
    if annotation in (type(None), Default):
        return []
    if annotation in _SCALARS:
        return [_SCALARS[annotation]]
    if annotation in (dt.datetime, dt.timedelta):
        return ["int"]
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return ["str"]
    if inspect.isclass(annotation) and issubclass(annotation, InputFile):
        return ["file"]
    if inspect.isclass(annotation) and issubclass(annotation, TelegramObject):
        objects.add(annotation)
        return [annotation.__name__]
    return ["any"]  # texts within texts, which no list of fields describes


def as_text(found: JSON) -> str:
    """JSON with one method or object a line, so that a new version of the API reads well as a difference."""
    lines = [f'{{"version": {json.dumps(found["version"])}']
    for part in ("methods", "types"):
        rows = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in found[part].items()]
        lines.append(f'"{part}": {{\n' + ",\n".join(rows) + "\n}")
    return ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    PLACE.write_text(as_text(describe()), encoding="utf-8")
    sys.stdout.write(f"{PLACE.name}: {len(json.loads(PLACE.read_text())['methods'])} methods\n")
