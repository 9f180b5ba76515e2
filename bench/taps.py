"""What one update costs: ours beside bare aiogram and python-telegram-bot, in turns, a ratio inside each round."""

import asyncio
import hashlib
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from bench.bots.screen import ROWS, SCREEN
from bench.data import FIRST_SELLER_TELEGRAM_ID
from bench.machine import Bot
from bench.questions import misspelt
from bench.telegram import Person

Do = Callable[[Person], dict[str, Any]]

SHOWN, TAPPED = frozenset({"show"}), frozenset({"show", "answer"})
AT_ONCE = 16
"""People who press at one moment."""
LOOK = 0.2
"""Seconds for which a person sees a screen before he presses again: sooner no hand does."""


@dataclass(frozen=True, slots=True)
class Agency:
    """What the made agency has that a step is about: ids of the deals in force, surnames of each seller's clients by
    his telegram id, and the telegram ids of executors.
    """

    in_force: frozenset[str]
    surnames: dict[int, list[str]]
    executors: tuple[int, ...]

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> "Agency":
        deals = await connection.fetch("SELECT id::text FROM deals WHERE stage = 'in_force'")
        sellers = await connection.fetch(
            "SELECT u.telegram_id, (array_agg(DISTINCT split_part(c.name, ' ', 1)))[:20] AS names FROM clients c"
            " JOIN users u ON u.id = c.seller_id WHERE c.kind = 'person' GROUP BY 1"
        )
        executors = await connection.fetch("SELECT telegram_id FROM users WHERE 'executor' = ANY(roles) ORDER BY id")
        return cls(
            frozenset(row["id"] for row in deals),
            {row["telegram_id"]: row["names"] for row in sellers},
            tuple(row["telegram_id"] for row in executors),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One update of a person, the calls that it must lead to, and a widget of the screen that it must lead to."""

    do: Do
    needs: frozenset[str]
    sees: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A measured step, what leads to it once, and what leads back to it each time."""

    name: str
    step: Step
    opening: tuple[Step, ...] = ()
    back: tuple[Step, ...] = ()
    tap: bool = True
    who: tuple[int, ...] = ()
    """Telegram ids of those who do it, if it is not the sellers."""


def press(widget: str, sees: str | None = None, among: frozenset[str] | None = None) -> Step:
    return Step(lambda person: person.press(person.button(widget, person.taps, among)), TAPPED, sees)


def write(text: str | Callable[[Person], str], sees: str | None = None) -> Step:
    return Step(lambda person: person.write(text if isinstance(text, str) else text(person)), SHOWN, sees)


_DEALS = write("/deals", "deal")
CARD = Subject("open a deal card", press("deal", "journal"), (_DEALS,), (press("leave", "deal"),))


def subjects(agency: Agency) -> tuple[Subject, ...]:
    """What is measured one after the other, each against the floor."""
    # Buttons of a card go by its stage.
    in_force = press("deal", "variants", agency.in_force)

    def misspelt_surname(person: Person) -> str:
        names = agency.surnames[person.id]
        return misspelt(names[person.taps % len(names)].lower())

    return (
        CARD,
        Subject("my deals, page 1 to 2", press("page_next", "deal"), (_DEALS,), (press("page_previous", "deal"),)),
        Subject(
            "my deals, page 100 to 101",
            press("page_next", "deal"),
            # The pager wraps around: the last page is one press from the first, page 100 a few more.
            (_DEALS, *(press("page_previous", "deal") for _ in range(10))),
            (press("page_previous", "deal"),),
            who=(FIRST_SELLER_TELEGRAM_ID,),  # nobody else has a hundred pages
        ),
        Subject("search by a name with a typo", write(misspelt_surname, "deal"), (write("/find"),), tap=False),
        Subject(
            "put a deal off",
            press("days", "journal"),
            (_DEALS, in_force, press("postpone", "days")),
            (press("postpone", "days"),),
        ),
        Subject(
            "a full variant line",
            write(lambda person: f"РЕСО {50000 + person.taps} фр15 сс1.2м рассрочка 2", "variant"),
            (_DEALS, in_force, press("variants")),
            tap=False,
            who=agency.executors,
        ),
        Subject(
            "a document",
            Step(lambda person: person.send_document(f"скан {person.taps}.pdf"), frozenset({"show", "react"})),
            (_DEALS, in_force),
            tap=False,
        ),
    )


BARE_TAP = Subject("the floor", press("button_0_0"))
BARE_WORDS = Subject("the floor", write("Ковлаенко"))


def sellers(bot: Bot, count: int) -> list[Person]:
    """People with a thousand deals each, who look at a screen of the size of ours."""
    found = [bot.telegram.person(FIRST_SELLER_TELEGRAM_ID + number) for number in range(count)]
    for person in found:
        if not person.markup:
            person.text = SCREEN
            rows = [[{"text": text, "callback_data": data} for text, data in row] for row in ROWS]
            person.markup = orjson.dumps({"inline_keyboard": rows}).decode()
    return found


async def take(bot: Bot, person: Person, step: Step) -> float:
    """One person does a step; the seconds to the first call of the answer. Raises Lost when it leads elsewhere."""
    took = await bot.telegram.ask(person, step.do(person), step.needs)
    if step.sees is not None:
        person.button(step.sees)
    return took


async def all_do(bot: Bot, people: Sequence[Person], step: Step, at_once: int = AT_ONCE) -> list[float]:
    """Everybody does a step once; returns the seconds to the first call of each answer."""
    room, took = asyncio.Semaphore(at_once), []

    async def one(person: Person) -> None:
        async with room:
            took.append(await take(bot, person, step))

    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(one(person))
    return took


async def cost(bot: Bot, subject: Subject, people: Sequence[Person], times: int) -> float:
    """Seconds of CPU of the bot's process for one update of the subject, over everybody and `times` times."""
    for step in subject.opening:
        await all_do(bot, people, step)
    spent = 0.0
    for _ in range(times):
        await bot.settled()
        before = bot.cpu()
        await all_do(bot, people, subject.step)
        await bot.settled()
        spent += bot.cpu() - before
        for step in subject.back:
            await all_do(bot, people, step)
    await bot.settled()
    return spent / (times * len(people))


@dataclass(slots=True)
class Measured:
    """A figure of several rounds: ours and the other's in each."""

    ours: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)

    def add(self, ours: float, other: float) -> None:
        self.ours.append(ours)
        self.other.append(other)

    def row(self, what: str, goal: str, reached: Callable[[float], bool] | None, **more: Any) -> dict[str, Any]:
        """As the table takes it; the ratio is the median of the rounds' ratios."""
        ratios = sorted(mine / other for mine, other in zip(self.ours, self.other, strict=True))
        ratio = statistics.median(ratios)
        return {
            "what": what,
            "ours": statistics.median(self.ours),
            "floor": statistics.median(self.other),
            "ratio": ratio,
            "spread": (ratios[0], ratios[-1]),
            "goal": goal,
            "reached": None if reached is None else reached(ratio),
        } | more


