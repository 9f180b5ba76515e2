"""What is no sum, no day and no phone is refused with an example of what is wanted, and becomes nothing else."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.tasks.clicks import read_due
from models.values.money import MAX_SUM
from models.values.phone import normalise
from services.clients import read_phones
from services.dictionaries import read_rate
from services.errors import Invalid
from services.rules.plans import read_custom_rows
from services.rules.policy_line import read_paid, read_policy_line
from services.rules.reading import (
    NoSuchDay,
    Unreadable,
    policy_number,
    read_date,
    read_date_span,
    read_percent,
    read_sum,
)
from services.rules.variant_lines import BadLine, read_variant_lines
from services.settings import read_hours, read_zone

TODAY = date(2026, 3, 2)

SUMS = (
    "NaN", "nan", "-NaN", "Infinity", "-Infinity", "inf", "∞", "1e999", "1E5", "1e-5", "-0", "−0", "-5", "−5", "–5",
    "--5", "10^30", "1" + "0" * 30, "9" * 400, "٥٤٣٠٠", "５４３００", "५४३००", "𝟓𝟒𝟑𝟎𝟎", "½", "²", "①", "Ⅳ", "0x10",
    "1_000", "1..2", "1,2,3", "1٬000", "5+5", "5*5", "=5", "0", "0,00", "", " ", "\u200b", "\u202e54300", "None",
    "пять", "1000000000000",
)  # fmt: skip
"""Some are harmless in places: an invisible mark is dropped, zero is a sum where there may be no money."""

DAYS = (
    "31.02", "30.02.2026", "29.02.2026", "29.02.2027", "31.04", "31.13", "31.13.2026", "32.01", "00.00", "0.0", "01.00",
    "31.12.20265", "01.01.20265", "01.01.0001", "01.01.99999999999999999999", "2026-13-01", "2026-02-30", "20265-01-01",
    "30 февраля", "31 апреля", "٣١.١٢", "３１.１２", "٣١.١٢.٢٠٢٦", "31/13", "99.99.9999", "-1.01", "31.12.-5",
)  # fmt: skip
NO_DAYS = (
    *DAYS,
    "NaN",
    "-0",
    "1e999",
    "Infinity",
    "",
    "\u200b",
    "+99999",
    "через 99999 лет",
    "20265",
    "10^30",
    "-5",
    "٥",
)
PHONES = (
    "٨٩١٢٣٤٥٦٧٨٩", "８９１２３４５６７８９", "8912345678٩", "NaN", "1e999", "-0", "123", "+7", "10^30", "9" * 30,
    "+7 000 000 00 00", "½",
)  # fmt: skip
EXAMPLE = re.compile(r"For example: \S")


def refused(read: Callable[[str], Any], text: str, kind: type[Exception] = Unreadable) -> str:
    with pytest.raises(kind) as caught:
        read(text)
    return str(caught.value) if kind is Unreadable else str(getattr(caught.value, "msgid", ""))


@pytest.mark.parametrize("text", [text for text in SUMS if text != "\u202e54300"])
def test_what_is_no_sum_is_refused_with_an_example(text: str) -> None:
    assert EXAMPLE.search(refused(lambda typed: read_sum(typed, positive=True), text))
    for read in (lambda typed: read_paid(typed, TODAY), lambda typed: read_paid(f"{typed} вчера", TODAY)):
        if text.strip(" \u200b"):
            refused(read, text)


@pytest.mark.parametrize("text", [text for text in SUMS if text not in {"0", "0,00", "\u202e54300"}])
def test_what_is_no_share_is_refused_with_an_example(text: str) -> None:
    assert EXAMPLE.search(refused(read_percent, text))
    assert EXAMPLE.search(refused(lambda typed: read_rate(typed, [], TODAY), text))


@pytest.mark.parametrize("text", ["101", "100,01", "-1", "1e2", "٥", "15٪", "15%%", "NaN%"])
def test_a_share_is_from_0_to_100(text: str) -> None:
    assert EXAMPLE.search(refused(read_percent, text))


@pytest.mark.parametrize("text", [text for text in SUMS if text not in {"\u202e54300", ""}])
@pytest.mark.parametrize(
    "line", ["Ингос {}", "Ингос премия {}", "Ингос 54300 кв{}", "Ингос 54300 фр{}", "Ингос 54300 сс{}"]
)
def test_a_variant_of_no_sum_is_shown_back_and_not_saved(line: str, text: str) -> None:
    if text in {"0", "0,00"} and line != "Ингос {}":
        return  # no deductible, no commission
    found = read_variant_lines(line.format(text), {"ингос": 1}, TODAY)
    wrong = [
        one for one in found if not isinstance(one, BadLine) and one.comment.replace(" ", "") not in line.format(text)
    ]
    assert wrong == []
    if line == "Ингос {}":
        assert all(isinstance(one, BadLine) for one in found)


@pytest.mark.parametrize("text", NO_DAYS)
def test_what_is_no_day_is_refused_with_an_example(text: str) -> None:
    for read in (
        lambda typed: read_date(typed, TODAY),
        lambda typed: read_date(typed, TODAY, past=True),
        lambda typed: read_date_span(typed, TODAY),
        lambda typed: read_date_span(f"с 01.03.2026 по {typed}", TODAY),
        lambda typed: read_due(typed, datetime(2026, 3, 2, 9, tzinfo=UTC)),
    ):
        assert EXAMPLE.search(refused(read, text))


@pytest.mark.parametrize("text", [*DAYS, "25:00", "12:60", "31.13 15:00", "завтра 99:99", "٣١.١٢ 15:00"])
def test_a_due_day_that_there_is_not_does_not_become_a_comment(text: str) -> None:
    with pytest.raises(NoSuchDay):
        read_due(text, datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.mark.parametrize("text", ["позвонить 8 912 345-67-89", "+7 912 345-67-89", "каско 2.0 турбо", "дом 5/2"])
def test_a_comment_with_numbers_is_a_comment(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_due(text, datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert not isinstance(caught.value, NoSuchDay)


@pytest.mark.parametrize("text", [day for day in DAYS if "." in day and "-" not in day and day[0].isascii()])
@pytest.mark.parametrize(
    "line", ["ХХХ 0123456789 с {} 54300", "ХХХ 0123456789 {}", "SYS 12345 {} 54300", "с {}", "AI 1 с {}"]
)
def test_a_term_that_there_is_not_does_not_become_a_number_or_a_sum(line: str, text: str) -> None:
    refused(lambda typed: read_policy_line(typed, TODAY), line.format(text))


@pytest.mark.parametrize(
    "text", ["-5", "−5", "–5", "NaN", "1e999", "Infinity", "-54300", "٥٤٣٠٠", "1" + "0" * 30, "ОСАГО"]
)
@pytest.mark.parametrize("line", ["ХХХ 0123456789 {}", "ХХХ 0123456789 с 01.12 {}", "SYS 12345 с 01.12 {}"])
def test_a_premium_that_is_none_does_not_become_a_part_of_the_number(line: str, text: str) -> None:
    if "SYS" in line and text in {"1" + "0" * 30, "ОСАГО"}:
        return
    refused(lambda typed: read_policy_line(typed, TODAY), line.format(text))


@pytest.mark.parametrize("text", ["٣٣٣", "１２３", "ХХХ ٠١٢٣٤٥٦٧٨٩", "№½", ""])
def test_a_policy_number_has_the_digits_that_insurers_print(text: str) -> None:
    assert EXAMPLE.search(refused(policy_number, text))


@pytest.mark.parametrize("text", PHONES)
def test_what_is_no_phone_is_refused_with_an_example(text: str) -> None:
    assert normalise(text) is None
    assert EXAMPLE.search(refused(read_phones, text, Invalid))


@pytest.mark.parametrize("text", ["31.12 NaN", "31.02 27000", "31.12 -5", "31.12 ٥", "31.13 27000", "01.01.20265 1"])
def test_own_rows_of_a_plan_are_days_and_sums(text: str) -> None:
    refused(lambda typed: read_custom_rows(f"{typed}\n01.06 остаток", read_sum("54300"), TODAY), text)


@pytest.mark.parametrize("text", ["25-30", "-1-5", "NaN", "٩-١٨", "９-18", "9-1e9", ""])
def test_hours_are_hours_of_the_day(text: str) -> None:
    assert EXAMPLE.search(refused(read_hours, text))


@pytest.mark.parametrize("text", ["UTC15", "МСК75", "UTCa5", "мск٣", "UTC+99", "мск=3"])
def test_a_zone_is_moved_by_plus_or_minus_and_by_nothing_else(text: str) -> None:
    assert EXAMPLE.search(refused(lambda typed: read_zone(typed, datetime(2026, 3, 2, tzinfo=UTC)), text))


@given(st.text(max_size=60) | st.text("0123456789 .,-−+eE'’кмтрулбн%٥５", max_size=30))
def test_whatever_is_typed_is_a_sum_that_can_be_kept_or_is_refused(text: str) -> None:
    try:
        value = read_sum(text)
    except Unreadable:
        return
    assert value.is_finite()
    assert 0 <= value <= MAX_SUM
    assert value == value.quantize(value.__class__("0.01"))
    assert re.search("[0-9]", text)


@given(st.text(max_size=60) | st.text("0123456789 .,-/:+годянвфеалчрзпт٥５", max_size=30))
def test_whatever_is_typed_is_a_day_of_these_two_centuries_or_is_refused(text: str) -> None:
    for past in (False, True):
        try:
            found = read_date(text, TODAY, past=past)
        except Unreadable:
            continue
        assert date(1900, 1, 1) <= found <= date(2100, 12, 31)


@given(st.text(max_size=120))
def test_whatever_is_typed_is_a_line_or_is_refused(text: str) -> None:
    for read in (
        lambda: read_policy_line(text, TODAY),
        lambda: read_paid(text, TODAY),
        lambda: read_variant_lines(f"Ингос {text}", {"ингос": 1}, TODAY),
        lambda: read_due(text, datetime(2026, 3, 2, 9, tzinfo=UTC)),
        lambda: read_date_span(text, TODAY),
        lambda: read_phones(text),
        lambda: read_hours(text),
        lambda: read_zone(text, datetime(2026, 3, 2, tzinfo=UTC)),
    ):
        try:
            read()
        except (Unreadable, Invalid):
            continue
