"""People who work on while bots die under them, and what must be true when they have gone home."""

import asyncio
import hashlib
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bot.clock import SystemClock
from models.enums import Role
from models.tables import User
from sandbox.people import show
from sandbox.world import JSON, Message, Tap, Upload, World
from services.access import SYSTEM, Actor
from services.people import as_actor
from services.registry import Services
from storage.backup import Backups
from storage.engine import Database
from storage.files import DiskFiles
from storage.uow import Transactions
from tests.services.conftest import Agency

PREMIUM = Decimal(10_000_000)
_WAITING = (
    "SELECT (SELECT count(*) FROM inbox WHERE status = 'pending')"
    " + (SELECT count(*) FROM outbox WHERE status = 'pending')"
    " + (SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= '{until}')"
)
WRITE = "📝 Записать в журнал"
CARD = "📝 Журнал"
"""What the card of a deal has and no other message."""
TAKE, FINISH = "✅ Принять", "✅ Готово"


class Watch:
    """Wakes whoever waits for something to happen in a chat."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bells: dict[int, asyncio.Event] = defaultdict(asyncio.Event)

    @contextmanager
    def open(self) -> Iterator[None]:
        subscription = self._world.subscribe(limit=1 << 40)

        async def listen() -> None:
            async for event in subscription:
                if event.chat_id is not None:
                    self._bells.pop(event.chat_id, asyncio.Event()).set()

        task = asyncio.create_task(listen())
        try:
            yield
        finally:
            subscription.close()
            task.cancel()

    async def until(self, chat_id: int, true: Callable[[], Any], patience: float) -> bool:
        """Wait until something is true of a chat; False when patience ends."""
        try:
            async with asyncio.timeout(patience):
                while not true():
                    await self._bells[chat_id].wait()
        except TimeoutError:
            return bool(true())
        return True


@dataclass
class Score:
    """What people did and what they saw of it."""

    updates: int = 0
    notes: set[str] = field(default_factory=set)
    files: set[bytes] = field(default_factory=set)
    sums: set[tuple[int, Decimal]] = field(default_factory=set)
    tasks: int = 0
    unanswered: list[str] = field(default_factory=list)
    asked_again: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    slowest: float = 0.0
    swept: int = 0


class Unanswered(Exception):
    """The bot has not answered somebody for longer than he waits."""


class Seller:
    """A person at his phone with a deal of his own; each of his acts leaves a trace that only it can have left."""

    def __init__(self, crew: "Crew", actor: Actor, telegram_id: int, deal_id: int, number: int) -> None:
        self.crew, self.actor, self.id, self.deal_id, self.number = crew, actor, telegram_id, deal_id, number
        self.random = random.Random(telegram_id)  # noqa: S311
        self.payment_id = self.since = 0
        self.executor: Executor | None = None
        self.to_do = 0
        self._count = 0

    @property
    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        """What this person does all day, the frequent things more than once."""
        usual: list[Callable[[], Awaitable[None]]] = [
            self.forward,
            self.forward,
            self.file,
            self.note,
            self.note,
            self.pay,
            self.look,
        ]
        return usual if self.executor is None else [*usual, self.give]

    @property
    def world(self) -> World:
        return self.crew.world

    def _unique(self) -> str:
        self._count += 1
        return f"{self.id}-{self._count}"

    @property
    def received(self) -> list[Message]:
        return [message for message in self.world.chat(self.id) if message.out]

    def shown(self, label: str) -> tuple[Message, JSON] | None:
        """The newest button that says this, since the person has last looked for the deal."""
        for message in reversed(self.received):
            if message.id < self.since:
                return None
            if (button := button_of(message, label)) is not None:
                return message, button
        return None

    def on_screen(self, label: str) -> bool:
        """Whether the newest message with buttons has this one."""
        newest = next((message for message in reversed(self.received) if message.buttons), None)
        return newest is not None and button_of(newest, label) is not None

    def reads(self, words: str) -> bool:
        """Whether a message with buttons says this."""
        return any(words in message.text and message.buttons for message in self.received[-5:])

    async def until(self, true: Callable[[], Any], what: str) -> None:
        began = asyncio.get_running_loop().time()
        answered = await self.crew.watch.until(self.id, true, self.crew.patience)
        self.crew.score.slowest = max(self.crew.score.slowest, asyncio.get_running_loop().time() - began)
        if not answered:
            seen = "\n".join(("бот: " if m.out else "я: ") + show(m) for m in self.world.chat(self.id)[-4:])
            rows = await self.crew.agency.sql(
                "SELECT update_id, status, attempts, error FROM inbox WHERE person_id = :p ORDER BY 1 DESC LIMIT 3",
                p=self.id,
            )
            seen += "\n" + "\n".join(map(str, rows))
            self.crew.score.unanswered.append(f"{self.id}: {what}\n{seen}")
            raise Unanswered(what)

    # --- single moves -------------------------------------------------------------------------------------------------

    async def say(self, words: str) -> Message:
        self.crew.score.updates += 1
        return await self.world.say(self.id, words)

    async def press(self, label: str) -> Tap:
        await self.until(lambda: self.shown(label), f"a button {label!r}")
        found = self.shown(label)
        assert found is not None
        return await self.press_on(*found)

    async def press_on(self, message: Message, button: JSON) -> Tap:
        self.crew.score.updates += 1
        return await self.world.press(self.id, message.id, button)

    async def tap(self, label: str) -> bool:
        """Press and wait for the answer; False when the bot asks to do it again."""
        return await self.answered(await self.press(label), label)

    async def answered(self, tap: Tap, label: str) -> bool:
        await self.until(tap.answer.done, f"an answer to the tap on {label!r}")
        words = tap.answer.result().text or ""
        again = any(one in words for one in ("устарел", "Что-то пошло не так"))
        if again:
            self.crew.score.asked_again.append(f"{self.id}: {label}: {words}")
        return not again

    async def seen(self, messages: list[Message]) -> None:
        """Wait until the bot has put its thumb under each of these messages."""
        for message in messages:
            await self.until(partial(message.reactions.get, "bot"), f"a thumb for {show(message)!r}")

    # --- acts ---------------------------------------------------------------------------------------------------------

    async def home(self) -> None:
        """Go to the deal, wherever one is."""
        self.since = (await self.say(f"/find {self.number}")).id
        await self.tap(f"№{self.number} ·")
        await self.until(lambda: self.shown(CARD), "the deal's card")

    async def forward(self, count: int | None = None) -> None:
        """Send on what clients wrote, several at once."""
        await self.seen([await self.send_on() for _ in range(count or self.random.randint(1, 4))])

    async def send_on(self) -> Message:
        words = f"пересланное {self._unique()}"
        self.crew.score.updates += 1
        self.crew.score.notes.add(f"Клиент: {words}")
        return await self.world.forward_text(self.id, words, author="Клиент")

    async def send(self, count: int) -> None:
        """Send texts and files over the open deal, and wait for nothing."""
        for number in range(count):
            if number % 3:
                await self.send_on()
            else:
                content = b"%PDF-1.4 " + self._unique().encode()
                await self.world.send_files(self.id, [Upload(f"Бумага {number}.pdf", content)])

    async def file(self) -> None:
        uploads = [
            Upload(f"Бумага {number}.pdf", b"%PDF-1.4 " + self._unique().encode())
            for number in range(self.random.choice([1, 1, 3]))
        ]
        self.crew.score.updates += len(uploads)
        self.crew.score.files |= {upload.data for upload in uploads}
        await self.seen(await self.world.send_files(self.id, uploads))

    async def note(self) -> None:
        """Type a note and write it down, now and then with a trembling thumb."""
        words = f"заметка {self._unique()}"
        await self.say(words)
        await self.until(lambda: self.reads(words), f"the note {words!r}")
        taps = [await self.press(WRITE) for _ in range(self.random.choice([1, 1, 2]))]
        if all([await self.answered(tap, WRITE) for tap in taps]):
            self.crew.score.notes.add(words)
            await self.until(lambda: self.shown(CARD), "the card after the note")

    async def pay(self) -> None:
        """The client pays a part: a sum that nobody else pays."""
        for label in ("💳 Взносы", f"N-{self.id}", "✍️ Частично"):
            if not await self.tap(label):
                return
        self._count += 1
        paid = Decimal(100 + self._count) + Decimal(self.random.randint(0, 99)) / 100
        # The card that he came from has the button that he will wait for.
        await self.until(lambda: not self.on_screen("📁 Сделка"), "the question how much")
        await self.say(f"{paid:.2f}".replace(".", ","))
        await self.until(lambda: self.shown("📁 Сделка"), "the payment's card")
        self.crew.score.sums.add((self.payment_id, paid))
        await self.tap("📁 Сделка")
        await self.until(lambda: self.shown(CARD), "the deal's card")

    async def give(self) -> None:
        """Give the executor of the deal something to do, once he has done the last thing."""
        assert self.executor is not None
        if self.executor.to_do:
            return
        await self.tap("📋 Задача")
        await self.until(lambda: self.reads("Напишите, что нужно сделать"), "the question what is to be done")
        await self.say("позвонить в страховую")
        if await self.tap("✅ Дать задачу"):
            self.executor.to_do += 1
        await self.until(lambda: self.shown(CARD), "the card after the task")

    async def look(self) -> None:
        """Look at something and come back."""
        await self.tap(CARD)
        await self.tap("‹ Назад")

    async def work(self, enough: Callable[[], bool]) -> None:
        """One act after another until it is enough."""
        await self.home()
        while not enough():
            await self.random.choice(self.acts)()
            await self.crew.breathe(self)
            if self.shown(CARD) is None or self.random.random() < 0.1:
                await self.home()


class Executor(Seller):
    """A person at his phone who works on another's deal."""

    @property
    def acts(self) -> list[Callable[[], Awaitable[None]]]:
        return [self.forward, self.forward, self.file, self.note, self.note, self.look, self.serve, self.serve]

    def _asked(self, label: str) -> tuple[Message, JSON] | None:
        """A message about a task with this button, however long ago it came."""
        found = ((message, button_of(message, label)) for message in self.received)
        return next(((message, button) for message, button in found if button is not None), None)

    async def serve(self) -> None:
        """Take up a task and finish it, by the buttons of its message."""
        if not self.to_do:
            return
        for label in (TAKE, FINISH):
            await self.until(partial(self._asked, label), f"a task with {label!r}")
            found = self._asked(label)
            assert found is not None
            await self.answered(await self.press_on(*found), label)
            await self.until(lambda label=label: not self._asked(label), f"a task without {label!r}")  # type: ignore[misc]
        self.to_do -= 1
        self.crew.score.tasks += 1


