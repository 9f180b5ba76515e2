"""Policies and payments typed in one line."""

from datetime import date
from decimal import Decimal

import pytest

from services.rules.policy_line import PolicyLine, read_paid, read_policy_line
from services.rules.reading import Unreadable

TODAY = date(2026, 11, 20)
D = Decimal


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("XXX 1234567890", PolicyLine("ХХХ1234567890")),
        (
            "ХХХ № 1234567890 с 01.12 54300",
            PolicyLine("ХХХ1234567890", date(2026, 12, 1), date(2027, 11, 30), D(54300)),
        ),
        ("xxx1234567890 54 300 с 01.12", PolicyLine("ХХХ1234567890", date(2026, 12, 1), date(2027, 11, 30), D(54300))),
        ("SYS 2912345678 54,3к", PolicyLine("SYS2912345678", premium=D(54300))),
        ("001AG26-1234 01.12 - 31.05.2027", PolicyLine("001AG26-1234", date(2026, 12, 1), date(2027, 5, 31))),
        ("A-77/15 с 01.12 на 6 месяцев 12000", PolicyLine("A-77/15", date(2026, 12, 1), date(2027, 5, 31), D(12000))),
        ("A-77/15 с 15 ноября", PolicyLine("A-77/15", date(2026, 11, 15), date(2027, 11, 14))),
        ("4000 6400 1234567 АБ", PolicyLine("400064001234567АБ")),
        ("AI 12345 / 26", PolicyLine("AI12345/26")),
        ("с 01.12", PolicyLine(None, date(2026, 12, 1), date(2027, 11, 30))),
        ("01.12.2026 - 31.05.2027", PolicyLine(None, date(2026, 12, 1), date(2027, 5, 31))),
        ("с 01.12 по 31.05 54300", PolicyLine(None, date(2026, 12, 1), date(2027, 5, 31), D(54300))),
        ("77/15 АБ12", PolicyLine("77/15АБ12")),
        ("ХХХ 012 345 67 89 54300", PolicyLine("ХХХ0123456789", premium=D(54300))),
        ("С 1234567", PolicyLine("С1234567")),
    ],
)
def test_a_policy_is_read_from_its_number_on(text: str, read: PolicyLine) -> None:
    assert read_policy_line(text, TODAY) == read


@pytest.mark.parametrize("text", ["", "—", "   ", "31.11.26", "с 31.11.26", "до 01.01.2027", "СЕРИЯ"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_policy_line(text, TODAY)


@pytest.mark.parametrize(
    ("text", "amount", "on"),
    [
        ("27000", D(27000), None),
        ("27 000 вчера", D(27000), date(2026, 11, 19)),
        ("вчера 27000,50", D("27000.50"), date(2026, 11, 19)),
        ("01.11 27000", D(27000), date(2026, 11, 1)),
        ("1.2м 01.11", D(1200000), date(2026, 11, 1)),
        ("27000 12 ноября", D(27000), date(2026, 11, 12)),
        ("27 000 31.12", D(27000), date(2025, 12, 31)),
        ("вчера", None, date(2026, 11, 19)),
        ("01.11", None, date(2026, 11, 1)),
        ("остаток", None, None),
        ("остаток вчера", None, date(2026, 11, 19)),
        ("Оплатил всё 01.11", None, date(2026, 11, 1)),
        ("оплачено 5к", D(5000), None),
        ("27.50", D("27.50"), None),
    ],
)
def test_a_fact_about_money_is_a_sum_a_day_or_both(text: str, amount: Decimal | None, on: date | None) -> None:
    assert read_paid(text, TODAY) == (amount, on)


@pytest.mark.parametrize("text", ["потом", "27000 когда-нибудь", "ноль вчера", "-5 вчера", ""])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_paid(text, TODAY)
