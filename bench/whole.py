"""What the process does as a whole: how much a second, how soon, in a burst, at the start, in how much memory."""

import asyncio
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from bench import machine, taps
from bench.data import FIRST_SELLER_TELEGRAM_ID
from bench.machine import Bot, Databases
from bench.telegram import Balancer, Person, Webhook
from bot.clock import SystemClock
from models.enums import Role
from services.access import Actor
from services.deals import CARD_JOURNAL, CARD_PAYMENTS, CARD_POLICIES, DealService
from storage import deal_card, schema
from storage.engine import Database
from storage.uow import Transactions

Row = dict[str, Any]

CROWD = 160
"""People of whom always somebody presses, though each looks at his screen first: 800 taps a second if nobody waits."""

SHARE, EACH = 0.2, 80
"""Of a core, and of people, for each of several replicas."""

KEEPS_UP = 50.0
"""Milliseconds. A floor that takes longer stands in a queue, and two queues are not a comparison."""


def row(what: str, ours: float, goal: str, reached: bool | None, **more: Any) -> Row:
    """A figure that stands for itself."""
    nothing: Row = {"floor": None, "ratio": None, "spread": None}
    return nothing | {"what": what, "ours": ours, "goal": goal, "reached": reached} | more


async def latency(ours: Bot, bare: Bot, people: Sequence[Person], floor: Sequence[Person], given: Any) -> list[Row]:
    p50, p99 = taps.Measured(), taps.Measured()
    for _ in range(given.rounds):
        mine = await taps.open_loop(ours, people, taps.CARD, 60, given.seconds)
        theirs = await taps.open_loop(bare, floor, taps.BARE_TAP, 60, given.seconds)
        if taps.at(0.5, theirs) > KEEPS_UP:
            raise machine.BenchError(f"bare aiogram answers after {taps.at(0.5, theirs):.0f} ms: others have the core")
        p50.add(taps.at(0.5, mine), taps.at(0.5, theirs))
        p99.add(taps.at(0.99, mine), taps.at(0.99, theirs))
    return [
        p50.row("update to first call at 60/s, p50", "<= 3", lambda r: r <= 3, aim="<= 2", unit="ms"),
        p99.row("update to first call at 60/s, p99", "<= 4", lambda r: r <= 4, aim="<= 2.5", unit="ms"),
    ]


async def rate(ours: Bot, bare: Bot, given: Any) -> list[Row]:
    """Taps a second, and what 40 ms to Telegram do to it."""
    people, floor = (taps.sellers(bot, CROWD) for bot in (ours, bare))
    fast, far = taps.Measured(), taps.Measured()
    busy: list[float] = []
    for _ in range(given.rounds):
        had, began = ours.cpu(), time.monotonic()
        before = await taps.closed_loop(ours, people, taps.CARD, given.seconds)
        busy.append((ours.cpu() - had) / (time.monotonic() - began))
        ours.telegram.delay = 0.04
        slow = await taps.closed_loop(ours, people, taps.CARD, given.seconds)
        ours.telegram.delay = 0.0
        after = await taps.closed_loop(ours, people, taps.CARD, given.seconds)
        near = (before + after) / 2  # the machine goes up and down meanwhile: what it does steadily cancels
        fast.add(near, await taps.closed_loop(bare, floor, taps.BARE_TAP, given.seconds))
        far.add(slow, near)
    usual = statistics.median(fast.ours)
    return [
        fast.row("taps a second on one core (deal card and back)", ">= 300/s", lambda _: usual >= 300, aim=">= 450/s")
        | {
            "unit": "/s",
            "note": f"with {statistics.median(busy):.0%} of the core: what else is on the machine has the rest",
        },
        far.row("throughput at 40 ms to Telegram against 0 ms", ">= 0.9", lambda r: r >= 0.9, aim=">= 0.95", unit="/s"),
    ]


