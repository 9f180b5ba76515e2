"""The clock under everything that happens to clocks: several tickers, restarts, jumps, outages, nights of two hours."""

import asyncio
import os
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import make_url, text, update

from models.enums import Role
from models.tables import User
from services.access import SYSTEM
from services.errors import AlreadyDone
from services.registry import Services
from storage.engine import Database, is_outage
from storage.uow import Transactions
from tests.conftest import Cluster
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


# --- many tickers ---------------------------------------------------------------------------------------------------


class Ticking:
    """A ticker of a replica: it fires what is due again and again, and starts anew when it is told to or cut off."""

    def __init__(self, agency: Agency, database_url: str) -> None:
        self.agency, self.url = agency, database_url
        self.starts, self.fired = 0, 0
        self.restart = asyncio.Event()

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            self.starts += 1
            self.restart.clear()
            database = Database(self.url, pool_size=2)
            services = Services.build(Transactions(database), self.agency.clock, self.agency.files)
            try:
                while not over.is_set() and not self.restart.is_set():
                    self.fired += await services.reminders.fire_due(SYSTEM, 7)
                    await asyncio.sleep(0)
            except Exception as error:
                if not is_outage(error):
                    raise
            finally:
                await database.close()


async def test_five_tickers_through_restarts_jumps_and_outages_miss_nothing_and_say_nothing_twice(
    agency: Agency, database_url: str, postgres: Cluster
) -> None:
    await deals_to_look_at(agency, 60)
    over, tickers = asyncio.Event(), [Ticking(agency, database_url) for _ in range(5)]
    running = [asyncio.create_task(ticker.run(over)) for ticker in tickers]
    name = make_url(database_url).database
    for jump in (24, 24, -1, 1, 72, -1, 1, 24, 24, 24):
        agency.clock.advance(timedelta(hours=jump))
        for ticker in tickers:
            ticker.restart.set()
        if jump == 72:  # the database goes away under all of them
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"  # noqa: S608
                f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            )
        async with asyncio.timeout(60):
            while any(ticker.restart.is_set() for ticker in tickers) or await _due(agency):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    over.set()
    await asyncio.gather(*running)
    assert sum(ticker.starts for ticker in tickers) >= 50
    twice = await agency.sql(
        "SELECT kind, object_id, recipient_id, (sent_at AT TIME ZONE 'Europe/Moscow')::date, count(*) FROM reminders"
        " WHERE sent_at IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
    )
    assert twice == []
    unheard = await agency.sql(
        "SELECT id FROM deals WHERE id NOT IN (SELECT object_id FROM reminders"
        " WHERE kind = 'review' AND sent_at IS NOT NULL)"
    )
    assert unheard == []


async def _due(agency: Agency) -> int:
    """How many rows wait for a tick; a question that an outage cuts off is asked again."""
    while True:
        try:
            rows = await agency.sql(
                "SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= :now", now=agency.clock.now()
            )
        except Exception as error:
            if not is_outage(error):
                raise
        else:
            return int(rows[0][0])


# --- a digest a day ---------------------------------------------------------------------------------------------------

FULL = bool(os.environ.get("FAULTS_FULL"))
ZONES = (
    "Europe/Moscow", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Vladivostok", "Europe/Kaliningrad", "America/Santiago", "Pacific/Chatham", "America/St_Johns",
    "Pacific/Kiritimati", "Asia/Kathmandu",
)  # fmt: skip
"""Nights of 23 and 25 hours in both halves of the world, half an hour and three quarters, and none at all."""


async def test_a_digest_comes_exactly_once_on_each_local_day(agency: Agency) -> None:
    zones, years = (ZONES, 4) if FULL else (ZONES[1:4], 1)
    people = {}
    for number, zone in enumerate(zones):
        user = User(
            telegram_id=7001 + number,
            full_name=zone,
            roles=[Role.SELLER],
            time_zone=zone,
            digest_hour=(2, 3, 0, 9)[number % 4],
        )
        await agency.save(user)
        people[user.id] = ZoneInfo(zone)
    async with agency.database.writing() as session:
        await session.execute(update(User).where(User.telegram_id < 7001).values(active=False))
        await session.commit()
    begins = agency.clock.now()
    ends = begins + timedelta(days=366 * years)
    await agency.services.reminders.ensure_digests(SYSTEM)
    while (moment := await agency.services.reminders.next_due(SYSTEM)) is not None:
        due = datetime.fromisoformat(moment)
        if due > ends:
            break
        agency.clock.set(due + timedelta(seconds=3))
        assert await agency.services.reminders.fire_due(SYSTEM, 100) > 0
    rows = await agency.sql("SELECT recipient_id, sent_at FROM reminders WHERE kind = 'digest' AND sent_at IS NOT NULL")
    for user_id, place in people.items():
        days = sorted(sent_at.astimezone(place).date() for who, sent_at in rows if who == user_id)
        first = begins.astimezone(place).date()
        assert days[0] - first <= timedelta(days=1)
        assert days == [days[0] + timedelta(days=number) for number in range(len(days))], place.key
        assert ends.astimezone(place).date() - days[-1] <= timedelta(days=1)
