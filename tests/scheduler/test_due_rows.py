"""Due rows fire once, late or not, by however many schedulers, and only while what they say is true."""

import asyncio
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from models.enums import CloseReason, DealOutcome, PolicyOutcome, TaskKind
from models.tables import LineOfBusiness, User
from services import planning
from services.access import SYSTEM
from services.registry import Services
from storage.engine import Database
from storage.uow import Transactions
from tests.scheduler.acts import (
    instalment,
    messages,
    moscow,
    payments,
    planned,
    register,
    said,
    steps,
    tick,
)
from tests.services.conftest import Agency


async def change(agency: Agency, user_id: int, **values: Any) -> None:
    async with agency.database.writing() as session:
        await session.execute(update(User).where(User.id == user_id).values(**values))
        await session.commit()


# --- once ----------------------------------------------------------------------------------------------------------


async def test_a_second_tick_says_nothing_again(agency: Agency) -> None:
    await register(agency, agency.anna, await agency.deal(agency.anna))
    assert await tick(agency, 2027, 1, 15, 9, 5) > 0
    assert await tick(agency, 2027, 1, 15, 9, 5) == 0
    assert await tick(agency, 2027, 1, 15, 18) == 0
    assert await said(agency) == [("01-15", agency.anna.user_id, "policy_end", -45)]
    assert await messages(agency) == 1


async def test_two_schedulers_at_once_claim_each_row_once(agency: Agency, database_url: str) -> None:
    for number in range(30):
        await instalment(agency, agency.anna if number % 2 else agency.boris, date(2026, 4, 15))
    moscow(agency, 2026, 4, 20, 9, 5)
    other = Database(database_url)
    twin = Services.build(Transactions(other), agency.clock, agency.files)

    async def until_done(services: Services) -> int:
        fired = 0
        while taken := await services.reminders.fire_due(SYSTEM, 7):
            fired += taken
        return fired

    fired = await asyncio.gather(*(until_done(one) for one in (agency.services, twin, agency.services, twin)))
    await other.close()
    assert sum(1 for one in fired if one) > 1, "only one of them found work, so nothing was tested"
    heard = await said(agency, "payment")
    assert len(heard) == 30
    assert {step for _day, _who, _kind, step in heard} == {3}
    # So many that are late come as one message a person, which the other scheduler's rows only change.
    assert await messages(agency) == 0
    cards = await agency.sql("SELECT DISTINCT recipient_id, card_key FROM outbox WHERE kind = 'reminders_missed'")
    assert len(cards) == 2
    assert await agency.sql(
        "SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= :n", n=agency.clock.now()
    ) == [(0,)]


async def test_after_three_days_away_each_object_is_said_once_by_its_last_step(agency: Agency) -> None:
    await instalment(agency, agency.anna, date(2026, 4, 15))
    assert [step for _day, step in await planned(agency, "payment")] == [-14, -7, -3, 0, 1, 3, 7, 7, 14, 14]
    # From the Tuesday before the due day to the Sunday after it nobody looked: 0 and +1 and +3 (on Friday) are due.
    await tick(agency, 2026, 4, 14, 9, 5)
    before = len(await said(agency))
    await tick(agency, 2026, 4, 19, 9, 5)
    assert [line[2:] for line in (await said(agency))[before:]] == [("payment", 3)]
    # What was missed does not come later either, and the next step comes in its own time.
    await tick(agency, 2026, 4, 22, 9, 5)
    assert (await steps(agency, "payment"))[-2:] == [("04-22", 7), ("04-22", 7)]


async def test_a_late_row_gives_way_to_one_that_is_planned_for_later_today(agency: Agency) -> None:
    await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 8, 9, 5)
    # Back at half past eight on the day after the due day: «due today» would be a lie, «overdue» comes at nine.
    await tick(agency, 2026, 4, 16, 8, 30)
    await tick(agency, 2026, 4, 16, 9, 0)
    assert (await steps(agency, "payment"))[-1:] == [("04-16", 1)]
    assert [day for day, _step in await steps(agency, "payment")].count("04-16") == 1


