"""Payments, incomes, expenses, and the moves of money that people entered."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import CompoundSelect, Select, case, delete, func, select, union
from sqlalchemy.orm import joinedload, selectinload

from models.enums import ExpenseStatus, IncomeStatus
from models.scope import Scope
from models.tables import Deal, Expense, Income, MoneyMove, Payment, Policy, User
from storage import payment_list
from storage.listing import listed
from storage.repository import Repository, far_enough, may_see_deal, number

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


_CONTEXT = (
    joinedload(Payment.policy).joinedload(Policy.insurer),
    joinedload(Payment.policy).joinedload(Policy.line),
    joinedload(Payment.policy).joinedload(Policy.deal).joinedload(Deal.client),
)


class Money(Repository):
    async def get(self, scope: Scope, payment_id: int) -> Payment | None:
        """One payment with its policy, deal and client; never with commission."""
        return await self.one(visible_payments(scope).where(Payment.id == payment_id).options(*_CONTEXT))

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

    @staticmethod
    def _moves_of(payment_ids: list[int]) -> CompoundSelect[int]:
        """What was entered on payments, on their commission and on their expenses, a part for each index."""
        incomes = select(Income.id).where(Income.payment_id.in_(payment_ids))
        expenses = select(Expense.id).where(Expense.payment_id.in_(payment_ids))
        return union(
            select(MoneyMove.id).where(MoneyMove.payment_id.in_(payment_ids)),
            select(MoneyMove.id).where(MoneyMove.income_id.in_(incomes)),
            select(MoneyMove.id).where(MoneyMove.expense_id.in_(expenses)),
        )

    async def moves(self, payment_id: int) -> list[tuple[MoneyMove, str]]:
        """What was entered on a payment, its commission and expenses, latest first, with who entered it."""
        rows = await self.session.execute(
            select(MoneyMove, User.full_name)
            .join(User, User.id == MoneyMove.by_id)
            .where(MoneyMove.id.in_(self._moves_of([payment_id])))
            .order_by(MoneyMove.id.desc())
        )
        return [(move, name) for move, name in rows]

    async def payments_of(self, policy_id: int) -> int:
        """How many payments a policy has."""
        return await self.count(select(Payment.id).where(Payment.policy_id == policy_id))

    async def sums(self, today: date, *, deal_id: int | None = None, policy_id: int | None = None) -> Sums:
        """The sums of a deal or of one policy; what was written off is not expected any more."""
        of = Payment.deal_id == deal_id if policy_id is None else Payment.policy_id == policy_id
        base = select(Payment.id).join(Payment.policy).where(of, Policy.deleted_at.is_(None))
        rest = case((Payment.waived_at.is_(None), Payment.amount - Payment.paid_amount), else_=ZERO)
        premium = await self._row(
            select(
                func.sum(case((Payment.waived_at.is_(None), Payment.amount), else_=Payment.paid_amount)),
                func.sum(Payment.paid_amount),
                func.sum(case((Payment.due_on < today, rest), else_=ZERO)),
            ).where(Payment.id.in_(base))
        )
        off = Income.status.in_([IncomeStatus.WRITTEN_OFF, IncomeStatus.REVERSED])
        incomes = await self._row(
            select(
                func.sum(case((off, ZERO), else_=Income.expected_amount)),
                func.sum(Income.received_amount),
                func.count().filter(Income.expected_amount.is_(None), Income.status == IncomeStatus.EXPECTED),
            ).where(Income.payment_id.in_(base))
        )
        gone = Expense.status.in_([ExpenseStatus.WRITTEN_OFF, ExpenseStatus.REVERSED])
        expenses = await self._row(
            select(func.sum(case((gone, ZERO), else_=Expense.expected_amount)), func.sum(Expense.paid_amount)).where(
                Expense.payment_id.in_(base)
            )
        )
        return Sums(
            premium_planned=premium[0],
            premium_paid=premium[1],
            premium_overdue=premium[2],
            commission_expected=incomes[0],
            commission_received=incomes[1],
            commission_unknown=int(incomes[2]),
            expenses_expected=expenses[0],
            expenses_paid=expenses[1],
        )

    async def _row(self, statement: Select[*tuple[Any, ...]]) -> list[Any]:
        return [value or ZERO for value in (await self.session.execute(statement)).one()]

    async def delete(self, payment_ids: list[int]) -> None:
        """Take payments away with everything on them; for a plan on which nothing stands."""
        for statement in (
            delete(MoneyMove).where(MoneyMove.id.in_(self._moves_of(payment_ids))),
            delete(Income).where(Income.payment_id.in_(payment_ids)),
            delete(Expense).where(Expense.payment_id.in_(payment_ids)),
            delete(Payment).where(Payment.id.in_(payment_ids)),
        ):
            await self.session.execute(statement)
