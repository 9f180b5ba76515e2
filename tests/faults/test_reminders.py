"""The clock under everything that happens to clocks: several tickers, restarts, jumps, outages, nights of two hours."""

from collections import Counter
from datetime import timedelta

import pytest

from services.access import SYSTEM
from tests.services.conftest import Agency, agency

__all__ = ["agency"]


async def tick(agency: Agency) -> int:
    """Fire until nothing is due."""
    fired = 0
    while taken := await agency.services.reminders.fire_due(SYSTEM, 100):
        fired += taken
    return fired


async def messages(agency: Agency) -> Counter[tuple[int, str]]:
    """Who has been sent what."""
    rows = await agency.sql("SELECT recipient_id, kind FROM outbox")
    return Counter((recipient, kind) for recipient, kind in rows)


async def deals_to_look_at(agency: Agency, count: int) -> None:
    """Deals that Anna wants to look at on the three days to come."""
    for number in range(count):
        deal_id = await agency.deal(agency.anna, title=f"Kia {number}")
        day = agency.today + timedelta(days=1 + number % 3)
        await agency.services.deals.postpone(agency.anna, deal_id, day.isoformat())


@pytest.mark.parametrize("hour", [12, 2], ids=["by day", "by night"])
async def test_after_three_days_away_many_reminders_come_as_one_message(agency: Agency, hour: int) -> None:
    await deals_to_look_at(agency, 30)
    agency.at(2026, 3, 6, hour - 3 if hour > 3 else 23)
    await tick(agency)
    agency.at(2026, 3, 7, 7)
    await tick(agency)
    assert (await messages(agency))[agency.anna.user_id, "reminders_missed"] == 1
    assert (await messages(agency))[agency.anna.user_id, "reminder"] == 0
    assert await agency.number("SELECT count(*) FROM reminders WHERE status = 'sent' AND kind = 'review'") == 30
    [(params,)] = await agency.sql("SELECT params FROM outbox WHERE kind = 'reminders_missed'")
    assert await agency.services.reminders.missed(agency.anna, params["on"]) == 30
    # Nobody was away on the next working day: what comes then comes as ever.
    agency.at(2026, 3, 10, 6, 5)
    await tick(agency)
    assert (await messages(agency))[agency.anna.user_id, "reminder"] == 30


async def test_a_few_late_reminders_come_one_by_one(agency: Agency) -> None:
    await deals_to_look_at(agency, 5)
    agency.at(2026, 3, 6, 9)
    await tick(agency)
    assert (await messages(agency))[agency.anna.user_id, "reminder"] == 5
    assert (await messages(agency))[agency.anna.user_id, "reminders_missed"] == 0


async def test_of_more_than_a_batch_holds_there_is_one_card_still(agency: Agency) -> None:
    await deals_to_look_at(agency, 230)
    agency.at(2026, 3, 6, 9)
    await tick(agency)
    rows = await agency.sql("SELECT DISTINCT card_key, edits_card FROM outbox WHERE kind = 'reminders_missed'")
    assert rows == [(f"missed:{agency.anna.user_id}:2026-03-06", True)]
    assert (await messages(agency))[agency.anna.user_id, "reminder"] == 0
    assert await agency.services.reminders.missed(agency.anna, "2026-03-06") == 230
