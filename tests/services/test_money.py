"""Money facts: what each of them changes, what is refused, and what can be taken back."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import ExpenseKind, ExpenseStatus, IncomeStatus, PaymentStatus, ReminderKind
from models.tables import AuditRecord, Deal, Expense, Income, JournalEntry, MoneyMove, Payment, Reminder
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound, Unlikely
from services.money import CommissionTotals, PaymentFilter

D = Decimal


class Sold:
    """A policy of two instalments of 30 000 (2 March and 2 September) with 10 % of commission, as Anna sold it."""

    def __init__(self, agency: Any) -> None:
        self.agency = agency
        self.money = agency.services.money

    async def make(self, **terms: Any) -> "Sold":
        agency = self.agency
        self.deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
        self.policy_id = await agency.services.policies.register(
            agency.anna,
            self.deal_id,
            **{
                "number": "A1",
                "insurer_id": await agency.insurer(),
                "premium": D(60000),
                "starts_on": date(2026, 3, 2),
                "ends_on": date(2027, 3, 1),
                "plan": "halves",
            }
            | terms,
        )
        await self.money.set_rate(agency.anna, self.policy_id, D(10))
        self.first, self.second = await agency.rows(select(Payment.id).order_by(Payment.seq))
        self.income, self.later_income = await agency.rows(select(Income.id).order_by(Income.id))
        return self

    async def payment(self, id_: int | None = None) -> Payment:
        rows = await self.agency.rows(select(Payment).where(Payment.id == (id_ or self.first)))
        return rows[0]  # type: ignore[no-any-return]

    async def commission(self, id_: int | None = None) -> Income:
        rows = await self.agency.rows(select(Income).where(Income.id == (id_ or self.income)))
        return rows[0]  # type: ignore[no-any-return]

    async def reminders(self) -> list[int]:
        rows = await self.agency.rows(select(Reminder).where(Reminder.kind == ReminderKind.PAYMENT))
        return sorted({row.object_id for row in rows})


@pytest.fixture
async def sold(agency: Any) -> Sold:
    return await Sold(agency).make()


# --- the client's money -------------------------------------------------------------------------------------------


async def test_one_tap_pays_all_that_is_left_today(agency: Any, sold: Sold) -> None:
    assert await sold.reminders() == [sold.first, sold.second]
    await sold.money.client_paid(agency.anna, sold.first)
    paid = await sold.payment()
    assert (paid.paid_amount, paid.settled_on) == (D(30000), date(2026, 3, 2))
    assert await sold.reminders() == [sold.second]
    deal = (await agency.rows(select(Deal)))[0]
    assert (deal.review_object_id, deal.review_on) == (sold.second, date(2026, 8, 19))
    events = [e for e in await agency.rows(select(JournalEntry)) if e.event == "payment_paid"]
    assert (events[0].params["amount"], events[0].author_id) == ("30000.00", agency.anna.user_id)
    assert "money.client_paid" in [a.action for a in await agency.rows(select(AuditRecord))]


async def test_a_second_tap_changes_nothing(agency: Any, sold: Sold) -> None:
    await sold.money.client_paid(agency.anna, sold.first)
    with pytest.raises(AlreadyDone):
        await sold.money.client_paid(agency.anna, sold.first)
    assert len(await agency.rows(select(MoneyMove))) == 1


async def test_a_part_leaves_the_rest_and_more_than_the_rest_is_refused(agency: Any, sold: Sold) -> None:
    await sold.money.client_paid(agency.anna, sold.first, D(27000), date(2026, 3, 1))
    card = await sold.money.card(agency.anna, sold.first)
    assert (card.status, card.rest) == (PaymentStatus.PARTLY_PAID, D(3000))
    assert sold.first in await sold.reminders()
    with pytest.raises(Invalid) as refused:
        await sold.money.client_paid(agency.anna, sold.first, D("3000.01"))
    assert refused.value.params == {"rest": "3\u00a0000\u00a0₽"}
    await sold.money.client_paid(agency.anna, sold.first, D(3000))
    assert (await sold.payment()).settled_on == date(2026, 3, 2)


async def test_two_people_who_enter_the_same_payment_at_once_enter_it_once(agency: Any, sold: Sold) -> None:
    taps = [sold.money.client_paid(who, sold.first) for who in (agency.anna, agency.egor, agency.galina)]
    results = await asyncio.gather(*taps, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyDone", "AlreadyDone", "int"]
    assert (await sold.payment()).paid_amount == D(30000)


@pytest.mark.parametrize("amount", [D(0), D(-5), D("0.004")])
async def test_a_payment_of_nothing_is_refused(agency: Any, sold: Sold, amount: Decimal) -> None:
    with pytest.raises(Invalid):
        await sold.money.client_paid(agency.anna, sold.first, amount)


async def test_money_is_paid_early_and_late_but_not_tomorrow(agency: Any, sold: Sold) -> None:
    with pytest.raises(Invalid):
        await sold.money.client_paid(agency.anna, sold.first, on=date(2026, 3, 3))
    with pytest.raises(Invalid):
        await sold.money.client_paid(agency.anna, sold.first, on=date(2016, 3, 1))
    await sold.money.client_paid(agency.anna, sold.second)  # half a year early
    agency.at(2026, 4, 20, 9)
    await sold.money.client_paid(agency.anna, sold.first, on=date(2026, 4, 17))
    assert await sold.reminders() == []
    assert (await sold.payment()).settled_on == date(2026, 4, 17)


async def test_the_insurer_confirms_what_the_client_has_paid(agency: Any, sold: Sold) -> None:
    with pytest.raises(Invalid):
        await sold.money.insurer_confirmed(agency.anna, sold.first)
    paid = await sold.money.client_paid(agency.anna, sold.first)
    await sold.money.insurer_confirmed(agency.egor, sold.first)
    assert (await sold.payment()).confirmed_on == date(2026, 3, 2)
    with pytest.raises(AlreadyDone):
        await sold.money.insurer_confirmed(agency.anna, sold.first)
    with pytest.raises(Invalid):
        await sold.money.undo(agency.anna, paid)


async def test_a_promise_moves_the_reminders_to_its_day(agency: Any, sold: Sold) -> None:
    await sold.money.promise(agency.anna, sold.first, date(2026, 3, 10))
    days = await agency.rows(
        select(Reminder.local_date).where(Reminder.object_id == sold.first, Reminder.kind == "payment")
    )
    assert min(days) >= date(2026, 3, 10)
    with pytest.raises(AlreadyDone):
        await sold.money.promise(agency.anna, sold.first, date(2026, 3, 10))
    with pytest.raises(Invalid):
        await sold.money.promise(agency.anna, sold.first, date(2026, 3, 1))


async def test_a_moved_instalment_takes_its_commission_along(agency: Any, sold: Sold) -> None:
    before = (await sold.commission()).expected_on
    await sold.money.shift_due(agency.anna, sold.first, date(2026, 3, 12))
    assert (await sold.payment()).due_on == date(2026, 3, 12)
    assert (await sold.commission()).expected_on == before + timedelta(days=10)
    with pytest.raises(Forbidden):
        await sold.money.shift_due(agency.egor, sold.first, date(2026, 3, 13))


async def test_a_written_off_instalment_is_expected_by_nobody_until_it_is_brought_back(agency: Any, sold: Sold) -> None:
    await sold.money.waive(agency.anna, sold.second, " машина  продана ")
    gone = await sold.payment(sold.second)
    assert gone.waived_reason == "машина продана"
    assert (await sold.commission(sold.later_income)).status is IncomeStatus.WRITTEN_OFF
    assert sold.second not in await sold.reminders()
    with pytest.raises(Invalid):
        await sold.money.client_paid(agency.anna, sold.second)
    with pytest.raises(AlreadyDone):
        await sold.money.waive(agency.anna, sold.second, "ещё раз")
    await sold.money.restore(agency.anna, sold.second)
    assert (await sold.commission(sold.later_income)).status is IncomeStatus.EXPECTED
    assert sold.second in await sold.reminders()


# --- our money ----------------------------------------------------------------------------------------------------


async def test_commission_comes_as_expected_in_parts_or_with_a_difference(agency: Any, sold: Sold) -> None:
    await sold.money.commission_received(agency.anna, sold.income, D(1000), date(2026, 3, 1))
    part = await sold.commission()
    assert (part.status, part.received_amount) == (IncomeStatus.EXPECTED, D(1000))
    await sold.money.commission_received(agency.anna, sold.income)
    full = await sold.commission()
    assert (full.status, full.received_amount, full.expected_amount) == (IncomeStatus.RECEIVED, D(3000), D(3000))
    with pytest.raises(AlreadyDone):
        await sold.money.commission_received(agency.anna, sold.income)
    await sold.money.commission_received(agency.anna, sold.later_income, D(3100))
    assert (await sold.commission(sold.later_income)).received_amount == D(3100)


async def test_commission_never_shows_in_the_journal_that_executors_read(agency: Any, sold: Sold) -> None:
    await sold.money.commission_received(agency.anna, sold.income)
    expense_id = await sold.money.add_expense(agency.anna, sold.first, ExpenseKind.CLIENT_DISCOUNT, percent=D(5))
    await sold.money.expense_paid(agency.anna, expense_id)
    assert {e.event for e in await agency.rows(select(JournalEntry))} == {"policy_registered"}


async def test_an_unknown_commission_is_received_by_its_sum_alone(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await agency.services.policies.register(
        agency.anna, deal_id, number="A1", insurer_id=await agency.insurer(), premium=D(100),
        starts_on=date(2026, 3, 2), ends_on=date(2027, 3, 1),
    )  # fmt: skip
    income_id = (await agency.rows(select(Income.id)))[0]
    with pytest.raises(Invalid):
        await agency.services.money.commission_received(agency.anna, income_id)
    await agency.services.money.commission_received(agency.anna, income_id, D(7))
    assert (await agency.rows(select(Income)))[0].status is IncomeStatus.RECEIVED


async def test_the_expected_commission_is_corrected_by_hand(agency: Any, sold: Sold) -> None:
    await sold.money.commission_received(agency.anna, sold.income, D(2500))
    await sold.money.set_expected(agency.anna, sold.income, D(2500))
    assert (await sold.commission()).status is IncomeStatus.RECEIVED


async def test_an_expense_is_paid_up_to_what_was_agreed(agency: Any, sold: Sold) -> None:
    expense_id = await sold.money.add_expense(
        agency.anna, sold.first, ExpenseKind.PARTNER_FEE, amount=D(900), payee="Олег"
    )
    with pytest.raises(Invalid):
        await sold.money.expense_paid(agency.anna, expense_id, D(901))
    await sold.money.expense_paid(agency.anna, expense_id, D(400))
    with pytest.raises(Invalid):
        await sold.money.remove_expense(agency.anna, expense_id)
    await sold.money.expense_paid(agency.anna, expense_id)
    assert (await agency.rows(select(Expense)))[0].status is ExpenseStatus.PAID
    with pytest.raises(AlreadyDone):
        await sold.money.expense_paid(agency.anna, expense_id)


async def test_a_removed_expense_is_not_expected(agency: Any, sold: Sold) -> None:
    expense_id = await sold.money.add_expense(agency.anna, sold.first, ExpenseKind.OTHER, amount=D(900))
    await sold.money.remove_expense(agency.anna, expense_id)
    totals = await sold.money.totals(agency.anna, sold.deal_id)
    assert totals.expenses.expected == 0
    with pytest.raises(AlreadyDone):
        await sold.money.remove_expense(agency.anna, expense_id)


# --- taking back --------------------------------------------------------------------------------------------------


async def test_within_ten_minutes_whoever_entered_it_takes_it_back(agency: Any, sold: Sold) -> None:
    move_id = await sold.money.client_paid(agency.egor, sold.first)
    with pytest.raises(Forbidden):
        await sold.money.undo(agency.anna, move_id)
    agency.clock.advance(timedelta(minutes=10))
    assert (await sold.money.card(agency.egor, sold.first)).undoable.id == move_id
    await sold.money.undo(agency.egor, move_id)
    back = await sold.payment()
    assert (back.paid_amount, back.settled_on) == (D(0), None)
    assert sold.first in await sold.reminders()
    move = (await agency.rows(select(MoneyMove)))[0]
    assert (move.undone_by_id, move.amount) == (agency.egor.user_id, D(30000))
    with pytest.raises(AlreadyDone):
        await sold.money.undo(agency.egor, move_id)
    assert (await sold.money.card(agency.egor, sold.first)).undoable is None


async def test_later_only_an_admin_does(agency: Any, sold: Sold) -> None:
    move_id = await sold.money.client_paid(agency.anna, sold.first)
    agency.clock.advance(timedelta(minutes=11))
    assert (await sold.money.card(agency.anna, sold.first)).undoable is None
    with pytest.raises(Invalid):
        await sold.money.undo(agency.anna, move_id)
    await sold.money.undo(agency.galina, move_id)
    assert (await sold.payment()).paid_amount == 0


async def test_commission_and_expenses_are_taken_back_too(agency: Any, sold: Sold) -> None:
    expense_id = await sold.money.add_expense(agency.anna, sold.first, ExpenseKind.OTHER, amount=D(900))
    received = await sold.money.commission_received(agency.anna, sold.income)
    paid = await sold.money.expense_paid(agency.anna, expense_id)
    confirmed = await self_confirmed(agency, sold)
    for move_id in (received, paid, confirmed):
        await sold.money.undo(agency.anna, move_id)
    income, expense = await sold.commission(), (await agency.rows(select(Expense)))[0]
    assert (income.status, income.received_amount, income.received_on) == (IncomeStatus.EXPECTED, D(0), None)
    assert (expense.status, expense.paid_amount, expense.paid_on) == (ExpenseStatus.EXPECTED, D(0), None)
    assert (await sold.payment()).confirmed_on is None


async def self_confirmed(agency: Any, sold: Sold) -> int:
    await sold.money.client_paid(agency.anna, sold.first)
    return int(await sold.money.insurer_confirmed(agency.anna, sold.first))


# --- who sees what ------------------------------------------------------------------------------------------------


async def test_an_executor_enters_payments_and_sees_no_commission_anywhere(agency: Any, sold: Sold) -> None:
    expense_id = await sold.money.add_expense(agency.anna, sold.first, ExpenseKind.CLIENT_DISCOUNT, amount=D(900))
    received = await sold.money.commission_received(agency.anna, sold.income)
    await sold.money.client_paid(agency.egor, sold.first)
    card = await sold.money.card(agency.egor, sold.first)
    assert (card.incomes, card.expenses) == ([], [])
    assert [move.kind.value for move, _name in card.moves] == ["client_paid"]
    totals = await sold.money.totals(agency.egor, sold.deal_id)
    assert (totals.commission, totals.expenses) == (None, None)
    for attempt in (
        sold.money.commission_received(agency.egor, sold.later_income),
        sold.money.set_expected(agency.egor, sold.income, D(1)),
        sold.money.set_rate(agency.egor, sold.policy_id, D(1)),
        sold.money.expense_paid(agency.egor, expense_id),
        sold.money.waive(agency.egor, sold.second, "x"),
        sold.money.undo(agency.egor, received),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_money_of_anothers_deal_does_not_exist(agency: Any, sold: Sold) -> None:
    for stranger in (agency.boris, agency.faina):
        with pytest.raises(NotFound):
            await sold.money.card(stranger, sold.first)
        with pytest.raises(NotFound):
            await sold.money.client_paid(stranger, sold.first)
        with pytest.raises(NotFound):
            await sold.money.totals(stranger, sold.deal_id)
        assert await sold.money.due(stranger, which=PaymentFilter.ALL) == ([], 0)
    with pytest.raises(NotFound):
        await sold.money.commission_received(agency.boris, sold.income)


async def test_three_groups_of_sums_never_share_a_total(agency: Any, sold: Sold) -> None:
    await sold.money.add_expense(agency.anna, sold.first, ExpenseKind.CLIENT_DISCOUNT, percent=D(2))
    await sold.money.client_paid(agency.anna, sold.first, D(10000))
    await sold.money.commission_received(agency.anna, sold.income)
    agency.at(2026, 3, 5, 9)
    totals = await sold.money.totals(agency.anna, sold.deal_id)
    assert (totals.premium.planned, totals.premium.paid, totals.premium.overdue) == (D(60000), D(10000), D(20000))
    assert (totals.commission.expected, totals.commission.received, totals.commission.unknown) == (D(6000), D(3000), 0)
    assert (totals.expenses.expected, totals.expenses.paid) == (D(600), D(0))


async def test_unpaid_instalments_are_listed_overdue_first_and_paged(agency: Any, sold: Sold) -> None:
    money = sold.money
    rows, total = await money.due(agency.anna)
    assert ([(r.payment.id, r.status) for r in rows], total) == ([(sold.first, PaymentStatus.DUE)], 1)
    assert (await money.due(agency.anna, which=PaymentFilter.OVERDUE))[1] == 0
    agency.at(2026, 3, 5, 9)
    assert (await money.due(agency.anna, which=PaymentFilter.OVERDUE))[1] == 1
    assert await money.overdue_count(agency.anna) == 1
    page, total = await money.due(agency.anna, 1, which=PaymentFilter.ALL, size=1)
    assert ([r.payment.id for r in page], total) == ([sold.second], 2)
    await money.client_paid(agency.anna, sold.first)
    assert (await money.due(agency.anna))[1] == 0
    rows, total = await money.of(agency.anna, deal_id=sold.deal_id)
    assert ([r.status for r in rows], total) == ([PaymentStatus.PAID, PaymentStatus.PLANNED], 2)


# --- closed deals, and what was written off ------------------------------------------------------------------------


async def test_a_payment_is_not_taken_back_on_a_closed_deal_where_nobody_would_see_it(agency: Any, sold: Sold) -> None:
    moves = [await sold.money.client_paid(agency.anna, id_) for id_ in (sold.first, sold.second)]
    await agency.services.deals.close(agency.anna, sold.deal_id, "ended", "finished")
    with pytest.raises(Invalid, match="Reopen it first"):
        await sold.money.undo(agency.anna, moves[1])
    assert (await sold.payment(sold.second)).settled_on is not None


async def test_a_written_off_instalment_is_not_owed_again_on_a_closed_deal(agency: Any, sold: Sold) -> None:
    await sold.money.client_paid(agency.anna, sold.first)
    await sold.money.waive(agency.anna, sold.second, "Продан")
    await agency.services.deals.close(agency.anna, sold.deal_id, "ended", "finished")
    with pytest.raises(Invalid, match="Reopen it first"):
        await sold.money.restore(agency.anna, sold.second)


async def test_with_its_only_part_taken_back_a_written_off_instalment_expects_no_commission(
    agency: Any, sold: Sold
) -> None:
    part = await sold.money.client_paid(agency.anna, sold.first, D(1000))
    await sold.money.waive(agency.anna, sold.first, "Остаток не нужен")
    assert (await sold.commission()).status is IncomeStatus.EXPECTED
    await sold.money.undo(agency.anna, part)
    assert (await sold.commission()).status is IncomeStatus.WRITTEN_OFF


# --- commission that is not what was expected ----------------------------------------------------------------------


async def test_ten_times_the_commission_is_taken_only_from_somebody_who_is_sure(agency: Any, sold: Sold) -> None:
    with pytest.raises(Unlikely):
        await sold.money.commission_received(agency.anna, sold.income, D(30000))
    assert (await sold.commission()).received_amount == 0
    await sold.money.commission_received(agency.anna, sold.income, D(5500))  # an insurer may well pay more
    with pytest.raises(Unlikely):
        await sold.money.commission_received(agency.anna, sold.later_income, D(30001))
    await sold.money.commission_received(agency.anna, sold.later_income, D(30001), sure=True)
    assert (await sold.commission(sold.later_income)).received_amount == D(30001)


async def test_with_no_rate_known_commission_is_not_more_than_the_instalment(agency: Any) -> None:
    sold = await Sold(agency).make()
    async with agency.database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE incomes SET expected_amount = NULL")
    with pytest.raises(Unlikely):
        await sold.money.commission_received(agency.anna, sold.income, D(30001))


async def test_commission_is_disputed_given_up_with_a_reason_and_expected_again(agency: Any, sold: Sold) -> None:
    async def becomes(status: str, reason: str = "") -> IncomeStatus:
        await sold.money.set_income_status(agency.anna, sold.income, status, reason)
        return (await sold.commission()).status

    with pytest.raises(Invalid):
        await becomes("disputed")
    assert await becomes("disputed", "Другая ставка") is IncomeStatus.DISPUTED
    with pytest.raises(AlreadyDone):
        await becomes("disputed", "Другая ставка")
    assert await becomes("written_off", "СК не платит") is IncomeStatus.WRITTEN_OFF
    assert (await sold.money.totals(agency.anna, sold.deal_id)).commission.expected == D(3000)
    with pytest.raises(Invalid, match="how much"):  # «вчера» is no sum, and nothing is left to come
        await sold.money.commission_received(agency.anna, sold.income, on=date(2026, 3, 1))
    assert await becomes("expected") is IncomeStatus.EXPECTED
    [told] = await agency.rows(select(AuditRecord.changes).where(AuditRecord.action == "income.disputed"))
    assert told["reason"] == "Другая ставка"
    words = await agency.rows(select(JournalEntry.params).where(JournalEntry.deal_id == sold.deal_id))
    assert "ставка" not in str(words)
    with pytest.raises(Forbidden):
        await sold.money.set_income_status(agency.egor, sold.income, "disputed", "Хочу")


async def test_what_came_of_disputed_commission_settles_it_and_nothing_else_does(agency: Any, sold: Sold) -> None:
    await sold.money.set_income_status(agency.anna, sold.income, "disputed", "Нет в реестре")
    with pytest.raises(Invalid):
        await sold.money.set_income_status(agency.anna, sold.income, "received", "")
    await sold.money.commission_received(agency.anna, sold.income)
    assert (await sold.commission()).status is IncomeStatus.RECEIVED
    with pytest.raises(AlreadyDone):
        await sold.money.set_income_status(agency.anna, sold.income, "written_off", "Поздно")


@pytest.mark.parametrize("said", ["disputed", "written_off"])
async def test_a_part_that_comes_changes_nothing_of_what_was_said_of_the_rest(
    agency: Any, sold: Sold, said: str
) -> None:
    await sold.money.set_income_status(agency.anna, sold.income, said, "Другая ставка")

    async def stands() -> tuple[Decimal, IncomeStatus, str]:
        found = await sold.commission()
        return found.received_amount, found.status, found.status_reason

    part = await sold.money.commission_received(agency.anna, sold.income, D(1000))
    assert await stands() == (D(1000), IncomeStatus(said), "Другая ставка")
    await sold.money.undo(agency.anna, part)
    assert await stands() == (D(0), IncomeStatus(said), "Другая ставка")
    await sold.money.commission_received(agency.anna, sold.income, D(3000))
    assert await stands() == (D(3000), IncomeStatus.RECEIVED, "")


async def test_commission_that_was_given_up_stays_so_when_its_instalment_is_brought_back(
    agency: Any, sold: Sold
) -> None:
    await sold.money.set_income_status(agency.anna, sold.income, "written_off", "СК не платит")
    await sold.money.waive(agency.anna, sold.first, "Отказ")
    await sold.money.restore(agency.anna, sold.first)
    found = await sold.commission()
    assert (found.status, found.status_reason) == (IncomeStatus.WRITTEN_OFF, "СК не платит")


async def test_what_the_insurer_takes_back_came_no_more_and_is_not_expected_until_somebody_says_so(
    agency: Any, sold: Sold
) -> None:
    money, anna = sold.money, agency.anna

    async def stands() -> tuple[Decimal, IncomeStatus]:
        found = await sold.commission()
        return found.received_amount, found.status

    with pytest.raises(AlreadyDone):
        await money.commission_returned(anna, sold.income)
    came = await money.commission_received(anna, sold.income)
    with pytest.raises(Invalid, match="Only"):
        await money.commission_returned(anna, sold.income, D(3001))
    with pytest.raises(Forbidden):
        await money.commission_returned(agency.egor, sold.income)
    part = await money.commission_returned(anna, sold.income, D(1000))
    assert await stands() == (D(2000), IncomeStatus.REVERSED)
    assert (await money.totals(anna, sold.deal_id)).commission == CommissionTotals(D(3000), D(2000), 0)
    with pytest.raises(Invalid, match="taken commission back since"):
        await money.undo(anna, came)
    await money.undo(anna, part)
    assert await stands() == (D(3000), IncomeStatus.RECEIVED)
    await money.commission_returned(anna, sold.income)
    assert await stands() == (D(0), IncomeStatus.REVERSED)
    with pytest.raises(AlreadyDone):
        await money.commission_returned(anna, sold.income)
    await money.set_income_status(anna, sold.income, "expected", "")
    await money.commission_received(anna, sold.income, D(2500))
    assert await stands() == (D(2500), IncomeStatus.EXPECTED)
    with pytest.raises(Invalid, match="taken commission back since"):
        await money.undo(anna, came)  # 3000 came and went: 500 less than nothing would be left


async def test_a_policy_of_which_the_insurer_took_commission_back_keeps_that_when_it_is_corrected(
    agency: Any, sold: Sold
) -> None:
    await sold.money.commission_received(agency.anna, sold.income)
    await sold.money.commission_returned(agency.anna, sold.income)
    with pytest.raises(Invalid, match="Money has already been entered"):
        await agency.services.policies.correct(agency.anna, sold.policy_id, premium=D(50000))


async def test_what_the_insurer_takes_back_is_less_commission_of_that_day(agency: Any, sold: Sold) -> None:
    await sold.money.commission_received(agency.anna, sold.income)
    await sold.money.commission_returned(agency.anna, sold.income, D(1000))
    assert (await agency.services.stats.day(agency.galina)).of_day.commission_received == D(2000)


async def test_what_came_of_what_was_given_up_is_counted_on_the_deal_as_among_its_payments(
    agency: Any, sold: Sold
) -> None:
    money, anna = sold.money, agency.anna
    await money.client_paid(anna, sold.first, D(10000))
    await money.commission_received(anna, sold.income, D(1000))
    expense = await money.add_expense(anna, sold.first, ExpenseKind.CLIENT_DISCOUNT, amount=D(500))
    await money.expense_paid(anna, expense, D(200))
    await money.set_income_status(anna, sold.income, "written_off", "СК не платит")
    await money.waive(anna, sold.first, "Отказ")
    shown = (await agency.services.deals.card(anna, sold.deal_id)).totals
    summed = await money.totals(anna, sold.deal_id)
    assert (shown.premium, shown.premium_paid) == (summed.premium.planned, summed.premium.paid) == (D(40000), D(10000))
    assert (shown.commission, shown.commission_received) == (D(3000), D(1000))
    assert summed.commission == CommissionTotals(D(3000), D(1000), 0)
    assert (shown.expenses, shown.expenses_paid) == (summed.expenses.expected, summed.expenses.paid)
    assert shown.expenses_paid == D(200)


async def test_expected_commission_corrected_on_a_written_off_instalment_stays_written_off(
    agency: Any, sold: Sold
) -> None:
    await sold.money.waive(agency.anna, sold.first, "Отказ")
    await sold.money.set_expected(agency.anna, sold.income, D(100))
    assert (await sold.commission()).status is IncomeStatus.WRITTEN_OFF
    came = await sold.money.commission_received(agency.anna, sold.income, D(50))
    await sold.money.undo(agency.anna, came)
    assert (await sold.commission()).status is IncomeStatus.WRITTEN_OFF
