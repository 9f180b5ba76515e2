"""Who may already be among the clients, and why we think so."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Protocol

from services.rules.reading import plain

LIKENESS = 0.85
_LEGAL_FORM = re.compile(
    r"\b(?:ооо|оао|зао|пао|нао|ао|ип|кфх|тоо|гуп|муп|фгуп|гбу|ано|нко|тсж|тсн|снт|llc|ltd|inc|"
    r"общество с ограниченной ответственностью|акционерное общество|индивидуальный предприниматель)\b"
)


class Reason(StrEnum):
    """Why two clients may be one, the surest first."""

    PHONE = "phone"
    INN = "inn"
    NAME = "name"


class Known(Protocol):
    """What is compared of a client; a draft and a table row with its phones both fit."""

    @property
    def name(self) -> str: ...
    @property
    def phones(self) -> Collection[str]: ...
    @property
    def inn(self) -> str | None: ...


class Candidate(Known, Protocol):
    """A client that is already there."""

    @property
    def id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LikelyDuplicate:
    """A client that the new one may be, with every reason."""

    client_id: int
    reasons: tuple[Reason, ...]


def duplicate_reasons(draft: Known, candidates: Iterable[Candidate]) -> list[LikelyDuplicate]:
    """Compare a draft with clients (phones in E.164); the likeliest first, those with no reason left out."""
    found = [LikelyDuplicate(one.id, reasons) for one in candidates if (reasons := _reasons(draft, one))]
    return sorted(found, key=lambda one: (list(Reason).index(one.reasons[0]), -len(one.reasons)))


def _reasons(draft: Known, other: Known) -> tuple[Reason, ...]:
    facts = {
        Reason.PHONE: not set(draft.phones).isdisjoint(other.phones),
        Reason.INN: bool(draft.inn) and draft.inn == other.inn,
        Reason.NAME: similar_names(draft.name, other.name),
    }
    return tuple(reason for reason in Reason if facts[reason])


def similar_names(one: str, other: str) -> bool:
    """Tell whether two names may be one: typos, ё/е, other order of words, initials, another legal form."""
    a, b = _words(one), _words(other)
    if not a or not b:
        return False
    if _same_with_initials(a, b) or _same_with_initials(b, a):
        return True
    return SequenceMatcher(None, " ".join(sorted(a)), " ".join(sorted(b)), autojunk=False).ratio() >= LIKENESS


def _words(name: str) -> list[str]:
    bare = _LEGAL_FORM.sub(" ", plain(name)[:200])
    return re.findall(r"[^\W_]+", bare)


def _same_with_initials(full: list[str], short: list[str]) -> bool:
    """«Иванов И. П.» and «Иванов Иван» are «Иванов Иван Петрович»: the first words equal, the others begin alike."""
    if full[0] != short[0] or not 2 <= len(short) <= len(full):
        return False
    return all(
        whole == part or (len(part) == 1 and whole.startswith(part)) for whole, part in zip(full, short, strict=False)
    )