async def test_a_batch_that_ends_between_two_steps_of_an_object_says_one_of_them(agency: Agency) -> None:
    await instalment(agency, agency.anna, date(2026, 4, 15))
    moscow(agency, 2026, 4, 17, 9, 5)
    while await agency.services.reminders.fire_due(SYSTEM, 1):
        pass
    assert await steps(agency, "payment") == [("04-17", 3)]


# --- only what is true ---------------------------------------------------------------------------------------------


async def test_what_is_answered_is_heard_of_no_more(agency: Agency) -> None:
    _deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 8, 9, 5)
    await agency.services.money.client_paid(agency.anna, payment)
    for day in range(9, 31):
        await tick(agency, 2026, 4, day, 9, 5)
    assert await steps(agency, "payment") == [("04-08", -7)]
    assert await agency.sql(
        "SELECT DISTINCT status, answer FROM reminders WHERE kind = 'payment' AND sent_at IS NOT NULL"
    ) == [("answered", "paid")]


async def test_facts_that_changed_behind_the_planners_back_are_seen_when_the_row_fires(agency: Agency) -> None:
    policy = await register(agency, agency.anna, await agency.deal(agency.anna))
    async with agency.database.writing() as session:
        from models.tables import Policy

        (await session.get_one(Policy, policy)).outcome = PolicyOutcome.LOST
        await session.commit()
    await tick(agency, 2027, 1, 15, 9, 5)
    assert await said(agency, "policy_end") == []
    assert await agency.sql("SELECT status FROM reminders WHERE kind = 'policy_end' AND step = -45") == [("skipped",)]


async def test_an_answer_at_the_very_moment_of_firing_leaves_nothing_planned(agency: Agency) -> None:
    for day in (15, 16, 17):
        _deal, payment = await instalment(agency, agency.anna, date(2026, 4, day))
        moscow(agency, 2026, 4, day - 7, 9, 5)
        await asyncio.gather(
            agency.services.reminders.fire_due(SYSTEM, 100), agency.services.money.client_paid(agency.anna, payment)
        )
        left = await agency.sql("SELECT status FROM reminders WHERE kind = 'payment' AND object_id = :p", p=payment)
        assert {status for (status,) in left} <= {"answered", "skipped"}


