"""Who did what can be found and cannot be rewritten; the numbers of the day are right."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from models.enums import DeliveryStatus, Role, TaskKind
from models.tables import InboxUpdate, OutboxMessage
from services.errors import AlreadyDone, Forbidden

TODAY = date(2026, 3, 2)


async def actions(agency: Any, **wanted: Any) -> list[str]:
    page = await agency.services.audit.page(agency.galina, size=50, **wanted)
    assert page.total == len(page.rows)
    return [line.record.action for line in page.rows]


async def test_records_are_found_by_person_by_deal_and_by_day(agency: Any) -> None:
    mine, foreign = await agency.deal(agency.anna), await agency.deal(agency.boris)
    await agency.services.deals.change(agency.anna, mine, "title", "Kia Ceed")
    await agency.services.deals.change(agency.boris, foreign, "title", "Дача")
    agency.clock.advance(timedelta(days=1))
    await agency.services.deals.close(agency.anna, mine, "lost", "price")
    number = (await agency.sql("SELECT number FROM deals WHERE id = :id", id=mine))[0][0]
    assert await actions(agency) == ["deal.closed", "deal.changed", "deal.changed"]
    assert await actions(agency, person_id=agency.boris.user_id) == ["deal.changed"]
    assert await actions(agency, deal_number=number) == ["deal.closed", "deal.changed"]
    assert await actions(agency, deal_number=number, day=TODAY) == ["deal.changed"]
    assert await actions(agency, day=TODAY - timedelta(days=1)) == []
    page = await agency.services.audit.page(agency.galina, 1, size=2)
    assert (len(page.rows), page.total) == (1, 3)
    assert (page.rows[0].actor, page.rows[0].deal_number) == ("Анна Серова", number)


async def test_everybody_whom_a_record_tells_of_has_a_name(agency: Any) -> None:
    tasks, deal_id = agency.services.tasks, await agency.deal(agency.anna)
    task_id = await tasks.give(agency.anna, deal_id, TaskKind.CALCULATE, agency.egor.user_id, "2026-03-03T18:00")
    await tasks.reassign(agency.anna, task_id, agency.faina.user_id)
    await agency.services.people.set_roles(agency.galina, agency.boris.user_id, ["seller", "executor"])
    page = await agency.services.audit.page(agency.galina, person_id=agency.galina.user_id)
    assert set(page.names.values()) == {"Галина Маркова", "Борис Котов"}
    page = await agency.services.audit.page(agency.galina)
    assert {"Анна Серова", "Егор Лисин", "Фаина Орлова", "Борис Котов"} <= set(page.names.values())


async def test_a_day_is_the_day_of_whoever_looks(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    agency.at(2026, 3, 2, 22, 30)  # half past one in the night of Moscow
    await agency.services.deals.change(agency.anna, deal_id, "title", "Kia Ceed")
    assert await actions(agency, day=date(2026, 3, 3)) == ["deal.changed"]
    assert await actions(agency, day=date(2026, 3, 2)) == []


async def test_the_chain_is_whole_until_somebody_touches_it(agency: Any) -> None:
    audit = agency.services.audit
    empty = await audit.verify(agency.galina)
    assert (empty.records, empty.first_bad) == (0, None)
    for n in range(5):
        await agency.services.people.invite(agency.galina, ["seller"] if n % 2 else ["executor", "admin"])
    ids = [row[0] for row in await agency.sql("SELECT id FROM audit_records ORDER BY id")]
    assert (await audit.verify(agency.galina)).first_bad is None

    async def tamper(statement: str) -> None:
        async with agency.database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE audit_records DISABLE TRIGGER audit_append_only"))
            await connection.execute(text(statement), {"id": ids[2]})
            await connection.execute(text("ALTER TABLE audit_records ENABLE TRIGGER audit_append_only"))

    await tamper("UPDATE audit_records SET actor_id = 0 WHERE id = :id")
    assert (await audit.verify(agency.galina)).first_bad == ids[2]
    await tamper("DELETE FROM audit_records WHERE id = :id")
    broken = await audit.verify(agency.galina)
    assert (broken.records, broken.first_bad) == (4, ids[3])


async def test_the_past_and_the_numbers_are_the_admins_alone(agency: Any) -> None:
    for actor in (agency.anna, agency.egor):
        for attempt in (
            agency.services.audit.page(actor),
            agency.services.audit.verify(actor),
            agency.services.stats.day(actor),
            agency.services.stats.dead_updates(actor),
            agency.services.stats.rerun(actor, 1, 1),
            agency.services.stats.dead_messages(actor),
            agency.services.stats.resend(actor, 1),
            agency.services.stats.failing_reminders(actor),
            agency.services.stats.fire_again(actor, 1),
        ):
            with pytest.raises(Forbidden):
                await attempt


# --- numbers ------------------------------------------------------------------------------------------------------


async def test_the_numbers_of_a_day_keep_the_clients_money_apart_from_ours(agency: Any) -> None:
    money = agency.services.money
    deal_id = await agency.deal(agency.anna)
    await agency.sql("SELECT 1")
    async with agency.database.engine.begin() as connection:
        await connection.execute(text("UPDATE deals SET created_at = :now"), {"now": agency.clock.now()})
    policy_id = await agency.services.policies.register(
        agency.anna,
        deal_id,
        number="A1",
        insurer_id=await agency.insurer(),
        premium=Decimal(60000),
        starts_on=TODAY - timedelta(days=350),
        ends_on=TODAY + timedelta(days=14),
        plan="halves",
    )
    async with agency.database.engine.begin() as connection:
        await connection.execute(text("UPDATE policies SET created_at = :now"), {"now": agency.clock.now()})
    await money.set_rate(agency.anna, policy_id, Decimal(10))
    payment = (await agency.sql("SELECT min(id) FROM payments"))[0][0]
    income = (await agency.sql("SELECT min(id) FROM incomes"))[0][0]
    await money.client_paid(agency.anna, payment)
    await money.commission_received(agency.anna, income, Decimal(2500))
    numbers = await agency.services.stats.day(agency.galina)
    day, now = numbers.of_day, numbers.now
    assert (day.deals, day.policies, day.premium) == (1, 1, Decimal(60000))
    assert (day.client_paid, day.commission_received, day.expenses_paid) == (Decimal(30000), Decimal(2500), Decimal(0))
    assert (now.open_deals, now.ending, now.expired, now.payments_overdue) == (1, 1, 0, 1)
    yesterday = (await agency.services.stats.day(agency.galina, TODAY - timedelta(days=1))).of_day
    assert (yesterday.deals, yesterday.premium, yesterday.client_paid) == (0, Decimal(0), Decimal(0))
    agency.clock.advance(timedelta(days=20))
    later = (await agency.services.stats.day(agency.galina)).now
    assert (later.ending, later.expired) == (0, 1)


async def test_what_waits_for_nobody_is_counted(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    due = agency.clock.now() + timedelta(hours=3)
    task_id = await agency.services.tasks.give(agency.anna, deal_id, TaskKind.OTHER, agency.egor.user_id, due, "Осмотр")
    await agency.services.tasks.finish(agency.egor, task_id)
    await agency.services.tasks.give(agency.anna, deal_id, TaskKind.CALCULATE, agency.egor.user_id, due)
    await agency.services.people.blocked_bot(agency.boris)
    await agency.services.people.block(agency.galina, agency.anna.user_id)
    agency.clock.advance(timedelta(hours=4))
    numbers = await agency.services.stats.day(agency.galina)
    assert numbers.of_day.tasks_done == 1
    assert (numbers.now.tasks_overdue, numbers.now.abandoned, numbers.now.unreachable) == (1, 1, 1)


async def test_an_update_that_was_given_up_can_be_run_again(agency: Any) -> None:
    def update(update_id: int, status: DeliveryStatus) -> InboxUpdate:
        payload = {"update_id": update_id, "message": {"text": "Иванов 89123456789"}}
        return InboxUpdate(
            bot_id=1, update_id=update_id, person_id=101, payload=payload, status=status, error="A1B2C3: KeyError()"
        )

    message = OutboxMessage(recipient_id=agency.anna.user_id, kind="digest", params={}, status=DeliveryStatus.DEAD)
    await agency.save(update(7, DeliveryStatus.DEAD), update(8, DeliveryStatus.DONE), message)
    rows, total = await agency.services.stats.dead_updates(agency.galina)
    assert (total, rows[0].person, rows[0].kind, rows[0].reference) == (1, "Анна Серова", "message", "A1B2C3")
    numbers = (await agency.services.stats.day(agency.galina)).now
    assert (numbers.dead_updates, numbers.dead_messages) == (1, 1)
    await agency.services.stats.rerun(agency.galina, 1, 7)
    assert await agency.sql("SELECT status FROM inbox WHERE update_id = 7") == [("pending",)]
    for again in (7, 8, 9):
        with pytest.raises(AlreadyDone):
            await agency.services.stats.rerun(agency.galina, 1, again)


async def test_a_message_that_did_not_arrive_can_be_sent_after_all(agency: Any) -> None:
    await agency.save(
        *(
            OutboxMessage(
                recipient_id=who.user_id, kind="task_given", params={}, status=DeliveryStatus.DEAD, attempts=5
            )
            for who in (agency.anna, agency.boris)
        )
    )
    await agency.services.people.blocked_bot(agency.boris)
    stats = agency.services.stats
    rows, total = await stats.dead_messages(agency.galina)
    assert total == 2
    assert [(row.person, row.kind, row.blocked) for row in rows] == [
        ("Борис Котов", "task_given", True),
        ("Анна Серова", "task_given", False),
    ]
    await stats.resend(agency.galina, rows[1].id)
    assert await agency.sql("SELECT status, attempts FROM outbox WHERE id = :id", id=rows[1].id) == [("pending", 0)]
    with pytest.raises(AlreadyDone):
        await stats.resend(agency.galina, rows[1].id)


async def test_an_admin_who_is_blocked_sees_nothing(agency: Any) -> None:
    zoya = await agency.person(302, "Зоя Рубцова", Role.ADMIN)
    await agency.services.people.block(zoya, agency.galina.user_id)
    assert await agency.services.people.identify(301) is None
