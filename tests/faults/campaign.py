"""Kill a bot again and again while people work with it, and count what was lost: `python -m tests.faults.campaign`.

Prints the figures of docs/reliability.md: by default 200 kills over 10 000 updates.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.faults import POINTS
from storage.engine import Database
from tests.conftest import own_agency
from tests.faults.crew import Crew
from tests.faults.fleet import Bot, Fleet, open_fleet

AT_RANDOM = "at random"


@dataclass
class Report:
    """What happened, and how often each promise was broken."""

    kills: Counter[str] = field(default_factory=Counter)
    updates: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    swept: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    asked_again: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.kills.values())

    def __str__(self) -> str:
        lines = [
            f"kills {self.total}, updates {self.updates}, {self.seconds:.0f} s",
            f"longest wait for an answer {self.slowest:.1f} s, asked to do it again {len(self.asked_again)}",
            f"bytes of dead attempts swept away: {self.swept}",
            "kills by place: " + ", ".join(f"{place} {n}" for place, n in sorted(self.kills.items())),
            *(f"{promise}: {times}" for promise, times in self.broken.items()),
            *self.asked_again,
            *self.details,
        ]
        return "\n".join(lines)


async def _one_life(fleet: Fleet, place: str, passages: int, chance: random.Random, over: asyncio.Event) -> Bot:
    """Start a bot and let it live until its place of death, a random moment, or the end of the working day."""
    deadly = "" if place == AT_RANDOM else f"{place}:{chance.randint(1, passages)}"
    bot = await fleet.start(FAULT_POINT=deadly)
    await _first(bot.ready(), bot.code(), patience=30)
    await _first(bot.code(), over.wait(), patience=chance.uniform(0.1, 1.5) if place == AT_RANDOM else 8)
    return bot


async def _first(*waits: Coroutine[Any, Any, Any], patience: float) -> None:
    """Wait for whichever comes first."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def campaign(
    database_url: str,
    folder: Path,
    *,
    kills: int,
    updates: int,
    people: int,
    seed: int,
    patience: float = 60,
    passages: int = 12,
    seconds: float = float("inf"),
) -> Report:
    """Let people work until there were so many updates and kills, or so many seconds are over; then let one bot live
    and look at the books. A named point kills at one of its first `passages`.
    """
    chance = random.Random(seed)  # noqa: S311
    report, began = Report(), time.monotonic()
    database = Database(database_url)
    async with open_fleet(database_url, folder) as fleet:
        crew = Crew(fleet.telegram.world, database, folder, patience=patience)
        await crew.hire(people)
        await crew.remind(3, seconds=kills * 2)
        over = asyncio.Event()

        def enough() -> bool:
            late = time.monotonic() - began > seconds
            return late or (crew.score.updates >= updates and report.total >= kills)

        working = asyncio.create_task(crew.work(enough))
        working.add_done_callback(lambda _task: over.set())
        places = [*POINTS, *[AT_RANDOM] * 5]
        chance.shuffle(places)
        while not over.is_set() and not enough():
            place = places[report.total % len(places)]
            bot = await _one_life(fleet, place, passages, chance, over)
            if bot.alive:
                bot.kill()
                place = AT_RANDOM
            await bot.code()
            report.kills[place] += 1
            if report.total % 20 == 0:
                passed = time.monotonic() - began
                print(f"{passed:.0f} s: kills {report.total}, updates {crew.score.updates}", file=sys.stderr)  # noqa: T201
            fleet.telegram.world.calls.clear()
        await (await fleet.start()).ready()
        await working
        await crew.settled()
        report.broken = await crew.verdict()
        report.updates, report.slowest, report.swept = crew.score.updates, crew.score.slowest, crew.score.swept
        report.asked_again, report.details = crew.score.asked_again, crew.score.unanswered + crew.score.missing
    await database.close()
    report.seconds = time.monotonic() - began
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=120, help="when it ends at the latest")
    parser.add_argument("--patience", type=float, default=60, help="seconds that somebody waits for an answer")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with own_agency() as (server, folder):

        async def run() -> Report:
            return await campaign(
                server.url,
                folder,
                kills=given.kills,
                updates=given.updates,
                people=given.people,
                seed=given.seed,
                patience=given.patience,
                seconds=given.minutes * 60,
            )

        report = asyncio.run(run())
    print(report)  # noqa: T201
    return int(any(report.broken.values()))


if __name__ == "__main__":
    sys.exit(main())