async def burst(ours: Bot) -> list[Row]:
    """Three hundred people at once; ten messages of one person at once."""
    assert ours.database is not None
    crowd = [ours.telegram.person(FIRST_SELLER_TELEGRAM_ID + number) for number in range(100, 400)]
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept(ours, person)) for person in crowd]
    lost = sum(not task.result() for task in tasks)
    seconds = time.monotonic() - began
    one = ours.telegram.person(FIRST_SELLER_TELEGRAM_ID)
    await taps.all_do(ours, [one], taps.write("/find"))
    seen: list[str] = []

    def look(_method: str, person_id: int) -> None:
        if person_id == one.id and (not seen or seen[-1] != one.text):
            seen.append(one.text)

    ours.telegram.listeners.append(look)
    await asyncio.gather(*(ours.telegram.bring(one.write(f"Яркий{number}")) for number in range(10)))
    await ours.settled()
    ours.telegram.listeners.remove(look)
    order = [next((n for n in range(10) if f"Яркий{n}" in text), -1) for text in seen]
    shown = [n for n in order if n >= 0]
    return [
        row("a burst of 300 people at once, lost", lost, "0", lost == 0, note=f"all answered in {seconds:.1f} s"),
        row("ten messages of one person at once, kept and in order", len(shown), "10", shown == list(range(10))),
    ]


async def _kept(bot: Bot, person: Person) -> bool:
    try:
        await bot.telegram.ask(person, person.write("/menu"), taps.SHOWN)
    except Exception:  # noqa: BLE001 - whatever it was, the answer is lost
        return False
    return True


async def start_up(databases: Databases, folder: Path, rounds: int) -> list[Row]:
    """From starting the process to the first answered update, beside a bare aiogram bot."""
    found = taps.Measured()
    database = await databases.copy()
    for _ in range(rounds):
        async with machine.open_telegram() as telegram:
            began = time.monotonic()
            async with machine.ours(databases, folder, database=database, plain=True, telegram=telegram) as bot:
                await taps.all_do(bot, taps.sellers(bot, 1), taps.write("/menu"))
                mine = time.monotonic() - began
        began = time.monotonic()
        async with machine.bare() as bot:
            await taps.all_do(bot, taps.sellers(bot, 1), taps.write("/menu"))
            theirs = time.monotonic() - began
        found.add(mine, theirs)
    return [found.row("start to the first answered update", "<= 1.5", lambda r: r <= 1.5, aim="<= 1.2", unit="s")]


async def outbox(databases: Databases, folder: Path, given: Any) -> list[Row]:
    """Messages a second with the limiter off: each is rendered from the database, with the rights of who gets it."""
    count = 600 if given.quick else 3000
    async with machine.ours(databases, folder, extra=("--no-limits",)) as bot:
        assert bot.database is not None
        await taps.all_do(bot, taps.sellers(bot, 4), taps.write("/menu"))
        done = asyncio.Event()
        left = count

        def one_less(method: str, _person: int) -> None:
            nonlocal left
            left -= method == "sendMessage"
            if left <= 0:
                done.set()

        bot.telegram.listeners.append(one_less)
        before = bot.cpu()
        began = time.monotonic()
        await bot.database.execute(
            "INSERT INTO outbox (recipient_id, kind, params, edits_card, deal_id, status, attempts)"
            " SELECT executor_id, 'deal_assigned', jsonb_build_object('deal', id), false, id, 'pending', 0"
            " FROM (SELECT id, executor_id, row_number() OVER (PARTITION BY executor_id ORDER BY id) AS nth"
            "       FROM deals WHERE stage <> 'closed') d ORDER BY nth, executor_id LIMIT $1",
            count,
        )
        async with asyncio.timeout(300):
            await done.wait()
        seconds, spent = time.monotonic() - began, bot.cpu() - before
        await bot.failed_none()
    per_second = count / seconds
    return [
        row("outbox, limiter off", per_second, ">= 300/s", per_second >= 300, aim=">= 600/s", unit="/s")
        | {"note": f"{spent / count * 1000:.2f} ms of CPU a message"}
    ]


