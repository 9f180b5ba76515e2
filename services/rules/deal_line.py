"""A client or a whole deal typed in one line; what is not sure stays in words and is shown back before it counts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from models.enums import ClientKind
from models.values.period import add_months
from models.values.phone import normalise
from services.rules.reading import (
    FIRST_YEAR,
    PLATE,
    TO_CYRILLIC,
    Unreadable,
    clean_text,
    plain,
    read_inn,
    read_vin,
)
from services.rules.variant_lines import alias_key

LIMIT = 1000
NAME_LIMIT, TITLE_LIMIT = 200, 200


@dataclass(frozen=True, slots=True)
class ClientDraft:
    """A client as typed: nothing is saved yet. In a deal's line the name may be empty: a phone finds one too."""

    name: str
    kind: ClientKind = ClientKind.PERSON
    phones: tuple[str, ...] = ()
    email: str | None = None
    birth_date: date | None = None
    inn: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class DealDraft:
    """A deal as typed: its client (None when the line names none), line of business, insured object, note."""

    client: ClientDraft | None
    line_id: int | None = None
    title: str = ""
    plate: str | None = None
    vin: str | None = None
    note: str = ""


# --- pieces of the text -------------------------------------------------------------------------------------------

_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-zА-Яа-я]{2,24}(?![\w@])"
)
_INN = re.compile(r"(?<!\w)ИНН\s*[:№]?\s*(?P<inn>[0-9](?:[ ]?[0-9]){8,13})(?![0-9])", re.IGNORECASE)
_BARE_INN = re.compile(r"(?<![\w+.,/-])(?:[0-9]{12}|[0-9]{10})(?![\w.,/-]*[0-9])")
_BIRTH = re.compile(
    r"(?<![0-9.])(?P<before>(?:д\.?р\.?|дата рождения|родил\w+|born)[:\s]*)?"
    r"(?P<d>[0-9]{1,2})[./](?P<m>[0-9]{1,2})[./](?P<y>[0-9]{4})(?![0-9])"
    r"(?P<after>\s*(?:г\.?\s?р\.?(?!\w)|года рождения))?(?:\s*г\.?(?!\w))?",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w+])(?:(?:тел|моб|т|телефон)\.?:?\s*)?(?P<phone>\+[0-9](?:[\s()–-]{0,2}[0-9]){9,13}"
    r"|(?:[78][\s(–-]{0,2})?\(?[0-9]{3}\)?(?:[\s–-]{0,2}[0-9]){7})(?![0-9])",
    re.IGNORECASE,
)
_VIN = re.compile(r"(?<!\w)(?:(?:VIN|ВИН)\s*[:№]?\s*)?(?P<vin>[A-HJ-NPR-ZАВЕКМНОРСТУХ0-9]{17})(?!\w)", re.IGNORECASE)
_PLATE = re.compile(
    r"(?<!\w)(?:(?:г/?н|гос\.?\s?номер|госномер|грз)\s*[:№]?\s*)?"
    r"(?P<plate>[ABEKMHOPCTYXАВЕКМНОРСТУХ]\s?[0-9]{3}\s?[ABEKMHOPCTYXАВЕКМНОРСТУХ]{2}\s?[0-9]{2,3}"
    r"|[ABEKMHOPCTYXАВЕКМНОРСТУХ]{2}\s?[0-9]{3,4}\s?[0-9]{2,3})(?:\s?RUS)?(?!\w)",
    re.IGNORECASE,
)
_FORM = (
    r"(?:ООО|ОАО|ЗАО|ПАО|НАО|АО|ИП|КФХ|ТОО|ГУП|МУП|ФГУП|ФГБУ|ГБУ|МБУ|АНО|НКО|ТСЖ|ТСН|СНТ|ЖСК|ГСК|LLC|LTD|INC|"
    r"Общество с ограниченной ответственностью|Акционерное общество|Индивидуальный предприниматель)"
)
_COMPANY = re.compile(rf"(?<!\w){_FORM}(?!\w)", re.IGNORECASE)
_QUOTES = "«»\"“”„'"
_GAP = "\x1f"  # what was taken out leaves this mark, so that words on its two sides do not become one name


