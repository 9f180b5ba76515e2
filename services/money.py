"""Money facts: the client paid, the insurer confirmed, commission came, an expense was paid out."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from models.enums import (
    DealStage,
    ExpenseKind,
    ExpenseStatus,
    IncomeStatus,
    MoneyMoveKind,
    PaymentStatus,
    PolicyOutcome,
    RateKind,
    ReminderKind,
)
from models.tables import Deal, Expense, Income, MoneyMove, Payment
from models.values.money import MAX_SUM, quantise
from services import planning, touch
from services.access import ANYBODY, SELLERS, Actor, Service, command, query
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound, Unlikely
from services.policies import COMMISSION_LAG, PAGE, Rate, expect_nothing, lock_policy, write_off
from services.rules.rates import commissions
from services.rules.statuses import payment_status
from storage.money import Sums
from storage.repository import FORGOTTEN_INCOME
from storage.uow import Transaction

UNDO = timedelta(minutes=10)
DUE_LEAD = timedelta(days=14)
FAR_MORE = 2
"""So many times what is expected is a typo unless somebody says otherwise."""
OLDEST = timedelta(days=3 * 366)

OPEN_INCOME = frozenset({IncomeStatus.EXPECTED, IncomeStatus.DISPUTED, IncomeStatus.WRITTEN_OFF})
"""What a person may say of commission that has not come; that it has come follows from what was entered."""

CLIENT_MOVES = (MoneyMoveKind.CLIENT_PAID, MoneyMoveKind.INSURER_CONFIRMED)
"""What everybody who works on a deal sees; the other moves are about commission."""


class PaymentFilter(StrEnum):
    """Which unpaid instalments a list shows: those that are due soon or already, those overdue, or all."""

    DUE = "due"
    OVERDUE = "overdue"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A line of a list of payments."""

    payment: Payment
    status: PaymentStatus


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """A payment with its history; incomes and expenses are empty for those who see no commission."""

    payment: Payment
    status: PaymentStatus
    rest: Decimal
    total: int
    decides: bool
    incomes: list[Income]
    expenses: list[Expense]
    moves: list[tuple[MoneyMove, str]]
    undoable: MoneyMove | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a deal; the two groups about our own money are None for those who see no commission."""

    premium: "PremiumTotals"
    commission: "CommissionTotals | None"
    expenses: "ExpenseTotals | None"


@dataclass(frozen=True, slots=True)
class PremiumTotals:
    planned: Decimal
    paid: Decimal
    overdue: Decimal


@dataclass(frozen=True, slots=True)
class CommissionTotals:
    """`unknown` counts payments whose rate was not set: their commission is in no sum."""

    expected: Decimal
    received: Decimal
    unknown: int


@dataclass(frozen=True, slots=True)
class ExpenseTotals:
    expected: Decimal
    paid: Decimal


def totals_of(sums: Sums, *, with_commission: bool) -> Totals:
    """Part the sums into groups that never share a total."""
    premium = PremiumTotals(sums.premium_planned, sums.premium_paid, sums.premium_overdue)
    if not with_commission:
        return Totals(premium, None, None)
    commission = CommissionTotals(sums.commission_expected, sums.commission_received, sums.commission_unknown)
    return Totals(premium, commission, ExpenseTotals(sums.expenses_expected, sums.expenses_paid))


async def _lock(tx: Transaction, actor: Actor, payment_id: int, *, owner: bool = False) -> tuple[Deal, Payment]:
    """Hold a payment and its deal (the deal first); `owner` when an executor may not do this."""
    deal_id = await tx.money.deal_of_payment(actor.scope, payment_id)
    deal = None if deal_id is None else await tx.deals.lock(actor.scope, deal_id)
    payment = None if deal is None else await tx.money.lock(payment_id)
    if deal is None or payment is None:
        raise NotFound
    if owner and not actor.owns(deal):
        raise Forbidden(f"payment {payment_id} is of a deal of seller {deal.seller_id}")
    return deal, payment


async def _lock_income(tx: Transaction, actor: Actor, income_id: int) -> tuple[Deal, Payment, Income]:
    payment_id = await tx.money.payment_of_income(income_id)
    if payment_id is None:
        raise NotFound
    deal, payment = await _lock(tx, actor, payment_id, owner=True)
    return deal, payment, next(income for income in payment.incomes if income.id == income_id)


async def _lock_expense(tx: Transaction, actor: Actor, expense_id: int) -> tuple[Deal, Payment, Expense]:
    payment_id = await tx.money.payment_of_expense(expense_id)
    if payment_id is None:
        raise NotFound
    deal, payment = await _lock(tx, actor, payment_id, owner=True)
    return deal, payment, next(expense for expense in payment.expenses if expense.id == expense_id)


def _check_open(deal: Deal) -> None:
    """What is owed again must be on somebody's list; nobody looks at a closed deal."""
    if deal.stage is DealStage.CLOSED:
        raise Invalid("The deal is closed. Reopen it first.")


