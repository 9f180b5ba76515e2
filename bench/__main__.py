"""`./run bench`: the table of docs/performance.md, or a short version of it, measured here and now.

./run bench [--quick] [--only WORDS] [--json FILE]
./run bench --only database         the screens' statements over a million deals (bench/database.py), and nothing else
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bench import machine, taps, whole
from bench.data import Sizes

Rows = list[dict[str, Any]]
Work = Callable[[], Awaitable[Rows]]

SIDE_BY_SIDE = "side by side"
ALONE = ("raw", "outbox", "morning", "pauses", "start", "replicas")
"""Parts in which our bot has the core for itself; in all others it stands beside bare ones."""
SELLERS = 540
"""Sellers of the agency: the first has a thousand deals and the others have a hundred each."""


async def side_by_side(databases: machine.Databases, folder: Path, given: argparse.Namespace) -> Rows:
    """Everything for which the bots stand beside each other: each waits while the other is measured."""
    rows: Rows = []
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(machine.ours(databases, folder))
        bare = await stack.enter_async_context(machine.bare())
        ptb = await stack.enter_async_context(machine.ptb())
        redis = stack.enter_context(machine.open_redis(folder))
        people, floor = taps.sellers(ours, given.people), taps.sellers(bare, given.people)
        for bot, who, subject in ((ours, people, taps.CARD), (bare, floor, taps.BARE_TAP)):
            await taps.cost(bot, subject, who, 3)  # warming up
        peers = taps.sellers(ptb, given.people) if ptb else []
        connection = await databases.connect("filled")
        subjects = taps.subjects(await taps.Agency.read(connection))
        await connection.close()

        async def first_start() -> Rows:
            found = taps.Measured()
            for number in range(given.rounds):
                mine = await taps.cost_of_first_start(ours, number, given.people)
                found.add(mine * 1000, await taps.cost(bare, taps.BARE_WORDS, floor, 1) * 1000)
            return [found.row(f"{taps.FIRST_START}, against bare aiogram", "", None, unit="ms of CPU")]

        async def reminder() -> Rows:
            found = taps.Measured()
            for number in range(given.rounds):
                mine = await taps.cost_of_answered_reminder(ours, number, given.people)
                found.add(mine * 1000, await taps.cost(bare, taps.BARE_TAP, floor, 1) * 1000)
            return [found.row(f"{taps.REMINDER}, against bare aiogram", "", None, unit="ms of CPU")]

        async def card_of(name: str, other: AbstractAsyncContextManager[machine.Bot], beside: machine.Bot) -> Rows:
            found = taps.Measured()
            async with other as bot:
                theirs, floor = taps.sellers(bot, given.people), taps.sellers(beside, given.people)
                await taps.cost(bot, taps.CARD, theirs, 3)
                for _ in range(given.rounds):
                    mine = await taps.cost(bot, taps.CARD, theirs, given.times)
                    found.add(mine * 1000, await taps.cost(beside, taps.BARE_TAP, floor, given.times) * 1000)
                await bot.failed_none()
            return [found.row(f"{taps.CARD.name}, {name}", "", None, unit="ms of CPU")]

        async def polling() -> Rows:
            async with machine.bare(webhook=False) as floor:
                other = machine.ours(databases, folder, name="by long polling", webhook=False)
                return await card_of("both by long polling", other, floor)

        works: list[tuple[str, Work]] = [
            (subject.name, partial(one_subject, subject, ours, bare, ptb, people, floor, peers, given))
            for subject in subjects
        ]
        works += [("first /start", first_start), ("reminder", reminder)]
        if redis:
            other = machine.ours(databases, folder, name="with Redis", redis=redis)
            works.append(("open a deal card, with Redis", partial(card_of, "with Redis", other, bare)))
        works += [
            ("open a deal card, by long polling", polling),
            ("latency", partial(whole.latency, ours, bare, people, floor, given)),
            ("rate", partial(whole.rate, ours, bare, given)),
            ("burst", partial(whole.burst, ours)),
            ("memory", partial(whole.memory, ours, bare, people, floor, given)),
        ]
        for name, work in works:
            if chosen(given, name):
                rows += await counted(name, work, ours)
    return rows


async def counted(name: str, work: Work, ours: machine.Bot | None = None) -> Rows:
    """The rows of a part; one that says why instead when it came to no end, or when an update of it failed."""
    began = time.monotonic()
    try:
        before = await ours.errors() if ours else 0
        rows = await work()
        if ours:
            await ours.failed_none(before)
    except Exception as error:  # noqa: BLE001 - whatever it was, the other parts are still worth having
        rows = [whole.row(f"NOT MEASURED: {name}", float("nan"), "", reached=False, note=reason(error))]
        with suppress(Exception):
            if ours:
                await ours.settled()  # late answers would be taken for the next part's
    say(f"{name}: {time.monotonic() - began:.0f} s")
    if name != SIDE_BY_SIDE:  # it has said them one by one
        say("\n".join(table(rows)[2:]))
    return rows


async def one_subject(
    subject: taps.Subject, ours: machine.Bot, bare: machine.Bot, ptb: machine.Bot | None, *groups: Any
) -> Rows:
    people, floor, peers, given = groups
    bottom = taps.BARE_TAP if subject.tap else taps.BARE_WORDS
    who = [ours.telegram.person(number) for number in subject.who[: given.people]] or people
    times = given.times * (10 if len(who) == 1 else 1)
    against, beside = taps.Measured(), taps.Measured()
    for _ in range(given.rounds):
        mine = await taps.cost(ours, subject, who, times)
        against.add(mine * 1000, await taps.cost(bare, bottom, floor, given.times) * 1000)
        if ptb is not None and subject is taps.CARD:
            beside.add(mine * 1000, await taps.cost(ptb, bottom, peers, given.times) * 1000)
    of_card = subject is taps.CARD
    rows = [
        against.row(f"{subject.name}, against bare aiogram", "<= 2", lambda r: r <= 2, aim="<= 1.5", unit="ms of CPU")
        if of_card
        else against.row(f"{subject.name}, against bare aiogram", "", None, unit="ms of CPU")
    ]
    if beside.ours:
        what = f"{subject.name}, against python-telegram-bot"
        rows.append(beside.row(what, "<= 0.5", lambda r: r <= 0.5, aim="<= 0.35", unit="ms of CPU"))
    return rows


def chosen(given: argparse.Namespace, name: str) -> bool:
    if name == SIDE_BY_SIDE:
        return not given.only or any(not any(word in part for part in ALONE) for word in given.only)
    return not given.only or any(word in name for word in given.only)


async def measure(given: argparse.Namespace, keep: Callable[[Rows], None]) -> Rows:
    """Every part that is asked for; `keep` is given all rows there are whenever there are more."""
    rows: Rows = []
    with machine.open_folder() as folder, machine.open_databases(folder) as databases:
        began = time.monotonic()
        await databases.fill(Sizes(deals=1_000 + 100 * SELLERS, sellers=SELLERS, policies=2, payments=3))
        say(f"an agency of {SELLERS} sellers was made in {time.monotonic() - began:.0f} s")
        parts: dict[str, Work] = {
            SIDE_BY_SIDE: partial(side_by_side, databases, folder, given),
            "raw": partial(whole.raw, databases, given),
            "outbox": partial(whole.outbox, databases, folder, given),
            "morning": partial(whole.morning, databases, folder, given),
            "pauses": partial(whole.pauses, databases, folder, given),
            "start": partial(whole.start_up, databases, folder, 2 if given.quick else 5),
            "replicas": partial(whole.replicas, databases, folder, given),
        }
        for name, part in parts.items():
            if chosen(given, name):
                rows += await counted(name, part)
                keep(rows)
    return rows


def over_a_million(given: argparse.Namespace) -> Rows:
    """bench.database with servers and databases of its own; its figures in the shape of the others."""
    file = given.json.with_suffix(".database.json")
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.database", "--json", str(file)]
    subprocess.run(command, cwd=machine.ROOT, stdout=sys.stderr, check=False)
    if not file.exists():
        return [whole.row("NOT MEASURED: database", float("nan"), "", reached=False)]
    return [whole.of_database(found) for found in json.loads(file.read_text(encoding="utf-8"))]


def reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def table(rows: Rows) -> list[str]:
    """The rows as lines of Markdown: what, the goal, ours, the floor, the ratio and its spread, and what to know."""
    head = ("what", "goal (aim)", "reached", "ours", "floor", "ratio (spread)", "note")
    cells = [head, ("---",) * len(head), *(tuple(_cells(found)) for found in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]


def _cells(found: dict[str, Any]) -> Iterator[str]:
    unit = f" {found['unit']}" if found.get("unit") else ""
    yield found["what"]
    yield f"{found['goal']} ({found['aim']})" if found.get("aim") else found["goal"]
    yield {None: "", True: "yes", False: "**no**"}[found["reached"]]
    yield f"{found['ours']:.2f}{unit}"
    yield "" if found["floor"] is None else f"{found['floor']:.2f}{unit}"
    spread = "" if found["spread"] is None else " ({:.2f}-{:.2f})".format(*found["spread"])
    yield "" if found["ratio"] is None else f"{found['ratio']:.2f}{spread}"
    yield " ".join(found.get("note", "").replace("|", "/").split())


def about() -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["./run", "bench", *sys.argv[1:]]),
        "machine": f"{len(os.sched_getaffinity(0))} cores of {model}",
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "load": os.getloadavg(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: about six minutes")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="what has one of these words in its name")
    parser.add_argument("--json", type=Path, default=machine.ROOT / "var" / "bench.json")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--people", type=int, default=40)
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 5)
    given.seconds = given.seconds or (3.0 if given.quick else 10.0)
    given.times = 2 if given.quick else 8
    described = about()

    def keep(rows: Rows) -> None:
        whole.write(given.json, rows, described)

    if given.only == ["database"]:
        rows = over_a_million(given)
    else:
        machine.take_other_core()
        rows = uvloop.run(measure(given, keep))
    keep(rows)
    print("\n".join(table(rows)))
    say(f"written to {given.json}")
    return 1 if any(found["what"].startswith("NOT MEASURED") for found in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
