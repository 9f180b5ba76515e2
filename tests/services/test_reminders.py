"""Answers to reminders: what they leave behind, how far they reach, and who may give them."""

from datetime import date, timedelta
from typing import Any

import pytest

from models.enums import CloseReason, DealOutcome, PolicyOutcome, Role
from services.errors import AlreadyDone, Forbidden, Invalid, NotFound
from tests.scheduler.acts import instalment, moscow, payments, planned, register, said, steps, tick
from tests.services.conftest import Agency


async def reminder(agency: Agency, kind: str) -> int:
    """The last one of a kind that was sent."""
    rows = await agency.sql(
        "SELECT id FROM reminders WHERE kind = :k AND sent_at IS NOT NULL ORDER BY sent_at DESC, id DESC LIMIT 1",
        k=kind,
    )
    return int(rows[0][0])


async def answers(agency: Agency, kind: str) -> list[tuple[Any, ...]]:
    return await agency.sql(
        "SELECT step, status, answer FROM reminders WHERE kind = :k AND sent_at IS NOT NULL ORDER BY sent_at, id",
        k=kind,
    )


async def review(agency: Agency, deal_id: int) -> tuple[Any, ...]:
    return (await agency.sql("SELECT review_on, review_reason FROM deals WHERE id = :d", d=deal_id))[0]


# --- thinking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "days", "until"),
    [
        (date(2027, 1, 15), 7, date(2027, 1, 22)),
        (date(2027, 2, 22), 7, date(2027, 2, 26)),  # the last safe day of КАСКО, T-3
        (date(2027, 2, 15), 14, date(2027, 2, 26)),
        (date(2027, 2, 26), 14, date(2027, 3, 1)),  # that day has come: then not beyond the end
        (date(2027, 2, 28), 3, date(2027, 3, 1)),
        (date(2027, 3, 5), 7, date(2027, 3, 12)),  # it has ended: nothing is left to be saved by hurry
    ],
)
async def test_a_client_never_thinks_past_the_last_safe_day(
    agency: Agency, today: date, days: int, until: date
) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await tick(agency, today.year, today.month, today.day, 12)
    assert await agency.services.reminders.thinking(agency.anna, policy, days) == until.isoformat()
    assert await review(agency, deal) == (until, "by_hand")
    # Until then it is quiet; on that day (or before a day off) somebody hears of it.
    heard = len(await said(agency))
    day = today
    while day < until:
        await tick(agency, day.year, day.month, day.day, 18)
        day += timedelta(days=1)
    early = (await said(agency))[heard:]
    await tick(agency, until.year, until.month, until.day, 12)
    in_time = (await said(agency))[heard:]
    assert in_time, f"nothing was said by {until}"
    assert not early or until.weekday() >= 5


async def test_every_thought_on_every_day_ends_in_time(agency: Agency) -> None:
    """All chips on all days of the last fortnight: the next word comes by the last safe day while it is ahead."""
    policy = await register(agency, agency.anna, await agency.deal(agency.anna))
    safe, day = date(2027, 2, 26), date(2027, 2, 12)
    while day < safe:
        for days in (3, 7, 14):
            moscow(agency, day.year, day.month, day.day, 12)
            await agency.services.reminders.thinking(agency.anna, policy, days)
            (nearest,) = (await agency.sql("SELECT min(local_date) FROM reminders WHERE status = 'planned'"))[0]
            assert day < nearest <= safe, (day, days)
        day += timedelta(days=1)