async def test_a_closed_deal_is_silent(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    await register(agency, agency.anna, deal)
    await agency.services.deals.close(agency.anna, deal, DealOutcome.ENDED.value, CloseReason.FINISHED.value)
    for month, day in ((1, 15), (1, 29), (2, 15), (3, 2), (3, 8)):
        await tick(agency, 2027, month, day, 9, 5)
    assert await said(agency) == []
    assert await agency.sql("SELECT count(*) FROM reminders WHERE status = 'planned'") == [(0,)]


async def test_somebody_blocked_or_out_of_reach_stops_nobody_else_and_the_admin_hears_instead(agency: Agency) -> None:
    for seller in (agency.anna, agency.boris):
        await register(agency, seller, await agency.deal(seller))
    await change(agency, agency.anna.user_id, active=False)
    for minute in (5, 6):
        await tick(agency, 2027, 1, 15, 9, minute)
    await change(agency, agency.boris.user_id, reachable=False)
    for minute in (5, 6):
        await tick(agency, 2027, 1, 29, 9, minute)
    galina = agency.galina.user_id
    assert await said(agency, "policy_end") == [
        ("01-15", agency.boris.user_id, "policy_end", -45),
        ("01-15", galina, "policy_end", -45),
        ("01-29", galina, "policy_end", -30),
        ("01-29", galina, "policy_end", -30),
    ]


async def test_a_review_whose_seller_is_out_of_reach_is_told_to_every_admin_in_his_own_morning(agency: Agency) -> None:
    boris, galina = agency.boris.user_id, agency.galina.user_id
    await agency.services.people.set_roles(agency.galina, boris, ["admin"])
    await change(agency, boris, time_zone="America/New_York")
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-05")
    await change(agency, agency.anna.user_id, reachable=False)
    for hour in (9, 9, 18, 18):
        await tick(agency, 2026, 3, 5, hour, 5)
    assert await said(agency, "review") == [("03-05", galina, "review", 0), ("03-05", boris, "review", 0)]


async def test_an_admin_who_takes_a_deal_over_hears_once_of_the_review_that_he_was_to_hear_of_anyway(
    agency: Agency,
) -> None:
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-05")
    await agency.services.people.set_roles(agency.galina, agency.galina.user_id, ["seller", "admin"])
    await change(agency, agency.galina.user_id, quiet_from=22, quiet_to=11)
    await change(agency, agency.anna.user_id, reachable=False)
    await tick(agency, 2026, 3, 5, 9, 5)
    await agency.services.people.hand_over_deal(agency.galina, deal, agency.galina.user_id)
    waits = "SELECT recipient_id, local_date FROM reminders WHERE kind = 'review' AND status = 'planned'"
    assert await agency.sql(waits) == [(agency.galina.user_id, date(2026, 3, 5))]
    await tick(agency, 2026, 3, 5, 11, 5)
    assert await agency.sql(waits) == [(agency.galina.user_id, date(2026, 3, 6))]


# --- when ----------------------------------------------------------------------------------------------------------


async def test_quiet_hours_end_before_anything_is_said(agency: Agency) -> None:
    await change(agency, agency.anna.user_id, quiet_from=22, quiet_to=11)
    await register(agency, agency.anna, await agency.deal(agency.anna))
    await tick(agency, 2027, 1, 15, 10, 59)
    assert await said(agency) == []
    await tick(agency, 2027, 1, 15, 11, 0)
    assert await steps(agency, "policy_end") == [("01-15", -45)]


async def test_quiet_hours_that_were_set_after_planning_are_respected_too(agency: Agency) -> None:
    await register(agency, agency.anna, await agency.deal(agency.anna))
    await change(agency, agency.anna.user_id, quiet_from=9, quiet_to=14)
    await tick(agency, 2027, 1, 15, 9, 5)
    assert await said(agency) == []
    await tick(agency, 2027, 1, 15, 14, 0)
    assert await steps(agency, "policy_end") == [("01-15", -45)]


async def test_what_is_found_at_night_waits_for_the_morning_and_is_said_once(agency: Agency) -> None:
    await instalment(agency, agency.anna, date(2026, 4, 15))
    # The bot was away all day of step 0 and comes back at 23:00; in the morning step +1 has its own turn.
    await tick(agency, 2026, 4, 14, 9, 5)
    before = len(await said(agency, "payment"))
    await tick(agency, 2026, 4, 15, 23)
    assert len(await said(agency, "payment")) == before
    await tick(agency, 2026, 4, 16, 8, 0)
    await tick(agency, 2026, 4, 16, 9, 0)
    await tick(agency, 2026, 4, 16, 12)
    assert (await steps(agency, "payment"))[before:] == [("04-16", 1)]


async def test_a_step_on_a_day_off_is_said_before_it(agency: Agency) -> None:
    # 2 November 2026 minus 3 is Friday; 9 May is a Saturday and Monday, the 11th, a day off for it.
    await instalment(agency, agency.anna, date(2026, 5, 11))
    assert await planned(agency, "payment") == [
        ("04-27", -14), ("05-04", -7), ("05-08", 0), ("05-12", 1), ("05-14", 3), ("05-18", 7), ("05-18", 7),
        ("05-25", 14), ("05-25", 14),
    ]  # fmt: skip


async def test_a_policy_entered_late_fires_only_the_nearest_missed_step(agency: Agency) -> None:
    moscow(agency, 2027, 2, 10, 12)
    await register(agency, agency.anna, await agency.deal(agency.anna))
    assert await planned(agency, "policy_end") == [
        ("02-10", -30), ("02-15", -14), ("02-22", -7), ("02-26", -1), ("03-02", 1), ("03-05", 7), ("03-31", 30),
    ]  # fmt: skip
    await tick(agency, 2027, 2, 10, 12, 5)
    await tick(agency, 2027, 2, 11, 9, 5)
    assert await steps(agency, "policy_end") == [("02-10", -30)]


async def test_an_import_of_long_ended_policies_floods_nobody(agency: Agency) -> None:
    moscow(agency, 2027, 2, 10, 12)
    old: dict[str, Any] = {"starts_on": date(2025, 1, 10), "ends_on": date(2026, 1, 9)}
    await register(agency, agency.anna, await agency.deal(agency.anna), **old)
    await tick(agency, 2027, 2, 10, 12, 5)
    assert await said(agency, "policy_end") == []


async def test_short_policies_are_not_reminded_of(agency: Agency) -> None:
    deal = await agency.deal(agency.anna, line="travel")
    await register(agency, agency.anna, deal, starts_on=date(2026, 3, 10), ends_on=date(2026, 4, 7))
    assert await planned(agency, "policy_end") == []
    # But when the trip is over somebody is to look at the deal.
    assert await planned(agency, "review") == [("04-07", 0)]


async def test_a_line_may_have_steps_of_its_own(agency: Agency) -> None:
    async with agency.database.writing() as session:
        (await session.get_one(LineOfBusiness, await agency.line())).steps = [100, 20]
        await session.commit()
    await register(agency, agency.anna, await agency.deal(agency.anna))
    assert await planned(agency, "policy_end") == [
        ("11-20", -100),
        ("02-09", -20),
        ("03-02", 1),
        ("03-05", 7),
        ("03-31", 30),
    ]


async def test_a_corrected_end_is_reminded_of_from_the_beginning(agency: Agency) -> None:
    """A typo in the year must not eat the steps of the true end."""
    policy = await register(agency, agency.anna, await agency.deal(agency.anna), ends_on=date(2026, 4, 10))
    await tick(agency, 2026, 3, 11, 9, 5)
    assert [step for _day, step in await steps(agency, "policy_end")] == [-30]
    moscow(agency, 2026, 3, 11, 12)
    await agency.services.policies.correct(agency.anna, policy, ends_on=date(2027, 3, 1))
    assert (await planned(agency, "policy_end"))[0] == ("01-15", -45)


async def test_a_shifted_due_day_is_reminded_of_from_the_beginning(agency: Agency) -> None:
    _deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 15, 9, 5)
    await agency.services.money.shift_due(agency.anna, payment, date(2026, 5, 20))
    assert [step for _day, step in await planned(agency, "payment")] == [-14, -7, -3, 0, 1, 3, 7, 7, 14, 14]


