"""Variants typed as lines: `РЕСО 54300 фр15 сс1.2м рассрочка 2` (DOMAIN.md §7).

The insurer comes first; everything after it is taken out of the line piece by piece in any order, and what is left
is the premium and words for the comment.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

from models.values.money import MAX_SUM, quantise
from services.rules.plans import PLAN_PATTERNS, PaymentPlan, read_plan
from services.rules.reading import (
    AMOUNT,
    CURRENCY,
    INVISIBLE,
    MONTH_WORD,
    Unreadable,
    echo,
    join_words,
    plain,
    read_date,
    read_percent,
    read_sum,
)

LINE_LIMIT = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VariantLine:
    """A variant as one line tells it; None is what the line does not say."""

    line: str
    insurer_id: int
    premium: Decimal
    deductible: Decimal | None = None
    sum_insured: Decimal | None = None
    plan: PaymentPlan | None = None
    commission_rate: Decimal | None = None
    valid_until: date | None = None
    product: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a variant, and why."""

    line: str
    error: Unreadable


def read_variant_lines(text: str, insurers: Mapping[str, int], today: date) -> list[VariantLine | BadLine]:
    """Read every line that is not blank; a bad one does not spoil the others. `insurers`: lower-case alias → id."""
    known = {alias_key(alias): id_ for alias, id_ in insurers.items()}
    result: list[VariantLine | BadLine] = []
    for raw in text.splitlines():
        line = " ".join(raw.split())
        if not plain(line):
            continue
        try:
            result.append(_read_line(line, insurers, known, today))
        except Unreadable as error:
            result.append(BadLine(line, error))
    return result


def alias_key(alias: str) -> str:
    """Bring a name to what stays of it when people type: letters and digits, no case, no ё."""
    return re.sub(r"[\W_]", "", plain(alias))


# --- pieces -------------------------------------------------------------------------------------------------------

_MARK = r"\s*[:=]?\s*"
_QUOTED = re.compile(r"«([^»]*)»|\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]")
_RATE = re.compile(
    rf"(?<!\w)(?:кв|комис\w*|commission){_MARK}(?P<value>-?[0-9]+(?:[.,][0-9]+)?)\s*(?:%|проц\w*)?(?!\w)"
)
_DAY = (
    rf"[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}|[0-9]{{1,2}}[./][0-9]{{1,2}}(?:[./][0-9]{{2,}})?(?:\s?г\.?(?!\w))?"
    rf"|[0-9]{{1,2}}\s{MONTH_WORD}(?:\s[0-9]{{4}}(?:\s?г\.?(?!\w))?)?"
    r"|завтра|послезавтра|понедельника|вторника|среды|четверга|пятницы|субботы|воскресенья|пн|вт|ср|чт|пт|сб|вс"
)
_UNTIL = re.compile(
    rf"(?<!\w)(?:(?:действ\w*|срок|цена|расчет|valid)\s)?(?:до|until|by)\s(?P<value>{_DAY})(?![\w%])"
    rf"(?!\s?(?:{CURRENCY}|млн|млрд|тыс))"
)
_INSURED = re.compile(
    rf"(?<!\w)(?:сс|с/с|страх\w*\.?\sсумм\w*|стр\.?\s?сумм\w*|лимит|si)\.?{_MARK}(?P<value>{AMOUNT})(?!\s?%)"
    rf"(?:\s?{CURRENCY})?"
)
_NO_DEDUCTIBLE = re.compile(r"(?<!\w)(?:без\sфр(?:анш\w*)?|фр(?:анш\w*)?\.?\s(?:нет|без)|б/ф)(?!\w)\.?")
_DEDUCTIBLE = re.compile(rf"(?<!\w)(?:фр|франш\w*|ded)\.?{_MARK}(?P<value>{AMOUNT})(?!\s?%)(?:\s?{CURRENCY})?")
_PREMIUM = re.compile(
    rf"(?<![\w.,^*=+])(?<![0-9]e[-−])(?<![-+−–—][-−–—])(?P<label>(?:премия|прем|цена|стоимость|итого|сумма)\.?{_MARK})?"
    rf"(?P<value>[-−–—]?{AMOUNT})"
    rf"(?:(?P<currency>\s?{CURRENCY})|(?![\w^*=]|\s?%|\.\.|[^\w\s|;()/–—-]\d))"
)
_PLANS = [
    # A bare «100» inside a line is a number like any other; with its % it is a plan.
    re.compile(rf"(?<![\w.,])(?<![0-9]/)(?:{pattern.pattern.replace('%?|без', '%|без')})(?![\w%])(?!/[0-9])")
    for pattern in PLAN_PATTERNS
]
# A word cut off from its number would otherwise slide into the comment and the variant would lose a term silently.
_BARE = re.compile(r"(?<!\w)(?P<word>фр|франшиза|сс|кв)(?:(?!\w)|(?=(?:[\d∞]|nan|inf)(?![0-9.,]*\s?%)))")
_YEARS = range(1950, 2050)


class _Line:
    """What is left of a line while pieces are taken out of it; the original spelling is kept beside the plain one."""

    def __init__(self, text: str) -> None:
        self.rest = text

    @property
    def plain(self) -> str:
        return _same_length_plain(self.rest)

    def take(self, pattern: re.Pattern[str], read: Callable[[re.Match[str]], T]) -> T | None:
        """Take the first match out of the line and read it; None where there is none."""
        found = pattern.search(self.plain)
        return None if found is None else self.cut(found, read)

    def cut(self, found: re.Match[str], read: Callable[[re.Match[str]], T]) -> T:
        """Read a match and take it out of the line."""
        value = read(found)
        # A bar and not a space: numbers on both sides of what was taken must not grow together.
        self.rest = f"{self.rest[: found.start()]} | {self.rest[found.end() :]}"
        return value

    def words(self) -> str:
        """Give what is left, without lone punctuation."""
        return " ".join(word for word in self.rest.split() if any(map(str.isalnum, word))).strip(",;:.—–")