async def morning(databases: Databases, folder: Path, given: Any) -> list[Row]:
    """Everybody's digest comes due at one moment, with the limiter on, while others press buttons."""
    count = 100 if given.quick else 500
    async with machine.ours(databases, folder) as bot:
        assert bot.database is not None
        people = taps.sellers(bot, 20)
        await taps.open_loop(bot, people, taps.CARD, 20, 3)
        quiet = taps.at(0.95, await taps.open_loop(bot, people, taps.CARD, 20, given.seconds))
        done = asyncio.Event()
        sent: set[int] = set()

        def one_less(method: str, person: int) -> None:
            if method == "sendMessage" and person >= FIRST_SELLER_TELEGRAM_ID + 20:
                sent.add(person)
                if len(sent) >= count:
                    done.set()

        bot.telegram.listeners.append(one_less)
        # In the evening nobody is told any more what his day brings: they live where it is ten in the morning now.
        east = (22 - datetime.now(UTC).hour) % 24 - 12
        zone = f"Etc/GMT{-east:+}"
        await bot.database.execute("UPDATE users SET time_zone = $1", zone)
        # Whose day is empty is told nothing: each of them has a deal that comes up today.
        await bot.database.execute(
            "UPDATE deals SET review_on = (now() AT TIME ZONE $1)::date"
            " WHERE id IN (SELECT min(id) FROM deals WHERE stage <> 'closed' GROUP BY seller_id)",
            zone,
        )
        await bot.database.execute(
            "UPDATE reminders SET due_at = now(), status = 'planned', sent_at = NULL WHERE kind = 'digest'"
            " AND recipient_id IN (SELECT id FROM users WHERE telegram_id >= $1 ORDER BY id LIMIT $2)",
            FIRST_SELLER_TELEGRAM_ID + 20,
            count,
        )
        began = time.monotonic()
        pressing = asyncio.create_task(taps.open_loop(bot, people, taps.CARD, 20, count / 25))
        async with asyncio.timeout(180):
            await done.wait()
        seconds = time.monotonic() - began
        busy = taps.at(0.95, await pressing)
        await bot.failed_none()
    limit = count / 25 + 5 + 5  # and the five seconds until the ticker looks
    return [
        row(f"{count} digests at one hour, limiter on", seconds, f"<= {limit:.0f} s", seconds <= limit, unit="s"),
        row("p95 of taps meanwhile against quiet", busy / quiet, "<= 2", busy / quiet <= 2, aim="no effect")
        | {"note": f"{busy:.0f} ms against {quiet:.0f} ms"},
    ]


async def pauses(databases: Databases, folder: Path, given: Any) -> list[Row]:
    """The longest stop by the collector at 60 updates a second."""
    seconds = max(15 if given.quick else 120, int(given.seconds))
    file = folder / "pauses"
    async with machine.ours(databases, folder, extra=("--pauses", str(file))) as bot:
        people = taps.sellers(bot, 40)
        await taps.open_loop(bot, people, taps.CARD, 60, 3)
        os.kill(bot.pid, signal.SIGUSR1)
        await taps.open_loop(bot, people, taps.CARD, 60, seconds)
        await bot.failed_none()
    seen = [tuple(float(part) for part in word.split("/")) for word in file.read_text().split()]
    by_clock, longest = (max((pause[which] for pause in seen), default=0.0) * 1000 for which in (0, 1))
    return [
        row(f"longest stop by the collector in {seconds} s at 60/s", longest, "<= 20 ms", longest <= 20, aim="<= 5 ms")
        | {
            "unit": "ms",
            "note": f"of CPU; {by_clock:.1f} by the clock; {len(seen)} collections; the goal is said for ten minutes",
        }
    ]


async def replicas(databases: Databases, folder: Path, given: Any) -> list[Row]:
    """One, two and four replicas behind one address, and twice as many people for twice as many of them: what ends
    together shares its statements, so that one crowd for all would make each replica's own more costly. Each has a
    fifth of a core: with one that had a whole core, all else that a tap takes would fill the second.
    """
    two, four = taps.Measured(), taps.Measured()
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(machine.open_telegram())
        database = await databases.copy()
        bots: list[Bot] = []
        doors: list[Webhook] = []
        for number in range(4):
            telegram.forget_bot()
            bot = await stack.enter_async_context(
                machine.ours(databases, folder, name=f"replica {number}", database=database, telegram=telegram)
            )
            stack.enter_context(machine.held_to(bot.pid, SHARE))
            # In turns on both: on one core they would drive each other out of its cache, as no two machines do.
            os.sched_setaffinity(bot.pid, {(machine.BOT_CORE, machine.OTHER_CORE)[number % 2]})
            assert telegram.webhook is not None
            bots.append(bot)
            doors.append(telegram.webhook)
        people = taps.sellers(bots[0], 4 * EACH)
        balancer = telegram.webhook = Balancer(doors)
        await taps.closed_loop(bots[0], people, taps.CARD, 3 / SHARE)  # to warm up takes as much of a core as ever
        for _ in range(given.rounds):
            rates = {}
            for balancer.count in (1, 2, 4):
                with asleep(bots[balancer.count :]):
                    theirs = people[: balancer.count * EACH]
                    rates[balancer.count] = await taps.closed_loop(bots[0], theirs, taps.CARD, given.seconds)
            two.add(rates[2], rates[1])
            four.add(rates[4], rates[1])
        await bots[0].failed_none()
    note = {"unit": "/s", "note": "a fifth of a core each"}
    return [
        two.row("two webhook replicas against one", ">= 1.7", lambda r: r >= 1.7) | note,
        four.row("four webhook replicas against one", "as far as two cores allow", None) | note,
    ]


