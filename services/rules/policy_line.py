"""A policy, or a payment of one, typed in one line: `ХХХ 1234567890 с 01.12 54300`, `27000 вчера`."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.rules.reading import (
    TO_CYRILLIC,
    Unreadable,
    clean_text,
    echo,
    plain,
    policy_number,
    read_date,
    read_date_span,
    read_sum,
)

LINE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """A policy as one line tells it; None is what the line does not say."""

    number: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    premium: Decimal | None = None


_FROM = re.compile(r"(?:с|со|from)", re.IGNORECASE)
_SERIES = re.compile(r"[A-Za-zА-Яа-яЁё]{1,6}")
_DATE_LIKE = re.compile(r"[0-9]{1,2}[./][0-9]{1,2}(?:[./][0-9]{2,4})?|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}(?:\.[0-9]{2,})?")
_SERIES_AND_NUMBER = re.compile(r"[АВЕКМНОРСТУХ]{3}[0-9]{10}")
_NO_SUM = re.compile(r"[-−–—+]?(?:nan|inf(?:inity)?|∞|[0-9.,]+e[-−+]?[0-9]+)|[-−–—][0-9][0-9.,]*", re.IGNORECASE)
"""What somebody may mean for a sum, and no insurer prints into a number."""


def read_policy_line(text: str, today: date) -> PolicyLine:
    """Read a policy's number with, in any order after it, its term and its premium; the number alone is enough.

    What does not look like a term or a premium belongs to the number: insurers put spaces into theirs. A line that
    begins with a term has no number.
    """
    words = " ".join(clean_text(text, LINE_LIMIT).replace("№", " ").split()).split(" ")
    if _FROM.fullmatch(words[0]) or _DATE_LIKE.fullmatch(words[0]):
        told = _read_rest(words, today)
        if told is not None and told[0] is not None:
            return PolicyLine(None, *told[0], told[1])
    if _DATE.fullmatch(words[_FROM.fullmatch(words[0]) is not None and len(words) > 1]):
        # A day that there is not must not become the number of the policy.
        return PolicyLine(None, *read_date_span(" ".join(words), today))
    head = _number_length(words)
    if head > 1 and not _may_go_on(words[:head]):
        _say_what_is_wrong(words[1:], today)
    for length in range(head, len(words) + 1):
        if length > head and not _may_go_on(words[:length]):
            break
        rest = _read_rest(words[length:], today)
        # «12345 / 26» is one number: it cannot end with the mark that joins its parts.
        if rest is not None and not words[length - 1].endswith(("/", "-")):
            term, premium = rest
            starts_on, ends_on = term or (None, None)
            return PolicyLine(policy_number("".join(words[:length])), starts_on, ends_on, premium)
    _say_what_is_wrong(words[head:], today)
    raise Unreadable("«{text}» is not a policy number. For example: ХХХ 0123456789", text=echo(text))


def _number_length(words: list[str]) -> int:
    """How many words the number takes at least: a series of letters goes with the digits after it.

    Compulsory motor numbers have ten digits, and people space them as they like.
    """
    if not _SERIES.fullmatch(words[0]) or len(words) == 1:
        return 1
    digits = 0
    for at, word in enumerate(words[1:], 2):
        digits += len(word)
        if not word.isdecimal() or digits > 10:
            break
        if digits == 10:
            return at
    return 2


def _may_go_on(words: list[str]) -> bool:
    """Whether the last of these words can still belong to the number: no day, no sum, and the number was not whole."""
    whole = _SERIES_AND_NUMBER.fullmatch("".join(words[:-1]).upper().translate(TO_CYRILLIC))
    return not (whole or _DATE.fullmatch(words[-1]) or _NO_SUM.fullmatch(words[-1]))


def _say_what_is_wrong(words: list[str], today: date) -> None:
    """Raise what a reader says about the word that is neither a term nor a premium; no word of the number is either."""
    for at, word in enumerate(words):
        if _NO_SUM.fullmatch(word):
            read_sum(word, positive=True)
        if _DATE.fullmatch(word):
            read_date_span(" ".join(words[at:]), today)
            raise Unreadable("«{text}» is not a policy number. For example: ХХХ 0123456789", text=echo(" ".join(words)))
    if words:
        read_sum(" ".join(words), positive=True)


def _read_rest(words: list[str], today: date) -> tuple[tuple[date, date] | None, Decimal | None] | None:
    """Read a term and a premium in either order; None when something else is there too."""
    if not words:
        return None, None
    for at in range(len(words)):
        if not (_FROM.fullmatch(words[at]) or _DATE_LIKE.fullmatch(words[at])):
            continue
        for to in range(len(words), at, -1):
            left = words[:at] + words[to:]
            # A term in the middle parts the words of a sum, and then it is no sum.
            if words[:at] and words[to:]:
                continue
            marked = bool(_FROM.fullmatch(words[at]))
            term = _quietly_span(" ".join(words[at + marked : to]), today)
            if term is None:
                continue
            premium = _quietly_sum(" ".join(left))
            if premium is not None or not left:
                return term, premium
    # «31.13» is a day that there is not, and not thirty-one roubles.
    premium = None if any(map(_DATE.fullmatch, words)) else _quietly_sum(" ".join(words))
    return None if premium is None else (None, premium)


def _quietly_span(text: str, today: date) -> tuple[date, date] | None:
    try:
        return read_date_span(text, today)
    except Unreadable:
        return None


def _quietly_sum(text: str) -> Decimal | None:
    try:
        return read_sum(text, positive=True) if text else None
    except Unreadable:
        return None


_REST = re.compile(r"остаток|остальное|вс[её]|полностью|rest|all")
_VERB = re.compile(r"^(?:(?:опла[тч]|заплат|получ|приш|внес|выплат|перев)\w*|paid|received)\s+")


def read_paid(text: str, today: date) -> tuple[Decimal | None, date | None]:
    """Read a fact about money: a sum, a day behind, or both in either order; None is what was not said.

    `27000 вчера`, `01.03 27 000`, `остаток в пт`, `вчера`: all that is left, `27000`: today.
    """
    typed = _VERB.sub("", plain(clean_text(text, LINE_LIMIT)))
    if _REST.fullmatch(typed):
        return None, None
    on = _quietly_day(typed, today)
    if on is not None:
        return None, on
    words = typed.split(" ")
    for at in range(1, len(words)):
        before, after = " ".join(words[:at]), " ".join(words[at:])
        for amount, day in ((before, after), (after, before)):
            on = _quietly_day(day, today)
            if on is None:
                continue
            if _REST.fullmatch(amount):
                return None, on
            value = _quietly_sum(amount)
            if value is not None:
                return value, on
    try:
        return read_sum(typed, positive=True), None
    except Unreadable as error:
        if len(words) == 1:
            raise
        raise Unreadable(
            "«{text}» is not a payment. Write a sum, a day or both: 27000 yesterday", text=echo(text)
        ) from error


def _quietly_day(text: str, today: date) -> date | None:
    """A day of a fact: behind, unless a year or a word says otherwise."""
    try:
        return read_date(text, today, past=True)
    except Unreadable:
        return None
