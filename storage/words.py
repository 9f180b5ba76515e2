"""Names that are typed with mistakes: words of the line are compared with the words that names are made of.

A name is looked for in two steps. The words that resemble a typed one are found among all words of all names: tens of
thousands, whatever the number of clients. The names that hold such words are then a matter of an exact index.
"""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY, array

from models.scope import Scope
from models.tables import Client, Deal
from storage.repository import Repository, Rows, in_ways, up_to

FARTHEST: Final = 300
"""So many rows are ranked: a line that resembles more of them than that says too little."""
STRONG: Final = 0.45
"""Similarity of two words from which one is taken for the other; less is tried only where nothing resembles more."""
WEAK: Final = 0.3
FAINT: Final = 0.4
"""Likeness of a name to the whole line at which it may be the one that was meant though not every word is in it."""

_WORDS, _MEANT = 5, 30
_NAME: Final = 3
"""Words that a name has: of a longer line only what surely resembles something is looked for."""
_ROUNDING: Final = 0.001
_SMALL, _OF_A_LINE = 2, 2
"""Letters of a word that says nothing in such a line, and how many words of it are tried alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to look for a line: sets of words, of each of which a name has one; how like the line it must be."""

    words: list[list[str]]
    least: float = 0.0


_NEAR: Final = """
    SELECT typed.word, near.known, near.likeness
    FROM unnest($1::text[], $2::real[]) AS typed(word, least), near_words(typed.word, typed.least, $3::integer) AS near
"""


def bearers(
    table: type[Client | Deal], reading: Reading, scope: Scope, ways: list[ColumnElement[bool]], *where: Any
) -> Rows:
    """The ids of what a person may see in any of these ways with a name made of words that a line may mean.

    Of a person's own names each is looked at, in the index that leads to them; the form of the condition keeps the
    index of all words out. A common word is borne by tens of thousands, and a plan for any parameters would compare
    each of these with all that are his.

    Of everybody's, the words of a single set are asked for one by one, the nearest first: asked for at once, each of
    the 160 000 deals that bear one of them is compared with all thirty.
    """
    if scope.everything and len(reading.words) == 1:
        # As a query: knowing how many there are the planner would make a plan each time.
        known = select(literal(reading.words[0], ARRAY(Text))).scalar_subquery()
        one = select(func.unnest(known).label("word")).subquery()
        bears = table.words.contains(array([one.c.word]))
        each = select(table.id).where(bears, *where).limit(up_to(FARTHEST)).correlate(one).lateral()
        return select(each.c.id).select_from(one.join(each, true()))
    holds = (table.words.overlap(meant) for meant in reading.words)
    return in_ways(ways, table.id, where=(*where, *(held if scope.everything else held.is_(true()) for held in holds)))


class Words(Repository):
    """What the repositories share that look for names."""

    async def readings(self, line: str, *, closely: bool = False) -> AsyncGenerator[Reading]:
        """How a plain line may be meant: all its words, misspelt perhaps; then, where nothing bears them all, by one of
        them alone, the longest first. None at all where nothing resembles any.

        `closely` is for comparing whole names: first with words that have one mistake, a tenth of what resembles a long
        surname; with the others where nobody bears those.
        """
        typed = _typed(line)
        is_name = len(typed) <= _NAME
        if not is_name:  # «на», «из»: thousands of names begin so
            typed = [word for word in typed if len(word) > _SMALL or re.search(r"[0-9]", word)]
        meant = await self._near({word: _one_mistake(word) if closely else STRONG for word in typed})
        for least in (STRONG, WEAK) if closely else (WEAK,):
            if is_name and (others := [word for word in typed if not meant[word]]):
                meant |= await self._near(dict.fromkeys(others, least))
        if not any(meant.values()):
            return
        yield Reading([meant[word] for word in typed if meant[word]])
        if closely and (long := [word for word in typed if meant[word] and _one_mistake(word) > STRONG]):
            meant |= await self._near(dict.fromkeys(long, STRONG))
            yield Reading([meant[word] for word in typed if meant[word]])
        # Three digits in a row are no name: what is like it on the whole would be noise.
        if re.search(r"[0-9]{3}", line):
            return
        longest = sorted(typed, key=len, reverse=True)
        if closely or not is_name:  # whole names are not alike by the shortest word of three
            longest = [word for word in longest if meant[word]][:_OF_A_LINE]
        for word in longest:
            known = meant[word] if closely or not is_name else (await self._near({word: WEAK}))[word]
            if known:
                yield Reading([known], FAINT)

    async def _near(self, typed: dict[str, float]) -> dict[str, list[str]]:
        """The known words that each typed one may stand for: what begins with it or holds it or is as like it."""
        # A year or a plate is not misspelt but another one; and there are too many of them to be known.
        found: dict[str, list[str]] = {word: [word] if re.search(r"[0-9]", word) else [] for word in typed}
        if unknown := {word: least for word, least in typed.items() if not found[word]}:
            for word, known, _likeness in await self.direct(_NEAR, [*unknown], [*unknown.values()], _MEANT):
                found[word].append(known)
        return found


def _one_mistake(word: str) -> float:
    """How like a word is at least to itself with one letter wrong, missing or too many: of those that are compared a
    letter is in three.
    """
    letters = len(word)
    return max(STRONG, (letters - 2) / (letters + 4) - _ROUNDING)


def _typed(line: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"[^\W_]+", line)))[:_WORDS]
