"""Press and write what nobody was shown, and count what came of it: `python -m tests.security.campaign`.

Prints the figures of docs/reliability.md. By default 90 000 mutated presses and 10 000 texts with invisible characters,
by a seller and an executor who have no business with the story's deal, somebody who was blocked and a stranger;
`--stories` replays, after each story of tests/bot, every button and link that it has shown to anybody; `--words` shows
hostile names and notes on every screen.
"""

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import inf
from pathlib import Path

import structlog

from bot.pace import AT_ONCE
from sandbox.api import LocalTelegram
from sandbox.people import VirtualUser
from sandbox.world import World
from tests.bot.conftest import Agency, settings_for
from tests.conftest import ROOT, ManualClock, open_tempdir, own_agency
from tests.security.claims import Mutations, claims, kinds, texts, without_repeats
from tests.security.everything import screens, walk
from tests.security.house import House, open_house
from tests.security.shortcut import foreign, shortcut

LOOK_EVERY = 2_000
"""Updates after which the database and what was said are looked at."""


@dataclass
class Report:
    """What was tried, and what came of it."""

    presses: int = 0
    texts: int = 0
    effects: int = 0
    exceptions: int = 0
    foreign_bytes: int = 0
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"mutated presses {self.presses}, texts with invisible characters {self.texts}, {self.seconds:.0f} s",
                f"effects {self.effects}, exceptions {self.exceptions}, bytes of foreign data {self.foreign_bytes}",
                *self.details[:20],
            ]
        )


async def storm(
    house: House, *, presses: int, words: int, seed: int, seconds: float = inf, tell: bool = False
) -> Report:
    """Everybody who has no business in the house presses and writes at once, each one thing after the other.

    After so many seconds it ends with what there is.
    """
    report, began = Report(), time.monotonic()
    made = [claim for kind in kinds(house.agency.app.dispatcher) for claim in claims(kind, [1, 2])]
    buttons = [*without_repeats(house.buttons()), *made]
    before, secrets = await _state(house), await house.secrets()
    async with shortcut(house.agency.app) as cut:
        marks = {person.id: await cut.marks(person) for person in house.outsiders}
        pressing = {p.id: iter(Mutations(seed + n, buttons, marks[p.id])) for n, p in enumerate(house.outsiders)}
        writing = {p.id: texts(seed + 100 + n, buttons, marks[p.id]) for n, p in enumerate(house.outsiders)}
        while (report.presses < presses or report.texts < words) and time.monotonic() - began < seconds:
            # Texts in between, so that the open screens differ.
            press = min(LOOK_EVERY, presses - report.presses)
            if report.texts * presses < report.presses * words or not press:
                press = 0
            write = 0 if press else min(LOOK_EVERY, words - report.texts)
            shares = _shares(press or write, len(house.outsiders))
            chosen, what = (pressing, cut.press) if press else (writing, cut.say)
            await asyncio.gather(
                *(
                    _one_after_the_other(what, person, islice(chosen[person.id], share))
                    for person, share in zip(house.outsiders, shares, strict=True)
                )
            )
            report.presses, report.texts = report.presses + press, report.texts + write
            after = await _state(house)
            changed = {name for name in after if after[name] != before[name]}
            report.effects += len(changed)
            report.foreign_bytes += (leaked := foreign(cut, secrets))[0]
            report.exceptions += len(cut.failures)
            report.details += [f"changed: {sorted(changed)}"] if changed else []
            report.details += leaked[1] + cut.failures
            before = after
            cut.forget()
            if tell:
                report.seconds = time.monotonic() - began
                _tell(str(report))
    report.seconds = time.monotonic() - began
    return report


async def _one_after_the_other(
    what: Callable[[VirtualUser, str], Awaitable[None]], person: VirtualUser, many: Iterable[str]
) -> None:
    for one in many:
        await what(person, one)


async def _state(house: House) -> dict[str, str]:
    queued = await house.office.value("SELECT count(*) FROM outbox")
    return {**await house.office.contents(), "outbox": str(queued)}


def _shares(total: int, people: int) -> list[int]:
    return [total // people + (n < total % people) for n in range(people)]


# --- what the stories have shown ----------------------------------------------------------------------------------


def replay(stories: list[str], folder: Path) -> int:
    """Let the stories be told, each with a replay of all that it has shown at its end; returns what went wrong."""
    report = folder / "replayed.jsonl"
    began = time.monotonic()
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.security.replay",
            "-p",
            "no:cacheprovider",
            "-o",
            "timeout=3600",
            *stories,
        ],
        cwd=ROOT,
        env=os.environ | {"REPLAY_REPORT": str(report)},
        check=False,
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    without = [story for line in lines for story in line.get("without", ())]
    lines = [line for line in lines if "story" in line]
    total = {
        name: sum(line[name] for line in lines)
        for name in ("buttons", "links", "inline", "replayed", "effects", "exceptions", "foreign_bytes")
    }
    _tell(
        f"stories {len(lines)}, buttons shown {total['buttons']}, links {total['links']}, inline results "
        f"{total['inline']}, replays {total['replayed']}, {time.monotonic() - began:.0f} s"
    )
    _tell(
        f"effects {total['effects']}, exceptions {total['exceptions']}, bytes of foreign data {total['foreign_bytes']}"
    )
    _tell(f"tests that showed no screen of the product, so that nothing of them was replayed: {len(without)}")
    for line in lines:
        for detail in line["details"][:5]:
            _tell(f"{line['story']}: {detail}")
    if told.returncode:
        _tell("\n".join(told.stdout.splitlines()[-15:]))
    return int(told.returncode + total["effects"] + total["exceptions"] + total["foreign_bytes"])


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=90_000)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=inf, help="end after so many with what there is")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stories", nargs="*", metavar="PATH", help="replay these stories (all of tests/bot) instead")
    parser.add_argument(
        "--words", type=int, metavar="COUNT", help="show hostile names and notes until so many were met instead"
    )
    given = parser.parse_args()
    if given.stories is not None:
        with open_tempdir() as folder:
            return int(bool(replay(given.stories or ["tests/bot"], folder)))
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with own_agency() as (server, folder):

        async def look() -> int:
            began, clock = time.monotonic(), ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
            async with LocalTelegram(world=World(now=clock.now)) as telegram:
                agency = Agency(telegram, settings_for(telegram, server.url, folder), clock, screens, AT_ONCE)
                await agency.open()
                try:
                    done = await walk(agency, count=given.words, presses=1, seed=given.seed)
                finally:
                    await agency.close()
            _tell(f"{done}\n{time.monotonic() - began:.0f} s")
            return int(bool(done.wrong))

        if given.words is not None:
            return asyncio.run(look())

        async def run() -> Report:
            async with open_house(server.url, folder) as house:
                return await storm(
                    house,
                    presses=given.presses,
                    words=given.texts,
                    seed=given.seed,
                    seconds=given.minutes * 60,
                    tell=True,
                )

        report = asyncio.run(run())
    _tell(str(report))
    return int(bool(report.effects or report.exceptions or report.foreign_bytes))


if __name__ == "__main__":
    sys.exit(main())
