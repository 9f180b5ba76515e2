"""Texts of screens: translated, and safe against whatever people type (Telegram's HTML is never built by hand)."""

import re
from typing import Any, Final

from aiogram_dialog import DialogManager
from aiogram_dialog.widgets.common import WhenCondition
from aiogram_dialog.widgets.text import Text
from markupsafe import Markup, escape

from fsm.i18n import _

_TELLING: Final = re.compile("[&<>'\"]")
"""What HTML reads as more than a letter. Most words have none of it, and looking is quicker than escaping them."""


def html(template: str, /, **values: Any) -> Markup:
    """Fill a translated HTML template; every value is escaped unless it is Markup already.

    Templates have names and nothing else in their braces: Markup's own `format` takes formats too, ten times slower.
    """
    return Markup(template.format_map({name: _escaped(value) for name, value in values.items()}))  # noqa: S704 as said


def lines(*parts: Markup | str | None) -> Markup:
    """Join the parts that are there, one a line; plain strings are escaped. An empty string is a blank line."""
    return Markup("\n".join([_escaped(part) for part in parts if part is not None]))  # noqa: S704 as said


def _escaped(value: Any) -> str:
    text = str(value)
    return text if isinstance(value, Markup) or not _TELLING.search(text) else escape(text)


def short(text: str, limit: int) -> str:
    """A text of at most so many letters: a longer one is cut at the end, and shows that it was."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


class T(Text):
    """A message text: the msgid is translated, then filled with escaped getter data."""

    def __init__(self, msgid: str, when: WhenCondition = None) -> None:
        super().__init__(when=when)
        self.msgid = msgid

    async def _render_text(self, data: dict[str, Any], manager: DialogManager) -> str:  # noqa: ARG002
        return str(Markup(_(self.msgid)).format_map(data))  # noqa: S704


class Label(Text):
    """A button's text: translated and filled, plain (Telegram shows buttons without HTML)."""

    def __init__(self, msgid: str, when: WhenCondition = None) -> None:
        super().__init__(when=when)
        self.msgid = msgid

    async def _render_text(self, data: dict[str, Any], manager: DialogManager) -> str:  # noqa: ARG002
        return _(self.msgid).format_map(data)


class Raw(Text):
    """A text that a getter has composed: Markup goes as it is, a plain string is escaped."""

    def __init__(self, key: str, when: WhenCondition = None) -> None:
        super().__init__(when=when)
        self.key = key

    async def _render_text(self, data: dict[str, Any], manager: DialogManager) -> str:  # noqa: ARG002
        return str(escape(data[self.key]))


class Plain(Text):
    """A button's text that a getter (or an item of a Select) has composed; `item` reads item[key]."""

    def __init__(self, key: str, when: WhenCondition = None) -> None:
        super().__init__(when=when)
        self.key = key

    async def _render_text(self, data: dict[str, Any], manager: DialogManager) -> str:  # noqa: ARG002
        value: Any = data
        for part in self.key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        return str(value)
