"""The comparison of variants for a client: what differs, what is best, and not a figure of our commission."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.rules.plans import PaymentPlan, PlanKind, plan_payments


class Column(StrEnum):
    """What a client compares, in the order it is shown; handlers name the columns."""

    INSURER = "insurer"
    PRODUCT = "product"
    PREMIUM = "premium"
    DEDUCTIBLE = "deductible"
    SUM_INSURED = "sum_insured"
    PLAN = "plan"
    FIRST_PAYMENT = "first_payment"
    VALID_UNTIL = "valid_until"
    COMMENT = "comment"


Cell = str | Decimal | date | PaymentPlan | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client may see of a variant: there is no field for the commission, so none can leak."""

    number: int
    insurer: str
    premium: Decimal
    product: str = ""
    sum_insured: Decimal | None = None
    deductible: Decimal | None = None
    plan: PaymentPlan | None = None
    valid_until: date | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One variant: its cells by column, and the columns in which no other variant is better."""

    number: int
    cells: Mapping[Column, Cell]
    best: frozenset[Column] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table with only the columns that say something about at least one variant; the cheapest row is the first."""

    columns: tuple[Column, ...]
    rows: tuple[ComparisonRow, ...]


_ALWAYS = (Column.INSURER, Column.PREMIUM)
_LESS_IS_BETTER = (Column.PREMIUM, Column.DEDUCTIBLE, Column.FIRST_PAYMENT)
_MORE_IS_BETTER = (Column.SUM_INSURED,)


def compare(offers: Iterable[Offer]) -> Comparison:
    """Lay variants out for a client."""
    ordered = sorted(offers, key=lambda offer: (offer.premium, offer.number))
    cells = [_cells(offer) for offer in ordered]
    columns = tuple(c for c in Column if c in _ALWAYS or any(row[c] not in (None, "") for row in cells))
    if all(row[Column.FIRST_PAYMENT] == row[Column.PREMIUM] for row in cells):
        columns = tuple(c for c in columns if c is not Column.FIRST_PAYMENT)
    best = {c: _best(c, cells) for c in (*_LESS_IS_BETTER, *_MORE_IS_BETTER) if c in columns}
    rows = [
        ComparisonRow(
            offer.number, {c: row[c] for c in columns}, frozenset(c for c, top in best.items() if row[c] == top)
        )
        for offer, row in zip(ordered, cells, strict=True)
    ]
    return Comparison(columns, tuple(rows))


def _cells(offer: Offer) -> dict[Column, Cell]:
    return {
        Column.INSURER: offer.insurer,
        Column.PRODUCT: without_commission(offer.product),
        Column.PREMIUM: offer.premium,
        Column.DEDUCTIBLE: offer.deductible,
        Column.SUM_INSURED: offer.sum_insured,
        Column.PLAN: offer.plan,
        Column.FIRST_PAYMENT: _first_payment(offer),
        Column.VALID_UNTIL: offer.valid_until,
        Column.COMMENT: without_commission(offer.comment),
    }


def _first_payment(offer: Offer) -> Decimal:
    if offer.plan is None:
        return offer.premium
    if offer.plan.kind is PlanKind.CUSTOM:  # its rows may not fit a premium that was edited later
        return offer.plan.rows[0].amount
    payments = plan_payments(offer.premium, offer.plan, date(2000, 1, 1))
    return payments[0].amount if payments else offer.premium


def _best(column: Column, rows: Sequence[Mapping[Column, Cell]]) -> Decimal | None:
    """Give the best value of a column; there is none where one variant is alone or all are equal."""
    values = [value for row in rows if isinstance(value := row[column], Decimal)]
    if len(rows) < 2 or len(set(values)) < 2:
        return None
    return min(values) if column in _LESS_IS_BETTER else max(values)


_COMMISSION = re.compile(
    r"(?<!\w)(?:кв(?:\s?[0-9.,]+\s?%?)?(?![\w²]|\.?\s?м)|комис\w*|вознагражд\w*|агентск\w*|commission)", re.IGNORECASE
)
_CLAUSES = re.compile(r"(?<=[;\n])\s*|(?<=[,.])\s+")


def without_commission(text: str) -> str:
    """Cut out of words that a client will read every clause that mentions our commission, figures and all.

    The whole clause goes: losing «ждём осмотр» beside «кв 15» is a pity, showing the 15 is a loss. Words that mention
    none stay as they were written.
    """
    clauses = _CLAUSES.split(text)
    kept = [clause.strip() for clause in clauses if not _COMMISSION.search(clause)]
    if len(kept) == len(clauses):
        return text.strip()
    return " ".join(clause for clause in kept if clause).strip(" ,;")
