"""Names that are typed with mistakes: words of the line are compared with the words that names are made of.

A name is looked for in two steps. The words that resemble a typed one are found first: among all words of all names,
tens of thousands whatever the number of clients, by an index; or among the words of a person's own names, by looking at
each. The names that hold such words are then a matter of an exact index, or of the index that leads to his own.
"""

import re
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, or_, select, true, union_all
from sqlalchemy.dialects.postgresql import ARRAY, array

from models.scope import Scope
from models.tables import Client, Deal
from storage.repository import Reach, Repository, Rows, in_ways, up_to

FARTHEST: Final = 300
"""So many rows are ranked: a line that resembles more of them than that says too little."""
STRONG: Final = 0.45
"""Similarity of two words from which one is taken for the other; less is tried only where nothing resembles more."""
WEAK: Final = 0.3
FAINT: Final = 0.4
"""Likeness of a name to the whole line at which it may be the one that was meant though not every word is in it."""
COMMON: Final = 0.07
"""The share of all names from which on a word is in too many of them to be looked for in an index of words."""
LATEST: Final = 5000
"""Among so many of the latest names a common word is in more of them than are ranked."""

_WORDS, _MEANT = 5, 30
_NAME: Final = 3
"""Words that a name has: of a longer line only what surely resembles something is looked for."""
_ROUNDING: Final = 0.001
_SMALL, _OF_A_LINE = 2, 2
"""Letters of a word that says nothing in such a line, and how many words of it are tried alone."""
_HOLDS, _BEGINS, _SWAPPED, _SAME = 1.0, 2.0, 3.0, 4.0
"""Likeness above any similarity, as near_words (migration 0006) has it."""

