"""Names that are typed with mistakes: words of the line are compared with the words that names are made of.

A name is looked for in two steps. The words that resemble a typed one are found among all words of all names: tens of
thousands, whatever the number of clients. The names that hold such words are then a matter of an exact index.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, case, func, literal, or_, select, union_all

from models.tables import NameWord
from storage.repository import Repository

FARTHEST: Final = 300
"""So many rows are ranked: a line that resembles more of them than that says too little."""

STRONG: Final = 0.45
"""Similarity of two words from which one is taken for the other; less is tried only where nothing resembles more."""
FAINT: Final = 0.4
"""Likeness of a name to the whole line at which it may be the one that was meant though not every word is in it."""

_WORDS, _MEANT = 5, 30


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to look for a line: sets of words, of each of which a name has one; how like the line it must be."""

    words: list[list[str]]
    least: float = 0.0


class Words(Repository):
    """What the repositories share that look for names."""

    async def readings(self, line: str) -> list[Reading]:
        """How a plain line may be meant, the surest first: all its words, misspelt perhaps; then any one of them."""
        typed = list(dict.fromkeys(re.findall(r"[^\W_]+", line)))[:_WORDS]
        strong, weak = await self._meant(typed)
        meant = [words for word in typed if (words := strong[word] or weak[word])]
        if not meant:
            return []
        # Three digits in a row are no name: what is like it on the whole would be noise.
        alone = [] if re.search(r"[0-9]{3}", line) else sorted(typed, key=len, reverse=True)
        any_of_them = [Reading([strong[word] + weak[word]], FAINT) for word in alone if strong[word] or weak[word]]
        return [Reading(meant), *any_of_them]

    async def _meant(self, typed: list[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The known words that each typed one may stand for: what begins with it or holds it or nearly is it."""
        # A year or a plate is not misspelt but another one; and there are too many of them to be known.
        strong: dict[str, list[str]] = {word: [word] if re.search(r"[0-9]", word) else [] for word in typed}
        weak: dict[str, list[str]] = {word: [] for word in typed}
        parts = [_near(word).subquery().select() for word in typed if not strong[word]]
        if parts:
            for word, known, likeness in await self.session.execute(union_all(*parts)):
                (strong if likeness >= STRONG else weak)[word].append(known)
        return strong, weak


def _near(word: str) -> Select[tuple[str, str, float]]:
    known = NameWord.word
    swapped, begins = known.in_(list(_swapped(word))), known.startswith(word, autoescape=True)
    holds = known.contains(word, autoescape=True)
    likeness = case(
        (known == word, 4.0), (swapped, 3.0), (begins, 2.0), (holds, 1.0), else_=func.similarity(known, word)
    )
    # The operator is what the index serves, the function is not.
    near = or_(swapped, begins) if len(word) < 3 else or_(swapped, holds, known.op("%")(word))
    return select(literal(word), known, likeness).where(near).order_by(likeness.desc(), known).limit(_MEANT)


def _swapped(word: str) -> Iterator[str]:
    """The word, and what it was if two neighbouring letters have changed places."""
    yield word
    for at in range(len(word) - 1):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