@dataclass(slots=True)
class _Text:
    """What is left of a line while its pieces are taken out."""

    rest: str

    def cut(self, found: re.Match[str]) -> None:
        self.rest = f"{self.rest[: found.start()]} {_GAP} {self.rest[found.end() :]}"

    def parts(self) -> list[str]:
        return [
            part for piece in self.rest.split(_GAP) if (part := " ".join(piece.split()).strip(" ,;:—–-").lstrip(". "))
        ]


# --- clients ------------------------------------------------------------------------------------------------------


def read_new_client(text: str, today: date | None = None) -> ClientDraft:
    """Read a client: name first, then phones, e-mail, birth date, ИНН in any order; lines below are the note.

    With `today` known a bare date that is nobody's birth date stays in the note.
    """
    first, _, note = clean_text(text, LIMIT).partition("\n")
    rest = _Text(first)
    company = _COMPANY.search(first) is not None
    found = _Contacts.take(rest, company=company, born_before=_adult(today) or date.max)
    parts = rest.parts()
    name, left = _split_name(parts[0], company=company) if parts else ("", "")
    if not any(map(str.isalpha, name)):
        raise Unreadable("There is no name in this line. For example: Ivanov Ivan +7 912 345-67-89")
    if len(name) > NAME_LIMIT:
        raise Unreadable("The name is too long, at most {limit} characters fit.", limit=str(NAME_LIMIT))
    words = [word for word in (left, *parts[1:], note.strip()) if word]
    return found.draft(name, company=company, note="; ".join(words))


@dataclass(frozen=True, slots=True)
class _Contacts:
    """What of a client can be told by its form alone."""

    phones: tuple[str, ...]
    email: str | None
    birth_date: date | None
    inn: str | None

    @classmethod
    def take(cls, rest: _Text, *, company: bool, born_before: date) -> "_Contacts":
        email = _EMAIL.search(rest.rest)
        if email:
            rest.cut(email)
        inn = _take_inn(rest, company=company)
        birth = None if company else _take_birth_date(rest, born_before)
        return cls(_take_phones(rest), email[0].lower() if email else None, birth, inn)

    @property
    def any(self) -> bool:
        """Tell whether there is something to find a client by."""
        return bool(self.phones or self.email or self.inn)

    def draft(self, name: str, *, company: bool, note: str) -> ClientDraft:
        kind = ClientKind.COMPANY if company else ClientKind.PERSON
        return ClientDraft(name, kind, self.phones, self.email, self.birth_date, self.inn, note)


def _take_inn(rest: _Text, *, company: bool) -> str | None:
    """A number called ИНН must be one; a bare number is taken for one only where it can be nothing else."""
    if labelled := _INN.search(rest.rest):
        inn = read_inn(labelled["inn"])
        rest.cut(labelled)
        return inn
    for bare in _BARE_INN.finditer(rest.rest):
        try:
            inn = read_inn(bare[0])
        except Unreadable:
            # A company's ten digits that cannot be called either are an INN with a typo, and better said now.
            if company and normalise(bare[0]) is None:
                raise
            continue
        if company or len(inn) == 12:
            rest.cut(bare)
            return inn
    return None


def _adult(today: date | None) -> date | None:
    """Give the latest birthday of somebody old enough to be a client."""
    return None if today is None else add_months(today, -14 * 12)


