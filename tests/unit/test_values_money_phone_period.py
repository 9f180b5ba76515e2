from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.money import MAX_SUM, quantise, split_by_shares, split_evenly
from models.values.period import add_months, days_of, policy_end
from models.values.phone import normalise, pretty

SUMS = st.decimals(min_value=0, max_value=MAX_SUM, places=2)


@given(SUMS, st.integers(1, 60))
def test_parts_add_up_to_the_whole_and_differ_by_the_remainder_only(total: Decimal, n: int) -> None:
    parts = split_evenly(total, n)
    assert len(parts) == n
    assert sum(parts) == total
    assert parts[0] >= parts[-1]
    assert len(set(parts[1:])) <= 1
    assert parts[0] - parts[-1] < Decimal("0.01") * n


@given(SUMS, st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any))
def test_shares_add_up_to_the_whole_and_none_is_negative(total: Decimal, shares: list[int]) -> None:
    parts = split_by_shares(total, shares)
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)


def test_the_remainder_is_on_the_first_part() -> None:
    assert split_evenly(Decimal("100.00"), 3) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]


@pytest.mark.parametrize("shares", [[], [0, 0], [1, -1]])
def test_a_sum_cannot_be_split_among_nobody(shares: list[int]) -> None:
    with pytest.raises(ValueError, match="Cannot split"):
        split_by_shares(Decimal(1), shares)


def test_half_a_kopeck_rounds_up() -> None:
    assert quantise(Decimal("0.125")) == Decimal("0.13")


@pytest.mark.parametrize(
    "typed",
    [
        "8(912)345-67-89",
        "8 912 345 67 89",
        "79123456789",
        "+79123456789",
        "9123456789",
        "+7 (912) 345-67-89",
        "8-912-345-67-89",
        "8.912.345.67.89",
        " 89123456789 ",
        "tel:+79123456789",
        "8 912 345-67-89 доб. 12",
    ],
)
def test_any_russian_form_is_one_number(typed: str) -> None:
    assert normalise(typed) == "+79123456789"


@pytest.mark.parametrize("typed", ["", "123", "позвони", "7701234567", "+7", "9" * 300, "\x00", "+999123456789"])
def test_what_cannot_be_called_is_not_a_phone(typed: str) -> None:
    assert normalise(typed) is None


def test_a_foreign_number_is_kept_with_its_country() -> None:
    assert normalise("+375 29 123-45-67") == "+375291234567"


def test_a_phone_is_shown_the_way_it_is_dictated() -> None:
    assert pretty("+79123456789") == "+7 912 345-67-89"
    assert pretty("not a phone") == "not a phone"


@given(st.text(max_size=40))
def test_reading_a_phone_never_fails_and_is_stable(text: str) -> None:
    number = normalise(text)
    if number is not None:
        assert normalise(number) == number
        assert normalise(pretty(number)) == number


def test_months_are_clipped_and_do_not_drift() -> None:
    start = date(2027, 1, 31)
    assert [add_months(start, k, 31) for k in range(4)] == [
        date(2027, 1, 31),
        date(2027, 2, 28),
        date(2027, 3, 31),
        date(2027, 4, 30),
    ]
    assert add_months(date(2028, 1, 31), 1) == date(2028, 2, 29)
    assert add_months(date(2027, 3, 31), -1) == date(2027, 2, 28)


@given(st.dates(date(1950, 1, 1), date(2090, 1, 1)), st.integers(0, 120))
def test_a_month_later_is_in_the_next_month_and_near_the_anchor(start: date, k: int) -> None:
    later = add_months(start, k)
    assert (later.year - start.year) * 12 + later.month - start.month == k
    assert later.day == start.day or (later + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 3, 1), date(2027, 2, 28)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2026, 1, 1), date(2026, 12, 31)),
        (date(2028, 2, 29), date(2029, 2, 28)),
    ],
)
def test_a_year_of_insurance_ends_the_day_before_its_anniversary(start: date, end: date) -> None:
    assert policy_end(start) == end


@given(st.dates(date(1950, 1, 1), date(2090, 1, 1)))
def test_a_year_of_insurance_is_a_year_long(start: date) -> None:
    assert days_of(start, policy_end(start)) in (365, 366)
