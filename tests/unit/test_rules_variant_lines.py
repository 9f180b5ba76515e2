from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.values.money import MAX_SUM
from services.rules.plans import FULL, HALVES, QUARTERS, PaymentPlan, monthly
from services.rules.variant_lines import BadLine, VariantLine, read_variant_lines

TODAY = date(2026, 11, 20)
INSURERS = {
    "ресо": 1,
    "reso": 1,
    "ресо-гарантия": 1,
    "альфа": 2,
    "альфа страхование": 2,
    "ингосстрах": 3,
    "ингос": 3,
    "согаз": 4,
    "росгосстрах": 5,
    "ргс": 5,
    "т-страхование": 6,
    "зетта": 7,
    "берёза": 8,
}


def read(line: str) -> VariantLine:
    (found,) = read_variant_lines(line, INSURERS, TODAY)
    assert isinstance(found, VariantLine), str(found.error)
    return found


def mistake(line: str) -> str:
    (found,) = read_variant_lines(line, INSURERS, TODAY)
    assert isinstance(found, BadLine)
    return str(found.error)


def test_the_line_of_the_domain_is_a_variant() -> None:
    assert read("РЕСО 54300 фр15 сс1.2м рассрочка 2") == VariantLine(
        line="РЕСО 54300 фр15 сс1.2м рассрочка 2",
        insurer_id=1,
        premium=Decimal(54300),
        deductible=Decimal(15000),
        sum_insured=Decimal(1200000),
        plan=HALVES,
    )


@pytest.mark.parametrize(
    "line",
    [
        "РЕСО 54300 фр15 сс1.2м 50/50 кв15 до 31.12",
        "ресо до 31.12.26 кв 15% 50/50 сс 1,2 млн фр 15000 54 300",
        "1) Ресо-Гарантия: цена 54300 руб., франшиза 15 тыс., страх. сумма 1,2 млн, 2 взноса, кв 15 %, до 31 декабря",
        "reso — 54.3к/фр15/сс1,2м/2 платежа/кв15%/до 2026-12-31",
        "• РЕСО\u00a054\u2009300\u200b фр\u00a015 сс 1200000 пополам кв:15 до 31.12.2026 г.",
        "РЕСО54300 ded15 si1.2m 50/50 commission 15 until 31.12",
    ],
)
def test_terms_come_in_any_order_and_spelling(line: str) -> None:
    found = read(line)
    assert (found.insurer_id, found.premium, found.deductible, found.sum_insured) == (
        1,
        *map(Decimal, (54300, 15000, 1200000)),
    )
    assert (found.plan, found.commission_rate, found.valid_until) == (HALVES, Decimal(15), date(2026, 12, 31))
    assert (found.product, found.comment) == ("", "")


@pytest.mark.parametrize(
    ("line", "insurer"),
    [
        ("Альфа Страхование 48000", 2),
        ("«Альфа Страхование» 48000", 2),
        ("АльфаСтрахование 48000", 2),
        ("альфа 48000", 2),
        ("Т-Страхование 48000", 6),
        ("В2 ргс 48000", 5),
        ("- Ингос: 48000", 3),
        ("Береза 48000", 8),
        ("БЕРЁЗА 48000", 8),
    ],
)
def test_an_insurer_is_known_by_any_of_its_names(line: str, insurer: int) -> None:
    found = read(line)
    assert (found.insurer_id, found.premium, found.comment) == (insurer, Decimal(48000), "")


@pytest.mark.parametrize(
    ("term", "deductible"),
    [
        ("фр15", 15000),
        ("фр 15", 15000),
        ("фр 15000", 15000),
        ("фр.15", 15000),
        ("франшиза 30 тыс", 30000),
        ("фр0", 0),
        ("без фр", 0),
        ("без франшизы", 0),
        ("фр нет", 0),
        ("фр 999", 999000),
        ("фр 7,5", 7500),
        ("", None),
    ],
)
def test_a_small_deductible_is_in_thousands(term: str, deductible: int | None) -> None:
    assert read(f"ресо 54300 {term}").deductible == deductible