def _take_birth_date(rest: _Text, born_before: date) -> date | None:
    """Take a date that is called a birth date, or that can be one."""
    found = _BIRTH.search(rest.rest)
    if found is None or int(found["y"]) < FIRST_YEAR:
        return None
    try:
        born = date(int(found["y"]), int(found["m"]), int(found["d"]))
    except ValueError:
        raise Unreadable("There is no such day: «{text}». For example: 31.12.2026", text=found[0].strip()) from None
    if born >= born_before and not (found["before"] or found["after"]):
        return None
    rest.cut(found)
    return born


def _take_phones(rest: _Text) -> tuple[str, ...]:
    phones: list[str] = []
    start = 0
    while found := _PHONE.search(rest.rest, start):
        number = normalise(found["phone"])
        if number is None:
            start = found.start() + 1
            continue
        if number not in phones:
            phones.append(number)
        rest.cut(found)
        start = 0
    return tuple(phones)


_PATRONYMIC = re.compile(r".+(?:вич|вна|ич|ична|оглы|кызы|оглу|уулу)|оглы|кызы", re.IGNORECASE)


def _split_name(words: str, *, company: bool) -> tuple[str, str]:
    """Tell a name from the words after it."""
    if company:
        return words, ""
    names = words.split(" ")
    count = _name_length(names)
    return " ".join(map(_capital, names[:count])), " ".join(names[count:])


def _name_length(words: list[str]) -> int:
    """Count the words at the beginning that make a person's name: surname, name and what looks like a patronymic."""
    count = 0
    some_capital = any(word[:1].isupper() for word in words)
    for word in words[:4]:
        letters = re.sub(r"[-.'’ʼ`]", "", word.strip(","))
        if not letters.isalpha() or (some_capital and word[0].islower() and not _PATRONYMIC.fullmatch(word)):
            break
        turkic = [word.lower().strip(",.") for word in words[count : count + 2]]
        if count == 2 and not (
            _PATRONYMIC.fullmatch(turkic[0]) or turkic[1:] in (["оглы"], ["кызы"]) or re.fullmatch(r"[^\W\d_]\.", word)
        ):
            break
        if count == 3 and turkic[0] not in ("оглы", "кызы"):
            break
        count += 1
        if word.endswith(","):
            break
    return count


def _capital(word: str) -> str:
    """Give a name its capital letters where the hand was too quick to."""
    word = word.strip(",")
    if word.lower() in ("оглы", "кызы") or not (
        word.islower() or (word.isupper() and len(word) > 3 and "." not in word)
    ):
        return word
    return "-".join(part[:1].upper() + part[1:].lower() for part in word.split("-"))


# --- deals --------------------------------------------------------------------------------------------------------


def read_new_deal(text: str, lines: Mapping[str, int], today: date | None = None) -> DealDraft:
    """Read a deal: client, line of business, insured object; lines below are the note.

    `lines` are lower-case aliases → ids. Without `today` only a date called a birth date is taken for one: in a deal
    it may as well be the day its policy starts.
    """
    first, _, note = clean_text(text, LIMIT).partition("\n")
    rest = _Text(first)
    vin = _take_vin(rest)
    plate = _take_plate(rest)
    company = _COMPANY.search(first) is not None
    contacts = _Contacts.take(rest, company=company, born_before=_adult(today) or date.min)
    line_id = _take_line(rest, lines)
    before, mark, after = rest.rest.partition(_LINE_MARK)
    # Contacts alone before the line of business are a client too: who it is, the search by phone knows.
    nameless = bool(mark) and contacts.any and _GAP in before and not _Text(before).parts()
    client: ClientDraft | None
    if nameless:
        client, title = contacts.draft("", company=company, note=""), " ".join(_Text(after).parts())
    else:
        client, title = _client_and_title(_Text(before).parts(), _Text(after).parts(), contacts, company=company)
    if len(title) > TITLE_LIMIT:
        note, title = f"{title}\n{note}", title[: TITLE_LIMIT - 1] + "…"
    return DealDraft(client, line_id, title, plate, vin, note.strip())