Near = list[tuple[str, float]]
"""Known words with their likeness to a typed one, the nearest first."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What a typed word may stand for: words of names, the nearest first. Where more of a person's own words hold it
    than are named here, it is a `part` of whatever holds it.
    """

    words: list[str]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to look for a line: what its words stand for, each of which a name has; how like the line it must be; the
    tables in which the nearest words are common.
    """

    words: list[Meant]
    least: float = 0.0
    common_in: frozenset[str] = frozenset()


def bearers(
    table: type[Client | Deal], reading: Reading, scope: Scope, ways: list[ColumnElement[bool]], *where: Any
) -> Rows:
    """The ids of what a person may see in any of these ways with a name made of words that a line may mean.

    Of a person's own names each is looked at, in the index that leads to them; the form of the condition keeps the
    index of all words out. A common word is borne by tens of thousands, and a plan for any parameters would compare
    each of these with all that are his.

    Of everybody's, what one word may stand for is asked for one by one, the nearest first: asked for at once, each of
    the 160 000 deals that bear one of thirty words is compared with all of them. Where the nearest words are common,
    the latest names are looked through first: the index would bring all 160 000 for the three hundred that are ranked.
    """
    if not scope.everything:
        return in_ways(ways, table.id, where=(*where, *(_has(table, meant) for meant in reading.words)))
    if len(reading.words) == 1:
        found = _of_each(table, reading.words[0].words, *where)
    else:
        found = select(table.id).where(*where, *(table.words.overlap(meant.words[:_MEANT]) for meant in reading.words))
    if table.__tablename__ not in reading.common_in:
        return found
    newest = select(table.id, table.words).where(*where).order_by(table.id.desc()).limit(up_to(LATEST)).subquery()
    nearest = newest.c.words.contains([meant.words[0] for meant in reading.words])
    latest = select(newest.c.id).where(nearest).limit(up_to(FARTHEST)).cte(f"latest_{table.__tablename__}")
    too_few = select(func.count()).select_from(latest).scalar_subquery() < up_to(FARTHEST)
    return union_all(select(latest.c.id), found.where(too_few))


def _has(table: type[Client | Deal], meant: Meant) -> ColumnElement[bool]:
    one_of_them: ColumnElement[bool] = table.words.overlap(meant.words).is_(true())
    if not meant.part:
        return one_of_them
    written = cast(table.words, Text)  # {иванов,иван}
    if len(meant.part) > _SMALL:
        return or_(one_of_them, written.contains(meant.part))
    return or_(one_of_them, written.startswith(f"{{{meant.part}"), written.contains(f",{meant.part}"))


def _of_each(table: type[Client | Deal], words: list[str], *where: Any) -> Select[int]:
    # As a query: knowing how many there are the planner would make a plan each time.
    known = select(literal(words, ARRAY(Text))).scalar_subquery()
    one = select(func.unnest(known).label("word")).subquery()
    bears = table.words.contains(array([one.c.word]))
    each = select(table.id).where(bears, *where).limit(up_to(FARTHEST)).correlate(one).lateral()
    return select(each.c.id).select_from(one.join(each, true()))


class _Everybodys:
    """The words of all names, by the index of their trigrams."""

    _NEAR: Final = """
        SELECT typed.word, near.known, near.likeness
        FROM unnest($1::text[], $2::real[]) AS typed(word, least),
             near_words(typed.word, typed.least, $3::integer) AS near
    """
    # Any one mistake in a long word leaves it more like itself than that. What is less like it has its ending, as all
    # surnames in «-енко» have, unless it begins alike.
    _BEGUN: Final = """
        SELECT typed.word, near.known, near.likeness
        FROM unnest($1::text[]) AS typed(word), LATERAL (
            SELECT w.word AS known, similarity(w.word, typed.word) AS likeness FROM name_words w
            WHERE w.word LIKE left(typed.word, 3) || '%' AND similarity(w.word, typed.word) >= $2::real
            ORDER BY 2 DESC, 1 LIMIT $3::integer) AS near
    """
    # What the last ANALYZE has found: no count of ours has to be kept.
    _COMMON: Final = """
        SELECT kept.tablename, known.word
        FROM pg_stats AS kept,
             unnest(kept.most_common_elems::text::text[], kept.most_common_elem_freqs) AS known(word, share)
        WHERE kept.schemaname = current_schema AND kept.tablename = ANY ($1::text[]) AND kept.attname = 'words'
              AND known.word = ANY ($2::text[]) AND known.share >= $3::real
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def near(self, typed: dict[str, float]) -> dict[str, Near]:
        """What is as like each typed word as is told; of similar ones the nearest, of those that hold it as many as are
        ranked.
        """
        found: dict[str, Near] = {word: [] for word in typed}
        long = [word for word, least in typed.items() if least < STRONG < _one_mistake(word)]
        rows = await self._reach.direct(self._BEGUN, long, WEAK, _MEANT) if long else []
        if others := {word: least for word, least in typed.items() if word not in long}:
            rows += await self._reach.direct(self._NEAR, [*others], [*others.values()], FARTHEST)
        for word, known, likeness in rows:
            if len(found[word]) < _MEANT or likeness >= _HOLDS:
                found[word].append((known, likeness))
        return found

    async def common(self, words: Iterable[str]) -> frozenset[str]:
        """The tables in which all these words are common."""
        nearest = {*words}
        among: dict[str, set[str]] = {table.__tablename__: set() for table in (Client, Deal)}
        for table, word in await self._reach.direct(self._COMMON, [*among], [*nearest], COMMON):
            among[table].add(word)
        return frozenset(table for table, common in among.items() if common == nearest)


