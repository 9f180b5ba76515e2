from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.money import MAX_SUM
from services.rules.plans import (
    FULL,
    HALVES,
    MAX_ROWS,
    QUARTERS,
    PaymentPlan,
    PlanRow,
    check_custom,
    custom,
    monthly,
    plan_payments,
    read_custom_rows,
    read_plan,
)
from services.rules.reading import Unreadable

TODAY = date(2026, 11, 20)
PREMIUMS = st.decimals(Decimal("0.01"), MAX_SUM, places=2)
DAYS = st.dates(date(2000, 1, 1), date(2090, 1, 1))
ROWS = st.lists(
    st.builds(PlanRow, DAYS, st.decimals(Decimal("0.01"), 10**9, places=2)),
    min_size=1,
    max_size=18,
    unique_by=lambda r: r.due,
)
PRESET = st.one_of(st.sampled_from([FULL, HALVES, QUARTERS]), st.builds(monthly, st.integers(2, 12)))


@given(PREMIUMS, PRESET, DAYS)
def test_payments_add_up_to_the_premium_and_go_forward(premium: Decimal, plan: PaymentPlan, start: date) -> None:
    payments = plan_payments(premium, plan, start)
    assert sum(p.amount for p in payments) == premium
    assert all(p.amount > 0 for p in payments)
    assert [p.seq for p in payments] == list(range(1, len(payments) + 1))
    assert [p.due for p in payments] == sorted({p.due for p in payments})
    assert payments[0].due == start


@given(ROWS)
def test_custom_rows_become_payments_as_they_are(rows: list[PlanRow]) -> None:
    premium = sum((row.amount for row in rows), Decimal(0))
    payments = plan_payments(premium, custom(rows), TODAY)
    assert [(p.due, p.amount) for p in payments] == sorted((row.due, row.amount) for row in rows)


@given(st.one_of(PRESET, st.builds(custom, ROWS)))
def test_a_stored_plan_is_the_plan(plan: PaymentPlan) -> None:
    assert PaymentPlan.from_code(plan.code) == plan


@pytest.mark.parametrize(
    "code", ["", "nothing", "monthly:", "monthly:13", "monthly:x", "custom:", "custom:2026-01-01=x"]
)
def test_a_broken_code_is_not_a_plan(code: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PaymentPlan.from_code(code)


def test_monthly_payments_from_the_thirty_first_do_not_drift() -> None:
    payments = plan_payments(Decimal("100.00"), monthly(3), date(2027, 1, 31))
    assert [(p.due, p.amount) for p in payments] == [
        (date(2027, 1, 31), Decimal("33.34")),
        (date(2027, 2, 28), Decimal("33.33")),
        (date(2027, 3, 31), Decimal("33.33")),
    ]


def test_halves_are_six_months_apart_and_quarters_three() -> None:
    start = date(2026, 8, 31)
    assert [p.due for p in plan_payments(Decimal(100), HALVES, start)] == [start, date(2027, 2, 28)]
    assert [p.due for p in plan_payments(Decimal(100), QUARTERS, start)] == [
        start,
        date(2026, 11, 30),
        date(2027, 2, 28),
        date(2027, 5, 31),
    ]


@pytest.mark.parametrize(
    ("typed", "plan"),
    [
        ("единовременно", FULL),
        ("разово", FULL),
        ("100%", FULL),
        ("1 платёж", FULL),
        ("одним платежом", FULL),
        ("one payment", FULL),
        ("50/50", HALVES),
        ("пополам", HALVES),
        ("2 платежа", HALVES),
        ("рассрочка 2", HALVES),
        ("Рассрочка на 2 платежа", HALVES),
        ("рассрочка", HALVES),
        ("рассрочка 4", QUARTERS),
        ("4x25", QUARTERS),
        ("4х25%", QUARTERS),
        ("поквартально", QUARTERS),
        ("25/25/25/25", QUARTERS),
        ("помес 12", monthly(12)),
        ("помесячно", monthly(12)),
        ("ежемесячно 6", monthly(6)),
        ("12 мес", monthly(12)),
        ("6 платежей", monthly(6)),
        ("рассрочка 3", monthly(3)),
        ("monthly 12", monthly(12)),
    ],
)
def test_a_plan_is_read_the_way_it_is_said(typed: str, plan: PaymentPlan) -> None:
    assert read_plan(typed) == plan


@pytest.mark.parametrize("typed", ["рассрочка 15", "помес 1", "", "как-нибудь", "0 платежей", "4x30"])
def test_what_is_not_a_plan_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable):
        read_plan(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "01.11 27000\n01.05 27300",
        "1 ноября 27 000\n1 мая - 27 300 руб",
        "01.05.2027: 27,3к\n\n01.11.2026: 27к",
        "01.11 27000\n01.05 остаток",
    ],
)
def test_rows_are_read_one_per_line(typed: str) -> None:
    rows = read_custom_rows(typed, Decimal(54300), TODAY)
    assert rows == (PlanRow(date(2026, 11, 1), Decimal(27000)), PlanRow(date(2027, 5, 1), Decimal(27300)))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("01.11 27000", "27 300 less than the premium 54 300"),
        ("01.11 60000", "5 700 more"),
        ("31.02 54300", "no such day"),
        ("01.11 -5", "negative"),
        ("скоро 5", "not a date"),
        ("54300", "not a payment"),
        ("01.11 54300\n01.12 остаток", "more than zero"),
        ("01.11.2026 27000\n01.11.2026 27300", "on one day"),
        ("", "nothing"),
    ],
)
def test_a_mistake_in_rows_is_named(typed: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read_custom_rows(typed, Decimal(54300), TODAY)


def test_a_plan_of_no_rows_is_refused() -> None:
    with pytest.raises(Unreadable, match="no payments"):
        check_custom([], Decimal(1))


@given(st.text(max_size=60))
def test_reading_plans_never_fails(text: str) -> None:
    with suppress(Unreadable):
        read_plan(text)
    with suppress(Unreadable):
        read_custom_rows(text, Decimal(100), TODAY)


def test_the_longest_plan_fits_its_column() -> None:
    rows = [PlanRow(date(2026, 1, day), MAX_SUM) for day in range(1, MAX_ROWS + 1)]
    assert len(custom(rows).code) <= 500
    with pytest.raises(Unreadable, match="too many"):
        check_custom([*rows, PlanRow(date(2026, 2, 1), MAX_SUM)], MAX_SUM)