@contextmanager
def asleep(bots: Sequence[Bot]) -> Iterator[None]:
    """Stop these processes: a replica that is brought nothing takes what waits in the inbox all the same."""
    for bot in bots:
        os.kill(bot.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for bot in bots:
            os.kill(bot.pid, signal.SIGCONT)


async def raw(databases: Databases, given: Any) -> list[Row]:
    """The card's rows through the service, against a bare script that runs the same statement."""
    url = databases.url_of("filled")
    actor = Actor(2, frozenset({Role.SELLER}))
    database = Database(url)
    service = DealService(Transactions(database), SystemClock())
    bare = await asyncpg.connect(schema.dsn(url))
    text = deal_card.statement(False, True, False, CARD_POLICIES, CARD_PAYMENTS, CARD_JOURNAL)
    found = taps.Measured()
    try:
        for _ in range(2 + given.rounds):
            began, took = time.process_time(), []
            for deal_id in range(1, 301):
                await service.card(actor, deal_id)
            mine = time.process_time() - began
            began = time.process_time()
            for deal_id in range(1, 301):
                await bare.fetch(text, deal_id, actor.user_id)
            took.append(time.process_time() - began)
            found.add(mine / 300 * 1000, took[0] / 300 * 1000)
    finally:
        await bare.close()
        await database.close()
    del found.ours[:2], found.other[:2]  # warming up
    return [found.row("the card's rows: service against raw asyncpg", "", None, unit="ms of CPU")]


async def memory(ours: Bot, bare: Bot, people: Sequence[Person], floor: Sequence[Person], given: Any) -> list[Row]:
    """Resident memory after all that this run has asked, and at last both at once at 60 updates a second."""
    async with asyncio.TaskGroup() as group:
        group.create_task(taps.open_loop(ours, people, taps.CARD, 60, given.seconds))
        group.create_task(taps.open_loop(bare, floor, taps.BARE_TAP, 60, given.seconds))
    mine, theirs = ours.memory(), bare.memory()
    return [
        row("resident memory after the load", mine, "<= 1.4", mine / theirs <= 1.4, aim="<= 1.25", unit="MB")
        | {"floor": theirs, "ratio": mine / theirs, "note": f"{given.seconds:.0f} s; the goal is said for an hour"}
    ]


def of_database(found: dict[str, Any]) -> Row:
    """A row of bench.database: a thousand deals are the floor of a million."""
    slowest, name = found["wall_p99"], found["what"]
    goal, reached = "", None  # the control's
    if name.startswith("control"):
        pass
    elif name.startswith("clock"):
        most = 1 if "nothing" in name else 10
        goal, reached = f"<= {most} ms", found["wall"] <= most
    elif ("find" in name and "find_number" not in name) or "duplicates" in name:
        goal, reached = "p99 <= 30 ms", slowest <= 30
    elif any(report in name for report in ("stats.", "digest.", "audit.")):
        goal, reached = "p99 <= 50 ms", slowest <= 50
    else:
        goal, reached = "<= 1.5 and p99 <= 10 ms", found["ratio"] <= 1.5 and slowest <= 10
    spread = tuple(float(side) for side in found["spread"].split("-"))
    note = f"{found['trips']} statements; by the clock {found['wall']:.2f}, p99 {slowest:.2f} ms"
    more = {"floor": found["floor"], "ratio": found["ratio"], "spread": spread}
    return row(name, found["ours"], goal, reached, unit="ms of the server's CPU", note=note) | more


def write(path: Path, rows: list[Row], about: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"about": about, "rows": rows}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