async def test_a_thought_answers_what_was_asked_and_puts_the_rest_off(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await tick(agency, 2027, 1, 29, 9, 5)
    await agency.services.reminders.thinking(agency.anna, policy, 3)
    assert await answers(agency, "policy_end") == [(-30, "answered", "thinking")]
    assert (await planned(agency, "policy_end"))[0] == ("02-15", -14)
    assert await planned(agency, "review") == [("02-01", 0)]
    assert await agency.sql("SELECT event, params->>'until' FROM journal_entries WHERE event = 'client_thinks'") == [
        ("client_thinks", "2027-02-01")
    ]


async def test_a_slip_of_the_finger_is_taken_back_as_if_nothing_had_been_answered(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await tick(agency, 2027, 1, 29, 9, 5)
    before = await planned(agency, "policy_end")
    await agency.services.reminders.thinking(agency.anna, policy, 14)
    asked = await reminder(agency, "policy_end")
    assert (await agency.services.reminders.view(agency.anna, asked)).takes_back
    await agency.services.reminders.take_back(agency.anna, asked)
    assert await answers(agency, "policy_end") == [(-30, "sent", None)]
    assert await planned(agency, "policy_end") == before
    assert await review(agency, deal) == (date(2027, 1, 29), "policy_end")
    with pytest.raises(AlreadyDone):
        await agency.services.reminders.take_back(agency.anna, asked)


@pytest.mark.parametrize("answer", ["postpone", "to_next_event"])
async def test_a_review_put_off_by_mistake_is_today_again(agency: Agency, answer: str) -> None:
    deal = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal, "2026-03-05")
    await tick(agency, 2026, 3, 5, 9, 5)
    asked = await reminder(agency, "review")
    if answer == "postpone":
        await agency.services.deals.postpone(agency.anna, deal, "2026-03-12")
    else:
        await agency.services.deals.to_next_event(agency.anna, deal)
    await agency.services.reminders.take_back(agency.anna, asked)
    assert (await review(agency, deal))[0] == date(2026, 3, 5)
    assert (await agency.services.reminders.view(agency.anna, asked)).pending


async def test_an_instalment_put_off_by_mistake_is_asked_about_again(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal, paid=False)
    payment = (await payments(agency, policy))[0]
    await tick(agency, 2026, 3, 2, 12)
    asked, before = await reminder(agency, "payment"), await planned(agency, "payment")
    await agency.services.reminders.put_off_payment(agency.anna, payment, 7)
    await agency.services.reminders.take_back(agency.anna, asked)
    assert await planned(agency, "payment") == before
    assert (await agency.services.reminders.view(agency.anna, asked)).pending


async def test_after_ten_minutes_an_answer_stands_and_nobody_else_takes_it_back(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await tick(agency, 2027, 1, 29, 9, 5)
    asked = await reminder(agency, "policy_end")
    await agency.services.reminders.thinking(agency.anna, policy, 3)
    for stranger in (agency.boris, agency.galina):
        with pytest.raises(NotFound):
            await agency.services.reminders.take_back(stranger, asked)
    await tick(agency, 2027, 1, 29, 9, 16)
    assert not (await agency.services.reminders.view(agency.anna, asked)).takes_back
    with pytest.raises(Invalid):
        await agency.services.reminders.take_back(agency.anna, asked)
    assert await answers(agency, "policy_end") == [(-30, "answered", "thinking")]


async def test_a_decided_or_closed_policy_is_not_thought_about(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await agency.services.policies.set_outcome(agency.anna, policy, PolicyOutcome.LOST, CloseReason.PRICE)
    with pytest.raises(AlreadyDone):
        await agency.services.reminders.thinking(agency.anna, policy, 7)
    await agency.services.policies.clear_outcome(agency.anna, policy)
    await agency.services.deals.close(agency.anna, deal, DealOutcome.ENDED.value, CloseReason.FINISHED.value)
    with pytest.raises(AlreadyDone):
        await agency.services.reminders.thinking(agency.anna, policy, 7)


@pytest.mark.parametrize("days", [0, -3, 91, 10_000])
async def test_a_thought_of_no_days_or_of_a_season_is_refused(agency: Agency, days: int) -> None:
    policy = await register(agency, agency.anna, await agency.deal(agency.anna))
    with pytest.raises(Invalid):
        await agency.services.reminders.thinking(agency.anna, policy, days)


# --- calculating, promising, putting off ---------------------------------------------------------------------------


async def test_calculating_is_quiet_until_the_last_safe_day_and_no_longer(agency: Agency) -> None:
    policy = await register(agency, agency.anna, await agency.deal(agency.anna))
    await tick(agency, 2027, 1, 15, 9, 5)
    await agency.services.policies.start_renewal(agency.anna, policy)
    assert (await planned(agency, "policy_end"))[0] == ("02-26", -1)
    # A correction of the number plans anew, and it is as quiet as before.
    await agency.services.policies.correct(agency.anna, policy, number="НОВЫЙ 7")
    assert (await planned(agency, "policy_end"))[0] == ("02-26", -1)
    for day in range(16, 32):
        await tick(agency, 2027, 1, day, 9, 5)
    for day in range(1, 29):
        await tick(agency, 2027, 2, day, 9, 5)
    assert await steps(agency, "policy_end") == [("01-15", -45), ("02-26", -1)]


async def test_a_broken_promise_is_heard_of_from_the_promised_day_on(agency: Agency) -> None:
    deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 8, 9, 5)
    await agency.services.money.promise(agency.anna, payment, date(2026, 4, 20))
    assert await review(agency, deal) == (date(2026, 4, 20), "payment_due")
    assert await planned(agency, "payment") == [
        ("04-20", 0), ("04-21", 1), ("04-23", 3), ("04-27", 7), ("04-27", 7), ("05-04", 14), ("05-04", 14),
    ]  # fmt: skip
    for day in range(9, 22):
        await tick(agency, 2026, 4, day, 9, 5)
    assert [line[0] for line in await said(agency)] == ["04-08", "04-20", "04-21"]


async def test_a_promise_to_pay_before_the_due_day_is_asked_about_on_its_own_day(agency: Agency) -> None:
    _deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    moscow(agency, 2026, 3, 30, 12)
    await agency.services.money.promise(agency.anna, payment, date(2026, 4, 3))
    assert (await planned(agency, "payment"))[:3] == [("04-03", 0), ("04-08", -7), ("04-10", -3)]


async def test_an_instalment_is_put_off_until_its_due_day_at_most(agency: Agency) -> None:
    deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 1, 9, 5)
    services = agency.services.reminders
    assert await services.put_off_payment(agency.anna, payment, 7) == "2026-04-08"
    assert await answers(agency, "payment") == [(-14, "answered", "put_off")]
    assert (await planned(agency, "payment"))[0] == ("04-08", -7)
    moscow(agency, 2026, 4, 13, 12)
    assert await services.put_off_payment(agency.anna, payment, 7) == "2026-04-15"
    assert (await planned(agency, "payment"))[0] == ("04-15", 0)
    # An overdue one may wait as long as the seller says.
    moscow(agency, 2026, 4, 20, 12)
    assert await services.put_off_payment(agency.anna, payment, 3) == "2026-04-23"
    assert await review(agency, deal) == (date(2026, 4, 23), "by_hand")
    await agency.services.money.client_paid(agency.anna, payment)
    with pytest.raises(AlreadyDone):
        await services.put_off_payment(agency.anna, payment, 3)


async def test_an_instalment_put_off_beyond_its_last_reminder_keeps_one_when_its_deal_goes_elsewhere(
    agency: Agency,
) -> None:
    deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    moscow(agency, 2026, 4, 24, 12)
    await agency.services.reminders.put_off_payment(agency.anna, payment, 25)
    await agency.services.deals.to_next_event(agency.anna, deal)
    assert await planned(agency, "payment") == [("05-19", 14), ("05-19", 14)]  # the seller's and the admin's


async def test_an_expired_policy_put_off_beyond_its_last_reminder_keeps_one_when_its_deal_goes_elsewhere(
    agency: Agency,
) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    moscow(agency, 2027, 3, 20, 12)
    await agency.services.reminders.thinking(agency.anna, policy, 20)
    await agency.services.deals.to_next_event(agency.anna, deal)
    assert await planned(agency, "policy_end") == [("04-09", 30)]


async def test_an_answer_that_is_taken_back_is_asked_for_again(agency: Agency) -> None:
    _deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    await tick(agency, 2026, 4, 8, 9, 5)
    asked = await reminder(agency, "payment")
    move = await agency.services.money.client_paid(agency.anna, payment)
    assert not (await agency.services.reminders.view(agency.anna, asked)).pending
    await agency.services.money.undo(agency.anna, move)
    await agency.services.reminders.ask_again(agency.anna, asked)
    view = await agency.services.reminders.view(agency.anna, asked)
    assert (view.pending, view.reminder.answer) == (True, None)
    assert (await planned(agency, "payment"))[0] == ("04-10", -3)


# --- who -----------------------------------------------------------------------------------------------------------


async def test_a_reminder_is_seen_only_by_whom_it_was_sent_to(agency: Agency) -> None:
    await register(agency, agency.anna, await agency.deal(agency.anna))
    await tick(agency, 2027, 1, 15, 9, 5)
    asked = await reminder(agency, "policy_end")
    view = await agency.services.reminders.view(agency.anna, asked)
    assert (view.pending, view.decides, view.safe_day) == (True, True, date(2027, 2, 26))
    for other in (agency.boris, agency.egor, agency.galina):
        with pytest.raises(NotFound):
            await agency.services.reminders.view(other, asked)
        with pytest.raises(NotFound):
            await agency.services.reminders.ask_again(other, asked)
    with pytest.raises(NotFound):
        await agency.services.reminders.view(agency.anna, asked + 1000)


async def test_after_a_handover_the_giver_sees_his_old_reminder_no_more(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    await register(agency, agency.anna, deal)
    await tick(agency, 2027, 1, 15, 9, 5)
    asked = await reminder(agency, "policy_end")
    await agency.services.people.hand_over_deal(agency.anna, deal, agency.boris.user_id)
    with pytest.raises(NotFound):
        await agency.services.reminders.view(agency.anna, asked)


async def test_only_who_decides_about_the_deal_answers(agency: Agency) -> None:
    deal = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    policy = await register(agency, agency.anna, deal, paid=False)
    payment = (await payments(agency, policy))[0]
    seller_and_executor = await agency.person(777, "Жанна", Role.SELLER, Role.EXECUTOR)
    services = agency.services.reminders
    for actor, refusal in (
        (agency.boris, NotFound),  # another's deal does not exist
        (agency.egor, Forbidden),  # an executor decides nothing
        (seller_and_executor, NotFound),
    ):
        with pytest.raises(refusal):
            await services.thinking(actor, policy, 7)
        with pytest.raises(refusal):
            await services.put_off_payment(actor, payment, 3)
    for actor in (agency.anna, agency.boris, agency.egor):
        with pytest.raises(Forbidden):
            await services.fire_due(actor, 10)
        with pytest.raises(Forbidden):
            await services.ensure_digests(actor)
    await services.thinking(agency.galina, policy, 7)


async def test_who_executes_a_deal_of_another_seller_does_not_answer_for_him(agency: Agency) -> None:
    both = await agency.person(778, "Жанна", Role.SELLER, Role.EXECUTOR)
    deal = await agency.deal(agency.anna, executor_id=both.user_id)
    policy = await register(agency, agency.anna, deal)
    with pytest.raises(Forbidden):
        await agency.services.reminders.thinking(both, policy, 7)


# --- a seller who cannot be told -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["blocked", "demoted", "stopped the bot"])
async def test_what_a_seller_cannot_be_told_the_admin_is_until_it_is_handed_over(agency: Agency, how: str) -> None:
    deal = await agency.deal(agency.anna)
    await register(agency, agency.anna, deal, paid=False)
    if how == "blocked":
        await agency.services.people.block(agency.galina, agency.anna.user_id)
    elif how == "demoted":
        await agency.services.people.set_roles(agency.galina, agency.anna.user_id, ["executor"])
    else:
        await agency.services.people.unreachable(agency.galina, agency.anna.user_id)
    for day in (4, 5):
        await tick(agency, 2026, 3, day, 12)
        await tick(agency, 2026, 3, day, 12, 5)
    galina = agency.galina.user_id
    assert await said(agency, "payment") == [("03-04", galina, "payment", 1), ("03-05", galina, "payment", 3)]
    await agency.services.people.hand_over(agency.galina, agency.anna.user_id, agency.boris.user_id, "seller")
    await tick(agency, 2026, 3, 6, 12)
    both = {agency.boris.user_id, galina}  # a week late is told to the admin whosever the deal is
    assert {row[1] for row in await said(agency, "payment") if row[0] == "03-06"} == both


async def test_what_an_admin_was_to_hear_instead_of_a_seller_he_does_not_hear_when_he_is_none_any_more(
    agency: Agency,
) -> None:
    await agency.services.people.set_roles(agency.galina, agency.boris.user_id, ["admin"])
    deal = await agency.deal(agency.anna)
    await register(agency, agency.anna, deal, paid=False)
    await agency.services.people.block(agency.galina, agency.anna.user_id)
    await tick(agency, 2026, 3, 3, 23)  # at night it waits for the morning
    await agency.services.people.set_roles(agency.galina, agency.boris.user_id, ["seller"])
    await tick(agency, 2026, 3, 4, 12)
    assert {who for _day, who, _kind, _step in await said(agency, "payment")} == {agency.galina.user_id}


async def test_who_is_made_an_admin_while_he_is_shut_out_hears_of_late_payments_when_he_is_let_in(
    agency: Agency,
) -> None:
    await register(agency, agency.anna, await agency.deal(agency.anna), paid=False)
    boris = agency.boris.user_id
    await agency.services.people.block(agency.galina, boris)
    await agency.services.people.set_roles(agency.galina, boris, ["admin"])
    his = "SELECT step FROM reminders WHERE kind = 'payment' AND recipient_id = :who ORDER BY step"
    assert await agency.sql(his, who=boris) == []
    await agency.services.people.unblock(agency.galina, boris)
    assert await agency.sql(his, who=boris) == [(7,), (14,)]
