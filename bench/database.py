"""The same screens over a thousand deals and over a million: what Postgres takes for them, side by side.

    python -m bench.database [--deals 1000000] [--only WORD] [--rounds 5] [--json FILE]

Databases are made once and kept under DATA_DIR/bench (a million deals: ten minutes and 25 GB). Each question is asked
once through its service, to learn its statements; these are then sent again over a connection of our own: what is timed
is Postgres and the way to it, and not Python. Servers stay on one core, this process on the other.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from bench.data import Sizes, fill
from bench.plans import Short, walks, watched
from bench.questions import Question, known, people, questions
from services.access import SYSTEM, Actor
from services.registry import Services
from storage import schema
from storage.direct import PLANNED_ONCE
from storage.embedded import EmbeddedPostgres
from storage.engine import TOLD, Database
from storage.files import DiskFiles
from storage.uow import Transactions

SMALL, LARGE = 1_000, 1_000_000
BUSY = 6_000
"""Deals of others that the small agency has besides: twenty tasks for each executor, and hundreds of whatever all see
together. Without them a list of the large one, which ends there, would be compared with an empty one.
"""
BYTES_A_DEAL = 25_000
DIFFERENT = 3
"""Deals, with their clients, policies and names, that each question is asked about in turn."""

UNSEEN = 0.001
"""What the kernel has not yet charged to the server's process counts as this: it was less than a tick."""

