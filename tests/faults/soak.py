"""Let a whole agency work for half an hour on a bad day of Telegram: `python -m tests.faults.soak --minutes 30`.

The bot's own command at its own pace, 50 sellers and 50 executors; of Telegram's answers some are 500, 429 or never
come, some updates come twice, and at first the database cuts every connection each minute. What grows in the bot
meanwhile is measured from outside.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import LocalTelegram
from storage import schema
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from tests.conftest import ROOT, free_port, open_tempdir
from tests.faults.crew import Crew
from tests.faults.fleet import Bot, Fleet

TROUBLES = {
    "error_rate": 0.01,
    "too_many_rate": 0.01,
    "reset_before_rate": 0.005,
    "reset_after_rate": 0.005,
    "duplicate_rate": 0.05,
    "latency": 0.02,
}
EACH = 5.0  # seconds between two looks at the bot
CUT_EACH = 60.0
"""Seconds between two cuts of every connection to the database, early in the warm-up: everybody comes back at once, and
the pools fill up to what they will ever hold."""
KEPT = ROOT / "var" / "breaches"
"""Where the database and the chats go of a run that broke a promise."""
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """The bot at a moment, seconds after its start."""

    at: float
    memory: int
    files: int
    connections: int


@dataclass
class Outcome:
    """What half an hour has done to the bot, and to what people did."""

    updates: int = 0
    people: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    slowest: float = 0.0
    again: int = 0
    warm_up: float = 0.0
    looks: list[Look] = field(default_factory=list)
    troubles: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    details: list[str] = field(default_factory=list)

    @property
    def warm(self) -> list[Look]:
        return [look for look in self.looks if look.at > self.warm_up]

    @property
    def slope(self) -> float:
        """Bytes of memory an hour, by least squares over everything after the warm-up."""
        looks = self.warm
        at, memory = (sum(values) / len(looks) for values in ([x.at for x in looks], [x.memory for x in looks]))
        spread = sum((look.at - at) ** 2 for look in looks)
        return 3600 * sum((look.at - at) * (look.memory - memory) for look in looks) / spread

    def __str__(self) -> str:
        warm = self.warm
        memory, files, connections = zip(*((look.memory, look.files, look.connections) for look in warm), strict=True)
        did = f"{self.people} people, updates {self.updates}, {self.seconds:.0f} s"
        used = f"the bot took {100 * self.cpu / self.seconds:.0f} % of a core"
        troubles = ", ".join(f"{what} {n}" for what, n in self.troubles.items())
        grown = f"memory {min(memory) / MEGABYTE:.1f} to {max(memory) / MEGABYTE:.1f} MB"
        grown += f", slope {self.slope / MEGABYTE:+.2f} MB/h"
        held = f"open files {min(files)} to {max(files)}"
        held += f", connections to the database {min(connections)} to {max(connections)}"
        each = " ".join(f"{look.memory / MEGABYTE:.1f}" for look in self.looks[:: int(60 / EACH)])
        lines = [
            f"{did}, {used}",
            f"longest wait for an answer {self.slowest:.1f} s, asked to do it again {self.again}; {troubles}",
            f"after a warm-up of {self.warm_up:.0f} s: {grown}; {held}",
            f"memory each minute, MB: {each}",
            *(f"{promise}: {times}" for promise, times in self.broken.items()),
            *self.details,
        ]
        return "\n".join(lines)


def _memory(pid: int) -> int:
    """Bytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> float:
    """Seconds of a core that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _watch(bot: Bot, crew: Crew, outcome: Outcome) -> None:
    began = time.monotonic()
    while True:
        connections = await crew.agency.number(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'polisdesk'"
        )
        files = len(list(Path(f"/proc/{bot.pid}/fd").iterdir()))
        outcome.looks.append(Look(time.monotonic() - began, _memory(bot.pid), files, connections))
        await asyncio.sleep(EACH)


async def _cut(crew: Crew, outcome: Outcome) -> None:
    for _ in range(int(outcome.warm_up / CUT_EACH * 2 / 3) - 1):
        await asyncio.sleep(CUT_EACH)
        outcome.troubles["connections cut"] += await crew.agency.number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'polisdesk'"
        )


def _counted(telegram: LocalTelegram, outcome: Outcome) -> None:
    """Count what went wrong on purpose."""
    hits = telegram.world.faults.hits

    def counting(rate: float, method: str = "") -> bool:
        hit = hits(rate, method)
        outcome.troubles["faults of Telegram"] += hit
        return hit

    telegram.world.faults.hits = counting  # type: ignore[method-assign]


@asynccontextmanager
async def _at_work(fleet: Fleet) -> AsyncIterator[Bot]:
    """`python -m bot bot`, by its environment alone; it must end well when it is asked to stop."""
    health, log = free_port(), fleet.folder / "bot.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "bot", cwd=ROOT, env=fleet.environment(health), stdout=out, stderr=out
        )
    try:
        yield await Bot(process.pid, health, log, asyncio.get_running_loop().create_future()).ready()
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def soak(database_url: str, folder: Path, *, minutes: float, people: int, rate: float) -> Outcome:
    """Let `people` sellers and as many executors make about `rate` updates a second."""
    outcome = Outcome(people=2 * people, warm_up=minutes * 60 / 2)
    outcome.troubles = {"faults of Telegram": 0, "connections cut": 0}
    database = Database(database_url, application_name="soak")
    async with LocalTelegram() as telegram:
        fleet = Fleet(telegram, database_url, folder)
        crew = Crew(telegram.world, database, folder, patience=300)
        await crew.hire(people)
        await crew.employ()
        crew.pause = 2.5 * 2 * people / rate  # an act is two or three updates
        async with _at_work(fleet) as bot:
            telegram.world.faults.set(**TROUBLES)
            _counted(telegram, outcome)
            began, used = time.monotonic(), _cpu(bot.pid)
            watching = [asyncio.create_task(_watch(bot, crew, outcome)), asyncio.create_task(_cut(crew, outcome))]
            await crew.work(lambda: time.monotonic() - began > minutes * 60)
            outcome.seconds, outcome.cpu = time.monotonic() - began, _cpu(bot.pid) - used
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            telegram.world.faults.clear()
            await crew.settled(patience=300)
            outcome.broken = await crew.verdict()
            if any(outcome.broken.values()):
                outcome.details.append(f"kept: {await crew.keep(database_url, KEPT)}")
        outcome.updates, outcome.slowest = crew.score.updates, crew.score.slowest
        outcome.again = len(crew.score.asked_again)
        outcome.details += crew.score.unanswered + crew.score.missing
    await database.close()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--rate", type=float, default=6.0)
    given = parser.parse_args()
    with open_tempdir() as place, EmbeddedPostgres(place) as server, open_tempdir() as folder:

        async def run() -> Outcome:
            await schema.upgrade(server.url)
            return await soak(server.url, folder, minutes=given.minutes, people=given.people, rate=given.rate)

        outcome = asyncio.run(run())
    print(outcome)  # noqa: T201
    return int(any(outcome.broken.values()))


if __name__ == "__main__":
    sys.exit(main())
