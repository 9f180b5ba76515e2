"""Deals: opened by who may, shown by rights, put off, closed without losing money, opened again."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from models.enums import (
    DealStage,
    ExpenseKind,
    PaymentStatus,
    PolicyOutcome,
    PolicyStatus,
    ReminderStatus,
    ReviewReason,
    Role,
    TaskKind,
    TaskStatus,
)
from models.tables import (
    AuditRecord,
    Client,
    Deal,
    Expense,
    Income,
    JournalEntry,
    OutboxMessage,
    Payment,
    Policy,
    Reminder,
    Task,
)
from services.deals import DealDraft
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.deal_line import ClientDraft
from services.rules.reading import Unreadable
from tests.services.conftest import Agency


async def deal_of(agency: Agency, deal_id: int) -> Deal:
    row: Deal = (await agency.rows(select(Deal).where(Deal.id == deal_id)))[0]
    return row


async def policy(agency: Agency, deal_id: int, *, ends: date, number: str = "ХХХ 1", paid: bool = True) -> Policy:
    """A policy of one payment of 50 000 with a commission of 7 500 and a discount of 1 000."""
    deal = await deal_of(agency, deal_id)
    row = Policy(
        number=number,
        deal_id=deal_id,
        client_id=deal.client_id,
        insurer_id=await agency.insurer(),
        line_id=deal.line_id,
        premium=Decimal(50000),
        starts_on=ends - timedelta(days=364),
        ends_on=ends,
        registered_by_id=deal.seller_id,
    )
    await agency.save(row)
    payment = Payment(
        policy_id=row.id,
        deal_id=deal_id,
        seq=1,
        due_on=agency.today + timedelta(days=5),
        amount=Decimal(50000),
        paid_amount=Decimal(50000 if paid else 0),
        settled_on=agency.today if paid else None,
    )
    await agency.save(payment)
    await agency.save(
        Income(payment_id=payment.id, deal_id=deal_id, expected_on=agency.today, expected_amount=Decimal(7500)),
        Expense(
            payment_id=payment.id,
            deal_id=deal_id,
            kind=ExpenseKind.CLIENT_DISCOUNT,
            expected_on=agency.today,
            expected_amount=Decimal(1000),
        ),
    )
    return row


async def change(agency: Agency, statement: str, **values: Any) -> None:
    """Move a fact past the services: only for what a test starts from."""
    async with agency.database.writing() as session:
        await session.execute(text(statement), values)
        await session.commit()


async def draft(agency: Agency, **fields: Any) -> DealDraft:
    known: dict[str, Any] = {"line_id": await agency.line(), "title": "Kia Rio"}
    return DealDraft(**known | fields)


# --- opening ------------------------------------------------------------------------------------------------------


async def test_a_new_deal_has_a_number_a_seller_and_a_next_touch_on_the_next_working_day(agency: Agency) -> None:
    client_id = await agency.client(agency.anna)
    agency.at(2026, 3, 6, 9)  # Friday before a long weekend
    typed = await draft(agency, plate="a123bc 77", vin="XTA 210990Y2696785", note="просит перезвонить")
    deal_id = await agency.services.deals.open(agency.anna, client_id, typed)
    deal = await deal_of(agency, deal_id)
    assert (deal.number, deal.seller_id, deal.stage) == (1001, agency.anna.user_id, DealStage.COLLECTING)
    assert (deal.review_on, deal.review_reason) == (date(2026, 3, 10), ReviewReason.NEW_DEAL)
    assert (deal.plate, deal.vin) == ("А123ВС77", "XTA210990Y2696785")
    journal = await agency.rows(select(JournalEntry).order_by(JournalEntry.id))
    assert [(entry.event, entry.text) for entry in journal] == [("deal_opened", ""), (None, "просит перезвонить")]
    reminders = await agency.rows(select(Reminder))
    assert [(row.object_id, row.local_date) for row in reminders] == [(deal_id, date(2026, 3, 10))]
    assert [record.action for record in await agency.rows(select(AuditRecord))] == ["deal.opened"]


async def test_a_client_and_his_deal_are_made_together_or_not_at_all(agency: Agency) -> None:
    client = ClientDraft("Иванов Иван", phones=("+79123456789",))
    with pytest.raises(Unreadable):
        await agency.services.deals.open_with_client(agency.anna, client, await draft(agency, vin="123"))
    assert await agency.rows(select(Client.id)) == []
    deal_id = await agency.services.deals.open_with_client(agency.anna, client, await draft(agency, title=""))
    view = await agency.services.deals.card(agency.anna, deal_id)
    assert (view.deal.client.name, view.deal.title) == ("Иванов Иван", "КАСКО")
    assert [phone.e164 for phone in view.deal.client.phones] == ["+79123456789"]


async def test_nobody_opens_a_deal_for_another_sellers_client(agency: Agency) -> None:
    client_id = await agency.client(agency.anna)
    typed = await draft(agency)
    with pytest.raises(NotFound):
        await agency.services.deals.open(agency.boris, client_id, typed)
    with pytest.raises(Forbidden):
        await agency.services.deals.open(agency.egor, client_id, typed)
    both = await agency.person(999, "И продавец, и исполнитель", Role.SELLER, Role.EXECUTOR)
    await agency.deal(agency.anna, client_id=client_id, executor_id=both.user_id)
    with pytest.raises(Forbidden):
        await agency.services.deals.open(both, client_id, typed)


# --- the card -----------------------------------------------------------------------------------------------------


async def test_the_card_shows_policies_payments_money_tasks_and_journal(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    await policy(agency, deal_id, ends=agency.today + timedelta(days=20), paid=False)
    await agency.save(
        Task(
            kind=TaskKind.CALCULATE,
            deal_id=deal_id,
            author_id=agency.anna.user_id,
            assignee_id=agency.egor.user_id,
            due_at=agency.clock.now(),
        )
    )
    for words in ("раз", "два", "три", "четыре"):
        await agency.services.journal.add(agency.anna, deal_id, words)
    view = await agency.services.deals.card(agency.anna, deal_id)
    assert [(one.policy.insurer.name, one.status) for one in view.policies] == [
        ("РЕСО-Гарантия", PolicyStatus.EXPIRING)
    ]
    assert [(one.payment.amount, one.status) for one in view.unpaid] == [(Decimal(50000), PaymentStatus.DUE)]
    assert [task.assignee.full_name for task in view.tasks] == ["Егор Лисин"]
    assert [entry.text for entry in view.journal] == ["четыре", "три", "два"]
    assert view.journal_total == 4
    totals = view.totals
    assert (totals.premium, totals.premium_paid) == (Decimal(50000), Decimal(0))
    assert (totals.commission, totals.commission_received) == (Decimal(7500), Decimal(0))
    assert (totals.expenses, totals.expenses_paid, totals.policies, totals.unpaid) == (Decimal(1000), Decimal(0), 1, 1)
    assert view.own
    assert view.sees_money


async def test_an_executor_sees_the_card_of_his_deal_without_our_money(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    await agency.services.deals.add_expense(agency.anna, deal_id, "partner_fee", percent="10", payee="Автосалон")
    view = await agency.services.deals.card(agency.egor, deal_id)
    assert (view.own, view.sees_money, view.agreed) == (False, False, [])
    for stranger in (agency.boris, agency.faina):
        with pytest.raises(NotFound):
            await agency.services.deals.card(stranger, deal_id)


async def test_a_seller_who_works_on_anothers_deal_as_executor_does_not_see_its_commission(agency: Agency) -> None:
    both = await agency.person(999, "И продавец, и исполнитель", Role.SELLER, Role.EXECUTOR)
    deal_id = await agency.deal(agency.anna, executor_id=both.user_id)
    assert not (await agency.services.deals.card(both, deal_id)).sees_money
    with pytest.raises(Forbidden):
        await agency.services.deals.close(both, deal_id, "lost", "price")


# --- lists --------------------------------------------------------------------------------------------------------


async def test_deals_come_by_next_touch_overdue_first_a_page_at_a_time(agency: Agency) -> None:
    client_id = await agency.client(agency.anna)
    for shift in (3, -2, 0, -5, 10):
        deal_id = await agency.deal(agency.anna, client_id=client_id, title=f"{shift:+}")
        await change(
            agency, "UPDATE deals SET review_on = :on WHERE id = :id", id=deal_id, on=agency.today + timedelta(shift)
        )
    await agency.deal(agency.boris)

    async def titles(filter_: str, offset: int = 0, limit: int = 8) -> list[str]:
        page = await agency.services.deals.page(agency.anna, filter_, offset, limit)
        return [deal.title for deal in page.rows]

    assert await titles("mine") == ["-5", "-2", "+0", "+3", "+10"]
    assert await titles("mine", 2, 2) == ["+0", "+3"]
    assert await titles("overdue") == ["-5", "-2"]
    assert await titles("today") == ["+0"]
    assert await titles("closed") == []
    assert (await agency.services.deals.page(agency.anna, "mine", 0, 2)).total == 5
    assert (await agency.services.deals.page(agency.anna, "all", 0, 2)).total == 5
    behind = await agency.services.deals.page(agency.anna, "mine", 8, 8)
    assert (behind.rows, behind.total) == ([], 5), "a list that has shrunk under a person knows how long it is"
    assert (await agency.services.deals.page(agency.galina, "all", 0, 2)).total == 6


async def test_an_executor_has_the_deals_of_his_open_tasks_in_his_list(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    task = Task(
        kind=TaskKind.CALCULATE,
        deal_id=deal_id,
        author_id=agency.anna.user_id,
        assignee_id=agency.egor.user_id,
        due_at=agency.clock.now(),
    )
    await agency.save(task)
    assert (await agency.services.deals.page(agency.egor, "mine", 0, 8)).total == 1
    assert (await agency.services.deals.page(agency.faina, "mine", 0, 8)).total == 0
    await change(agency, "UPDATE tasks SET status = 'done'")
    assert (await agency.services.deals.page(agency.egor, "mine", 0, 8)).total == 0


# --- the next touch -----------------------------------------------------------------------------------------------


async def test_a_deal_is_put_off_by_hand_and_goes_on_to_its_next_event(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    await policy(agency, deal_id, ends=agency.today + timedelta(days=200))
    asked = agency.today + timedelta(days=3)
    assert await agency.services.deals.postpone(agency.anna, deal_id, asked.isoformat()) == asked.isoformat()
    deal = await deal_of(agency, deal_id)
    assert (deal.review_on, deal.review_reason) == (asked, ReviewReason.BY_HAND)
    on = await agency.services.deals.to_next_event(agency.anna, deal_id)
    deal = await deal_of(agency, deal_id)
    assert (deal.review_on.isoformat(), deal.review_reason) == (on, ReviewReason.POLICY_END)
    assert deal.review_on > asked
    events = await agency.rows(select(JournalEntry.event).order_by(JournalEntry.id))
    assert events == ["deal_postponed", "deal_to_next_event"]


async def test_a_deal_cannot_be_put_off_into_the_past_or_the_next_century(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    for day in (agency.today - timedelta(days=1), agency.today + timedelta(days=365 * 6)):
        with pytest.raises(Invalid):
            await agency.services.deals.postpone(agency.anna, deal_id, day.isoformat())
    with pytest.raises(NotFound):
        await agency.services.deals.postpone(agency.boris, deal_id, agency.today.isoformat())
    assert (await deal_of(agency, deal_id)).review_on == agency.today


# --- closing and opening again ------------------------------------------------------------------------------------


async def test_closing_calls_off_tasks_stops_reminders_and_tells_the_executor(agency: Agency) -> None:
    client_id = await agency.client(agency.anna)
    deal_id = await agency.services.deals.open(agency.anna, client_id, await draft(agency))
    await agency.save(
        Task(
            kind=TaskKind.CALCULATE,
            deal_id=deal_id,
            author_id=agency.anna.user_id,
            assignee_id=agency.egor.user_id,
            due_at=agency.clock.now() + timedelta(days=1),
        )
    )
    await agency.services.deals.close(agency.anna, deal_id, "lost", "price", "нашёл дешевле")
    deal = await deal_of(agency, deal_id)
    assert (deal.stage, deal.outcome, deal.close_reason) == (DealStage.CLOSED, "lost", "price")
    assert await agency.rows(select(Task.status)) == [TaskStatus.CANCELLED]
    assert ReminderStatus.PLANNED not in await agency.rows(select(Reminder.status))
    messages = await agency.rows(select(OutboxMessage))
    assert [(one.recipient_id, one.kind) for one in messages] == [(agency.egor.user_id, "task_cancelled")]
    with pytest.raises(AlreadyDone):
        await agency.services.deals.close(agency.anna, deal_id, "lost", "price")
    assert (await agency.services.deals.page(agency.anna, "closed", 0, 8)).total == 1
    assert (await agency.services.deals.page(agency.anna, "mine", 0, 8)).total == 0


async def test_a_deal_with_money_owed_or_a_policy_in_force_is_not_lost_by_closing(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    row = await policy(agency, deal_id, ends=agency.today + timedelta(days=100), paid=False)
    with pytest.raises(Invalid, match="owes"):
        await agency.services.deals.close(agency.anna, deal_id, "ended", "sold_object")
    await change(agency, "UPDATE payments SET waived_at = now()")
    with pytest.raises(Invalid, match="in force"):
        await agency.services.deals.close(agency.anna, deal_id, "lost", "price")
    await agency.services.deals.close(agency.anna, deal_id, "ended", "sold_object")
    outcome = await agency.rows(select(Policy.outcome).where(Policy.id == row.id))
    assert outcome == [PolicyOutcome.LOST]


async def test_a_closed_deal_is_opened_again_to_be_looked_at_today(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    with pytest.raises(AlreadyDone):
        await agency.services.deals.reopen(agency.anna, deal_id)
    await agency.services.deals.close(agency.anna, deal_id, "lost", "no_answer")
    agency.clock.advance(timedelta(days=30))
    await agency.services.deals.reopen(agency.anna, deal_id)
    deal = await deal_of(agency, deal_id)
    assert (deal.stage, deal.outcome, deal.close_reason) == (DealStage.COLLECTING, None, None)
    assert (deal.review_on, deal.review_reason) == (agency.today, ReviewReason.REOPENED)
    assert ReminderStatus.PLANNED in await agency.rows(select(Reminder.status).where(Reminder.object_id == deal_id))


async def test_an_admin_who_closes_a_sellers_deal_tells_the_seller(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    await agency.services.deals.close(agency.galina, deal_id, "cancelled", "duplicate")
    messages = await agency.rows(select(OutboxMessage))
    assert [(one.recipient_id, one.kind) for one in messages] == [(agency.anna.user_id, "deal_closed")]


# --- executor, object, agreed expenses ----------------------------------------------------------------------------


async def test_only_an_executor_can_become_the_executor(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    with pytest.raises(Invalid):
        await agency.services.deals.set_executor(agency.anna, deal_id, agency.boris.user_id)
    await agency.services.deals.set_executor(agency.anna, deal_id, agency.egor.user_id)
    assert (await agency.services.deals.card(agency.egor, deal_id)).deal.executor_id == agency.egor.user_id
    with pytest.raises(Forbidden):
        await agency.services.deals.set_executor(agency.egor, deal_id, agency.faina.user_id)


async def test_the_insured_object_is_corrected_by_typing(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    correct = agency.services.deals.change
    await correct(agency.anna, deal_id, "plate", "a123bc77")
    await correct(agency.anna, deal_id, "title", " Kia  K5 ")
    with pytest.raises(Unreadable):
        await correct(agency.anna, deal_id, "vin", "коротко")
    with pytest.raises(Invalid):
        await correct(agency.anna, deal_id, "seller_id", "2")
    deal = await deal_of(agency, deal_id)
    assert (deal.plate, deal.title, deal.vin) == ("А123ВС77", "Kia K5", None)


async def test_an_expense_is_agreed_as_a_percent_or_a_sum_and_taken_back(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    add = agency.services.deals.add_expense
    for wrong in ({}, {"percent": "101"}, {"amount": "0"}, {"percent": "5", "amount": "5"}):
        with pytest.raises(Invalid):
            await add(agency.anna, deal_id, "client_discount", **wrong)
    expense_id = await add(agency.anna, deal_id, "client_discount", percent="5")
    await add(agency.anna, deal_id, "partner_fee", amount="3000", payee="Автосалон")
    agreed = (await agency.services.deals.card(agency.anna, deal_id)).agreed
    assert [(one.percent, one.amount, one.payee) for one in agreed] == [
        (Decimal(5), None, ""),
        (None, Decimal(3000), "Автосалон"),
    ]
    await agency.services.deals.remove_expense(agency.anna, deal_id, expense_id)
    with pytest.raises(AlreadyDone):
        await agency.services.deals.remove_expense(agency.anna, deal_id, expense_id)
    other = await agency.deal(agency.boris)
    with pytest.raises(AlreadyDone):
        await agency.services.deals.remove_expense(agency.boris, other, agreed[1].id)
