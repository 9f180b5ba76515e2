r"""Reading what people type: each reader gives a value or says in plain words what is wrong and what it wants.

Digits are matched as `[0-9]` on purpose: `\d`, `int` and `Decimal` also take Arabic and other digits, and a sum
that looks strange to a Russian reader must never become money.
"""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from models.values.money import MAX_SUM, quantise
from models.values.period import add_months, policy_end


class Unreadable(Exception):
    """What was typed cannot be understood; `msgid` is an English gettext template with an example of what can."""

    def __init__(self, msgid: str, **params: str) -> None:
        super().__init__(msgid, params)
        self.msgid = msgid
        self.params = params

    def __str__(self) -> str:
        return self.msgid.format(**self.params)


class NoSuchDay(Unreadable):
    """It is written as a date and there is no such day, so it must not be taken for something else."""


# --- text ---------------------------------------------------------------------------------------------------------

# Ranges and not a walk over all of Unicode: the walk costs 0.2 s of every start. A test compares them with unicodedata.
_INVISIBLE_RANGES = (
    (0x00, 0x08), (0x0B, 0x0C), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F),  # control, all but tab and line ends
    (0xAD, 0xAD), (0x34F, 0x34F), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891),
    (0x8E2, 0x8E2), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E),
    (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip

INVISIBLE: dict[int, str | None] = {
    point: None for first, last in _INVISIBLE_RANGES for point in range(first, last + 1)
}
"""For `str.translate`: drops what cannot be seen (and may carry a forged callback), joins line ends into `\\n`."""
INVISIBLE |= dict.fromkeys((0x85, 0x2028, 0x2029), "\n") | {0x09: " "}

_SPACES = {
    ord(c): " "
    for c in "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
}
_ECHO = 40


def clean_text(text: str, limit: int) -> str:
    """Keep what can be seen, line breaks included; refuse emptiness and more than `limit` characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(INVISIBLE)
    text = re.sub(r"\n{4,}", "\n\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
    if not text:
        raise Unreadable("There is nothing to read in this message. Write it in words.")
    if len(text) > limit:
        raise Unreadable(
            "This is {length} characters, and at most {limit} fit. Shorten it or send it in parts.",
            length=str(len(text)), limit=str(limit),
        )  # fmt: skip
    return text


def read_name(text: str, limit: int) -> str:
    """Read how somebody is called: on one line, with letters in it."""
    name = " ".join(clean_text(text, limit).split())
    if not any(map(str.isalpha, name)):
        raise Unreadable("There are no letters in this name. Write it in words.")
    return name


def plain(text: str) -> str:
    """Bring text to the form the patterns are written for: visible, plain spaces, lower case, no ё."""
    return " ".join(text.translate(INVISIBLE).translate(_SPACES).split()).lower().replace("ё", "е")


def echo(text: str) -> str:
    """Shorten a person's own words for showing back inside an error."""
    text = " ".join(text.translate(INVISIBLE).split())
    return text if len(text) <= _ECHO else text[: _ECHO - 1] + "…"


# --- sums ---------------------------------------------------------------------------------------------------------

_THOUSAND = r"тыс(?:яч[аи]?)?\.?|т\.?(?=\s*р)|т|к|k"
_MILLION = r"млн\.?|мил+ион(?:а|ов)?|мл|м|m"
_BILLION = r"млрд\.?|мил+иард(?:а|ов)?"
AMOUNT = (
    r"(?>[0-9]+(?:['’.,][0-9]+)*(?:\s[0-9]{3}(?![0-9])(?:[.,][0-9]+)*)*"
    rf"(?:\s?(?:{_BILLION}|{_MILLION}|{_THOUSAND})(?![\w%]))?)"
)
"""A sum as it is met inside a longer line; `read_sum` is the judge of what it is worth."""
CURRENCY = r"(?:рублей|рубля|рубль|руб|р|₽|rub|rur)(?!\w)\.?"
_SUM = re.compile(
    rf"(?P<number>[0-9](?:[0-9 '’.,]*[0-9])?)\s*"
    rf"(?:(?P<billion>{_BILLION})|(?P<million>{_MILLION})|(?P<thousand>{_THOUSAND}))?\s*(?:{CURRENCY})?"
)
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(?P<mark>[ '’.,])[0-9]{3})(?:(?P=mark)[0-9]{3})*")
_FRACTION = re.compile(r"(?P<whole>.*[0-9])[.,](?P<cents>[0-9]{1,2})")
_LONG_FRACTION = re.compile(r"(?P<whole>[0-9]+)[.,](?P<cents>[0-9]{1,9})")


def read_sum(text: str, *, positive: bool = False) -> Decimal:
    """Read a sum of money: `54 300`, `54300,50`, `54,3к`, `1,2 млн`, `30 тыс`, `54300 руб`."""
    typed = plain(text)
    if re.match(r"[-−–—]\s*[0-9]", typed):
        raise Unreadable("A sum cannot be negative: «{text}». For example: 54 300", text=echo(text))
    found = _SUM.fullmatch(typed) if len(typed) <= _ECHO else None
    if found is None:
        raise Unreadable("«{text}» is not a sum. For example: 54 300 or 54,3к or 1,2 млн", text=echo(text))
    scale = 10**9 if found["billion"] else 10**6 if found["million"] else 1000 if found["thousand"] else 1
    value = _number(found["number"], scaled=scale > 1)
    if value is None:
        raise Unreadable("«{text}» is not a sum. For example: 54 300 or 54,3к or 1,2 млн", text=echo(text))
    value *= scale
    if value > MAX_SUM:
        raise Unreadable(
            "«{text}» is too much, a sum here is less than a trillion. For example: 54 300", text=echo(text)
        )
    if positive and quantise(value) == 0:
        raise Unreadable("The sum must be more than zero. For example: 54 300")
    return quantise(value)


def _number(typed: str, *, scaled: bool) -> Decimal | None:
    """Tell thousands marks from the decimal comma: three digits after a mark are thousands, one or two kopecks."""
    if scaled and (found := _LONG_FRACTION.fullmatch(typed)):  # 1.250 млн is a million and a quarter
        return Decimal(f"{found['whole']}.{found['cents']}")
    whole, cents = typed, "0"
    if found := _FRACTION.fullmatch(typed):
        whole, cents = found["whole"], found["cents"]
    grouped = _GROUPED.fullmatch(whole)
    if grouped and not (whole != typed and typed[len(whole)] == grouped["mark"]):
        whole = re.sub(r"[^0-9]", "", whole)
    return Decimal(f"{whole}.{cents}") if re.fullmatch(r"[0-9]+", whole) else None


def read_percent(text: str) -> Decimal:
    """Read a rate from 0 to 100: `15`, `15%`, `12,5 %`."""
    found = re.fullmatch(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?\s*(?:%|проц\w*\.?|percent)?", plain(text))
    value = Decimal(f"{found[1]}.{found[2] or 0}") if found else Decimal(-1)
    if not 0 <= value <= 100:
        raise Unreadable("«{text}» is not a percentage from 0 to 100. For example: 15 or 12,5%", text=echo(text))
    return quantise(value)


# --- dates --------------------------------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 1900, 2100
RECENT = timedelta(days=60)
"""A policy is often written down some days after it began, so «01.03» in a term may be a past day this close."""

_DAYS = {
    "сегодня": 0, "today": 0, "завтра": 1, "tomorrow": 1, "послезавтра": 2,
    "вчера": -1, "yesterday": -1, "позавчера": -2,
}  # fmt: skip
_WEEKDAY = re.compile(
    r"(?P<d0>пн|понедельник[ау]?|mon(?:day)?)|(?P<d1>вт|вторник[ау]?|tue(?:s|sday)?)|(?P<d2>ср|сред[ауые]|wed(?:nesday)?)|"
    r"(?P<d3>чт|четверг[ау]?|thu(?:rs|rsday)?)|(?P<d4>пт|пятниц[ауые]|fri(?:day)?)|(?P<d5>сб|суббот[ауые]|sat(?:urday)?)|"
    r"(?P<d6>вс|воскресень[еяю]|sun(?:day)?)"
)
_MONTH_WORDS = (
    "янв(?:ар[яь])?|jan(?:uary)?", "фев(?:р(?:ал[яь])?)?|feb(?:ruary)?", "мар(?:та?)?|mar(?:ch)?",
    "апр(?:ел[яь])?|apr(?:il)?", "ма[йя]|may", "июн[яь]?|june?", "июл[яь]?|july?", "авг(?:уста?)?|aug(?:ust)?",
    "сен(?:т(?:ябр[яь])?)?|sept?(?:ember)?", "окт(?:ябр[яь])?|oct(?:ober)?", "ноя(?:б(?:р[яь])?)?|nov(?:ember)?",
    "дек(?:абр[яь])?|dec(?:ember)?",
)  # fmt: skip
_MONTHS = [re.compile(rf"(?:{words})\.?") for words in _MONTH_WORDS]
MONTH_WORD = rf"(?:{'|'.join(_MONTH_WORDS)})(?![a-zа-я])\.?"
_COUNTS = {
    "один": 1, "одну": 1, "два": 2, "две": 2, "три": 3, "четыре": 4, "пять": 5, "шесть": 6, "семь": 7, "восемь": 8,
    "девять": 9, "десять": 10, "one": 1, "a": 1, "two": 2, "three": 3, "four": 4,
}  # fmt: skip
_UNIT = (
    r"(?:(?P<days>дн(?:ей|я|и)?|день|д|days?|d)|(?P<weeks>недел[юьи]|нед|н|weeks?|w)|"
    r"(?P<months>месяц(?:а|ев)?|мес|м|months?|m)|(?P<years>года?|лет|г|years?|y))\.?"
)
_AHEAD = re.compile(
    rf"(?:(?P<plus>\+)\s*|(?P<ahead>через|in)\s+)?(?:(?P<count>[0-9]{{1,4}}|{'|'.join(_COUNTS)})\s*)?(?:{_UNIT})?"
)
_ISO = re.compile(r"(?P<y>[0-9]{4})[-./](?P<m>[0-9]{1,2})[-./](?P<d>[0-9]{1,2})")
_NUMERIC = re.compile(r"(?P<d>[0-9]{1,2})\s?[-./,]\s?(?P<m>[0-9]{1,2})(?:\s?[-./,]\s?(?P<y>[0-9]{4}|[0-9]{2}))?\.?")
_WORDED = re.compile(r"(?P<d>[0-9]{1,2})(?:-?го)?\s+(?P<m>[a-zа-я]{3,9}\.?)(?:\s+(?P<y>[0-9]{4}))?")
_WORDED_EN = re.compile(r"(?P<m>[a-z]{3,9}\.?)\s+(?P<d>[0-9]{1,2})(?:,?\s+(?P<y>[0-9]{4}))?")
_DATED = re.compile(r"[-−]?\d{1,2}\s?[-./,]\s?\d+(?:\s?[-./,]{1,2}\s?\d+)?|\d{3,}[-./]\d{1,2}[-./]\d{1,2}")
"""What is written as a date, in whatever digits, and may be none."""
_LEADING = re.compile(r"(?:до|с|со|на|к|ко|в|во|от|по|on|by|until|from)\s+")


def read_date(text: str, today: date, *, past: bool = False) -> date:
    """Read a date; one with no year is the nearest ahead, or, when `past` (paid on, born on), the nearest behind."""
    typed = plain(text)
    stripped = re.sub(r"\s*(?:г|года|год)\.?$", "", _LEADING.sub("", typed, count=1)) if len(typed) <= _ECHO else ""
    for candidate in (typed, stripped):
        if candidate and (
            found := _from_words(candidate, today, past=past) or _from_numbers(candidate, today, text, past=past)
        ):
            return _in_bounds(found, text)
    if _DATED.fullmatch(typed):
        raise NoSuchDay("There is no such day: «{text}». For example: 31.12.2026", text=echo(text))
    raise Unreadable(
        "«{text}» is not a date. For example: 31.12, 31.12.2026, tomorrow, +14, in 2 weeks, fri", text=echo(text)
    )


def _in_bounds(found: date, text: str) -> date:
    if FIRST_YEAR <= found.year <= LAST_YEAR:
        return found
    raise NoSuchDay("The year in «{text}» is out of range. For example: 31.12.2026", text=echo(text))


def _from_words(typed: str, today: date, *, past: bool) -> date | None:
    if typed in _DAYS:
        return today + timedelta(days=_DAYS[typed])
    if typed in ("на следующей неделе", "следующая неделя", "следующей неделе", "next week"):
        return today + timedelta(days=7 - today.weekday())
    if typed in ("через полгода", "полгода"):
        return add_months(today, 6)
    if found := re.fullmatch(rf"(?:(?:следующ\w+|эт\w+|ближайш\w+|next)\s+)?(?:{_WEEKDAY.pattern})", typed):
        weekday = next(n for n in range(7) if found[f"d{n}"])
        # «пт» said on a Friday is the next one: today has a shorter name.
        return today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1) if past else (
            today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
        )  # fmt: skip
    found = _AHEAD.fullmatch(typed)
    if found is None:
        return None
    unit = found["days"] or found["weeks"] or found["months"] or found["years"]
    if not (unit and (found["ahead"] or found["count"])) and not (found["plus"] and found["count"]):
        return None  # «н» or «14» alone is too little to be a date
    count = _COUNTS.get(found["count"]) or int(found["count"]) if found["count"] else 1
    if found["months"] or found["years"]:
        months = count * (12 if found["years"] else 1)
        return add_months(today, min(months, 12 * LAST_YEAR))
    return today + timedelta(days=count * (7 if found["weeks"] else 1))


def _from_numbers(typed: str, today: date, text: str, *, past: bool) -> date | None:
    found = (
        _ISO.fullmatch(typed) or _NUMERIC.fullmatch(typed) or _WORDED.fullmatch(typed) or _WORDED_EN.fullmatch(typed)
    )
    if found is None:
        return None
    month = int(found["m"]) if found["m"].isdigit() else _month_number(found["m"])
    if month is None:
        return None
    day, year = int(found["d"]), found["y"]
    if year is None:
        return _nearest(day, month, today, text, past=past)
    return _real_date(_full_year(year, today, past=past), month, day, text)


def _month_number(word: str) -> int | None:
    return next((n for n, pattern in enumerate(_MONTHS, 1) if pattern.fullmatch(word)), None)


def _full_year(typed: str, today: date, *, past: bool) -> int:
    if len(typed) == 4:
        return int(typed)
    year = today.year // 100 * 100 + int(typed)
    return year - 100 if past and year > today.year else year


def _real_date(year: int, month: int, day: int, text: str) -> date:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise NoSuchDay("The year in «{text}» is out of range. For example: 31.12.2026", text=echo(text))
    try:
        return date(year, month, day)
    except ValueError:
        raise NoSuchDay("There is no such day: «{text}». For example: 31.12.2026", text=echo(text)) from None


def _nearest(day: int, month: int, today: date, text: str, *, past: bool) -> date:
    years = range(today.year, today.year - 9, -1) if past else range(today.year, today.year + 9)
    for year in years:  # nine, because 29 February may be eight years away
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if (found <= today) if past else (found >= today):
            return found
    raise NoSuchDay("There is no such day: «{text}». For example: 31.12.2026", text=echo(text))


_SPAN = re.compile(
    r"(?:с |со |from )?(?P<start>.+?)\s*"
    r"(?: по | до | to | until |—|–|\s-\s|(?<=\.[0-9]{2})-(?=[0-9]{1,2}\.)|(?<=\.[0-9]{4})-(?=[0-9]{1,2}\.))"
    r"\s*(?P<end>.+)"
)
_TERM = re.compile(
    r"(?:с |со |from )?(?P<start>.+?),? (?:на|for) (?:(?P<count>[0-9]{1,2}) )?"
    r"(?:(?P<months>мес\w*\.?|months?)|(?P<years>год\w*|лет|years?))"
)


def read_date_span(text: str, today: date) -> tuple[date, date]:
    """Read a term: `01.03.2026 - 28.02.2027`, `с 01.03 по 28.02`, `01.03 на 6 месяцев`; a lone date begins a year."""
    typed = plain(text)[:200]
    if found := _TERM.fullmatch(typed):
        start = _recent_date(found["start"], today)
        months = int(found["count"] or 1) * (12 if found["years"] else 1)
        end = policy_end(start, months) if months else start
    elif (found := _SPAN.fullmatch(typed)) and not _ISO.fullmatch(typed):
        end_has_year = re.search(r"[0-9]{4}|[0-9][-./,][0-9]{1,2}[-./,][0-9]{2}", found["end"])
        if end_has_year and re.fullmatch(r"[0-9]{1,2}[./][0-9]{1,2}", found["start"]):
            end = read_date(found["end"], today)
            start = read_date(found["start"], end, past=True)
        else:
            start = _recent_date(found["start"], today)
            end = read_date(found["end"], start)
    else:
        start = _recent_date(typed, today)
        end = policy_end(start)
    if end < start:
        raise Unreadable(
            "The end in «{text}» is earlier than the start. For example: 01.03.2026 - 28.02.2027", text=echo(text)
        )
    return start, _in_bounds(end, text)


def _recent_date(text: str, today: date) -> date:
    """Read a date that may lie a little behind when it has no year."""
    if re.fullmatch(r"[0-9]{1,2}[./][0-9]{1,2}|[0-9]{1,2}(?:-?го)? [а-яa-z]+\.?", text.strip()):
        return read_date(text, today - RECENT)
    return read_date(text, today)


# --- codes --------------------------------------------------------------------------------------------------------

_CYRILLIC, _LATIN = "АВЕКМНОРСТУХ", "ABEKMHOPCTYX"
TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)


def read_inn(text: str) -> str:
    """Read a taxpayer number: 10 digits of a company or 12 of a person, with its check digits.

    Weights: order of the Federal Tax Service of 29.06.2012 N ММВ-7-6/435@ and its predecessors.
    """
    typed = re.sub(r"[\s:№-]|^инн", "", plain(text))
    if not re.fullmatch(r"[0-9]{10}|[0-9]{12}", typed):
        raise Unreadable(
            "«{text}» is not an INN: it has 10 digits (company) or 12 (person). For example: 7707083893",
            text=echo(text),
        )
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    digits = [int(c) for c in typed]
    checked = (9,) if len(digits) == 10 else (10, 11)
    right = all(
        sum(w * d for w, d in zip(weights[-at:], digits, strict=False)) % 11 % 10 == digits[at] for at in checked
    )
    if not right or not any(digits):
        raise Unreadable(
            "The check digit of INN {text} does not match, there is a typo in it. For example: 7707083893",
            text=echo(text),
        )
    return typed


def read_vin(text: str) -> str:
    """Read a VIN: 17 Latin letters and digits; look-alike Cyrillic and the never used O and I are put right."""
    typed = (
        re.sub(r"[\s-]|^VIN:?|^ВИН:?", "", plain(text).upper()).translate(TO_LATIN).replace("O", "0").replace("I", "1")
    )
    if not re.fullmatch(r"[A-HJ-NPR-Z0-9]{17}", typed):
        raise Unreadable(
            "«{text}» is not a VIN: it has 17 Latin letters and digits. For example: XTA210990Y2696785", text=echo(text)
        )
    return typed


PLATE = re.compile(
    r"[АВЕКМНОРСТУХ][0-9]{3}[АВЕКМНОРСТУХ]{2}[0-9]{2,3}|[АВЕКМНОРСТУХ]{2}[0-9]{3,4}[0-9]{2,3}|[0-9]{4}[АВЕКМНОРСТУХ]{2}[0-9]{2,3}"
)
_FOREIGN_PLATE = re.compile(r"(?=[A-Z0-9]*[A-Z])(?=(?:[A-Z]*[0-9]){2})[A-Z0-9]{5,9}")


def read_plate(text: str) -> str:
    """Read a number plate: a Russian one in Cyrillic capitals whatever the keyboard was, a foreign one in Latin."""
    typed = re.sub(r"[\s\-·.]|RUS$", "", plain(text).upper())
    if PLATE.fullmatch(russian := typed.translate(TO_CYRILLIC)):
        return russian
    # Cyrillic that makes no Russian plate is a typo; only what was typed in Latin may be somebody else's plate.
    if _FOREIGN_PLATE.fullmatch(typed):
        return typed
    raise Unreadable("«{text}» is not a number plate. For example: А123ВС77", text=echo(text))


def policy_number(text: str) -> str:
    """Bring a policy number to the one form it is stored and searched in: no spaces, upper case."""
    typed = re.sub(r"[\s№]", "", text.translate(INVISIBLE).translate(_SPACES).strip().upper())
    # Digits of other scripts look like nothing that an insurer prints, and nobody would find them again.
    if len(typed) > 64 or not re.search("[0-9]", typed) or any(c.isnumeric() and not c.isascii() for c in typed):
        raise Unreadable("«{text}» is not a policy number. For example: ХХХ 0123456789", text=echo(text))
    # Compulsory motor series are Cyrillic (ХХХ, ТТТ); the same number typed in Latin must not become a second policy.
    series = typed[:3].translate(TO_CYRILLIC)
    return series + typed[3:] if re.fullmatch(r"[АВЕКМНОРСТУХ]{3}[0-9]{10}", series + typed[3:]) else typed


def join_words(words: Iterable[str]) -> str:
    """List aliases inside an error: «РЕСО», «Росгосстрах»."""
    return ", ".join(f"«{word}»" for word in words)