def button_of(message: Message, label: str) -> JSON | None:
    """The button of a message that says this."""
    return next((one for one in message.buttons if label in str(one["text"]).replace("\u00a0", " ")), None)


class Crew:
    """The people of one agency, its books, and the count of what they did."""

    def __init__(self, world: World, database: Database, folder: Path, *, patience: float = 200) -> None:
        self.world, self.database, self.patience = world, database, patience
        self.files = DiskFiles(folder / "documents")
        self.watch = Watch(world)
        self.score = Score()
        self.sellers: list[Seller] = []
        self.executors: list[Executor] = []
        self.clock = SystemClock()
        self.agency = Agency(database, self.clock)
        self.services: Services = Services.build(Transactions(database), self.clock, self.files)
        self.pause = 0.0
        self.reminded_until = self.clock.now()

    async def hire(self, count: int) -> None:
        """Sellers with a deal each, in it a policy with one big instalment."""
        today = self.agency.today
        insurer = await self.agency.insurer()
        for number in range(count):
            telegram_id = 5001 + number
            self.world.person(telegram_id, f"Продавец {number}").started = True
            user = User(
                telegram_id=telegram_id, full_name=f"Продавец {number}", roles=[Role.SELLER], quiet_from=0, quiet_to=0
            )
            await self.agency.save(user)
            actor = as_actor(user)
            client = await self.agency.client(actor, f"Клиент {number}", f"+7912{number:07}")
            deal_id = await self.agency.deal(actor, client_id=client)
            [(deal_number,)] = await self.agency.sql("SELECT number FROM deals WHERE id = :d", d=deal_id)
            seller = Seller(self, actor, telegram_id, deal_id, deal_number)
            policy = await self.services.policies.register(
                actor,
                deal_id,
                number=f"N-{telegram_id}",
                insurer_id=insurer,
                premium=PREMIUM,
                starts_on=today,
                ends_on=today + timedelta(days=364),
                plan="full",
            )
            [(seller.payment_id,)] = await self.agency.sql("SELECT id FROM payments WHERE policy_id = :p", p=policy)
            self.sellers.append(seller)

    async def employ(self) -> None:
        """For each seller somebody who works on his deal with him."""
        for number, seller in enumerate(self.sellers):
            telegram_id = 7001 + number
            self.world.person(telegram_id, f"Исполнитель {number}").started = True
            user = User(
                telegram_id=telegram_id,
                full_name=f"Исполнитель {number}",
                roles=[Role.EXECUTOR],
                quiet_from=0,
                quiet_to=0,
            )
            await self.agency.save(user)
            async with self.database.writing() as session:
                await session.execute(
                    text("UPDATE deals SET executor_id = :u WHERE id = :d"), {"u": user.id, "d": seller.deal_id}
                )
                await session.commit()
            executor = Executor(self, as_actor(user), telegram_id, seller.deal_id, seller.number)
            seller.executor = executor
            self.executors.append(executor)

    async def breathe(self, person: Seller) -> None:
        """Between two acts of a person: nobody types all day without a pause."""
        if self.pause:
            await asyncio.sleep(person.random.uniform(0, 2) * self.pause)

    async def remind(self, count: int, seconds: float) -> None:
        """Let reminders of further deals become due while people work."""
        for seller in self.sellers:
            client = await self.agency.client(seller.actor, "Кто-то ещё", f"+7913{seller.number:07}")
            for number in range(count):
                await self.agency.deal(seller.actor, client_id=client, title=f"Фон {number}")
        async with self.database.writing() as session:
            await session.execute(
                text(
                    "INSERT INTO reminders (kind, object_id, step, recipient_id, local_date, due_at, deal_id, event_on,"
                    " status, created_at, updated_at)"
                    " SELECT 'review', id, 0, seller_id, current_date, now() + random() * make_interval(secs => :s),"
                    " id, review_on, 'planned', now(), now() FROM deals WHERE title LIKE 'Фон %'"
                ),
                {"s": seconds},
            )
            await session.commit()
        self.reminded_until = self.clock.now() + timedelta(seconds=seconds)

    async def work(self, enough: Callable[[], bool]) -> None:
        """Everybody works until it is enough; an answer that does not come is counted, not raised."""

        async def persist(seller: Seller) -> None:
            try:
                await seller.work(enough)
            except Unanswered:
                return

        with self.watch.open():
            await asyncio.gather(*(persist(person) for person in [*self.sellers, *self.executors]))

    async def settled(self, patience: float = 60) -> None:
        """Wait until nothing waits, in the inbox and in the outbox, and what was to be reminded of has been."""
        waiting = _WAITING.format(until=self.reminded_until.isoformat())
        async with asyncio.timeout(patience):
            await self.world.delivery.empty()
            while await self.agency.number(waiting):  # noqa: ASYNC110 - the bot is another process
                await asyncio.sleep(0.1)

    async def keep(self, database_url: str, folder: Path) -> str:
        """Put away what a breach can be understood by: database, papers and everybody's chat; where they are."""
        made = await Backups(database_url, self.files, folder).make(self.clock.now())
        chats = [
            f"--- {number}\n"
            + "\n".join(f"{m.date} {'бот' if m.out else 'я'}: {show(m)}" for m in self.world.chat(number))
            for number in self.world.people
        ]
        await asyncio.to_thread(made.path.with_suffix(".txt").write_text, "\n".join(chats), "utf-8")
        return str(made.path)

    # --- what must be true --------------------------------------------------------------------------------------------

    async def broken(self) -> dict[str, int]:
        """The promises that were broken, and how often."""
        return {promise: times for promise, times in (await self.verdict()).items() if times}

    async def verdict(self) -> dict[str, int]:
        """How often each promise was broken: all zeros, or the product is at fault."""
        sql, score = self.agency.sql, self.score
        notes = dict(await sql("SELECT text, count(*) FROM journal_entries WHERE event IS NULL GROUP BY text"))
        hashes = dict(await sql("SELECT sha256, count(*) FROM documents GROUP BY sha256"))
        sums = {
            (p, a): n for p, a, n in await sql("SELECT payment_id, amount, count(*) FROM money_moves GROUP BY 1, 2")
        }
        files = {hashlib.sha256(data).digest() for data in score.files}
        score.swept = await self.services.documents.sweep(SYSTEM, older_than=0)
        kept = {name async for name in self.files.names(older_than=0)}
        rows = {path for (path,) in await sql("SELECT path FROM documents")}
        rows |= {path for (path,) in await sql("SELECT path FROM parcel_items WHERE path IS NOT NULL")}
        score.missing = [
            repr(one) for one in [*score.notes - set(notes), *files - set(hashes), *score.sums - set(sums)]
        ]
        return {
            "updates not done": await self.agency.number("SELECT count(*) FROM inbox WHERE status <> 'done'"),
            "messages not done": await self.agency.number("SELECT count(*) FROM outbox WHERE status <> 'done'"),
            "effects lost": len(score.missing),
            "effects twice": sum(n > 1 for found in (notes, hashes, sums) for n in found.values()),
            "people without an answer": len(score.unanswered),
            "rows without a file": len(rows - kept),
            "files without a row": len(kept - rows),
            "premiums that do not add up": await self.agency.number(
                "SELECT count(*) FROM policies p"
                " WHERE premium <> (SELECT sum(amount) FROM payments WHERE policy_id = p.id)"
            ),
            "payments that do not add up": await self.agency.number(
                "SELECT count(*) FROM payments p WHERE paid_amount <>"
                " (SELECT coalesce(sum(amount), 0) FROM money_moves WHERE payment_id = p.id AND undone_at IS NULL)"
            ),
            "reminders twice": await self.agency.number(
                "SELECT count(*) FROM (SELECT 1 FROM reminders WHERE status = 'sent'"
                " GROUP BY kind, object_id, recipient_id, local_date HAVING count(*) > 1) twice"
            ),
            "tasks not done once": abs(
                score.tasks - await self.agency.number("SELECT count(*) FROM task_moves WHERE status = 'done'")
            ),
            "changes without an audit": await self.agency.number(
                "SELECT abs((SELECT count(*) FROM documents) - (SELECT count(*) FROM audit_records"
                " WHERE action = 'document.filed')) + abs((SELECT count(*) FROM money_moves)"
                " - (SELECT count(*) FROM audit_records WHERE action = 'money.client_paid'))"
            ),
        }
