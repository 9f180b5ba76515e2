"""Bots die at random and at named points while people work: nothing acknowledged is lost and nothing happens twice."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from bot.faults import POINTS
from sandbox.api import LocalTelegram
from storage.engine import Database
from tests.conftest import ROOT
from tests.faults.campaign import campaign
from tests.faults.crew import Crew
from tests.faults.fleet import Fleet, open_fleet


async def test_a_death_at_every_named_point_loses_nothing_and_repeats_nothing(
    database_url: str, tmp_path: Path
) -> None:
    report = await campaign(
        database_url, tmp_path, kills=len(POINTS), updates=200, people=8, seed=4, patience=150, passages=2
    )
    assert report.total >= len(POINTS)
    assert report.updates >= 200
    assert len(report.kills) >= 8  # by name and at random
    assert set(report.broken.values()) == {0}, str(report)


@pytest.mark.parametrize(("place", "said"), [("tick.claimed", 0), ("tick.fired", 6)])
async def test_a_death_inside_a_tick_leaves_each_reminder_to_come_exactly_once(
    database_url: str, tmp_path: Path, place: str, said: int
) -> None:
    """Before its commit nothing has been said, after it everything has: the next life adds what is missing."""
    database = Database(database_url)
    async with open_fleet(database_url, tmp_path) as fleet:
        crew = Crew(fleet.telegram.world, database, tmp_path)
        await crew.hire(2)
        await crew.remind(3, seconds=0)
        assert await (await fleet.start(FAULT_POINT=place)).code() == -signal.SIGKILL
        sent = "SELECT count(*) FROM reminders WHERE status = 'sent' AND kind = 'review'"
        assert await crew.agency.number(sent) == said
        due = "SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= now()"
        await (await fleet.start()).ready()
        while await crew.agency.number(due):  # noqa: ASYNC110 - the bot is another process
            await asyncio.sleep(0.05)
        await crew.settled()
        for seller in crew.sellers:
            read = [message.text for message in seller.received]
            assert [sum(f"Фон {number}" in words for words in read) for number in range(3)] == [1, 1, 1], read
        assert await crew.broken() == {}, crew.score
    await database.close()


async def test_the_command_itself_dies_where_it_is_told_and_goes_on_after_a_restart(
    database_url: str, tmp_path: Path
) -> None:
    """`python -m bot bot`, by its environment alone, at the pace that a real bot has."""
    database = Database(database_url)
    async with LocalTelegram() as telegram:
        crew = Crew(telegram.world, database, tmp_path)
        await crew.hire(1)
        [anna] = crew.sellers
        environment = Fleet(telegram, database_url, tmp_path).environment(0)

        async def start(**changes: str) -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "bot", cwd=ROOT, env=environment | changes
            )

        with crew.watch.open():
            doomed = await start(FAULT_POINT="inbox.written")
            home = asyncio.create_task(anna.home())
            assert await doomed.wait() == -signal.SIGKILL
            # What the dead one had begun is its own for fifteen seconds: long enough for a test to wait for nothing.
            await crew.agency.execute("UPDATE inbox SET leased_until = NULL")
            healthy = await start()
            await home
            await anna.forward()
            await crew.settled()
            healthy.terminate()
            assert await healthy.wait() == 0
        assert await crew.broken() == {}, crew.score
    await database.close()