def _fact_day(tx: Transaction, actor: Actor, on: date | None) -> date:
    """The day of a fact: not ahead, and not so far behind that it must be a typo."""
    today = actor.day(tx.now)
    if on is None:
        return today
    if on > today:
        raise Invalid("This day has not come yet. Give the day on which it happened.")
    if on < today - OLDEST:
        raise Invalid("This was more than three years ago. Check the year.")
    return on


def _said(amount: Decimal) -> str:
    """A sum inside a refusal: 54 300,50 ₽."""
    spaced = f"{amount:,.2f}".replace(",", "\u00a0").removesuffix(".00").replace(".", ",")
    return f"{spaced}\u00a0₽"


def _fact_sum(amount: Decimal) -> Decimal:
    amount = quantise(amount)
    if not 0 < amount <= MAX_SUM:
        raise Invalid("The sum must be more than zero.")
    return amount


async def _enter(
    tx: Transaction, actor: Actor, deal: Deal, kind: MoneyMoveKind, amount: Decimal, on: date, **of: int
) -> int:
    """Keep the fact itself: who, when, how much, of what."""
    move = MoneyMove(kind=kind, on_date=on, amount=amount, by_id=actor.user_id, at=tx.now, **of)  # type: ignore[arg-type]
    await tx.add(move)
    tx.audit(f"money.{kind}", "money_move", move.id, deal_id=deal.id, amount=amount, on=on, **of)
    return move.id


async def _after_client_money(tx: Transaction, deal: Deal, payment: Payment, *, answer: str | None) -> None:
    """Reminders and the deal's next touch follow what the client has paid."""
    await tx.session.flush()
    if answer is not None:
        await planning.cancel(tx, ReminderKind.PAYMENT, payment.id, answer=answer)
    await planning.plan_payment(tx, payment)
    await touch.recompute(tx, deal)