BUILDING = {
    "max_wal_size": "4GB",
    "shared_buffers": "1GB",
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""Nothing is lost by a crash: what has no stamp is made anew."""
AS_IN_LIFE = {"autovacuum": "off"}
"""The defaults, fsync on; nothing changes here, and a vacuum in the middle would be measured."""


class StandingClock:
    """The moment that the data was made for."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question comes to: statements with their parameters, one after the other; undone when they lock."""

    who: str
    what: str
    variants: tuple[tuple[tuple[str, Any], ...], ...]
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of one asking: on the clock, and of the processor by the server's process for us."""

    wall: float
    cpu: float


@dataclass
class Side:
    """One of the databases, and what each question took there, round by round."""

    connection: asyncpg.Connection
    short: asyncpg.Connection
    """For what goes the short way: its statements are planned once."""
    asked: dict[tuple[str, str], Asked]
    backends: list[Path]
    took: dict[tuple[str, str], list[list[Took]]] = field(default_factory=dict)

    @classmethod
    async def open(cls, url: str, asked: list[Asked]) -> "Side":
        usual, short = [await asyncpg.connect(schema.dsn(url), server_settings=TOLD) for _ in range(2)]
        await short.execute(PLANNED_ONCE)
        backends = [Path("/proc", str(line.get_server_pid()), "schedstat") for line in (usual, short)]
        return cls(usual, short, {(one.who, one.what): one for one in asked}, backends)

    def cpu(self) -> float:
        """Milliseconds of the processor that the server's processes have had: a shared machine does not blur it."""
        return sum(int(backend.read_text().split()[0]) for backend in self.backends) / 1e6

    async def once(self, asked: Asked, turn: int) -> Took:
        """Send the statements of a question one after the other and wait for the last answer."""
        change = self.connection.transaction() if asked.undone else None
        if change is not None:
            await change.start()
        before, began = self.cpu(), time.perf_counter()
        for statement, parameters in asked.variants[turn % len(asked.variants)]:
            # What is undone afterwards is all in one transaction.
            short = isinstance(statement, Short) and change is None
            await (self.short if short else self.connection).fetch(str(statement), *parameters)
        took = Took((time.perf_counter() - began) * 1000, self.cpu() - before)
        if change is not None:
            await change.rollback()
        return took


def folder() -> Path:
    return Path(os.environ.get("DATA_DIR", "var")).resolve() / "bench"


def build(sizes: Sizes, now: datetime) -> datetime:
    """Make the database of such an agency, unless it is there; the moment that it is made for."""
    place = _place(sizes)
    stamp = place / "made-for"
    if not stamp.exists():
        room = shutil.disk_usage(folder().parent if folder().parent.exists() else Path.cwd()).free
        if room < 2 * sizes.deals * BYTES_A_DEAL:
            raise SystemExit(f"{sizes.deals} deals need {2 * sizes.deals * BYTES_A_DEAL >> 30} GB of free disk")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        place.chmod(0o755)
        with EmbeddedPostgres(place, options=BUILDING) as server:
            asyncio.run(schema.upgrade(server.url))
            asyncio.run(fill(server.url, sizes, now=now))
        stamp.write_text(now.isoformat(), encoding="utf-8")
    return datetime.fromisoformat(stamp.read_text(encoding="utf-8"))


def _place(sizes: Sizes) -> Path:
    return folder() / f"{sizes.deals} of {sizes.sellers}{f' with {sizes.busy} busy' if sizes.busy else ''}"


async def learn(url: str, now: datetime, only: str) -> tuple[list[Asked], list[str]]:
    """The statements of every question, as the services send them; and those that walk a whole table."""
    connection = await asyncpg.connect(schema.dsn(url))
    rows = [await known(connection, skip * 7) for skip in range(DIFFERENT)]
    await connection.close()
    database = Database(url, pool_size=1)
    services = Services.build(Transactions(database), StandingClock(now), DiskFiles(folder()))
    found: list[Asked] = []
    walked: list[str] = []
    for role, actor in people(rows[0]).items():
        asked = [list(questions(row, now)) for row in rows]
        for same in zip(*asked, strict=True):
            if same[0].is_for(actor) and only in f"{role} {same[0].name}":
                sent = [await _statements(database, services, actor, one) for one in same]
                found.append(Asked(role, same[0].name, tuple(sent)))
                walked += [f"{role} {same[0].name}: {walk.table}" for walk in await walks(database, list(sent[0]))]
    found += [one for one in await _of_the_clock(database, services, now) if only in f"{one.who} {one.what}"]
    await database.close()
    return found, walked


async def _statements(
    database: Database, services: Services, actor: Actor, question: Question
) -> tuple[tuple[str, Any], ...]:
    with watched(database) as sent:
        await question.ask(services, actor)
    return tuple(sent)


async def _of_the_clock(database: Database, services: Services, now: datetime) -> list[Asked]:
    """What a tick asks when nothing is due, and when five hundred reminders are."""
    with watched(database) as quiet:
        await services.reminders.fire_due(SYSTEM, 100)
    with watched(database) as busy:
        async with Transactions(database).begin(None, now) as tx:
            await tx.reminders.claim_due(now + timedelta(days=1), 500)
    return [
        Asked("clock", "a tick with nothing due", (tuple(quiet),)),
        Asked("clock", "claiming 500 due", (tuple(busy),), undone=True),
    ]


async def measure(sides: list[Side], rounds: int, times: int) -> None:
    """Ask everything of one database and of the other in turn, in every round."""
    for _round in range(rounds):
        for key in sides[0].asked:
            for side in sides:
                for turn in range(DIFFERENT):
                    await side.once(side.asked[key], turn)
            took: list[list[Took]] = [[] for _ in sides]
            for turn in range(times):
                for side, mine in zip(sides, took, strict=True):
                    mine.append(await side.once(side.asked[key], turn))
            for side, mine in zip(sides, took, strict=True):
                side.took.setdefault(key, []).append(mine)


async def _upgrade(url: str) -> None:
    await schema.upgrade(url)
    connection = await asyncpg.connect(schema.dsn(url))
    # A migration may have written this table anew, and nothing else looks at it: autovacuum is off.
    await connection.execute("VACUUM (ANALYZE) users")
    await connection.close()


def p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def table(small: Side, large: Side) -> Iterator[dict[str, Any]]:
    """A row a question: milliseconds of the server's processor over the large data (`ours`) and the small one
    (`floor`), the ratio of each round, the slowest hundredth, and what the clock showed.
    """
    for key, asked in large.asked.items():
        ours, floor = large.took[key], small.took[key]
        ratios = [
            statistics.median(one.cpu for one in mine) / max(UNSEEN, statistics.median(one.cpu for one in theirs))
            for mine, theirs in zip(ours, floor, strict=True)
        ]
        all_ours, all_floor = ([one for mine in side for one in mine] for side in (ours, floor))
        yield {
            "what": f"{asked.who}: {asked.what}",
            "ours": round(statistics.median(one.cpu for one in all_ours), 3),
            "floor": round(statistics.median(one.cpu for one in all_floor), 3),
            "ratio": round(statistics.median(ratios), 2),
            "spread": f"{min(ratios):.2f}-{max(ratios):.2f}",
            "p99": round(p99([one.cpu for one in all_ours]), 3),
            "wall": round(statistics.median(one.wall for one in all_ours), 3),
            "wall_p99": round(p99([one.wall for one in all_ours]), 3),
            "trips": len(asked.variants[0]),
        }


async def compare(urls: list[str], moments: list[datetime], only: str, rounds: int, times: int) -> list[dict[str, Any]]:
    """The whole comparison of two databases, the small one first."""
    sides = []
    for url, now in zip(urls, moments, strict=True):
        asked, walked = await learn(url, now, only)
        for walk in walked if url == urls[-1] else ():  # a thousand deals may well be walked
            print(f"walks a whole table: {walk}", file=sys.stderr)
        sides.append(await Side.open(url, [Asked("control", "select 1", ((("SELECT 1", ()),),)), *asked]))
    await measure(sides, rounds, times)
    for side in sides:
        await side.connection.close()
        await side.short.close()
    return list(table(*sides))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.database", description=__doc__.partition("\n")[0])
    parser.add_argument("--deals", type=int, default=LARGE)
    parser.add_argument("--busy", type=int, default=BUSY, help="deals of others in the small agency")
    parser.add_argument("--only", default="", help="questions whose name holds this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=40, help="in a round")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    # In both there are as many colleagues: a list of them is then the same rows.
    sellers = max(1, given.deals // 1000)
    large = Sizes(given.deals, sellers, policies=2, payments=4)
    small = Sizes(SMALL + given.busy, sellers, busy=given.busy, policies=2, payments=4)
    today = build(large, datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0))
    moments = [build(small, today), today]
    places = [_place(sizes) for sizes in (small, large)]
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        os.sched_setaffinity(0, cores[:1])
        servers = [stack.enter_context(EmbeddedPostgres(place, options=AS_IN_LIFE)) for place in places]
        os.sched_setaffinity(0, cores[1:] or cores)
        for server in servers:
            asyncio.run(_upgrade(server.url))
        rows = asyncio.run(compare([server.url for server in servers], moments, given.only, given.rounds, given.times))
    for row in sorted(rows, key=lambda row: -row["p99"]):
        print(
            f"{row['what']:<56} {row['trips']:>2} trips {row['floor']:>8.3f} → {row['ours']:>8.3f} ms"
            f" ×{row['ratio']:<5} ({row['spread']}) p99 {row['p99']:.2f}"
            f"; wall {row['wall']:.2f}, p99 {row['wall_p99']:.2f}"
        )
    if given.json:
        given.json.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
