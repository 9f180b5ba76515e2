"""The clock under everything that happens to clocks: several tickers, restarts, jumps, outages, nights of two hours."""

from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import make_url, text

from services.access import SYSTEM
from services.errors import AlreadyDone
from tests.conftest import Cluster
from tests.faults.clocks import deals_to_look_at, digests, tickers
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
    await deals_to_look_at(agency, 130)
    agency.at(2026, 3, 6, 9)
    await tick(agency)
    rows = await agency.sql("SELECT DISTINCT card_key, edits_card FROM outbox WHERE kind = 'reminders_missed'")
    assert rows == [(f"missed:{agency.anna.user_id}:2026-03-06", True)]
    assert (await messages(agency))[agency.anna.user_id, "reminder"] == 0
    assert await agency.services.reminders.missed(agency.anna, "2026-03-06") == 130


# --- one that cannot be fired ---------------------------------------------------------------------------------------


async def change(agency: Agency, statement: str, **values: object) -> None:
    """What nobody can do through the product."""
    async with agency.database.writing() as session:
        await session.execute(text(statement), values)
        await session.commit()


async def test_a_reminder_that_cannot_be_fired_holds_up_no_other_and_an_admin_sees_it_and_lets_it_go(
    agency: Agency,
) -> None:
    await deals_to_look_at(agency, 3)
    deal_id = await agency.deal(agency.boris, title="Lada")
    await agency.services.deals.postpone(agency.boris, deal_id, (agency.today + timedelta(days=1)).isoformat())
    await change(agency, "UPDATE users SET time_zone = 'Mars/Olympus' WHERE id = :id", id=agency.boris.user_id)
    agency.at(2026, 3, 6, 9)
    stats = agency.services.stats
    for number, wait in enumerate((1, 5, 30), start=1):
        with pytest.raises(ExceptionGroup):
            await tick(agency)
        assert (await messages(agency))[agency.anna.user_id, "reminder"] == 3
        [failing], total = await stats.failing_reminders(agency.galina)
        assert (failing.person, failing.attempts, total) == ("Борис Котов", number, 1)
        assert failing.next_at == agency.clock.now() + timedelta(minutes=wait)
        assert (await messages(agency))[agency.galina.user_id, "reminder_fails"] == (number == 3)
        assert await tick(agency) == 0
        agency.clock.advance(timedelta(minutes=wait))
    await change(agency, "UPDATE users SET time_zone = 'Europe/Moscow' WHERE id = :id", id=agency.boris.user_id)
    agency.clock.advance(timedelta(minutes=-1))
    assert await tick(agency) == 0
    await stats.fire_again(agency.galina, failing.id)
    await tick(agency)
    assert (await messages(agency))[agency.boris.user_id, "reminder"] == 1
    assert await stats.failing_reminders(agency.galina) == ([], 0)
    with pytest.raises(AlreadyDone):
        await stats.fire_again(agency.galina, failing.id)


# --- many tickers, many days ------------------------------------------------------------------------------------------


async def test_five_tickers_through_restarts_jumps_and_outages_miss_nothing_and_say_nothing_twice(
    agency: Agency, database_url: str, postgres: Cluster
) -> None:
    name = make_url(database_url).database

    async def cut_off() -> None:
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"  # noqa: S608
            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )

    ticked = await tickers(agency, database_url, 40, cut_off)
    assert ticked.starts >= 50
    assert ticked.reminders > 40
    assert (ticked.doubled, ticked.missed) == (0, 0)


async def test_a_digest_comes_exactly_once_on_each_local_day_short_and_long_nights_included(agency: Agency) -> None:
    nights = [(date(2027, 3, 11), 5), (date(2027, 3, 25), 5), (date(2027, 4, 1), 5), (date(2027, 10, 29), 4)]
    found = await digests(agency, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Moscow"), nights)
    assert found.days > 35
    assert found.wrong == []
