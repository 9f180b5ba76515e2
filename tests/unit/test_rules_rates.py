from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.enums import RateKind, RateScope
from services.rules.rates import best_rate, commission, commissions

ON = date(2026, 11, 20)


@dataclass(frozen=True)
class Rate:
    insurer_id: int | None
    line_id: int | None
    value: Decimal
    scope: RateScope = RateScope.ANY
    kind: RateKind = RateKind.PERCENT
    valid_from: date = date(2026, 1, 1)


ANY = Rate(None, None, Decimal(1))
LINE = Rate(None, 5, Decimal(2))
INSURER = Rate(3, None, Decimal(3))
BOTH = Rate(3, 5, Decimal(4))
BOTH_NEWER = Rate(3, 5, Decimal(5), valid_from=date(2026, 6, 1))
BOTH_FUTURE = Rate(3, 5, Decimal(6), valid_from=date(2027, 1, 1))
BOTH_RENEWAL = Rate(3, 5, Decimal(7), RateScope.RENEWAL, valid_from=date(2025, 1, 1))
ALL = [ANY, LINE, INSURER, BOTH, BOTH_NEWER, BOTH_FUTURE, BOTH_RENEWAL]


@pytest.mark.parametrize(
    ("rates", "renewal", "best"),
    [
        (ALL, False, BOTH_NEWER),
        (ALL, True, BOTH_RENEWAL),
        (ALL[:4], False, BOTH),
        (ALL[:3], False, INSURER),
        (ALL[:2], False, LINE),
        (ALL[:1], False, ANY),
        ([BOTH_FUTURE, Rate(4, 5, Decimal(9)), Rate(3, 6, Decimal(9))], False, None),
        ([BOTH_RENEWAL], False, None),
        ([], False, None),
    ],
)
def test_the_most_specific_rate_wins_and_no_rate_is_no_rate(
    rates: list[Rate], renewal: bool, best: Rate | None
) -> None:
    assert best_rate(rates, 3, 5, renewal, ON) is best
    assert best_rate(reversed(rates), 3, 5, renewal, ON) is best


def test_commission_is_a_percentage_or_a_share_of_the_fixed_sum() -> None:
    assert commission(Decimal("54300.33"), Rate(3, 5, Decimal(15))) == Decimal("8145.05")
    fixed = Rate(3, 5, Decimal(500), kind=RateKind.FIXED)
    assert commission(Decimal(100), fixed) == Decimal(500)
    assert commission(Decimal(100), fixed, Decimal(400)) == Decimal(125)


@given(
    st.lists(st.decimals(Decimal("0.01"), 10**8, places=2), min_size=1, max_size=12),
    st.decimals(0, 100, places=2),
    st.sampled_from(RateKind),
)
def test_commissions_of_payments_are_the_commission_of_the_policy(
    parts: list[Decimal], value: Decimal, kind: RateKind
) -> None:
    rate = Rate(3, 5, value, kind=kind)
    shares = commissions(parts, rate)
    assert len(shares) == len(parts)
    assert all(share >= 0 for share in shares)
    assert sum(shares) == commission(sum(parts, Decimal(0)), rate)


def test_a_policy_for_nothing_earns_nothing() -> None:
    assert commissions([Decimal(0)], Rate(3, 5, Decimal(15))) == [Decimal(0)]
