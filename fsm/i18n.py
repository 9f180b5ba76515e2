"""Translations: English msgids in the code, Russian in locales/ru/*.po, read at start without a compile step.

`python -m fsm.i18n --check` fails when a text of the code has no Russian, when a Russian one is not used any more, or
when their placeholders differ.
"""

import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ru", "en")
DEFAULT_LANGUAGE = "ru"

_language: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)


def language() -> str:
    """Return the language of the person who is being answered."""
    return _language.get()


@contextmanager
def use_language(code: str) -> Iterator[None]:
    """Answer in this language inside the block; an unknown one means the default."""
    token = _language.set(code if code in LANGUAGES else DEFAULT_LANGUAGE)
    try:
        yield
    finally:
        _language.reset(token)


def _messages(code: str) -> Iterator[tuple[Path, Message]]:
    for path in sorted((ROOT / "locales" / code).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=code):
                if message.id:
                    yield path, message


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


@cache
def _catalog(code: str) -> dict[str, tuple[str, ...]]:
    catalog: dict[str, tuple[str, ...]] = {}
    for _path, message in _messages(code):
        key = message.id if isinstance(message.id, str) else message.id[0]
        forms = _forms(message)
        if all(forms):
            catalog[key] = forms
    return catalog


def _plural_form(n: int) -> int:
    """Choose the Russian plural form (CLDR): 1 день, 2 дня, 5 дней."""
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else 2


def _(msgid: str) -> str:
    """Translate a text into the language of the person who is being answered."""
    if _language.get() == "en":
        return msgid
    return _catalog("ru").get(msgid, (msgid,))[0]


def ngettext(one: str, many: str, n: int) -> str:
    """Translate a text that counts things; format `{n}` yourself."""
    if _language.get() != "en" and (forms := _catalog("ru").get(one)):
        return forms[min(_plural_form(n), len(forms) - 1)]
    return one if n == 1 else many


KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "N_": None,
    "T": None,
    "Label": None,
    "Invalid": None,
    "Unreadable": None,
    "NoSuchDay": None,
    "ngettext": (1, 2),
}
PACKAGES = ("bot", "handlers", "fsm", "services", "scheduler")


def _used() -> dict[str, str]:
    used: dict[str, str] = {}
    for package in PACKAGES:
        for name, line, message, _comments, _context in extract_from_dir(ROOT / package, keywords=KEYWORDS):
            used[message if isinstance(message, str) else message[0]] = f"{package}/{name}:{line}"
    return used


def _fields(text: str) -> set[str]:
    return {field for _literal, field, _spec, _conversion in string.Formatter().parse(text) if field}


def problems() -> list[str]:
    """Everything wrong with the translations, a line each."""
    used, found = _used(), []
    known: dict[str, Path] = {}
    for path, message in _messages("ru"):
        key = message.id if isinstance(message.id, str) else message.id[0]
        forms = _forms(message)
        if key in known:
            found.append(f"{path.name}: {key!r} stands in {known[key].name} too")
        known[key] = path
        if key not in used:
            found.append(f"{path.name}: {key!r} is not used any more")
        if not all(forms) or message.fuzzy:
            found.append(f"{path.name}: {key!r} has no finished Russian text")
        found += [
            f"{path.name}: {key!r} and {form!r} have different placeholders"
            for form in forms
            if form and _fields(form) - {"n"} != _fields(key) - {"n"}
        ]
    found += [f"{where}: {key!r} has no Russian text" for key, where in used.items() if key not in known]
    return found


if __name__ == "__main__":
    lines = problems()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if lines else 0)
