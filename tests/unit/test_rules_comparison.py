from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.comparison import Column, Offer, compare, without_commission
from services.rules.plans import FULL, HALVES, monthly

RESO = Offer(1, "РЕСО", Decimal(54300), deductible=Decimal(15000), sum_insured=Decimal(1200000), plan=HALVES)
INGOS = Offer(2, "Ингос", Decimal(61500), deductible=Decimal(0), sum_insured=Decimal(1200000), plan=monthly(3))
SOGAZ = Offer(3, "Согаз", Decimal(48000), sum_insured=Decimal(1000000), plan=FULL, valid_until=date(2026, 12, 31))


def test_variants_are_ordered_by_premium_and_the_best_of_each_kind_is_marked() -> None:
    table = compare([RESO, INGOS, SOGAZ])
    assert [row.number for row in table.rows] == [3, 1, 2]
    assert [set(row.best) for row in table.rows] == [
        {Column.PREMIUM},
        {Column.SUM_INSURED},
        {Column.DEDUCTIBLE, Column.SUM_INSURED, Column.FIRST_PAYMENT},
    ]
    assert table.rows[1].cells[Column.FIRST_PAYMENT] == Decimal(27150)


def test_columns_that_say_nothing_are_left_out() -> None:
    assert compare([Offer(1, "РЕСО", Decimal(100)), Offer(2, "Согаз", Decimal(100))]).columns == (
        Column.INSURER,
        Column.PREMIUM,
    )


def test_one_variant_or_equal_ones_have_no_best() -> None:
    assert compare([RESO]).rows[0].best == frozenset()
    assert all(not row.best for row in compare([RESO, RESO]).rows)


def test_no_variants_make_an_empty_table() -> None:
    assert compare([]).rows == ()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("ждём осмотр, кв15, ремонт у дилера", "ждём осмотр, ремонт у дилера"),
        ("кв 15%", ""),
        ("Комиссия 20 %; осмотр", "осмотр"),
        ("осмотр\nнаше КВ 5 000 руб.", "осмотр"),
        ("20% кв", ""),
        ("агентское вознаграждение 15%", ""),
        ("дом 120 кв.м, сигнализация", "дом 120 кв.м, сигнализация"),
        ("квартира 45 кв м", "квартира 45 кв м"),
        ("ремонт кв\nмойка", "мойка"),
    ],
)
def test_the_client_reads_nothing_of_our_commission(typed: str, shown: str) -> None:
    assert without_commission(typed) == shown
    assert str(compare([Offer(1, "РЕСО", Decimal(100), comment=typed)]).rows).find("кв 15") == -1


def test_words_without_our_commission_are_read_as_they_were_written() -> None:
    typed = "осмотр;ремонт у дилера\n; без франшизы  (&nbsp;<b>'; DROP)"
    assert without_commission(typed) == typed


@given(st.text(max_size=60))
def test_cutting_the_commission_out_is_final(text: str) -> None:
    once = without_commission(text)
    assert without_commission(once) == once