def _same_length_plain(text: str) -> str:
    """Lower the text and drop ё without moving any character, so that positions fit the original."""
    lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    return lowered.replace("ё", "е")


def _read_line(line: str, insurers: Mapping[str, int], known: Mapping[str, int], today: date) -> VariantLine:
    if len(line) > LINE_LIMIT:
        raise Unreadable("The line is too long for a variant. For example: RESO 54300 ded15 50/50")
    insurer_id, tail = _take_insurer(_visible(line), insurers, known)
    rest = _Line(tail)
    quoted = _QUOTED.search(tail)
    product = rest.cut(quoted, lambda m: next((part for part in m.groups() if part), "").strip()) if quoted else ""
    rate = rest.take(_RATE, lambda m: read_percent(m["value"]))
    until = rest.take(_UNTIL, lambda m: read_date(m["value"], today))
    insured = rest.take(_INSURED, lambda m: _in_thousands(m["value"], below=10_000))
    deductible = rest.take(_NO_DEDUCTIBLE, lambda _: Decimal("0.00"))
    if deductible is None:
        deductible = rest.take(_DEDUCTIBLE, lambda m: _in_thousands(m["value"], below=1000))
    plan = next((plan for pattern in _PLANS if (plan := rest.take(pattern, lambda m: read_plan(m[0])))), None)
    if bare := _BARE.search(_same_length_plain(rest.rest)):
        raise Unreadable("A number is missing after «{word}». For example: ded15 or si1.2m", word=bare["word"])
    found = _likeliest_premium(rest.plain)
    if found is None:
        raise Unreadable("There is no premium in «{line}». For example: RESO 54300 ded15 50/50", line=echo(line))
    premium = rest.cut(found, lambda m: read_sum(m["value"], positive=True))
    return VariantLine(
        line=line, insurer_id=insurer_id, premium=premium, deductible=deductible, sum_insured=insured, plan=plan,
        commission_rate=rate, valid_until=until, product=product, comment=rest.words(),
    )  # fmt: skip


def _likeliest_premium(rest: str) -> re.Match[str] | None:
    """Choose among the numbers left: one called a price, then one that is not a year or «2.0», then the first."""
    numbers = list(_PREMIUM.finditer(rest))
    for number in numbers:
        if number["label"] or number["currency"]:
            return number
    for number in numbers:
        try:
            value = read_sum(number["value"])
        except Unreadable:
            continue
        if value >= 500 and not (len(number["value"]) == 4 and int(value) in _YEARS):
            return number
    return numbers[0] if numbers else None


def _visible(line: str) -> str:
    return " ".join(line.translate(INVISIBLE).split())


def _in_thousands(text: str, below: int) -> Decimal:
    """Read a sum where a small bare number means thousands: «фр15» is 15 000, and nobody insures a car for 900."""
    value = read_sum(text)
    bare = re.fullmatch(r"[0-9]+(?:[.,][0-9]+)?", plain(text))
    return quantise(min(value * 1000, MAX_SUM)) if bare and value < below else value


# --- the insurer --------------------------------------------------------------------------------------------------

_SEPARATOR = re.compile(r"^(?:[ :,]|[—–-](?![0-9]))+")
"""Between the insurer and the rest; a dash that stands before a number is a minus."""

_NUMBERING = re.compile(r"^(?:[-–—•*·]\s*|(?:[вВbB])?[0-9]{1,2}\s?[).]\s+|[вВ][0-9]{1,2}\s+)")


def _take_insurer(line: str, insurers: Mapping[str, int], known: Mapping[str, int]) -> tuple[int, str]:
    """Find the longest alias that the line begins with; give its id and what follows."""
    line = _NUMBERING.sub("", line)
    words = line.split(" ")
    for count in range(min(len(words), 6), 0, -1):
        key = alias_key("".join(words[:count]))
        if key in known:
            return known[key], _SEPARATOR.sub("", " ".join(words[count:]))
    name = re.match(r"[^0-9]*", line)
    typed = name[0].strip(" :—–-,«»\"'") if name else ""
    if (key := alias_key(typed)) and key in known:  # the premium is glued to the name: РЕСО54300
        return known[key], line[len(name[0]) if name else 0 :]
    if not typed:
        raise Unreadable(
            "The line must begin with the insurer: «{line}». For example: RESO 54300 ded15", line=echo(line)
        )
    near = _nearest_aliases(typed, insurers)
    if near:
        raise Unreadable(
            "I do not know the insurer «{name}». Perhaps {suggestions}?", name=echo(typed), suggestions=join_words(near)
        )
    raise Unreadable("I do not know the insurer «{name}». The list of insurers is kept by the admin.", name=echo(typed))


def _nearest_aliases(typed: str, insurers: Mapping[str, int]) -> list[str]:
    """Suggest at most three insurers, each by the alias nearest to what was typed."""
    by_key = {alias_key(alias): alias for alias in insurers}
    first = alias_key(typed.split(" ", maxsplit=1)[0])
    found: dict[int, str] = {}
    for candidate in (alias_key(typed)[:60], first[:60]):
        for key in difflib.get_close_matches(candidate, by_key, n=3, cutoff=0.6):
            found.setdefault(insurers[by_key[key]], by_key[key])
    return list(found.values())[:3]
