"""Bots die at random and at named points while people work: nothing acknowledged is lost and nothing happens twice."""

import asyncio
import signal
import sys
from pathlib import Path

from bot.faults import POINTS
from sandbox.api import LocalTelegram
from storage.engine import Database
from tests.conftest import ROOT
from tests.faults.campaign import campaign
from tests.faults.crew import Crew
from tests.faults.fleet import Fleet


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
            healthy = await start()
            await home
            await anna.forward()
            healthy.terminate()
            assert await healthy.wait() == 0
        assert set((await crew.verdict()).values()) == {0}
    await database.close()