class _Own:
    """The words of a person's own names, each of which is looked at: of the nearest among all none may be his."""

    def __init__(self, reach: Reach, names: Rows) -> None:
        self._reach, self._names = reach, names
        self._alike: dict[str, Near] = {}

    async def near(self, typed: dict[str, float]) -> dict[str, Near]:
        """All that is as like each typed word as is told."""
        if unknown := [word for word in typed if word not in self._alike]:
            self._alike |= await self._compare(unknown)
        return {word: [one for one in self._alike[word] if one[1] >= least] for word, least in typed.items()}

    async def _compare(self, typed: list[str]) -> dict[str, Near]:
        """Words that hold a typed one or share its first or its last letters, as one does in which a letter is wrong,
        missing, too many or in its neighbour's place: to compare them takes far less than their similarity.
        """
        halves = [max(1, len(word) // 2 - 1) for word in typed]
        starts = [word[:half] for word, half in zip(typed, halves, strict=True)]
        ends = [word[-half:] for word, half in zip(typed, halves, strict=True)]
        parts = (literal(part, ARRAY(Text)) for part in (typed, starts, ends))
        one = func.unnest(*parts).table_valued("typed", "start", "end").render_derived()
        names = self._names.subquery()
        known = select(func.unnest(names.c.words).label("word")).distinct().subquery().c.word
        shares = or_(known.contains(one.c.typed), known.startswith(one.c.start), known.endswith(one.c.end))
        rows = await self._reach.session.execute(
            select(one.c.typed, known, func.similarity(known, one.c.typed)).where(shares)
        )
        found: dict[str, Near] = {word: [] for word in typed}
        for word, other, similarity in rows:
            found[word].append((other, _likeness(other, word, similarity)))
        return {word: sorted(near, key=lambda one: (-one[1], one[0])) for word, near in found.items()}


class Words(Repository):
    """What the repositories share that look for names."""

    async def readings(self, line: str, own: Rows | None, *, closely: bool = False) -> AsyncGenerator[Reading]:
        """How a plain line may be meant: all its words, misspelt perhaps; then, where nothing bears them all, by one of
        them alone, the longest first. None at all where nothing resembles any.

        `own` has the `words` of a person's own names, and is None where he looks among everybody's.

        `closely` is for comparing whole names: first with words that have one mistake, a tenth of what resembles a long
        surname; with the others where nobody bears those.
        """
        known = _Everybodys(self._reach) if own is None else _Own(self._reach, own)
        typed = _typed(line)
        is_name = len(typed) <= _NAME
        if not is_name:  # «на», «из»: thousands of names begin so
            typed = [word for word in typed if len(word) > _SMALL or re.search(r"[0-9]", word)]
        meant = await _meant(known, {word: _one_mistake(word) if closely else STRONG for word in typed})
        for least in (STRONG, WEAK) if closely else (WEAK,):
            if is_name and (others := [word for word in typed if not meant[word].words]):
                meant |= await _meant(known, dict.fromkeys(others, least))
        if not any(one.words for one in meant.values()):
            return
        all_of_them = [meant[word] for word in typed if meant[word].words]
        yield await _reading(known, all_of_them)
        if closely and (long := [word for word in typed if meant[word].words and _one_mistake(word) > STRONG]):
            meant |= await _meant(known, dict.fromkeys(long, STRONG))
            all_of_them = [meant[word] for word in typed if meant[word].words]
            yield await _reading(known, all_of_them)
        # Three digits in a row are no name: what is like it on the whole would be noise.
        if re.search(r"[0-9]{3}", line):
            return
        longest = sorted(typed, key=len, reverse=True)
        if closely or not is_name:  # whole names are not alike by the shortest word of three
            longest = [word for word in longest if meant[word].words][:_OF_A_LINE]
        elif isinstance(known, _Own):
            meant = await _meant(known, dict.fromkeys(typed, WEAK))
        for word in longest:
            alone = meant[word]
            if alone.words and [alone] != all_of_them:
                yield await _reading(known, [alone], FAINT)


async def _reading(known: _Everybodys | _Own, words: list[Meant], least: float = 0.0) -> Reading:
    if isinstance(known, _Own):
        return Reading(words, least)
    return Reading(words, least, await known.common(meant.words[0] for meant in words))


async def _meant(known: _Everybodys | _Own, typed: dict[str, float]) -> dict[str, Meant]:
    """What each typed word may stand for: what begins with it or holds it or is as like it."""
    # A year or a plate is not misspelt but another one; and there are too many of them to be known.
    found = {word: Meant([word] if re.search(r"[0-9]", word) else []) for word in typed}
    if letters := {word: least for word, least in typed.items() if not found[word].words}:
        for word, near in (await known.near(letters)).items():
            part = isinstance(known, _Own) and len(near) > _MEANT and near[_MEANT][1] >= _HOLDS
            words = [one for one, _likeness in (near[:_MEANT] if isinstance(known, _Own) else near)]
            found[word] = Meant(words, word if part else "")
    return found


def _likeness(known: str, typed: str, similarity: float) -> float:
    if known == typed:
        return _SAME
    if len(known) == len(typed) and any(
        known == typed[:at] + typed[at + 1] + typed[at] + typed[at + 2 :] for at in range(len(typed) - 1)
    ):
        return _SWAPPED
    if known.startswith(typed):
        return _BEGINS
    if len(typed) <= _SMALL:
        return 0.0
    return _HOLDS if typed in known else similarity


def _one_mistake(word: str) -> float:
    """How like a word is at least to itself with one letter wrong, missing or too many: of those that are compared a
    letter is in three.
    """
    letters = len(word)
    return max(STRONG, (letters - 2) / (letters + 4) - _ROUNDING)


def _typed(line: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"[^\W_]+", line)))[:_WORDS]
