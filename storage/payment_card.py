"""Everything that the card of an instalment shows, in one round trip (docs/adr/0010)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, CompoundSelect, func, select, union
from sqlalchemy.orm import aliased

from models.scope import Scope
from models.tables import Expense, Income, MoneyMove, Payment, Policy, User
from storage.direct import Joined, Several, Shape, given, in_one_column, ready
from storage.policy_card import POLICY, led_on


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """The rows of a card, outside any session: an instalment with its policy and what that leads to, how many the
    policy has, and what was entered on it, latest first, with who entered it. Of these not all is for everybody.
    """

    payment: Payment
    total: int
    incomes: list[Income]
    expenses: list[Expense]
    moves: list[tuple[MoneyMove, str]]


def moves_of(payment_ids: Iterable[int | ColumnElement[int]]) -> CompoundSelect[int]:
    """What was entered on payments, on their commission and on their expenses, a part for each index."""
    ids = list(payment_ids)
    incomes = select(Income.id).where(Income.payment_id.in_(ids))
    expenses = select(Expense.id).where(Expense.payment_id.in_(ids))
    return union(
        select(MoneyMove.id).where(MoneyMove.payment_id.in_(ids)),
        select(MoneyMove.id).where(MoneyMove.income_id.in_(incomes)),
        select(MoneyMove.id).where(MoneyMove.expense_id.in_(expenses)),
    )


_ID, _SIBLING = given(1, BigInteger()), aliased(Payment)
_payment = Joined(Shape(Payment), policy=POLICY)
_incomes = Several(select(Income).where(Income.payment_id == _ID).order_by(Income.id), Shape(Income))
_expenses = Several(select(Expense).where(Expense.payment_id == _ID).order_by(Expense.id), Shape(Expense))
_move = Shape(MoneyMove)
_MOVES = (
    select(MoneyMove)
    .join(User, User.id == MoneyMove.by_id)
    .where(MoneyMove.id.in_(moves_of([_ID])))
    .order_by(MoneyMove.id.desc())
)


@cache
def statement(scope: Scope) -> str:
    """The statement for what such a person may see; the payment ($1) and who he is ($2) come with each call."""
    siblings = select(func.count()).where(_SIBLING.policy_id == Payment.policy_id)
    moves = in_one_column(_MOVES, [*_move.columns, User.full_name])
    return _of(scope, siblings.scalar_subquery(), *_incomes.columns, *_expenses.columns, moves)


@cache
def heading(scope: Scope) -> str:
    """The statement for a payment alone with its policy and what that leads to."""
    return _of(scope)


def _of(scope: Scope, *more: ColumnElement[Any]) -> str:
    rows = select(*_payment.columns, *more).select_from(Payment).join(Policy, Policy.id == Payment.policy_id)
    return ready(led_on(rows.where(Payment.id == _ID), scope))


def read(found: Sequence[Any]) -> PaymentCard:
    """The card from the one row that its statement has fetched."""
    *payment, total, incomes, expenses, moves = found
    return PaymentCard(
        payment=_payment.row(payment),
        total=total,
        incomes=_incomes.row([incomes]),
        expenses=_expenses.row([expenses]),
        moves=[(_move.row(row[:-1]), row[-1]) for row in moves],
    )


def read_heading(found: Sequence[Any]) -> Payment:
    return _payment.row(found)
