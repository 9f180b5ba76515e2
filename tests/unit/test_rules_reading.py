import sys
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.money import MAX_SUM
from services.rules.reading import (
    INVISIBLE,
    Unreadable,
    clean_text,
    policy_number,
    read_date,
    read_date_span,
    read_inn,
    read_percent,
    read_plate,
    read_sum,
    read_vin,
)

FRIDAY = date(2026, 11, 20)
PIECES = [*"0123456789 .,-+/к%мтрубллн«»дочерз", "\u00a0", "\u200b", "٣", "²", "½", "\n", "через ", "31.12 ", "54 300"]
ODD = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
ANYTHING = st.one_of(st.text(max_size=60), ODD)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("54 300", "54300"),
        ("54300,50", "54300.50"),
        ("54,3к", "54300"),
        ("1.2м", "1200000"),
        ("1,2 млн", "1200000"),
        ("30 тыс", "30000"),
        ("30 тыс. руб.", "30000"),
        ("54300 руб", "54300"),
        ("54300р.", "54300"),
        ("54 300 ₽", "54300"),
        ("54\u00a0300", "54300"),
        ("54\u2009300,5", "54300.50"),
        ("54\u202f300", "54300"),
        ("1 200 000", "1200000"),
        ("54.300", "54300"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("54.3т.р.", "54300"),
        ("0", "0"),
        ("1.250 млн", "1250000"),
        ("2 миллиона", "2000000"),
        ("1,5 млрд", "1500000000"),
        ("999999999999.99", "999999999999.99"),
        ("54'300", "54300"),
        ("54\u200b300", "54300"),
        ("15K", "15000"),
    ],
)
def test_a_sum_is_read_in_every_usual_form(typed: str, value: str) -> None:
    assert read_sum(typed) == Decimal(value)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "NaN",
        "Infinity",
        "1e999",
        "1e3",
        "-0",
        "-5",
        "−5",
        "– 5",
        "٥٤٣٠٠",
        "५४",
        "²",
        "½",
        "1000000000000",
        "999999999999.995",
        "5 43",
        "0,500",
        "1.2.3",
        "12,345,6",
        "руб",
        "к",
        "54 300 300 к м",
        "0x10",
        "1_000",
        "5%",
        "9" * 500,
    ],
)
def test_what_is_not_a_sum_is_refused_in_words(typed: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_sum(typed)
    assert "{" not in str(caught.value)
    assert any(c.isdigit() for c in caught.value.msgid) or "trillion" in caught.value.msgid


def test_a_premium_of_zero_is_refused() -> None:
    with pytest.raises(Unreadable, match="more than zero"):
        read_sum("0,00", positive=True)


@given(st.decimals(0, MAX_SUM, places=2))
def test_a_sum_shown_is_read_back(value: Decimal) -> None:
    assert read_sum(str(value)) == value
    assert read_sum(f"{value:,.2f} ₽".replace(",", "\u00a0").replace(".", ",")) == value


@pytest.mark.parametrize(
    ("typed", "value"), [("15", "15"), ("15%", "15"), ("12,5 %", "12.5"), ("0", "0"), ("100 процентов", "100")]
)
def test_a_percentage_is_read(typed: str, value: str) -> None:
    assert read_percent(typed) == Decimal(value)


@pytest.mark.parametrize("typed", ["", "101", "-1", "15 руб", "1.234", "%", "١٥"])
def test_what_is_not_a_percentage_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable):
        read_percent(typed)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("31.12", date(2026, 12, 31)),
        ("31.12.26", date(2026, 12, 31)),
        ("31.12.2026", date(2026, 12, 31)),
        ("2026-12-31", date(2026, 12, 31)),
        ("31/12/2026", date(2026, 12, 31)),
        ("сегодня", FRIDAY),
        ("Завтра", date(2026, 11, 21)),
        ("послезавтра", date(2026, 11, 22)),
        ("+14", date(2026, 12, 4)),
        ("через 2 недели", date(2026, 12, 4)),
        ("через две недели", date(2026, 12, 4)),
        ("через месяц", date(2026, 12, 20)),
        ("через 3 дня", date(2026, 11, 23)),
        ("через неделю", date(2026, 11, 27)),
        ("через год", date(2027, 11, 20)),
        ("пт", date(2026, 11, 27)),
        ("в пятницу", date(2026, 11, 27)),
        ("пн", date(2026, 11, 23)),
        ("во вторник", date(2026, 11, 24)),
        ("до четверга", date(2026, 11, 26)),
        ("15 марта", date(2027, 3, 15)),
        ("15 марта 2028 г.", date(2028, 3, 15)),
        ("15 мар", date(2027, 3, 15)),
        ("tomorrow", date(2026, 11, 21)),
        ("fri", date(2026, 11, 27)),
        ("in 2 weeks", date(2026, 12, 4)),
        ("march 15", date(2027, 3, 15)),
        ("20.11", FRIDAY),
        ("19.11", date(2027, 11, 19)),
        ("29.02", date(2028, 2, 29)),
        ("до 31.12", date(2026, 12, 31)),
        ("10 дней", date(2026, 11, 30)),
        ("следующая неделя", date(2026, 11, 23)),
        ("1 мая", date(2027, 5, 1)),
        ("3 июня", date(2027, 6, 3)),
        ("3 июля", date(2027, 7, 3)),
    ],
)
def test_a_date_is_read_in_every_usual_form(typed: str, found: date) -> None:
    assert read_date(typed, FRIDAY) == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("20.11", FRIDAY),
        ("21.11", date(2025, 11, 21)),
        ("31.12", date(2025, 12, 31)),
        ("12.03.85", date(1985, 3, 12)),
        ("вчера", date(2026, 11, 19)),
        ("пт", date(2026, 11, 13)),
        ("29.02", date(2024, 2, 29)),
    ],
)
def test_a_day_already_lived_is_looked_for_behind(typed: str, found: date) -> None:
    assert read_date(typed, FRIDAY, past=True) == found


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "31.02",
        "31.02.2026",
        "30 февраля",
        "20265",
        "31.12.20265",
        "٣١.١٢",
        "12",
        "н",
        "г",
        "через",
        "+",
        "5 марок",
        "32.01",
        "00.00",
        "01.13",
        "31.12.1800",
        "+9999 лет",
        "через 9999 недель",
        "NaN",
        "31.12.2026.1",
        "завтра послезавтра",
    ],
)
def test_what_is_not_a_date_is_refused_in_words(typed: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_date(typed, FRIDAY)
    assert "31.12" in caught.value.msgid


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.dates(date(2020, 1, 1), date(2080, 1, 1)))
def test_a_date_shown_is_read_back(day: date, today: date) -> None:
    assert read_date(f"{day:%d.%m.%Y}", today) == day
    assert read_date(day.isoformat(), today) == day