async def closed_loop(bot: Bot, people: Sequence[Person], subject: Subject, seconds: float) -> float:
    """Taps a second when everybody presses again when he has looked at his answer."""
    for step in subject.opening:
        await all_do(bot, people, step)
    taps, until = 0, time.monotonic() + seconds

    async def keep_on(person: Person, look: float) -> None:
        nonlocal taps
        for step in itertools.cycle((subject.step, *subject.back)):
            await asyncio.sleep(look)
            if time.monotonic() > until:
                return
            await take(bot, person, step)
            taps, look = taps + 1, LOOK

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, person in enumerate(people):
            group.create_task(keep_on(person, LOOK * number / len(people)))
    return taps / (time.monotonic() - began)


async def open_loop(bot: Bot, people: Sequence[Person], subject: Subject, rate: float, seconds: float) -> list[float]:
    """Seconds from an update to the first call of its answer, the shortest first, when updates come at their own pace.

    Everybody is a step further each time it is his turn, so `step` and `back` come in the same numbers.
    """
    for step in subject.opening:
        await all_do(bot, people, step)
    steps = (subject.step, *subject.back)
    took: list[float] = []
    places = dict.fromkeys(people, 0)
    turns = {person: asyncio.Lock() for person in people}

    async def one(person: Person, due: float) -> None:
        async with turns[person]:
            step = steps[places[person] % len(steps)]
            places[person] += 1
            # From the moment when it was due: who has to wait until he can press at all has waited as well.
            waited = time.monotonic() - due
            took.append(waited + await take(bot, person, step))

    began, count = time.monotonic(), int(rate * seconds)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = began + number / rate
            await asyncio.sleep(due - time.monotonic())
            group.create_task(one(people[number % len(people)], due))
    await bot.settled()
    return sorted(took)


def at(share: float, ordered: Sequence[float]) -> float:
    """The value that a share of ordered ones stays under, in thousandths: milliseconds of seconds."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


FIRST_START = "a person's first /start, by invitation"


def first_start(number: int) -> Subject:
    """Somebody's first /start, by an invitation of his own."""
    return Subject(FIRST_START, write(lambda person: f"/start bench-{number}-{person.id}"), tap=False)


async def cost_of_first_start(bot: Bot, number: int, count: int) -> float:
    """As `cost`, with people whom nobody knows yet."""
    assert bot.database is not None
    people = [bot.telegram.person(5_000_000 + number * 1000 + place) for place in range(count)]
    await invitations(bot.database, [f"bench-{number}-{person.id}" for person in people])
    return await cost(bot, first_start(number), people, 1)


REMINDER = "a reminder answered (put off by a day)"


async def cost_of_answered_reminder(bot: Bot, number: int, count: int) -> float:
    """As `cost`, with a press on the button of a reminder that was sent."""
    assert bot.database is not None
    rows = await bot.database.fetch(
        "SELECT DISTINCT ON (recipient_id) r.id, u.telegram_id FROM reminders r JOIN users u ON u.id = r.recipient_id"
        " JOIN deals d ON d.id = r.deal_id WHERE r.kind = 'review' AND r.answer IS NULL AND d.stage = 'in_force'"
        " ORDER BY recipient_id, r.id LIMIT $1",
        count,
    )
    await bot.database.execute(
        "UPDATE reminders SET status = 'sent', sent_at = now() WHERE id = ANY($1)", [row["id"] for row in rows]
    )
    asked = {row["telegram_id"]: row["id"] for row in rows}
    people = [bot.telegram.person(telegram_id) for telegram_id in asked]
    for person in people:
        data = f"rm:postpone:{asked[person.id]}:1"
        person.text = f"⏰ №{number}"
        person.markup = orjson.dumps({"inline_keyboard": [[{"text": "+1", "callback_data": data}]]}).decode()
    step = Step(lambda person: person.press(f"rm:postpone:{asked[person.id]}:1"), TAPPED)
    return await cost(bot, Subject(REMINDER, step), people, 1)


async def invitations(database: asyncpg.Pool, codes: Sequence[str]) -> None:
    """Invitations of the admin's, a code each."""
    hashes = [hashlib.sha256(code.encode()).digest() for code in codes]
    await database.execute(
        "INSERT INTO invites (code_hash, roles, author_id, expires_at)"
        " SELECT h, ARRAY['seller'], 1, now() + interval '1 day' FROM unnest($1::bytea[]) h",
        hashes,
    )