class MoneyService(Service):
    """What people enter about money, each fact undoable for ten minutes."""

    # --- the client's money ---------------------------------------------------------------------------------------

    @command(ANYBODY)
    async def client_paid(
        self, tx: Transaction, actor: Actor, payment_id: int, amount: Decimal | None = None, on: date | None = None
    ) -> int:
        """The client has paid a sum (all that is left, when not given) on a day (today); the id of the fact.

        Raises NotFound, AlreadyDone (nothing is left), Invalid (more than is left, a day ahead, written off).
        """
        deal, payment = await _lock(tx, actor, payment_id)
        day = _fact_day(tx, actor, on)
        if payment.waived_at is not None:
            raise Invalid("This instalment is written off. Bring it back first.")
        rest = payment.amount - payment.paid_amount
        if rest <= 0:
            raise AlreadyDone
        paid = rest if amount is None else _fact_sum(amount)
        if paid > rest:
            raise Invalid("This is more than is left to pay: {rest}.", rest=_said(rest))
        move_id = await _enter(tx, actor, deal, MoneyMoveKind.CLIENT_PAID, paid, day, payment_id=payment.id)
        payment.paid_amount += paid
        if paid == rest:
            payment.settled_on, payment.promised_on = day, None
        await _after_client_money(tx, deal, payment, answer="paid" if paid == rest else "partly_paid")
        tx.event(
            deal.id, "payment_paid", number=payment.policy.number, seq=payment.seq, amount=str(paid),
            on=day.isoformat(), rest=str(rest - paid), payment_id=payment.id,
        )  # fmt: skip
        return move_id

    @command(ANYBODY)
    async def insurer_confirmed(self, tx: Transaction, actor: Actor, payment_id: int, on: date | None = None) -> int:
        """The insurer has the client's money. Only what the client has paid in full can have reached the insurer."""
        deal, payment = await _lock(tx, actor, payment_id)
        day = _fact_day(tx, actor, on)
        if payment.confirmed_on is not None:
            raise AlreadyDone
        if payment.settled_on is None:
            raise Invalid("First enter that the client has paid this instalment in full.")
        move_id = await _enter(
            tx, actor, deal, MoneyMoveKind.INSURER_CONFIRMED, payment.paid_amount, day, payment_id=payment.id
        )
        payment.confirmed_on = day
        tx.event(
            deal.id, "payment_confirmed", number=payment.policy.number, seq=payment.seq, on=day.isoformat(),
            payment_id=payment.id,
        )  # fmt: skip
        return move_id

    @command(ANYBODY)
    async def promise(self, tx: Transaction, actor: Actor, payment_id: int, on: date) -> None:
        """The client has promised to pay by a day: reminders wait for it."""
        deal, payment = await _lock(tx, actor, payment_id)
        self._still_owed(payment)
        if on < actor.day(tx.now):
            raise Invalid("A promise is about a day ahead.")
        if payment.promised_on == on:
            raise AlreadyDone
        tx.audit(
            "payment.promised", "payment", payment.id, deal_id=deal.id, promised_on=[payment.promised_on, on]
        )  # fmt: skip
        payment.promised_on = on
        await tx.session.flush()
        await planning.cancel(tx, ReminderKind.PAYMENT, payment.id, answer="promised")
        await planning.plan_payment(tx, payment)
        await touch.recompute(tx, deal, handled=True)
        tx.event(
            deal.id, "payment_promised", number=payment.policy.number, seq=payment.seq, on=on.isoformat(),
            payment_id=payment.id,
        )  # fmt: skip

    @command(SELLERS)
    async def shift_due(self, tx: Transaction, actor: Actor, payment_id: int, due_on: date) -> None:
        """The insurer has agreed to another due date; the commission is expected as much later."""
        deal, payment = await _lock(tx, actor, payment_id, owner=True)
        self._still_owed(payment)
        shift = due_on - payment.due_on
        if not shift:
            raise AlreadyDone
        if abs(shift) > timedelta(days=366):
            raise Invalid("An instalment is moved by a year at most. Check the date.")
        tx.audit("payment.shifted", "payment", payment.id, deal_id=deal.id, due_on=[payment.due_on, due_on])
        payment.due_on, payment.promised_on = due_on, None
        for income in payment.incomes:
            income.expected_on += shift
        for expense in payment.expenses:
            expense.expected_on += shift
        await _after_client_money(tx, deal, payment, answer="shifted")
        tx.event(
            deal.id, "payment_shifted", number=payment.policy.number, seq=payment.seq, on=due_on.isoformat(),
            payment_id=payment.id,
        )  # fmt: skip

    @command(SELLERS)
    async def waive(self, tx: Transaction, actor: Actor, payment_id: int, reason: str) -> None:
        """Nobody will pay the rest of this instalment; no commission is expected of one that was not paid at all."""
        deal, payment = await _lock(tx, actor, payment_id, owner=True)
        self._still_owed(payment)
        reason = " ".join(reason.split())[:300]
        if not reason:
            raise Invalid("Say in a few words why the instalment is written off.")
        await write_off(tx, payment, reason)
        await _after_client_money(tx, deal, payment, answer="waived")
        tx.event(
            deal.id, "payment_waived", number=payment.policy.number, seq=payment.seq, reason=reason,
            payment_id=payment.id,
        )  # fmt: skip
        tx.audit("payment.waived", "payment", payment.id, deal_id=deal.id, reason=reason, paid=payment.paid_amount)

    @command(SELLERS)
    async def restore(self, tx: Transaction, actor: Actor, payment_id: int) -> None:
        """A written-off instalment is owed again, with its expenses and its commission, unless that was given up."""
        deal, payment = await _lock(tx, actor, payment_id, owner=True)
        if payment.waived_at is None:
            raise AlreadyDone
        if payment.policy.outcome is PolicyOutcome.CANCELLED:
            raise Invalid("The policy is cancelled: nothing is owed on it.")
        _check_open(deal)
        payment.waived_at, payment.waived_reason = None, ""
        for income in payment.incomes:
            if income.status is IncomeStatus.WRITTEN_OFF and not income.status_reason:
                income.status = IncomeStatus.EXPECTED
        for expense in payment.expenses:
            if expense.status is ExpenseStatus.WRITTEN_OFF:
                expense.status = ExpenseStatus.EXPECTED
        await _after_client_money(tx, deal, payment, answer=None)
        tx.event(
            deal.id, "payment_restored", number=payment.policy.number, seq=payment.seq, payment_id=payment.id
        )  # fmt: skip
        tx.audit("payment.restored", "payment", payment.id, deal_id=deal.id)

    @staticmethod
    def _still_owed(payment: Payment) -> None:
        if payment.settled_on is not None or payment.waived_at is not None:
            raise AlreadyDone

    # --- our money: never in the journal, which executors read; the audit and the moves keep who and when ----------

    @command(SELLERS)
    async def commission_received(
        self,
        tx: Transaction,
        actor: Actor,
        income_id: int,
        amount: Decimal | None = None,
        on: date | None = None,
        *,
        sure: bool = False,
    ) -> int:
        """Commission has come: all that is expected when no sum is given. An insurer may pay less or more.

        A part leaves the rest expected. More than twice what is expected, or than the instalment itself, is taken only
        from somebody who is `sure`. Raises NotFound, AlreadyDone, Invalid (no rate and no sum), Unlikely.
        """
        deal, payment, income = await _lock_income(tx, actor, income_id)
        day = _fact_day(tx, actor, on)
        if income.status is IncomeStatus.RECEIVED:
            raise AlreadyDone
        if amount is None and income.expected_amount is None:
            raise Invalid("The rate is not set, so type how much has come.")
        if amount is None and income.status in FORGOTTEN_INCOME:
            raise Invalid("Nothing more is expected of this commission, so type how much has come.")
        rest = (income.expected_amount or Decimal(0)) - income.received_amount
        if amount is None and rest <= 0:
            raise AlreadyDone
        came = rest if amount is None else _fact_sum(amount)
        most = min(payment.amount, income.expected_amount * FAR_MORE if income.expected_amount else payment.amount)
        if amount is not None and not sure and income.received_amount + came > most:
            raise Unlikely(
                "{came} is far more than the commission of this instalment can be. Is it so?",
                came=_said(income.received_amount + came),
            )
        move_id = await _enter(tx, actor, deal, MoneyMoveKind.COMMISSION_RECEIVED, came, day, income_id=income.id)
        income.received_amount += came
        income.received_on = day
        self._settle_income(income)
        return move_id

    @command(SELLERS)
    async def commission_returned(
        self, tx: Transaction, actor: Actor, income_id: int, amount: Decimal | None = None, on: date | None = None
    ) -> int:
        """The insurer has taken commission back, as it does of a policy that has ended early: all that has come when no
        sum is given. Nothing more is expected then until somebody says so.

        Raises NotFound, AlreadyDone (nothing has come), Invalid (less has come than that).
        """
        deal, _payment, income = await _lock_income(tx, actor, income_id)
        day = _fact_day(tx, actor, on)
        if not income.received_amount:
            raise AlreadyDone
        back = income.received_amount if amount is None else _fact_sum(amount)
        if back > income.received_amount:
            raise Invalid("Only {sum} of this commission has come.", sum=_said(income.received_amount))
        move_id = await _enter(tx, actor, deal, MoneyMoveKind.COMMISSION_RETURNED, back, day, income_id=income.id)
        income.received_amount -= back
        income.status, income.status_reason = IncomeStatus.REVERSED, ""
        return move_id

    @command(SELLERS)
    async def expense_paid(
        self, tx: Transaction, actor: Actor, expense_id: int, amount: Decimal | None = None, on: date | None = None
    ) -> int:
        """An expense is paid out: all that is left of it when no sum is given."""
        deal, _payment, expense = await _lock_expense(tx, actor, expense_id)
        day = _fact_day(tx, actor, on)
        rest = expense.expected_amount - expense.paid_amount
        if rest <= 0 or expense.status is not ExpenseStatus.EXPECTED:
            raise AlreadyDone
        paid = rest if amount is None else _fact_sum(amount)
        if paid > rest:
            raise Invalid("This is more than is left to pay: {rest}.", rest=_said(rest))
        move_id = await _enter(tx, actor, deal, MoneyMoveKind.EXPENSE_PAID, paid, day, expense_id=expense.id)
        expense.paid_amount += paid
        expense.paid_on = day
        self._settle_expense(expense)
        return move_id

    @command(SELLERS)
    async def set_expected(self, tx: Transaction, actor: Actor, income_id: int, amount: Decimal) -> None:
        """Correct by hand how much commission is expected of one instalment."""
        deal, _payment, income = await _lock_income(tx, actor, income_id)
        amount = quantise(amount)
        if not 0 <= amount <= MAX_SUM:
            raise Invalid("The sum must be more than zero.")
        if income.expected_amount == amount:
            raise AlreadyDone
        tx.audit("income.expected", "income", income.id, deal_id=deal.id, expected=[income.expected_amount, amount])
        income.expected_amount = amount
        if income.status in {IncomeStatus.EXPECTED, IncomeStatus.RECEIVED}:
            self._settle_income(income)

    @command(SELLERS)
    async def set_income_status(self, tx: Transaction, actor: Actor, income_id: int, status: str, reason: str) -> None:
        """Say that commission is disputed with the insurer or given up, and why; `expected` takes that back.

        What has come in full is neither. Raises NotFound, Forbidden, AlreadyDone, Invalid.
        """
        deal, payment, income = await _lock_income(tx, actor, income_id)
        after = IncomeStatus(status)
        if income.status is after or income.status is IncomeStatus.RECEIVED:
            raise AlreadyDone
        if after not in OPEN_INCOME:
            raise Invalid("This cannot be done.")
        if after is not IncomeStatus.WRITTEN_OFF and payment.waived_at is not None and not payment.paid_amount:
            raise Invalid("This instalment is written off. Bring it back first.")
        reason = " ".join(reason.split())[:300]
        if not reason and after is not IncomeStatus.EXPECTED:
            raise Invalid("Say in a few words why.")
        before, income.status = income.status, after
        income.status_reason = "" if after is IncomeStatus.EXPECTED else reason
        if after is IncomeStatus.EXPECTED:
            self._settle_income(income)
        # Not in the journal, which executors read.
        told = {"reason": reason} if reason else {}
        tx.audit(f"income.{after}", "income", income.id, deal_id=deal.id, status=[before, income.status], **told)

    @command(SELLERS)
    async def set_rate(self, tx: Transaction, actor: Actor, policy_id: int, percent: Decimal) -> None:
        """Set the commission rate of one policy: every instalment whose commission has not come is counted anew."""
        deal, policy = await lock_policy(tx, actor, policy_id)
        if not 0 <= percent <= 100:
            raise Invalid("A commission rate is from 0 to 100 percent.")
        if (policy.rate_kind, policy.rate_value) == (RateKind.PERCENT, percent):
            raise AlreadyDone
        tx.audit("policy.rate", "policy", policy.id, deal_id=deal.id, rate=[policy.rate_value, percent])
        policy.rate_kind, policy.rate_value = RateKind.PERCENT, percent
        payments = await tx.policies.payments(policy.id)
        sums = commissions([payment.amount for payment in payments], Rate(RateKind.PERCENT, percent))
        for payment, expected in zip(payments, sums, strict=True):
            for income in payment.incomes:
                if income.status is IncomeStatus.EXPECTED and not income.received_amount:
                    income.expected_amount = expected

    @command(SELLERS)
    async def add_expense(
        self,
        tx: Transaction,
        actor: Actor,
        payment_id: int,
        kind: ExpenseKind,
        *,
        amount: Decimal | None = None,
        percent: Decimal | None = None,
        payee: str = "",
    ) -> int:
        """Expect an expense on an instalment: a sum, or a percentage of the instalment."""
        deal, payment = await _lock(tx, actor, payment_id, owner=True)
        if payment.waived_at is not None:
            raise Invalid("This instalment is written off. Bring it back first.")
        expected = _fact_sum(payment.amount * percent / 100 if percent is not None else amount or Decimal(0))
        lag = timedelta() if kind is ExpenseKind.CLIENT_DISCOUNT else COMMISSION_LAG
        expense = Expense(
            payment_id=payment.id,
            deal_id=deal.id,
            kind=kind,
            payee=" ".join(payee.split())[:200],
            expected_on=payment.due_on + lag,
            expected_amount=expected,
        )
        await tx.add(expense)
        tx.audit("expense.added", "expense", expense.id, deal_id=deal.id, kind=kind, expected=expected)
        return expense.id

    @command(SELLERS)
    async def remove_expense(self, tx: Transaction, actor: Actor, expense_id: int) -> None:
        """An agreed expense is not agreed any more; what was paid of it must be undone first."""
        deal, _payment, expense = await _lock_expense(tx, actor, expense_id)
        if expense.status is ExpenseStatus.REVERSED:
            raise AlreadyDone
        if expense.paid_amount:
            raise Invalid("A part of this expense has been paid. Undo that first.")
        expense.status = ExpenseStatus.REVERSED
        tx.audit("expense.removed", "expense", expense.id, deal_id=deal.id, expected=expense.expected_amount)

    @staticmethod
    def _settle_income(income: Income) -> None:
        """Received when all that was expected has come; with no expectation, when anything has. What people have said
        of the rest (that it is disputed, given up, taken back) stands until then.
        """
        received = income.received_amount
        full = received > 0 and received >= (income.expected_amount or Decimal(0))
        if full:
            income.status, income.status_reason = IncomeStatus.RECEIVED, ""
        elif income.status is IncomeStatus.RECEIVED:
            income.status = IncomeStatus.EXPECTED
        if not received:
            income.received_on = None

    @staticmethod
    def _settle_expense(expense: Expense) -> None:
        full = expense.paid_amount >= expense.expected_amount
        expense.status = ExpenseStatus.PAID if full else ExpenseStatus.EXPECTED
        if not expense.paid_amount:
            expense.paid_on = None

    # --- taking back ----------------------------------------------------------------------------------------------

    @command(ANYBODY)
    async def undo(self, tx: Transaction, actor: Actor, move_id: int) -> None:
        """Take a fact back: within ten minutes whoever entered it, later only an admin (DOMAIN.md §6)."""
        move = await tx.money.move(move_id)
        if move is None:
            raise NotFound
        payment_id = await self._payment_of(tx, move)
        deal, payment = await _lock(tx, actor, payment_id, owner=move.kind not in CLIENT_MOVES)
        await tx.session.refresh(move)  # another tap may have undone it while we waited for the deal
        if move.undone_at is not None:
            raise AlreadyDone
        if not actor.is_admin:
            if move.by_id != actor.user_id:
                raise Forbidden(f"money move {move_id} was entered by {move.by_id}")
            if tx.now - move.at > UNDO:
                raise Invalid("Ten minutes have passed: now only an admin takes this back.")
        if move.kind is MoneyMoveKind.CLIENT_PAID and payment.confirmed_on is not None:
            raise Invalid("The insurer has confirmed this instalment. Undo the confirmation first.")
        cancelled = payment.policy.outcome is PolicyOutcome.CANCELLED
        if move.kind is MoneyMoveKind.CLIENT_PAID and payment.waived_at is None and not cancelled:
            _check_open(deal)
        move.undone_at, move.undone_by_id = tx.now, actor.user_id
        if move.kind is MoneyMoveKind.CLIENT_PAID:
            payment.paid_amount -= move.amount
            payment.settled_on = None
            if cancelled and payment.waived_at is None:  # nothing is owed on it
                await write_off(tx, payment, "")
        elif move.kind is MoneyMoveKind.INSURER_CONFIRMED:
            payment.confirmed_on = None
        elif move.kind is MoneyMoveKind.COMMISSION_RECEIVED:
            income = next(income for income in payment.incomes if income.id == move.income_id)
            if income.status is IncomeStatus.REVERSED or income.received_amount < move.amount:
                raise Invalid("The insurer has taken commission back since. Undo that first.")
            income.received_amount -= move.amount
            self._settle_income(income)
        elif move.kind is MoneyMoveKind.COMMISSION_RETURNED:
            income = next(income for income in payment.incomes if income.id == move.income_id)
            income.received_amount += move.amount
            if income.status is IncomeStatus.REVERSED and not await tx.money.was_returned(income.id):
                income.status = IncomeStatus.EXPECTED
            self._settle_income(income)
        else:
            expense = next(expense for expense in payment.expenses if expense.id == move.expense_id)
            expense.paid_amount -= move.amount
            self._settle_expense(expense)
        if payment.waived_at is not None:
            await expect_nothing(tx, payment)
        if move.kind is MoneyMoveKind.CLIENT_PAID:
            await _after_client_money(tx, deal, payment, answer=None)
        if move.kind in CLIENT_MOVES:
            tx.event(
                deal.id, "payment_undone", number=payment.policy.number, seq=payment.seq, amount=str(move.amount),
                kind=move.kind.value, payment_id=payment.id,
            )  # fmt: skip
        tx.audit("money.undone", "money_move", move.id, deal_id=deal.id, kind=move.kind, amount=move.amount)

    @staticmethod
    async def _payment_of(tx: Transaction, move: MoneyMove) -> int:
        if move.payment_id is not None:
            return move.payment_id
        found = (
            await tx.money.payment_of_income(move.income_id)
            if move.income_id is not None
            else await tx.money.payment_of_expense(move.expense_id or 0)
        )
        if found is None:
            raise NotFound
        return found

    # --- looking --------------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def card(self, tx: Transaction, actor: Actor, payment_id: int) -> PaymentCard:
        """One payment with everything entered about it; commission only for those who see it. Raises NotFound."""
        found = await tx.money.card(actor.scope, payment_id)
        if found is None:
            raise NotFound
        payment, decides = found.payment, actor.owns(found.payment.policy.deal)
        moves = [(move, name) for move, name in found.moves if decides or move.kind in CLIENT_MOVES]
        standing = [move for move, _name in moves if move.undone_at is None]
        mine = [move for move in standing if move.by_id == actor.user_id and tx.now - move.at <= UNDO]
        takes_back = standing if actor.is_admin else mine
        return PaymentCard(
            payment=payment,
            status=self._status(payment, actor.day(tx.now)),
            rest=payment.amount - payment.paid_amount,
            total=found.total,
            decides=decides,
            incomes=found.incomes if decides else [],
            expenses=found.expenses if decides else [],
            moves=moves,
            undoable=takes_back[0] if takes_back else None,
        )

    @query(ANYBODY)
    async def due(
        self,
        tx: Transaction,
        actor: Actor,
        page: int = 0,
        *,
        which: PaymentFilter = PaymentFilter.DUE,
        size: int = PAGE,
    ) -> tuple[list[PaymentRow], int]:
        """A page of unpaid instalments across deals, the most overdue first."""
        today = actor.day(tx.now)
        before = {PaymentFilter.DUE: today + DUE_LEAD + timedelta(days=1), PaymentFilter.OVERDUE: today}.get(which)
        rows, total = await tx.money.page(actor.scope, before=before, offset=page * size, limit=size)
        return [PaymentRow(row, self._status(row, today)) for row in rows], total

    @query(ANYBODY)
    async def of(
        self,
        tx: Transaction,
        actor: Actor,
        *,
        deal_id: int | None = None,
        policy_id: int | None = None,
        page: int = 0,
        size: int = PAGE,
    ) -> tuple[list[PaymentRow], int]:
        """A page of all instalments of a deal or a policy, paid ones too, by due date."""
        if deal_id is None and policy_id is None:
            raise NotFound
        rows, total = await tx.money.page(
            actor.scope, deal_id=deal_id, policy_id=policy_id, offset=page * size, limit=size
        )
        today = actor.day(tx.now)
        return [PaymentRow(row, self._status(row, today)) for row in rows], total

    @query(ANYBODY)
    async def overdue_count(self, tx: Transaction, actor: Actor) -> int:
        """How many instalments are overdue: the red number."""
        return await tx.money.count_before(actor.scope, actor.day(tx.now))

    @query(ANYBODY)
    async def totals(self, tx: Transaction, actor: Actor, deal_id: int) -> Totals:
        """What a deal is worth, in three groups that never share a total. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        sums = await tx.money.sums(actor.day(tx.now), deal_id=deal_id)
        return totals_of(sums, with_commission=actor.owns(deal))

    @staticmethod
    def _status(payment: Payment, today: date) -> PaymentStatus:
        return payment_status(payment.due_on, payment.amount, payment.paid_amount, payment.waived_at is not None, today)
