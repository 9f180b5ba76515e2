"""`./run bench`: the table of docs/performance.md, or a short version of it, measured here and now.

./run bench [--quick] [--only WORDS] [--json FILE]
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from bench import machine, taps, whole
from bench.data import Sizes
from bench.telegram import Lost

Rows = list[dict[str, Any]]
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
        for subject in taps.SUBJECTS:
            if chosen(given, subject.name):
                rows += await one_subject(subject, ours, bare, ptb, people, floor, peers, given)
        if chosen(given, "first /start"):
            found = taps.Measured()
            for number in range(given.rounds):
                mine = await taps.cost_of_first_start(ours, number, given.people)
                found.add(mine * 1000, await taps.cost(bare, taps.BARE_WORDS, floor, 1) * 1000)
            rows.append(found.row(taps.first_start(0).name, "", None, unit="ms of CPU"))
        if chosen(given, "reminder"):
            found = taps.Measured()
            for number in range(given.rounds):
                mine = await taps.cost_of_answered_reminder(ours, number, given.people)
                found.add(mine * 1000, await taps.cost(bare, taps.BARE_TAP, floor, 1) * 1000)
            rows.append(found.row(taps.REMINDER, "", None, unit="ms of CPU"))
        for name, settings in (("with Redis", {"redis": redis}), ("by long polling", {"webhook": False})):
            if chosen(given, name) and (redis or name != "with Redis"):
                async with machine.ours(databases, folder, name=name, **settings) as other:
                    found, theirs = taps.Measured(), taps.sellers(other, given.people)
                    await taps.cost(other, taps.CARD, theirs, 3)
                    for _ in range(given.rounds):
                        mine = await taps.cost(other, taps.CARD, theirs, given.times)
                        found.add(mine * 1000, await taps.cost(bare, taps.BARE_TAP, floor, given.times) * 1000)
                    rows.append(found.row(f"{taps.CARD.name}, {name}", "", None, unit="ms of CPU"))
        if chosen(given, "latency"):
            rows += await whole.latency(ours, bare, people, floor, given)
        if chosen(given, "rate"):
            rows += await whole.rate(ours, bare, people, floor, given)
        if chosen(given, "burst"):
            rows += await whole.burst(ours)
        if chosen(given, "memory"):
            rows += whole.memory(ours, bare)
        if errors := await ours.errors():
            raise machine.BenchError(f"{errors} updates or messages failed: the run does not count")
    return rows


async def one_subject(
    subject: taps.Subject, ours: machine.Bot, bare: machine.Bot, ptb: machine.Bot | None, *groups: Any
) -> Rows:
    people, floor, peers, given = groups
    bottom = taps.BARE_TAP if subject.tap else taps.BARE_WORDS
    who, times = (people[:1], given.times * 10) if subject.alone else (people, given.times)
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
    return not given.only or any(word in name for word in given.only)


async def measure(given: argparse.Namespace) -> Rows:
    rows: Rows = []
    with machine.open_folder() as folder, machine.open_databases(folder) as databases:
        began = time.monotonic()
        await databases.fill(Sizes(deals=1_000 + 100 * SELLERS, sellers=SELLERS, policies=2, payments=3))
        say(f"an agency of {SELLERS} sellers was made in {time.monotonic() - began:.0f} s")
        parts: list[tuple[str, Callable[[], Awaitable[Rows]]]] = [
            ("side by side", lambda: side_by_side(databases, folder, given)),
            ("raw", lambda: whole.raw(databases, given)),
            ("outbox", lambda: whole.outbox(databases, folder, given)),
            ("morning", lambda: whole.morning(databases, folder, given)),
            ("pauses", lambda: whole.pauses(databases, folder, given)),
            ("start", lambda: whole.start_up(databases, folder, 2 if given.quick else 5)),
            ("replicas", lambda: whole.replicas(databases, folder, given)),
        ]
        for name, part in parts:
            if name == "side by side" or chosen(given, name):
                began = time.monotonic()
                try:
                    rows += await part()
                except (Lost, TimeoutError, ExceptionGroup, machine.BenchError) as error:
                    # The other parts are still worth having; this one did not happen.
                    rows.append(whole.row(f"NOT MEASURED: {name}", float("nan"), "", reached=False, note=reason(error)))
                say(f"{name}: {time.monotonic() - began:.0f} s")
    return rows


def reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:300]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def table(rows: Rows) -> str:
    """The rows as text: what, ours, theirs, the ratio and its spread, the goal, and whether it is reached."""
    lines = [f"{'what':62} {'ours':>9} {'floor':>9} {'ratio':>6} {'spread':>12}  goal (aim)"]
    for found in rows:
        spread = "" if found["spread"] is None else "{:.2f}-{:.2f}".format(*found["spread"])
        figures = ["" if value is None else f"{value:.2f}" for value in (found["ours"], found["floor"], found["ratio"])]
        goal = f"{found['goal']} ({found['aim']})" if found.get("aim") else found["goal"]
        verdict = {None: "", True: "reached", False: "NOT REACHED"}[found["reached"]]
        unit = f" [{found['unit']}]" if found.get("unit") else ""
        line = f"{(found['what'] + unit)[:62]:62} {figures[0]:>9} {figures[1]:>9} {figures[2]:>6} {spread:>12}"
        lines.append(f"{line}  {goal} {verdict} {found.get('note', '')}".rstrip())
    return "\n".join(lines)


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
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: about two minutes")
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
    machine.take_other_core()
    rows = uvloop.run(measure(given))
    print(table(rows))
    whole.write(given.json, rows, described)
    say(f"written to {given.json}")
    return 1 if any(found["what"].startswith("NOT MEASURED") for found in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
