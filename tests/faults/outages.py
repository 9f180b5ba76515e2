"""Take away what the bot stands on while people work, and give it back: `python -m tests.faults.outages --seconds 60`.

The database, with polling and with a webhook; Redis; the room on the disk of papers (a small tmpfs, which only root may
mount).
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from bot.intake import SECRET_HEADER
from sandbox.world import Tap, Upload
from services.access import SYSTEM
from storage.engine import Database
from tests.conftest import free_port, open_redis, own_agency, redis_says
from tests.faults.crew import CARD, WRITE, Crew, Seller
from tests.faults.fleet import HASTY, SECRET, Bot, open_fleet

SORRY = "Присланное не потеряется"
FAILED = "Что-то пошло не так"


@dataclass
class Outcome:
    """What an outage was for people and for what they had sent."""

    name: str
    seconds: float = 0.0
    sent: int = 0
    told: list[int] = field(default_factory=list)
    refusal: tuple[int, str] | None = None
    recovered: float = 0.0
    broken: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        refused = f"; the webhook's answer {self.refusal[0]}, Retry-After {self.refusal[1]}" if self.refusal else ""
        wrong = ", ".join(f"{promise} {n}" for promise, n in self.broken.items() if n) or "nothing lost, nothing twice"
        told = f"told {min(self.told)} to {max(self.told)} times each" if self.told else "told nothing"
        return (
            f"{self.name}: away {self.seconds:.0f} s, {self.sent} updates meanwhile, people {told}{refused};"
            f" all done {self.recovered:.1f} s after the end; {wrong}"
        )


def times_told(seller: Seller, words: str, tap: Tap | None = None) -> int:
    """How often somebody has read these words, in a message or over the button that he has pressed."""
    over_button = tap is not None and tap.answer.done() and words in (tap.answer.result().text or "")
    return over_button + sum(words in message.text for message in seller.received)


# --- the database ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Supply:
    """A database that can be taken away from the bot; people are counted by another way to it."""

    url: str
    takes_away: Callable[[], Awaitable[None]]
    gives_back: Callable[[], Awaitable[None]]


async def without_database(
    supply: Supply, url: str, folder: Path, *, webhook: bool, people: int = 4, seconds: float = 0
) -> Outcome:
    """Take the database away while people write and press, give it back, and see to the end of it."""
    outcome = Outcome("database, " + ("webhook" if webhook else "polling"))
    database, port = Database(url), free_port()
    async with open_fleet(supply.url, folder) as fleet:
        crew = Crew(fleet.telegram.world, database, folder, patience=90 + seconds)
        await crew.hire(people)
        bot = await (await fleet.start(HASTY, **(fleet.webhook(port, port) if webhook else {}))).ready()
        with crew.watch.open():
            await asyncio.gather(*(seller.home() for seller in crew.sellers))
            await crew.settled()
            await database.engine.dispose()
            await supply.takes_away()
            began, before = time.monotonic(), crew.score.updates
            words = [await seller.send_on() for seller in crew.sellers for _ in range(3)]
            taps = [await seller.press(CARD) for seller in crew.sellers]
            for seller, tap in zip(crew.sellers, taps, strict=True):
                await seller.until(partial(times_told, seller, SORRY, tap), "a word about the outage")
            if webhook:
                outcome.refusal = await _refusal(port, crew.sellers[0].id)
            await asyncio.sleep(seconds)
            outcome.sent = crew.score.updates - before
            outcome.seconds = time.monotonic() - began
            await supply.gives_back()
            ended = time.monotonic()
            for number, seller in enumerate(crew.sellers):
                await seller.seen(words[3 * number : 3 * number + 3])
                await seller.until(taps[number].answer.done, "an answer to the tap")
            await crew.settled()
            outcome.recovered = time.monotonic() - ended
            assert bot.alive
        outcome.told = [times_told(seller, SORRY, tap) for seller, tap in zip(crew.sellers, taps, strict=True)]
        outcome.broken = await crew.verdict()
    await database.close()
    return outcome


async def _refusal(port: int, person: int) -> tuple[int, str]:
    """What Telegram is answered for an update that cannot be written down."""
    who = {"id": person, "type": "private", "is_bot": False, "first_name": "Анна"}
    update = {"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": who, "from": who, "text": "?"}}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"http://127.0.0.1:{port}/telegram", json=update, headers={SECRET_HEADER: SECRET}) as answer,
    ):
        return answer.status, answer.headers.get("Retry-After", "")


# --- Redis ----------------------------------------------------------------------------------------------------------


async def without_redis(url: str, folder: Path, *, people: int = 3) -> Outcome:
    """Empty the Redis that keeps the screens, take it away, and bring it back."""
    outcome, database, port = Outcome("Redis"), Database(url), free_port()
    async with open_fleet(url, folder) as fleet:
        crew = Crew(fleet.telegram.world, database, folder)
        await crew.hire(people)
        began = time.monotonic()
        with crew.watch.open():
            with open_redis(port):
                await (await fleet.start(HASTY, REDIS_URL=f"redis://127.0.0.1:{port}/0")).ready()
                await asyncio.gather(*(_begins_a_note(seller) for seller in crew.sellers))
                assert redis_says(port, b"FLUSHALL") == b"+OK\r\n"
                await asyncio.gather(*(_begins_anew(seller) for seller in crew.sellers))
            await asyncio.gather(*(_screenless(seller) for seller in crew.sellers))
            with open_redis(port):
                for seller in crew.sellers:
                    await seller.home()
                    await seller.note()
                    await seller.file()
        await crew.settled()
        outcome.sent, outcome.seconds = crew.score.updates, time.monotonic() - began
        outcome.broken = await crew.verdict()
    await database.close()
    return outcome


async def _begins_a_note(seller: Seller) -> None:
    await seller.home()
    await seller.forward(2)
    await seller.say(f"наполовину набранное {seller.id}")
    await seller.until(lambda: seller.shown(WRITE), "the note")


async def _begins_anew(seller: Seller) -> None:
    """Every screen is forgotten: the press leads to a fresh one, and the note is typed again there."""
    await seller.answered(await seller.press(WRITE), WRITE)
    await seller.home()
    await seller.note()
    await seller.file()


async def _screenless(seller: Seller) -> None:
    """No screen is remembered: a paper is asked about, and its deal is named by a button that needs no screen."""
    await seller.home()
    content = f"%PDF-1.4 без экрана {seller.id}".encode()
    seller.crew.score.updates += 1
    seller.crew.score.files.add(content)
    [sent] = await seller.world.send_files(seller.id, [Upload("Бумага без экрана.pdf", content)])
    seller.since = sent.id
    await seller.tap(f"№{seller.number}")
    await seller.until(lambda: any("в сделке" in one.text for one in seller.received[-2:]), "the paper in its deal")


# --- the disk -------------------------------------------------------------------------------------------------------


async def without_room(
    url: str, folder: Path, fill: Callable[[Bot], AbstractContextManager[None]], size: int
) -> Outcome:
    """Send papers while there is no room for them; when there is, they are filed by themselves."""
    outcome, database = Outcome("the disk of papers"), Database(url)
    async with open_fleet(url, folder) as fleet:
        crew = Crew(fleet.telegram.world, database, folder)
        await crew.hire(2)
        bot = await (await fleet.start()).ready()
        with crew.watch.open():
            await asyncio.gather(*(seller.home() for seller in crew.sellers))
            began, uploads = time.monotonic(), []
            with fill(bot):
                for seller in crew.sellers:
                    content = b"%PDF-1.4 " + str(seller.id).encode() + b"." * size
                    crew.score.files.add(content)
                    crew.score.updates += 1
                    uploads += await seller.world.send_files(seller.id, [Upload("Большая бумага.pdf", content)])
                for seller in crew.sellers:
                    await seller.until(partial(times_told, seller, FAILED), "a word about it")
                # What is given up waits for nobody: the next thing that somebody does goes on.
                while await crew.agency.number("SELECT count(*) FROM inbox WHERE status = 'pending'"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                assert await crew.agency.number("SELECT count(*) FROM documents") == 0
                assert [name async for name in crew.files.names(older_than=0)] == []
                await asyncio.gather(*(seller.forward(1) for seller in crew.sellers))
            outcome.seconds, outcome.sent = time.monotonic() - began, crew.score.updates
            for bot_id, update_id in await crew.agency.sql("SELECT bot_id, update_id FROM inbox WHERE status = 'dead'"):
                await crew.services.stats.rerun(SYSTEM, bot_id, update_id)  # as an admin does with /stats
            for seller, upload in zip(crew.sellers, uploads, strict=True):
                await seller.seen([upload])
            outcome.recovered = time.monotonic() - began - outcome.seconds
        await crew.settled()
        outcome.told = [times_told(seller, FAILED) for seller in crew.sellers]
        outcome.broken = await crew.verdict()
    await database.close()
    return outcome


@contextmanager
def small_files(bot: Bot) -> Iterator[None]:
    """No file of a bot may grow beyond 64 KB: what a disk does that is full, for one process alone."""
    before = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        yield
    finally:
        resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--people", type=int, default=20)
    given = parser.parse_args()
    broken = 0
    for webhook in (False, True):
        with own_agency() as (server, folder):
            supply = Supply(server.url, _threaded(server.stop), _threaded(server.start))
            broken += _ran(
                without_database(
                    supply, server.url, folder, webhook=webhook, people=given.people, seconds=given.seconds
                )
            )
    with own_agency() as (server, folder):
        broken += _ran(without_redis(server.url, folder, people=given.people))
    with own_agency() as (server, folder):
        broken += _ran(without_room(server.url, folder, lambda _bot: _full(folder / "documents"), 1 << 18))
    return int(broken > 0)


@contextmanager
def _full(place: Path) -> Iterator[None]:
    """A file system of 64 KB instead of the folder."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def _threaded(what: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        await asyncio.to_thread(what)

    return do


def _ran(work: Coroutine[Any, Any, Outcome]) -> int:
    outcome = asyncio.run(work)
    print(outcome, flush=True)  # noqa: T201
    return sum(outcome.broken.values())


if __name__ == "__main__":
    sys.exit(main())
