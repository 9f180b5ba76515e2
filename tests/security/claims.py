"""What a forger makes: buttons of every kind that the bot listens to, with ids that are not his, and broken ones."""

import random
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import product
from typing import Any, get_args

from aiogram import Router
from aiogram.filters.callback_data import CallbackData, CallbackQueryFilter
from aiogram_dialog.utils import CB_SEP, encode_reply_callback

from models.enums import CloseReason

LONGEST = 64
"""Bytes: Telegram gives no longer callback data to a bot."""

WORDS = {
    "what": ("open", "undo", "back", "refuse", "give", "date", "renewed", "part", "reply", "calculate", "think", "lost",
             "give_to", "paid", "promise", "put_off", "next", "postpone", "accept"),
    "value": ("", "3", CloseReason.PRICE.value),
}  # fmt: skip
"""What stands in fields that are words; a new field must be added, or no claim can be made of it."""

NUMBERS = (
    "0", "-1", "1", "2", "3", "4", "1001", "2147483648", "9223372036854775807", "9223372036854775808", "9" * 30,
    "٣", "１", "1e3", "1_0", "+1", " 1", "0x1", "1.5", "NaN", "-0", "", "None", "true", "[]", "1;DROP TABLE deals",
)  # fmt: skip
ODD = (
    ":", CB_SEP, "|", "\u200b", "\u00ad", "\u2063", "\u202e", "\x00", "\n", "<b>", "%s", "{0}", "'", '"', "\\", "😀",
    "é", "ё", "/", "../", "\ufeff",
)  # fmt: skip


def routers(router: Router) -> Iterator[Router]:
    yield router
    for inner in router.sub_routers:
        yield from routers(inner)


def kinds(root: Router) -> list[type[CallbackData]]:
    """Every kind of stateless button that anything under this router listens to."""
    found = {
        item.callback.callback_data
        for router in routers(root)
        for handler in router.callback_query.handlers
        for item in handler.filters or ()
        if isinstance(item.callback, CallbackQueryFilter)
    }
    return sorted(found, key=lambda kind: kind.__prefix__)


def claims(kind: type[CallbackData], ids: Iterable[int]) -> Iterator[str]:
    """Buttons of this kind that claim these ids, each word and step of it."""
    known = list(ids)

    def values(name: str, of: Any) -> Iterable[Any]:
        if isinstance(of, type) and issubclass(of, StrEnum):
            return list(of)
        if of is bool:
            return (False, True)
        return known if of is int or int in get_args(of) else WORDS[name]

    fields = kind.model_fields
    for chosen in product(*(values(name, field.annotation) for name, field in fields.items())):
        yield kind(**dict(zip(fields, chosen, strict=True))).pack()


def without_repeats(buttons: Iterable[str]) -> list[str]:
    """Of the buttons of screens only the newest of each kind: the rest differ in the mark of their dialog alone."""
    return sorted({data.partition(CB_SEP)[2] if CB_SEP in data else data: data for data in buttons}.values())


def marked(data: str, mark: str) -> str:
    """A screen's button under the mark of another dialog: the forger's own."""
    return f"{mark}{CB_SEP}{data.partition(CB_SEP)[2]}" if CB_SEP in data else data


def mark_of(data: str) -> str:
    return data.partition(CB_SEP)[0] if CB_SEP in data else ""


class Mutations:
    """Broken buttons without end, the same ones for the same seed."""

    def __init__(self, seed: int, buttons: Iterable[str], marks: Iterable[str] = ()) -> None:
        self._random, self._buttons = random.Random(seed), sorted(buttons)  # noqa: S311 - it must be repeatable
        self._marks = [*marks, "", "0" * 6, "zzzzzz"]

    def __iter__(self) -> Iterator[str]:
        while True:
            data = self._random.choice(self._buttons)
            for _ in range(self._random.choice((1, 1, 1, 2, 3))):
                data = self._changed(data)
            data = data.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")
            if data:
                yield data

    def _changed(self, data: str) -> str:
        dice, at = self._random, self._random.randrange(len(data) + 1)
        parts = data.split(":")
        part = dice.randrange(len(parts))
        match dice.randrange(11):
            case 0 | 1 | 2:
                return ":".join([*parts[:part], dice.choice(NUMBERS), *parts[part + 1 :]])
            case 3:
                return data[:at] + dice.choice(ODD) + data[at:]
            case 4:
                return data[:at]
            case 5:
                return data[:at] + data[at + 1 :]
            case 6:
                return (
                    data[:at]
                    + chr(dice.choice((dice.randrange(32, 127), dice.randrange(0x400, 0x460))))
                    + data[at + 1 :]
                )
            case 7:
                return ":".join([*parts, dice.choice(NUMBERS)])
            case 8:
                return marked(dice.choice(self._buttons), dice.choice(self._marks))
            case 9:
                return _flipped(data, dice)
            case _:
                other = dice.choice(self._buttons)
                return data[:at] + other[dice.randrange(len(other) + 1) :]


def _flipped(data: str, dice: random.Random) -> str:
    """One bit of it another."""
    raw = bytearray(data.encode())
    if not raw:
        return data
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return raw.decode("utf-8", "replace")


SEEN = "Симоненко", "12345", "/menu", "№4321", "завтра", "54 300", "x" * 300, "a\u00ad\u200b", "да"
UNSEEN = (
    "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\u00ad\u034f\u061c\ufeff"
    "\u202a\u202e\u2066\u2069\u180e\U000e0041\ufe0f"
)


def texts(seed: int, buttons: Iterable[str], marks: Iterable[str]) -> Iterator[str]:
    """Messages without end that carry presses in invisible characters, whole and broken, or other such characters."""
    broken, dice = Mutations(seed, buttons, marks), random.Random(seed)  # noqa: S311 - it must be repeatable
    for data in broken:
        hidden = encode_reply_callback(data)
        seen = dice.choice(SEEN)
        match dice.randrange(6):
            case 0 | 1:
                yield seen + hidden
            case 2:
                yield hidden + seen
            case 3:
                yield seen + hidden[: dice.randrange(len(hidden) + 1)] + seen + hidden
            case 4:
                yield seen + "".join(dice.choices(UNSEEN, k=dice.randrange(1, 60))) + hidden[::-1]
            case _:
                yield seen + hidden + "".join(dice.choices(UNSEEN, k=3))
