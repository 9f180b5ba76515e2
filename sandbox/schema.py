"""Whether a request has the parameters and objects that the description of the Bot API asks for.

The description is botapi.json, see sandbox.describe. The real server is lenient with parameters: it ignores names it
does not know and takes a wrong number for 0. Both are mistakes of the bot all the same, so here a value of a wrong type
is refused and an unknown name is remarked on in the record. With objects inside of parameters it is strict, and what is
said about them here is what it says.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.rules import bad

JSON = dict[str, Any]

_API: Final[JSON] = json.loads(Path(__file__).with_name("botapi.json").read_text(encoding="utf-8"))
_METHODS: Final[dict[str, dict[str, str]]] = {name.lower(): fields for name, fields in _API["methods"].items()}
_TYPES: Final[dict[str, dict[str, str]]] = _API["types"]

# What is missing of these is refused by the method itself, in words of its own, or is taken for empty.
_OWN_WORDS = frozenset({
    "chat_id", "message_id", "message_ids", "text", "action", "user_id", "file_id", "latitude", "longitude",
    "callback_query_id", "inline_query_id", "commands", "results", "question", "options", "photo", "document", "voice",
    "video", "audio", "animation", "video_note", "sticker", "url",
})  # fmt: skip
_OWN_FIELDS = frozenset({"media", "input_message_content"})
# What is no list or object although it should be, too.
_OWN_SHAPES = frozenset({
    "reply_markup", "media", "commands", "results", "reaction", "message_ids", "scope", "menu_button", "options",
    "reply_parameters", "link_preview_options", "allowed_updates", "entities", "caption_entities", "button",
    "question_entities", "explanation_entities",
})  # fmt: skip
_NAMES = {"int": "Integer", "float": "Float", "bool": "Boolean"}
# How the server begins what it says about an object of a kind.
_SAID = {
    "InlineKeyboardButton": "Can't parse inline keyboard button: ",
    "KeyboardButton": "Can't parse keyboard button: ",
    "InputMedia": "Can't parse InputMedia: ",
    "InputPaidMedia": "Can't parse InputPaidMedia: ",
    "MessageEntity": "Can't parse MessageEntity: ",
    "BotCommandScope": "Can't parse BotCommandScope: ",
    "BotCommand": "Can't parse BotCommand: ",
    "ReactionType": "Can't parse ReactionType: ",
    "InlineQueryResultsButton": "Can't parse inline query results button: ",
    "InlineQueryResult": "Can't parse inline query result: ",
    "MenuButton": "Can't parse menu button: ",
}


def is_known(method: str) -> bool:
    """Whether the Bot API has such a method, in whatever case its name is written."""
    return method.lower() in _METHODS


def check(method: str, values: Mapping[str, Any], files: Mapping[str, object]) -> list[str]:
    """Refuse what is missing or of a wrong type; say which names Telegram would silently ignore."""
    fields = _METHODS.get(method.lower(), {})
    remarks: list[str] = []
    for name, spec in fields.items():
        value = values.get(name)
        if value in (None, ""):
            if spec.startswith("!") and name not in _OWN_WORDS and name not in files:
                raise bad(f'Parameter "{name}" is required')
        else:
            remarks += _check_parameter(name, value, spec.removeprefix("!"))
    if fields:
        remarks += [f"{method} has no parameter {name!r}" for name in values if name not in fields]
    return remarks


def _check_parameter(name: str, value: Any, spec: str) -> Iterator[str]:
    if spec in _NAMES:
        if not _fits(value, spec):
            raise bad(f'Parameter "{name}" must be of type {_NAMES[spec]}')
        return
    shape = list if spec.startswith("[") else dict
    if shape is dict and not any(one in _TYPES for one in spec.split("|")):
        return
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, shape) and name not in _OWN_SHAPES:
        raise bad(f'Parameter "{name}" must be of type {"Array" if shape is list else "Object"}')
    yield from _walk(value, spec, "")


def _fits(value: Any, kind: str) -> bool:
    """Whether the value is of this type, itself or written as text (forms and query strings have only text)."""
    if kind == "bool":
        return str(value).lower() in ("true", "false", "1", "0", "yes", "no")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return False
    return not isinstance(value, bool) and isinstance(value, int if kind == "int" else int | float)


def _walk(value: Any, spec: str, said: str) -> Iterator[str]:
    """Check the objects in a value; of a shape that is none of the described, the rules speak."""
    if spec.startswith("["):
        for one in value if isinstance(value, list) else ():
            yield from _walk(one, spec[1:-1], said)
        return
    kind = _kind_of(value, [one for one in spec.split("|") if one in _TYPES]) if isinstance(value, dict) else None
    if kind is None:
        return
    fields = _TYPES[kind]
    said += next((words for begin, words in _SAID.items() if kind.startswith(begin)), "")
    for name, field in fields.items():
        if name in value:
            _check_field(name, value[name], field.removeprefix("!"), said)
            yield from _walk(value[name], field.removeprefix("!"), said)
        elif field.startswith("!") and name not in _OWN_FIELDS:
            raise bad(f'{said}Can\'t find field "{name}"')
    yield from (f"{kind} has no field {name!r}" for name in value if name not in fields)


def _kind_of(value: JSON, kinds: list[str]) -> str | None:
    """Which of these objects it is, told by its type or by having all that the object needs."""
    named = [one for one in kinds if _TYPES[one].get("type") == f"!={value.get('type')}"]
    kinds = named or [one for one in kinds if not _TYPES[one].get("type", "").startswith("!=")]
    whole = [one for one in kinds if all(name in value for name, spec in _TYPES[one].items() if spec.startswith("!"))]
    return (whole or kinds)[0] if whole or len(kinds) == 1 else None


def _check_field(name: str, value: Any, spec: str, said: str) -> None:
    """As the readers of fields in the real server: texts may be numbers and numbers texts, null is nothing of these."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    wrong = ""
    if spec.startswith("["):
        wrong = "" if isinstance(value, list) else "must be of type Array"
    elif spec in ("str", "file", "int|str"):
        wrong = "" if isinstance(value, str) or number else "must be of type String"
    elif spec == "bool":
        wrong = "" if isinstance(value, bool) else "must be of type Boolean"
    elif spec == "float":
        wrong = "" if number else "must be of type Number"
    elif spec == "int":
        valid = re.fullmatch(r"-?[0-9]+", str(value))
        wrong = (
            "must be a Number"
            if not number and not isinstance(value, str)
            else ""
            if valid
            else "must be a valid Number"
        )
    elif all(one in _TYPES for one in spec.split("|")):
        wrong = "" if isinstance(value, dict) else "must be of type Object"
    if wrong:
        raise bad(f'{said}Field "{name}" {wrong}')
