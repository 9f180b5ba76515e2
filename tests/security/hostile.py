"""Words that try to be more than words, and what must be seen of them."""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from sandbox.html import parse_html, utf16_len

NASTY = (
    "<b>x</b>", "</b></i>", "<a href='https://evil.example/'>x</a>", "<script>alert(1)</script>", "<", ">", "&",
    "&amp;", "&lt;b&gt;",
    "&#60;b&#62;", "&nbsp;", "&#x202e;", "<!--", "]]>", "<tg-spoiler>", "<pre><code class='language-x'>",
    "<tg-emoji emoji-id='1'>",
    "*b*", "_i_", "`c`", "[x](https://evil.example/)", "||s||", "~~s~~", "\\", "{{7*7}}", "{% raw %}", "{0}",
    "{name}", "{", "}", "%s", "%(a)s",
    "%", "$x", "#{x}", "\u202e", "\u202d", "\u2066", "\u200b", "\u200d", "\u00ad", "\ufeff", "\u2060", "👨‍👩‍👧‍👦",
    "🏳️‍🌈", "🇷🇺", "👍🏽", "Z̷̢̛a̵͇l̶̰̈g̸͓̽o̷", "\u0301" * 20,
    "עברית", "العربية", "ß", "ﬁ", "İ", "ё", "Ё", "№", "«»", "'", '"', "''", "/start", "/menu", "@durov", "#tag",
    "https://evil.example/?a=1&b=2",
    "tg://user?id=1", "+79161234567", "a@b.ru", "\u2028", "…", "—", "𝕏", "𐍈", "\U0001f9ff", "ﷺ", "=1+1",
    "=cmd|' /C calc'!A0", "-1", "NULL", "'; DROP TABLE deals; --",
)  # fmt: skip


def hostile(dice: random.Random, length: int) -> str:
    """A word of at most so many characters, without blanks at which it could be cut."""
    made = ""
    while len(made) < length and dice.random() > 0.08:
        made += dice.choice(NASTY)
    return re.sub(r"\s", "", made)[:length]


OPEN, CLOSE = "⟦", "⟧"
_PIECE = re.compile(f"{OPEN}([0-9]+)⁞([^{OPEN}{CLOSE}]*)({CLOSE})?")


def numbers(text: str) -> set[int]:
    """The words that are there, or begin there."""
    return {int(found[1]) for found in _PIECE.finditer(text)}


class Words:
    """Numbered hostile words, to be found again in what the bot says."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - the same ones each time
        self.given: dict[int, str] = {}
        self.columns: dict[str, set[int]] = defaultdict(set)
        self.seen: set[int] = set()

    def one(self, limit: int, column: str, clean: Callable[[str], str] = str) -> str:
        """A word that fits a column of so many characters; now and then it fills it."""
        number = len(self.given)
        self.columns[column].add(number)
        head = f"{OPEN}{number}⁞"
        length = limit if self._dice.random() < 0.1 else self._dice.randrange(1, 60)
        inside = hostile(self._dice, min(length, limit) - len(head) - 1)
        made = clean(f"{head}{inside}{CLOSE}")
        self.given[number] = made.removeprefix(head).removesuffix(CLOSE)
        return made

    def read(self, text: str) -> Iterator[str]:
        """What is wrong with the words in a text that is shown: they are as they were given, as far as they go."""
        for found in _PIECE.finditer(text):
            number, shown, whole = int(found[1]), found[2], found[3]
            given = self.given.get(number)
            if given is None:
                yield f"nobody has given {found[0]!r}"
                continue
            self.seen.add(number)
            if whole:
                right = shown == given
            else:
                # Cut to fit a button or a line, with or without a mark that says so.
                cut = shown.split("\n")[0]
                right = any(given.startswith(part) for part in (cut, cut.removesuffix("…"), cut.removesuffix(" ")))
                right = right or given.startswith(re.split(r"…", cut)[0])
            if not right:
                column = next(name for name, of in self.columns.items() if number in of)
                where = text[max(0, found.start() - 60) : found.end()]
                yield f"{column}: given {given!r}, shown {shown!r} in {where!r}"


TEXT, CAPTION = 4096, 1024
"""UTF-16 units that Telegram takes."""


def problems(words: Words, source: str, *, caption: bool = False) -> Iterator[str]:
    """What is wrong with a message of HTML."""
    try:
        text, _entities = parse_html(source)
    except ValueError as error:
        yield f"{error}: {source!r}"
        return
    limit = CAPTION if caption else TEXT
    if utf16_len(text) > limit:
        yield f"{utf16_len(text)} of {limit} characters: {text[:80]!r}…"
    yield from words.read(text)
