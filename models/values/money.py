"""Sums of money: Decimal with two places, and ways to split one so that nothing is lost."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
MAX_SUM = Decimal("999999999999.99")
"""The most that NUMERIC(14,2) holds."""


def quantise(value: Decimal) -> Decimal:
    """Round to kopecks the way people do it on paper."""
    return value.quantize(CENT, ROUND_HALF_UP)


def split_evenly(total: Decimal, n: int) -> list[Decimal]:
    """Split a sum into `n` parts that add up to it exactly; what does not divide is in the first part."""
    return split_by_shares(total, [1] * n)


def split_by_shares(total: Decimal, shares: Sequence[Decimal | int]) -> list[Decimal]:
    """Split a sum in proportion to `shares`; the parts add up to it exactly, the remainder is in the first."""
    whole = sum((Decimal(share) for share in shares), Decimal(0))
    if not shares or whole <= 0 or any(share < 0 for share in shares):
        raise ValueError(f"Cannot split by shares {list(shares)}")
    total = quantise(total)
    # Rounding towards zero keeps the remainder on the side of the total, so the first part never turns negative.
    rest = [(total * Decimal(share) / whole).quantize(CENT, ROUND_DOWN) for share in shares[1:]]
    return [total - sum(rest, Decimal(0)), *rest]