def read_object(text: str) -> DealDraft:
    """Read an insured object alone: a VIN and a plate are known by their form, the rest is its title, then the note."""
    first, _, note = clean_text(text, LIMIT).partition("\n")
    rest = _Text(first)
    vin = _take_vin(rest)
    plate = _take_plate(rest)
    title = " ".join(rest.parts())
    if len(title) > TITLE_LIMIT:
        note, title = f"{title}\n{note}", title[: TITLE_LIMIT - 1] + "…"
    return DealDraft(None, None, title, plate, vin, note.strip())


_LINE_MARK = "\x1e"


def _take_vin(rest: _Text) -> str | None:
    for found in _VIN.finditer(rest.rest):
        if any(map(str.isdigit, found["vin"])) and any(map(str.isalpha, found["vin"])):
            vin = read_vin(found["vin"])
            rest.cut(found)
            return vin
    return None


def _take_plate(rest: _Text) -> str | None:
    found = _PLATE.search(rest.rest)
    if found is None:
        return None
    plate = re.sub(r"\s", "", found["plate"]).upper().translate(TO_CYRILLIC)
    if not PLATE.fullmatch(plate):
        return None
    rest.cut(found)
    return plate


def _take_line(rest: _Text, lines: Mapping[str, int]) -> int | None:
    """Find the first alias of a line of business standing as whole words, the longest one where several begin."""
    known = {alias_key(alias): id_ for alias, id_ in lines.items()}
    words = list(re.finditer(r"[^\s\x1f]+", rest.rest))
    for at in range(len(words)):
        for end in range(min(len(words), at + 4), at, -1):
            key = alias_key("".join(word[0] for word in words[at:end]))
            # The gap of something taken out must not lie inside an alias.
            if key in known and _GAP not in rest.rest[words[at].start() : words[end - 1].end()]:
                begin, stop = words[at].start(), words[end - 1].end()
                rest.rest = f"{rest.rest[:begin]} {_LINE_MARK} {rest.rest[stop:]}"
                return known[key]
    return None


def _client_and_title(
    before: list[str], after: list[str], contacts: _Contacts, *, company: bool
) -> tuple[ClientDraft | None, str]:
    """The client is named before the line of business, or, when nothing is, at the beginning of what follows."""
    named, others = (before, after) if before else (after, [])
    if not named:
        return (contacts.draft("", company=company, note=""), "") if contacts.any else (None, "")
    name, left = _company_name(named[0], alone=named is before) if company else _split_name(named[0], company=False)
    # One word is more likely the object (каско Камри, Камри 2020) than somebody's whole name.
    one_word = not company and " " not in name and not contacts.any and (not before or bool(left))
    if one_word or not any(map(str.isalpha, name)):
        client = contacts.draft("", company=company, note="") if contacts.any else None
        return client, " ".join((*named, *others))
    title = " ".join(word for word in (left, *named[1:], *others) if word)
    return contacts.draft(name[:NAME_LIMIT], company=company, note=""), title


def _company_name(words: str, *, alone: bool) -> tuple[str, str]:
    """Cut a company's name after its closing quote. Without quotes all the words are its name where it stands `alone`,
    with no line of business before it; else the object follows, and its name is the word after its legal form.
    """
    quoted = re.match(rf"(?:{_FORM}\s*)?[{_QUOTES}][^{_QUOTES}]+[{_QUOTES}]+", words, re.IGNORECASE)
    if quoted:
        return quoted[0].strip(), words[quoted.end() :].strip(" ,;")
    form = re.match(rf"(?P<form>{_FORM})\s+(?P<rest>.+)", words, re.IGNORECASE)
    if form is None:
        return words, ""
    if plain(form["form"]) in ("ип", "индивидуальный предприниматель"):
        name, left = _split_name(form["rest"], company=False)
        return f"{form['form']} {name}".strip(), left
    if alone:
        return words, ""
    name, _, left = form["rest"].partition(" ")
    return f"{form['form']} {name}", left
