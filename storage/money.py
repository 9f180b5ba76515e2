"""Payments, incomes, expenses, and the moves of money that people entered."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    SQLColumnExpression,
    case,
    delete,
    exists,
    func,
    select,
    true,
)
from sqlalchemy.orm import joinedload, selectinload

from models.enums import IncomeStatus, MoneyMoveKind
from models.scope import Scope
from models.tables import Expense, Income, MoneyMove, Payment, Policy
from storage import payment_card, payment_list
from storage.direct import given, ready
from storage.listing import listed
from storage.repository import FORGOTTEN_EXPENSE, FORGOTTEN_INCOME, Repository, far_enough, may_see_deal, number

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sums:
    """Three groups of sums that are never added to each other: the client's money, our money, what we give away."""

    premium_planned: Decimal
    premium_paid: Decimal
    premium_overdue: Decimal
    commission_expected: Decimal
    commission_received: Decimal
    commission_unknown: int
    expenses_expected: Decimal
    expenses_paid: Decimal


def visible_payments(scope: Scope) -> Select[Payment]:
    return (
        select(Payment).join(Payment.policy).join(Policy.deal).where(may_see_deal(scope), Policy.deleted_at.is_(None))
    )


def _sum(amount: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(amount), ZERO)


_WAIVED: Final = Payment.waived_at.is_not(None)
OF_PREMIUM: Final = (
    _sum(case((_WAIVED, Payment.paid_amount), else_=Payment.amount)).label("planned"),
    _sum(Payment.paid_amount).label("paid"),
)
"""Of payments: what was written off is not expected any more, what came of it has come."""
OF_INCOMES: Final = (
    _sum(case((Income.status.not_in(FORGOTTEN_INCOME), Income.expected_amount))).label("expected"),
    _sum(Income.received_amount).label("received"),
    func.count().filter(Income.expected_amount.is_(None), Income.status == IncomeStatus.EXPECTED).label("unknown"),
)
OF_EXPENSES: Final = (
    _sum(case((Expense.status.not_in(FORGOTTEN_EXPENSE), Expense.expected_amount))).label("expected"),
    _sum(Expense.paid_amount).label("paid"),
)


@cache
def _sums(owner: Literal["deal_id", "policy_id"]) -> str:
    """The statement of the sums of a deal or a policy ($1) on a day ($2), in the order of `Sums`."""
    of, today = getattr(Payment, owner) == given(1, BigInteger()), given(2, Date())
    base = select(Payment.id).join(Payment.policy).where(of, Policy.deleted_at.is_(None))
    overdue = case((~_WAIVED & (Payment.due_on < today), Payment.amount - Payment.paid_amount))
    premium = select(*OF_PREMIUM, _sum(overdue)).where(Payment.id.in_(base))
    incomes = select(*OF_INCOMES).where(Income.payment_id.in_(base))
    expenses = select(*OF_EXPENSES).where(Expense.payment_id.in_(base))
    first, *others = (rows.subquery() for rows in (premium, incomes, expenses))
    together = select(*first.c, *(column for rows in others for column in rows.c)).select_from(first)
    for rows in others:
        together = together.join(rows, true())
    return ready(together)


class Money(Repository):
    async def get(self, scope: Scope, payment_id: int) -> Payment | None:
        """One payment with its policy and what that leads to: for reading, outside any session."""
        found = await self.direct(payment_card.heading(replace(scope, user_id=0)), payment_id, scope.user_id)
        return payment_card.read_heading(found[0]) if found else None

    async def card(self, scope: Scope, payment_id: int) -> payment_card.PaymentCard | None:
        """Everything that a payment's card shows, in one round trip; its commission is not for everybody."""
        found = await self.direct(payment_card.statement(replace(scope, user_id=0)), payment_id, scope.user_id)
        return payment_card.read(found[0]) if found else None

    async def incomes(self, payment_id: int) -> list[Income]:
        return await self.many(select(Income).where(Income.payment_id == payment_id).order_by(Income.id))

    async def expenses(self, payment_id: int) -> list[Expense]:
        return await self.many(select(Expense).where(Expense.payment_id == payment_id).order_by(Expense.id))

    async def deal_of_payment(self, scope: Scope, payment_id: int) -> int | None:
        return await self.one(
            visible_payments(scope).with_only_columns(Payment.deal_id).where(Payment.id == payment_id)
        )

    async def payment_of_income(self, income_id: int) -> int | None:
        return await self.one(select(Income.payment_id).where(Income.id == income_id))

    async def payment_of_expense(self, expense_id: int) -> int | None:
        return await self.one(select(Expense.payment_id).where(Expense.id == expense_id))

    async def lock(self, payment_id: int) -> Payment | None:
        """One payment with its policy, incomes and expenses, held until the end; lock and check its deal first."""
        return await self.one(
            select(Payment)
            .where(Payment.id == payment_id)
            .options(joinedload(Payment.policy), selectinload(Payment.incomes), selectinload(Payment.expenses))
            .with_for_update(of=Payment)
        )

    async def page(
        self,
        scope: Scope,
        *,
        before: date | None = None,
        deal_id: int | None = None,
        policy_id: int | None = None,
        offset: int,
        limit: int,
    ) -> tuple[list[Payment], int]:
        """Unpaid payments due before a day, nearest first; of one deal or policy: all of them, paid ones too."""
        theirs, far = replace(scope, user_id=0), far_enough(offset)
        more: tuple[date | int, ...]
        if policy_id is not None:
            text, more = payment_list.of_one(theirs, "policy_id", limit, far), (policy_id,)
        elif deal_id is not None:
            text, more = payment_list.of_one(theirs, "deal_id", limit, far), (deal_id,)
        else:
            text = payment_list.owed(theirs, limit, far, bounded=before is not None)
            more = () if before is None else (before,)
        return await listed(self, text, payment_list.SHAPE, scope.user_id, offset, *more)

    async def count_before(self, scope: Scope, before: date) -> int:
        text = payment_list.number_before(replace(scope, user_id=0), far_enough(0))
        return number((await self.direct(text, scope.user_id, before))[0][0])

    async def move(self, move_id: int) -> MoneyMove | None:
        return await self.one(select(MoneyMove).where(MoneyMove.id == move_id))

    async def was_returned(self, income_id: int) -> bool:
        """Whether the insurer has taken anything of a commission back, as far as that is not undone."""
        returned = MoneyMove.kind == MoneyMoveKind.COMMISSION_RETURNED, MoneyMove.undone_at.is_(None)
        found = await self.session.execute(select(exists().where(MoneyMove.income_id == income_id, *returned)))
        return bool(found.scalar_one())

    async def sums(self, today: date, *, deal_id: int | None = None, policy_id: int | None = None) -> Sums:
        """The sums of a deal or of one policy; what was written off is not expected any more."""
        text, id_ = (_sums("deal_id"), deal_id) if policy_id is None else (_sums("policy_id"), policy_id)
        return Sums(*(await self.direct(text, id_, today))[0])

    async def delete(self, payment_ids: list[int]) -> None:
        """Take payments away with everything on them; for a plan on which nothing stands."""
        for statement in (
            delete(MoneyMove).where(MoneyMove.id.in_(payment_card.moves_of(payment_ids))),
            delete(Income).where(Income.payment_id.in_(payment_ids)),
            delete(Expense).where(Expense.payment_id.in_(payment_ids)),
            delete(Payment).where(Payment.id.in_(payment_ids)),
        ):
            await self.session.execute(statement)