async def test_who_was_told_today_is_not_told_again_today_of_what_was_corrected(agency: Agency) -> None:
    _deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 8, 9, 5)
    await agency.services.money.shift_due(agency.anna, payment, date(2026, 4, 11))
    await tick(agency, 2026, 4, 8, 12)
    assert await steps(agency, "payment") == [("04-08", -7)]
    await tick(agency, 2026, 4, 10, 9, 5)
    assert (await steps(agency, "payment"))[-1] == ("04-10", 0)


# --- reviews -------------------------------------------------------------------------------------------------------


async def test_a_review_comes_back_every_working_day_until_somebody_touches_the_deal(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-05")
    for day in range(3, 14):
        await tick(agency, 2026, 3, day, 9, 5)
    # 7 and 8 March are a weekend, the 9th a day off.
    assert await steps(agency, "review") == [
        ("03-05", 0),
        ("03-06", 0),
        ("03-10", 0),
        ("03-11", 0),
        ("03-12", 0),
        ("03-13", 0),
    ]
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-20")
    for day in range(14, 21):
        await tick(agency, 2026, 3, day, 9, 5)
    assert (await steps(agency, "review"))[6:] == [("03-20", 0)]


async def test_a_review_that_nobody_could_fire_is_said_once_and_comes_back_the_next_working_day(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-12")
    await tick(agency, 2026, 3, 16, 9, 5)
    assert await steps(agency, "review") == [("03-16", 0)]
    assert await planned(agency, "review") == [("03-17", 0)]


async def test_a_review_on_a_day_off_is_said_before_it_unless_that_is_today(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-08")
    assert await planned(agency, "review") == [("03-06", 0)]
    moscow(agency, 2026, 3, 6, 12)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-07")
    assert await planned(agency, "review") == [("03-07", 0)]


async def test_whoever_hears_of_an_instalment_is_not_told_twice_about_the_deal(agency: Agency) -> None:
    deal, _payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await agency.services.deals.postpone(agency.anna, deal, "2026-04-01")
    await tick(agency, 2026, 4, 1, 9, 5)
    assert [line[2:] for line in await said(agency)] == [("payment", -14)]
    await tick(agency, 2026, 4, 2, 9, 5)
    assert [line[2:] for line in await said(agency)] == [("payment", -14), ("review", 0)]


async def test_who_sets_a_review_for_today_is_not_reminded_of_it_at_once(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-02")
    await tick(agency, 2026, 3, 2, 12, 5)
    assert await said(agency) == []
    # An admin who sets it for today wants the seller to know.
    await agency.services.deals.postpone(agency.galina, deal, "2026-03-02")
    await tick(agency, 2026, 3, 2, 12, 10)
    assert await said(agency) == [("03-02", agency.anna.user_id, "review", 0)]


# --- who -----------------------------------------------------------------------------------------------------------


async def test_a_week_late_instalment_is_heard_of_by_admins_too(agency: Agency) -> None:
    await instalment(agency, agency.anna, date(2026, 4, 15))
    for day in range(1, 31):
        await tick(agency, 2026, 4, day, 9, 5)
    anna, galina = agency.anna.user_id, agency.galina.user_id
    heard = await said(agency, "payment")
    assert [(day, step) for day, who, _kind, step in heard if who == galina] == [("04-22", 7), ("04-29", 14)]
    assert [step for _day, who, _kind, step in heard if who == anna] == [-14, -7, -3, 0, 1, 3, 7, 14]
    assert {who for _day, who, _kind, _step in heard} == {anna, galina}


async def test_an_admin_who_sells_hears_once(agency: Agency) -> None:
    await change(agency, agency.anna.user_id, roles=["seller", "admin"])
    await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 22, 9, 5)
    assert [line[1] for line in await said(agency, "payment")].count(agency.anna.user_id) == 1


async def test_a_handover_takes_what_is_planned_along(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await tick(agency, 2027, 1, 15, 9, 5)
    await agency.services.people.hand_over_deal(agency.galina, deal, agency.boris.user_id)
    await tick(agency, 2027, 1, 29, 9, 5)
    await tick(agency, 2027, 2, 15, 9, 5)
    assert await said(agency, "policy_end") == [
        ("01-15", agency.anna.user_id, "policy_end", -45),
        ("01-29", agency.boris.user_id, "policy_end", -30),
        ("02-15", agency.boris.user_id, "policy_end", -14),
    ]
    await agency.services.reminders.thinking(agency.boris, policy, 7)
    await tick(agency, 2027, 2, 22, 9, 5)
    assert (await said(agency, "policy_end"))[-1] == ("02-22", agency.boris.user_id, "policy_end", -7)


# --- tasks ---------------------------------------------------------------------------------------------------------


async def give(agency: Agency, due: str = "2026-03-03T18:00") -> int:
    deal = await agency.deal(agency.anna)
    return await agency.services.tasks.give(
        agency.anna, deal, TaskKind.CALCULATE, agency.egor.user_id, due, "Посчитать"
    )


async def test_an_unaccepted_task_is_heard_of_after_two_working_hours(agency: Agency) -> None:
    moscow(agency, 2026, 3, 2, 17)
    await give(agency)
    await tick(agency, 2026, 3, 3, 9, 59)
    assert await said(agency, "task_not_accepted") == []
    await tick(agency, 2026, 3, 3, 10, 0)
    assert await said(agency, "task_not_accepted") == [("03-03", agency.anna.user_id, "task_not_accepted", 0)]


async def test_an_accepted_task_is_not_reported_as_lying_about(agency: Agency) -> None:
    task = await give(agency)
    await agency.services.tasks.accept(agency.egor, task)
    await tick(agency, 2026, 3, 2, 15)
    assert await said(agency) == []


async def test_a_task_is_due_soon_for_its_executor_and_overdue_for_both_once(agency: Agency) -> None:
    task = await give(agency)
    await agency.services.tasks.accept(agency.egor, task)
    await tick(agency, 2026, 3, 3, 16)
    await tick(agency, 2026, 3, 3, 18)
    anna, egor = agency.anna.user_id, agency.egor.user_id
    heard = [line for line in await said(agency) if line[2].startswith("task_")]
    assert heard[0] == ("03-03", egor, "task_due_soon", 0)
    assert sorted(heard[1:]) == sorted([("03-03", anna, "task_overdue", 0), ("03-03", egor, "task_overdue", 0)])
    # Asked and answered after that, it is as overdue as before: nobody is told again.
    moscow(agency, 2026, 3, 4, 10)
    await agency.services.tasks.ask(agency.egor, task, "Какой год?")
    await agency.services.tasks.answer(agency.anna, task, "2020")
    await tick(agency, 2026, 3, 4, 12)
    assert len([line for line in await said(agency) if line[2] == "task_overdue"]) == 2


async def test_an_absence_that_outlives_the_warning_before_a_due_leaves_only_that_the_task_is_overdue(
    agency: Agency,
) -> None:
    task = await give(agency)
    await agency.services.tasks.accept(agency.egor, task)
    await tick(agency, 2026, 3, 3, 18)
    assert {line[2] for line in await said(agency) if line[2].startswith("task_")} == {"task_overdue"}


async def test_the_clock_of_a_task_stands_while_it_waits(agency: Agency) -> None:
    task = await give(agency)
    await agency.services.tasks.wait_insurer(agency.egor, task)
    await tick(agency, 2026, 3, 4, 12)
    assert [line for line in await said(agency) if line[2].startswith("task_")] == []


async def test_a_question_unanswered_for_a_day_reaches_the_admin(agency: Agency) -> None:
    task = await give(agency)
    await agency.services.tasks.ask(agency.egor, task, "Какой год?")
    await tick(agency, 2026, 3, 3, 11, 59)
    assert await said(agency, "task_question") == []
    await tick(agency, 2026, 3, 3, 12, 0)
    assert await said(agency, "task_question") == [("03-03", agency.galina.user_id, "task_question", 0)]


# --- digests -------------------------------------------------------------------------------------------------------


async def live_through(agency: Agency, since: tuple[int, int, int], days: int) -> None:
    """Tick every hour."""
    moscow(agency, *since)
    for _ in range(days * 24):
        await agency.services.reminders.fire_due(SYSTEM, 100)
        agency.clock.advance(timedelta(hours=1))


async def digests(agency: Agency, user_id: int) -> list[tuple[date, Any]]:
    return await agency.sql(
        "SELECT local_date, sent_at FROM reminders WHERE kind = 'digest' AND recipient_id = :u AND sent_at IS NOT NULL"
        " ORDER BY sent_at",
        u=user_id,
    )


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("Europe/Moscow", (2026, 3, 2)),
        ("Asia/Vladivostok", (2026, 3, 2)),
        ("Europe/Kaliningrad", (2026, 12, 28)),
        ("Europe/Berlin", (2026, 3, 26)),  # the clocks go forward on the 29th
        ("Europe/Berlin", (2026, 10, 22)),  # and back on the 25th
        ("America/New_York", (2026, 3, 5)),
    ],
)
@pytest.mark.parametrize("hour", [0, 2, 7, 9])
async def test_a_digest_comes_once_each_local_day_at_its_hour(
    agency: Agency, zone: str, since: tuple[int, int, int], hour: int
) -> None:
    who = agency.anna.user_id
    await change(agency, who, time_zone=zone, digest_hour=hour, quiet_from=21, quiet_to=7)
    moscow(agency, *since)
    assert await agency.services.reminders.ensure_digests(SYSTEM) == 5
    await live_through(agency, since, 7)
    heard = await digests(agency, who)
    days = [day for day, _at in heard]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    assert len(days) in {6, 7, 8}

    hours = {at.astimezone(ZoneInfo(zone)).hour for _day, at in heard}
    # On the night when the clocks go forward two o'clock does not exist: it is three then.
    assert hours <= ({hour} if hour != 2 else {2, 3})
    assert [at.astimezone(ZoneInfo(zone)).date() for _day, at in heard] == days


async def test_after_an_absence_todays_digest_comes_late_and_yesterdays_never(agency: Agency) -> None:
    await agency.services.reminders.ensure_digests(SYSTEM)
    await tick(agency, 2026, 3, 5, 14)
    assert [day for day, _at in await digests(agency, agency.anna.user_id)] == [date(2026, 3, 5)]
    await tick(agency, 2026, 3, 6, 9)
    assert [day for day, _at in await digests(agency, agency.anna.user_id)] == [date(2026, 3, 5), date(2026, 3, 6)]
    # At eight, before its hour, there is nothing to make up for; and nobody is woken at night for a morning's news.
    await tick(agency, 2026, 3, 9, 8)
    await tick(agency, 2026, 3, 9, 9)
    await tick(agency, 2026, 3, 10, 23)
    await tick(agency, 2026, 3, 11, 9)
    assert [day.day for day, _at in await digests(agency, agency.anna.user_id)] == [5, 6, 9, 11]


async def test_everybody_active_has_a_digest_planned_once(agency: Agency) -> None:
    await change(agency, agency.boris.user_id, active=False)
    assert await agency.services.reminders.ensure_digests(SYSTEM) == 4
    assert await agency.services.reminders.ensure_digests(SYSTEM) == 0
    assert await agency.sql("SELECT count(*), count(DISTINCT recipient_id) FROM reminders WHERE kind = 'digest'") == [
        (4, 4)
    ]


async def test_a_moved_digest_hour_does_not_bring_a_second_one_today(agency: Agency) -> None:
    await agency.services.reminders.ensure_digests(SYSTEM)
    await tick(agency, 2026, 3, 3, 9)
    await change(agency, agency.anna.user_id, digest_hour=12)
    async with agency.transactions.begin(None, agency.clock.now()) as tx:
        await planning.plan_digests(tx, await tx.session.get_one(User, agency.anna.user_id))
        await tx.commit()
    await tick(agency, 2026, 3, 3, 12)
    await tick(agency, 2026, 3, 4, 9)
    await tick(agency, 2026, 3, 4, 12)
    assert [(day.day, at.hour) for day, at in await digests(agency, agency.anna.user_id)] == [(3, 6), (4, 9)]


async def test_paid_instalments_of_many_are_said_of_no_more(agency: Agency) -> None:
    """The plan of a whole year: only what is left unpaid is heard of."""
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal, paid=False, plan="quarters")
    for payment in (await payments(agency, policy))[:3]:
        await agency.services.money.client_paid(agency.anna, payment)
    for month in range(4, 13):
        for day in range(1, 29):
            await tick(agency, 2026, month, day, 9, 5)
    assert (await steps(agency, "payment"))[0] == ("11-18", -14)