@pytest.mark.parametrize(
    ("term", "plan"),
    [
        ("рассрочка 2", HALVES),
        ("2 платежа", HALVES),
        ("50/50", HALVES),
        ("4x25", QUARTERS),
        ("4х25%", QUARTERS),
        ("поквартально", QUARTERS),
        ("помес 12", monthly(12)),
        ("12 мес", monthly(12)),
        ("единовременно", FULL),
        ("100%", FULL),
        ("один платёж", FULL),
        ("", None),
    ],
)
def test_a_plan_is_read_inside_a_line(term: str, plan: PaymentPlan | None) -> None:
    found = read(f"ресо {term} 54300 каско")
    assert (found.plan, found.premium, found.comment) == (plan, Decimal(54300), "каско")


def test_quotes_hold_the_product_and_the_other_words_are_the_comment() -> None:
    found = read("Ингос 61500 «КАСКО Премиум» ждём осмотр, ремонт у дилера")
    assert (found.product, found.comment) == ("КАСКО Премиум", "ждём осмотр, ремонт у дилера")


@pytest.mark.parametrize(
    ("line", "premium", "comment"),
    [
        ("РЕСО Камри 2020 54300", 54300, "Камри 2020"),
        ("РЕСО каско 2.0 54300", 54300, "каско 2.0"),
        ("РЕСО 900", 900, ""),
        ("РЕСО 54300 фр 15 до 15000 км", 54300, "до 15000 км"),
        ("РЕСО 54300 фр15%", 54300, "фр15%"),
        ("РЕСО 2020 премия 400", 400, "2020"),
    ],
)
def test_a_year_or_a_version_is_not_the_premium(line: str, premium: int, comment: str) -> None:
    found = read(line)
    assert (found.premium, found.comment) == (Decimal(premium), comment)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("рессо 54300", "Perhaps «ресо»"),
        ("Ингострах 54300", "«ингосстрах»"),
        ("Незнакомка 54300", "list of insurers"),
        ("54300 РЕСО", "begin with the insurer"),
        ("РЕСО", "no premium"),
        ("РЕСО фр15", "no premium"),
        ("РЕСО 54300 фр", "missing after «фр»"),
        ("РЕСО 54300 до 31.02", "no such day"),
        ("РЕСО 54300 кв 150%", "percentage"),
        ("РЕСО 54300 рассрочка 15", "2 to 12"),
        ("РЕСО 0", "more than zero"),
        ("РЕСО 9999999999999", "too much"),
        ("РЕСО 1e999", "no premium"),
        ("РЕСО ٥٤٣٠٠", "no premium"),
        ("РЕСО 54300 " + "х" * 500, "too long"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line: str, says: str) -> None:
    assert says in mistake(line)


def test_a_bad_line_does_not_spoil_the_others() -> None:
    found = read_variant_lines("РЕСО 54300\n\n  \nчто-то\nСогаз 52000р\r\n", INSURERS, TODAY)
    assert [type(one) for one in found] == [VariantLine, BadLine, VariantLine]
    assert found[1].line == "что-то"


LINE = (
    "РЕСО ресо 54300 54 300 фр фр15 сс1.2м сс 50/50 рассрочка 2 15 кв 15% до 31.12 31.02 « » - , без млн 4x25 100% 1e9"
)
WORDS = st.sampled_from(LINE.split(" "))


@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_gives_variants_or_explanations(text: str) -> None:
    for one in read_variant_lines(text, INSURERS, TODAY):
        if isinstance(one, BadLine):
            assert str(one.error)
        else:
            assert 0 < one.premium <= MAX_SUM
            assert one.deductible is None or 0 <= one.deductible <= MAX_SUM


@given(st.decimals(500, 10**9, places=2), st.integers(0, 10**6), st.sampled_from([FULL, HALVES, QUARTERS, monthly(7)]))
def test_a_line_made_of_figures_is_read_back(premium: Decimal, deductible: int, plan: PaymentPlan) -> None:
    names = {FULL: "единовременно", HALVES: "50/50", QUARTERS: "4x25"}
    found = read(f"Согаз {premium} руб фр {deductible} руб {names.get(plan, 'помес 7')}")
    assert (found.premium, found.plan) == (premium, plan)
    assert found.deductible == (deductible if deductible >= 1000 else deductible * 1000)
