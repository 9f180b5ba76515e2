"""The law: every open deal shows exactly one next touch — a date, a reason and a person."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from models.enums import CloseReason, PolicyOutcome
from tests.scheduler.acts import instalment, moscow, payments, planned, register, tick
from tests.services.conftest import Agency


async def touch(agency: Agency, deal_id: int) -> tuple[Any, ...]:
    return (await agency.sql("SELECT review_on, review_reason, review_object_id FROM deals WHERE id = :d", d=deal_id))[
        0
    ]


async def test_the_next_touch_is_the_earliest_step_of_what_is_ahead(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal, paid=False, plan="halves")
    first, second = await payments(agency, policy)
    # The first instalment is due today, and today has been dealt with by registering: its next step is tomorrow's.
    assert await touch(agency, deal) == (date(2026, 3, 3), "payment_due", first)
    await agency.services.money.client_paid(agency.anna, first)
    assert await touch(agency, deal) == (date(2026, 8, 19), "payment_due", second)
    await agency.services.money.client_paid(agency.anna, second)
    assert await touch(agency, deal) == (date(2027, 1, 15), "policy_end", policy)


async def test_what_is_handled_goes_to_the_next_step_and_never_over_the_last_safe_day(agency: Agency) -> None:
    deal = await agency.deal(agency.anna, line="osago")
    policy = await register(agency, agency.anna, deal)
    seen = []
    for month, day in ((1, 15), (1, 29), (2, 15), (2, 22), (2, 24), (2, 25), (3, 1), (3, 2), (3, 8), (3, 31)):
        moscow(agency, 2027, month, day, 12)
        seen.append(await agency.services.deals.to_next_event(agency.anna, deal))
    assert seen == [
        "2027-01-30", "2027-02-15", "2027-02-22", "2027-02-24",
        "2027-02-25",  # not a step of the ladder, but the last safe day
        "2027-03-01", "2027-03-02", "2027-03-08", "2027-03-31",
        "2027-04-01",  # after the last step, each working day
    ]  # fmt: skip
    assert (await touch(agency, deal))[1:] == ("policy_end", policy)


async def test_a_date_set_by_hand_stands_until_it_comes_or_a_nearer_event_appears(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal, plan="full")
    assert await agency.services.deals.postpone(agency.anna, deal, "2026-06-01") == "2026-06-01"
    # A second policy with an instalment in May is nearer.
    moscow(agency, 2026, 3, 10, 12)
    second = await register(
        agency, agency.anna, deal, paid=False, starts_on=date(2026, 5, 15), ends_on=date(2027, 5, 14)
    )
    (payment,) = await payments(agency, second)
    assert await touch(agency, deal) == (date(2026, 5, 1), "payment_due", payment)
    assert await agency.services.deals.postpone(agency.anna, deal, "2026-06-01") == "2026-05-01"
    await agency.services.money.client_paid(agency.anna, payment)
    assert await touch(agency, deal) == (date(2026, 6, 1), "by_hand", None)
    # When it has come and gone, the next event is on the card again.
    moscow(agency, 2026, 6, 2, 12)
    await agency.services.deals.to_next_event(agency.anna, deal)
    assert await touch(agency, deal) == (date(2027, 1, 15), "policy_end", policy)


async def test_what_was_said_before_a_day_off_does_not_come_back_on_that_day(agency: Agency) -> None:
    """ДМС ends on 1 March: T-120 is Sunday, 1 November, said on Friday, and on Friday it is put off."""
    deal = await agency.deal(agency.boris, line="dms")
    await register(agency, agency.boris, deal)
    await tick(agency, 2026, 10, 30, 9, 5)
    assert await agency.services.deals.postpone(agency.boris, deal, "2026-11-13") == "2026-11-13"
    assert await agency.services.deals.to_next_event(agency.boris, deal) == "2026-12-01"


async def test_nothing_ahead_is_said_so_and_asked_about_each_working_day(agency: Agency) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal)
    await tick(agency, 2027, 1, 15, 9, 5)
    await agency.services.policies.set_outcome(agency.anna, policy, PolicyOutcome.LOST, CloseReason.PRICE)
    assert await touch(agency, deal) == (date(2027, 1, 15), "nothing_ahead", None)
    assert await planned(agency, "review") == [("01-18", 0)]
    assert await agency.services.deals.to_next_event(agency.anna, deal) == "2027-01-18"


async def test_a_client_who_has_promised_is_left_alone_until_then(agency: Agency) -> None:
    deal, payment = await instalment(agency, agency.anna, date(2026, 4, 15))
    moscow(agency, 2026, 4, 8, 12)
    await agency.services.money.promise(agency.anna, payment, date(2026, 5, 20))
    assert await touch(agency, deal) == (date(2026, 5, 20), "payment_due", payment)


async def test_a_trip_comes_up_when_it_ends(agency: Agency) -> None:
    deal = await agency.deal(agency.anna, line="travel")
    policy = await register(agency, agency.anna, deal, starts_on=date(2026, 3, 10), ends_on=date(2026, 3, 24))
    assert await touch(agency, deal) == (date(2026, 3, 24), "policy_end", policy)


@pytest.mark.parametrize("act", ["pay", "lose", "calculate", "postpone", "promise"])
async def test_after_anything_that_people_do_there_is_one_touch_and_one_row_for_it(agency: Agency, act: str) -> None:
    deal = await agency.deal(agency.anna)
    policy = await register(agency, agency.anna, deal, paid=False, plan="quarters")
    first = (await payments(agency, policy))[0]
    do: dict[str, Callable[[], Awaitable[Any]]] = {
        "pay": lambda: agency.services.money.client_paid(agency.anna, first),
        "lose": lambda: agency.services.policies.set_outcome(
            agency.anna, policy, PolicyOutcome.LOST, CloseReason.PRICE
        ),
        "calculate": lambda: agency.services.policies.start_renewal(agency.anna, policy),
        "postpone": lambda: agency.services.deals.postpone(agency.anna, deal, "2026-03-20"),
        "promise": lambda: agency.services.money.promise(agency.anna, first, date(2026, 3, 9)),
    }
    await do[act]()
    rows = await agency.sql("SELECT recipient_id, event_on FROM reminders WHERE kind = 'review' AND status = 'planned'")
    assert rows == [(agency.anna.user_id, (await touch(agency, deal))[0])]