@given(st.dates(date(2020, 1, 1), date(2080, 1, 1)), st.dates(date(2020, 1, 1), date(2080, 1, 1)))
def test_a_day_with_no_year_is_the_nearest_ahead(day: date, today: date) -> None:
    found = read_date(f"{day:%d.%m}", today)
    assert (found.day, found.month) == (day.day, day.month)
    assert found >= today
    assert (found - today).days <= (366 if (day.day, day.month) != (29, 2) else 366 * 8)


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("01.03.2026 - 28.02.2027", date(2026, 3, 1), date(2027, 2, 28)),
        ("01.03.2026–28.02.2027", date(2026, 3, 1), date(2027, 2, 28)),
        ("01.03.26-28.02.27", date(2026, 3, 1), date(2027, 2, 28)),
        ("с 01.03 по 28.02.27", date(2026, 3, 1), date(2027, 2, 28)),
        ("с 1 марта по 28 февраля", date(2027, 3, 1), date(2028, 2, 28)),
        ("01.12 на 6 месяцев", date(2026, 12, 1), date(2027, 5, 31)),
        ("с завтра на год", date(2026, 11, 21), date(2027, 11, 20)),
        ("15.11", date(2026, 11, 15), date(2027, 11, 14)),
        ("2026-03-01", date(2026, 3, 1), date(2027, 2, 28)),
        ("2026-03-01 - 2027-02-28", date(2026, 3, 1), date(2027, 2, 28)),
    ],
)
def test_a_term_is_read_and_a_lone_date_begins_a_year(typed: str, start: date, end: date) -> None:
    assert read_date_span(typed, FRIDAY) == (start, end)


def test_a_term_cannot_end_before_it_starts() -> None:
    with pytest.raises(Unreadable, match="earlier than the start"):
        read_date_span("28.02.2027 - 01.03.2026", FRIDAY)


def test_text_keeps_its_lines_and_loses_what_cannot_be_seen() -> None:
    assert (
        clean_text("  При\u00advet\u200b\u2060,\r\nмир\x1d\x00\ud800 \n\n\n\n\n\nconец ", 100)
        == "Приvet,\nмир\n\n\nconец"
    )


