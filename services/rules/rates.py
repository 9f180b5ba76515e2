"""Commission rates: the most specific one wins, and no rate is never a default (DOMAIN.md §5)."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

from models.enums import RateKind, RateScope
from models.values.money import quantise, split_by_shares


class RateLike(Protocol):
    """What a rate is; a table row fits. None for insurer or line means any."""

    @property
    def insurer_id(self) -> int | None: ...
    @property
    def line_id(self) -> int | None: ...
    @property
    def scope(self) -> RateScope: ...
    @property
    def kind(self) -> RateKind: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def valid_from(self) -> date: ...


class Price(Protocol):
    """What a commission is counted from."""

    @property
    def kind(self) -> RateKind: ...
    @property
    def value(self) -> Decimal: ...


R = TypeVar("R", bound=RateLike)


def best_rate(rates: Iterable[R], insurer_id: int, line_id: int, is_renewal: bool, on: date) -> R | None:
    """Find the rate for a sale on a day: insurer before line before kind of sale, then the newest; None if not set."""
    scopes = (RateScope.ANY, RateScope.RENEWAL if is_renewal else RateScope.NEW)
    fitting = [
        rate
        for rate in rates
        if rate.insurer_id in (None, insurer_id)
        and rate.line_id in (None, line_id)
        and rate.scope in scopes
        and rate.valid_from <= on
    ]
    return max(fitting, key=_specificity, default=None)


def _specificity(rate: RateLike) -> tuple[int, bool, bool, date]:
    named = (rate.insurer_id is not None) + (rate.line_id is not None)
    return named, rate.insurer_id is not None, rate.scope is not RateScope.ANY, rate.valid_from


def commission(premium_part: Decimal, rate: Price, premium: Decimal | None = None) -> Decimal:
    """Count the commission of one payment; a fixed one belongs to the whole `premium` and is taken in proportion."""
    if rate.kind is RateKind.PERCENT:
        return quantise(premium_part * rate.value / 100)
    return quantise(rate.value if not premium else rate.value * premium_part / premium)


def commissions(parts: Sequence[Decimal], rate: Price) -> list[Decimal]:
    """Count the commission of each payment so that together they are the commission of the whole premium."""
    premium = sum(parts, Decimal(0))
    if premium <= 0:
        return [Decimal("0.00") for _ in parts]
    return split_by_shares(commission(premium, rate, premium), parts)