@pytest.mark.parametrize("typed", ["", "  ", "\u200b\u2060", "\n\n"])
def test_text_of_nothing_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable, match="nothing to read"):
        clean_text(typed, 10)


def test_text_too_long_says_how_much() -> None:
    with pytest.raises(Unreadable, match="11 characters, and at most 10"):
        clean_text("а" * 11, 10)


def test_every_control_and_format_character_of_unicode_is_invisible() -> None:
    kept = {
        hex(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in ("Cc", "Cf", "Cs")
        and point not in INVISIBLE
        and point not in (0x0A, 0x0D)
    }
    assert kept == set()
    assert not {point for point in INVISIBLE if unicodedata.category(chr(point))[0] in "LNP"} - {
        0x115F,
        0x1160,
        0x3164,
        0xFFA0,
    }


@pytest.mark.parametrize("typed", ["7707083893", "ИНН 7707083893", "77 0708 3893", "500100732259"])
def test_an_inn_with_right_check_digits_is_read(typed: str) -> None:
    assert read_inn(typed) in ("7707083893", "500100732259")


@pytest.mark.parametrize("typed", ["7707083892", "500100732258", "500100732269", "0000000000", "123", "", "٧٧٠٧٠٨٣٨٩٣"])
def test_an_inn_with_a_typo_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable, match="INN"):
        read_inn(typed)


@pytest.mark.parametrize(
    "typed", ["XTA210990Y2696785", "xta 210990 y2696785", "VIN: XTA210990Y2696785", "ХТА21О99ОУ2696785"]
)
def test_a_vin_is_read_from_any_keyboard(typed: str) -> None:
    assert read_vin(typed) == "XTA210990Y2696785"


@pytest.mark.parametrize("typed", ["", "XTA210990Y269678", "XTA210990Y26967855", "XTAЖ10990Y2696785"])
def test_what_is_not_a_vin_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable, match="VIN"):
        read_vin(typed)


@pytest.mark.parametrize(
    ("typed", "plate"),
    [
        ("а123вс77", "А123ВС77"),
        ("A123BC77", "А123ВС77"),
        ("А 123 ВС 777 RUS", "А123ВС777"),
        ("ав12377", "АВ12377"),
        ("1234AB77", "1234АВ77"),
        ("AB1234-7", "АВ12347"),
        ("WX 12345", "WX12345"),
    ],
)
def test_a_plate_is_one_whatever_the_keyboard(typed: str, plate: str) -> None:
    assert read_plate(typed) == plate


@pytest.mark.parametrize("typed", ["", "77", "Киа Рио", "А12ВС", "ж123ж"])
def test_what_is_not_a_plate_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable, match="plate"):
        read_plate(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("ххх 0123456789", "ХХХ0123456789"),
        ("XXX 0123456789", "ХХХ0123456789"),
        ("№ 12-34/ab", "12-34/AB"),
        ("SYS 1234567890", "SYS1234567890"),
        ("001 at\u200b-26/\u00a0123", "001AT-26/123"),
    ],
)
def test_a_policy_number_has_one_form(typed: str, number: str) -> None:
    assert policy_number(typed) == number


@pytest.mark.parametrize("typed", ["", "№", "---", "1" * 65])
def test_what_is_not_a_policy_number_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable, match="policy number"):
        policy_number(typed)


def understood(reader: Callable[[str], object], text: str) -> object:
    try:
        return reader(text)
    except Unreadable as error:
        return str(error)  # fails when the template and its parameters do not fit each other


READERS: list[Callable[[str], object]] = [
    read_sum,
    read_percent,
    read_inn,
    read_vin,
    read_plate,
    policy_number,
    lambda text: read_date(text, FRIDAY),
    lambda text: read_date(text, FRIDAY, past=True),
    lambda text: read_date_span(text, FRIDAY),
    lambda text: clean_text(text, 30),
]


@pytest.mark.parametrize("reader", READERS)
@given(text=ANYTHING)
def test_reading_any_text_gives_a_value_or_an_explanation(reader: Callable[[str], object], text: str) -> None:
    assert understood(reader, text) is not None


@pytest.mark.parametrize("reader", [policy_number, read_vin, read_plate, read_inn])
@given(text=ANYTHING)
def test_what_was_read_reads_the_same_again(reader: Callable[[str], str], text: str) -> None:
    try:
        once = reader(text)
    except Unreadable:
        return
    assert reader(once) == once
