"""The demo agency: two sellers, two executors, an admin and some forty deals in the middle of their lives.

Everything is done through the services, as people would have done it, with a clock that walks from last year to now.
"""

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import func, select, text

from models.enums import (
    ClientKind,
    CloseReason,
    DealOutcome,
    DealStage,
    ExpenseKind,
    RateKind,
    RateScope,
    ReminderStatus,
    Role,
    TaskKind,
)
from models.tables import CommissionRate, Deal, Insurer, LineOfBusiness, Payment, Reminder, User, Variant
from services.access import Actor
from services.deals import DealDraft
from services.documents import Incoming
from services.people import as_actor
from services.registry import Services
from services.rules.deal_line import ClientDraft
from storage import schema
from storage.embedded import DATABASE, EmbeddedPostgres, EmbeddedPostgresError
from storage.engine import Database
from storage.files import DiskFiles
from storage.uow import Transactions

ZONE = ZoneInfo("Europe/Moscow")


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody to be on the chat page."""

    telegram_id: int
    first_name: str
    last_name: str
    roles: tuple[Role, ...]
    label: str

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"


PEOPLE: Sequence[Persona] = (
    Persona(1001, "Анна", "Серова", (Role.SELLER,), "продавец"),
    Persona(1002, "Борис", "Котов", (Role.SELLER,), "продавец"),
    Persona(2001, "Егор", "Лисин", (Role.EXECUTOR,), "исполнитель"),
    Persona(2002, "Фаина", "Орлова", (Role.EXECUTOR,), "исполнитель"),
    Persona(3001, "Галина", "Маркова", (Role.ADMIN,), "главный админ"),
)
ADMIN_IDS = tuple(person.telegram_id for person in PEOPLE if Role.ADMIN in person.roles)

CLIENTS = (
    "Иванов Сергей Петрович", "Кузнецова Мария Андреевна", "Фёдоров Алексей Ильич", "ООО «Ромашка»", "Семёнова Ольга",
    "Абрамов Тимур Русланович", "ИП Гаврилов П. Н.", "Ларина Татьяна Дмитриевна", "Мельник Артём", "Зайцева Ирина",
    "Королёв Пётр Алексеевич", "ООО «СтройВектор»", "Белова Наталья", "Громов Илья Сергеевич", "Тихонова Вера Павловна",
    "Орлов Денис", "ООО «Логистик Плюс»", "Никитина Елена Юрьевна", "Павлов Роман", "Степанова Дарья Игоревна",
)  # fmt: skip
CARS = (
    ("Kia Rio", "А123ВС77"), ("Hyundai Solaris", "М456ОР99"), ("Toyota Camry", "Е777КХ178"), ("Lada Vesta", "В234НТ50"),
    ("Skoda Octavia", "К901МУ77"), ("Haval Jolion", "О345СА750"), ("BMW X3", "Р100РР77"), ("Chery Tiggo 7", "Т678ВМ97"),
    ("Renault Duster", "У432ЕК40"), ("Geely Monjaro", "Х555АВ77"), ("VW Polo", "С210НМ69"), ("Mazda CX-5", "Н808ТО77"),
)  # fmt: skip
OBJECTS = {
    "home": ("квартира, Ленинский пр-т 42", "дом, Истра", "квартира, Мытищи"),
    "mortgage": ("Сбербанк, Химки", "ВТБ, Бутово"),
    "dms": ("24 сотрудника",),
    "cargo": ("Москва – Казань",),
    "travel": ("Турция, 2 человека", "Таиланд, семья"),
    "accident": ("футбольная секция",),
    "property": ("склад, Подольск",),
    "liability": ("подрядчик",),
}
INSURERS = ("РЕСО-Гарантия", "Ингосстрах", "АльфаСтрахование", "СОГАЗ", "Ренессанс", "Согласие")


class MovingClock:
    """The clock of the story that is being told."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def go(self, day: date, hour: int = 11, minute: int = 0) -> None:
        self._now = datetime.combine(day, time(hour, minute), ZONE).astimezone(UTC)


def scan(title: str) -> bytes:
    """A picture that stands for a scanned paper."""
    image = Image.new("RGB", (620, 877), "#fbfaf6")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(28)
    draw.rectangle((24, 24, 596, 853), outline="#8a8577", width=2)
    draw.text((60, 70), title, fill="#333333", font=font)
    for row in range(14):
        draw.line((60, 160 + row * 44, 560 - (row * 37) % 180, 160 + row * 44), fill="#c9c4b6", width=6)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class Story:
    """Tells the agency's last year."""

    def __init__(self, database: Database, documents: Path, now: datetime) -> None:
        self.database = database
        self.transactions = Transactions(database)
        self.clock = MovingClock(now)
        self.services = Services.build(self.transactions, self.clock, DiskFiles(documents))
        self.now = now
        self.today = now.astimezone(ZONE).date()
        self.random = random.Random(2026)  # noqa: S311 the demo must be the same for everybody
        self.people: dict[int, Actor] = {}
        self.lines: dict[str, int] = {}
        self.insurers: dict[str, int] = {}
        self.clients: dict[tuple[int, str], int] = {}
        self.turn = 0
        self.policy_numbers = 0

    async def tell(self) -> None:
        await self.staff()
        await self.rates()
        await self.closed_deals()
        await self.deals_in_force()
        await self.deals_in_work()
        await self.deals_looked_at()
        await self.settle_the_past()

    async def staff(self) -> None:
        async with self.database.writing() as session:
            users = [
                User(telegram_id=p.telegram_id, full_name=p.full_name, roles=[role.value for role in p.roles])
                for p in PEOPLE
            ]
            session.add_all(users)
            await session.flush()
            self.people = {user.telegram_id: as_actor(user) for user in users}
            self.lines = dict((await session.execute(select(LineOfBusiness.code, LineOfBusiness.id))).tuples().all())
            self.insurers = dict((await session.execute(select(Insurer.name, Insurer.id))).tuples().all())
            await session.commit()

    async def rates(self) -> None:
        """Most rates are known; Ренессанс has none, so that the admin's list is not empty."""
        known = {"РЕСО-Гарантия": 15, "Ингосстрах": 18, "АльфаСтрахование": 17, "СОГАЗ": 14, "Согласие": 20}
        since = self.today - timedelta(days=700)
        async with self.database.writing() as session:
            for name, percent in known.items():
                for line, value in ((None, percent), (self.lines["osago"], 8)):
                    session.add(
                        CommissionRate(
                            insurer_id=self.insurers[name],
                            line_id=line,
                            scope=RateScope.ANY,
                            kind=RateKind.PERCENT,
                            value=Decimal(value),
                            valid_from=since,
                        )
                    )
            await session.commit()

    # Pieces of work.

    def next_seller(self) -> Actor:
        self.turn += 1
        return self.people[1001 if self.turn % 3 else 1002]

    def executor(self) -> Actor:
        return self.people[2001 if self.turn % 2 else 2002]

    async def deal(self, seller: Actor, line: str, note: str = "") -> int:
        """Open a deal for the next client, with an object that fits the line."""
        name = CLIENTS[self.turn % len(CLIENTS)]
        if line in OBJECTS:
            objects = OBJECTS[line]
            draft = DealDraft(line_id=self.lines[line], title=objects[self.turn % len(objects)], note=note)
        else:
            title, plate = CARS[self.turn % len(CARS)]
            draft = DealDraft(line_id=self.lines[line], title=title, plate=plate, note=note)
        known = self.clients.get((seller.user_id, name))
        if known is not None:
            return await self.services.deals.open(seller, known, draft)
        phone = f"+7916{1000000 + self.turn * 7919 % 9000000:07d}"
        kind = ClientKind.COMPANY if name.startswith(("ООО", "ИП")) else ClientKind.PERSON
        client = ClientDraft(name, kind, phones=(phone,))
        deal_id = await self.services.deals.open_with_client(seller, client, draft)
        async with self.database.reading() as session:
            client_id = await session.scalar(text("SELECT client_id FROM deals WHERE id = :id"), {"id": deal_id})
        self.clients[seller.user_id, name] = int(client_id)
        return deal_id

    async def paper(self, actor: Actor, deal_id: int, name: str) -> None:
        picture = scan(f"{name.rpartition('.')[0]} {deal_id}")
        await self.services.documents.file(actor, deal_id, Incoming(name, picture, "image/png"))

    def evening(self, days: int) -> datetime:
        """The end of the working day so many days from the story's now."""
        return datetime.combine(self.clock.now().astimezone(ZONE).date() + timedelta(days=days), time(18), ZONE)

    async def calculation(self, seller: Actor, deal_id: int, executor: Actor, days: int = 2) -> int:
        due = self.evening(days)
        return await self.services.tasks.give(
            seller, deal_id, TaskKind.CALCULATE, executor.user_id, due, "Нужно 3 варианта, клиент торопится"
        )

    async def variants(self, executor: Actor, deal_id: int, premium: int) -> list[int]:
        """Three variants, handed in; the ids."""
        chosen = self.random.sample(INSURERS, 3)
        lines = [
            f"{name} {premium + step * self.random.randrange(900, 2600)} {'фр15' if step % 2 else 'без фр'} сс1.2м"
            f" {'рассрочка 2' if step != 1 else 'рассрочка 4'} кв15"
            for step, name in enumerate(chosen)
        ]
        result = await self.services.variants.add_lines(executor, deal_id, "\n".join(lines))
        await self.services.variants.hand_in(executor, deal_id)
        return [int(variant_id) for variant_id in result["added"]]

    async def policy(self, actor: Actor, deal_id: int, starts_on: date, ends_on: date, variant_id: int) -> int:
        async with self.database.reading() as session:
            variant = await session.get_one(Variant, variant_id)
        self.policy_numbers += 1
        return await self.services.policies.register(
            actor,
            deal_id,
            number=f"ХХХ {7000000000 + self.policy_numbers * 104729}",
            insurer_id=variant.insurer_id,
            premium=variant.premium,
            starts_on=starts_on,
            ends_on=ends_on,
            plan=variant.plan,
            sum_insured=variant.sum_insured,
            variant_id=variant_id,
        )

    # The parts of the agency.

    async def sold(self, line: str, ends_in: int, *, premium: int, days: int = 365) -> tuple[Actor, int, int]:
        """A deal that went the whole way and is in force: (seller, deal, policy)."""
        seller, executor = self.next_seller(), self.executor()
        ends_on = self.today + timedelta(days=ends_in)
        starts_on = ends_on - timedelta(days=days - 1)
        self.clock.go(starts_on - timedelta(days=6), 10, self.turn % 50)
        deal_id = await self.deal(seller, line, "Пришёл по рекомендации, просит напоминать заранее")
        await self.paper(seller, deal_id, "паспорт.png")
        if line in {"osago", "kasko"}:
            await self.paper(seller, deal_id, "СТС.png")
            await self.services.deals.change(seller, deal_id, "title", CARS[self.turn % len(CARS)][0])
        task_id = await self.calculation(seller, deal_id, executor)
        self.clock.go(starts_on - timedelta(days=5), 12, self.turn % 50)
        await self.services.tasks.accept(executor, task_id)
        offers = await self.variants(executor, deal_id, premium)
        self.clock.go(starts_on - timedelta(days=3), 15, self.turn % 50)
        await self.services.variants.choose(seller, offers[0])
        if self.turn % 4 == 0:
            await self.services.deals.add_expense(seller, deal_id, ExpenseKind.CLIENT_DISCOUNT.value, percent="3")
        issue = await self.services.tasks.give(seller, deal_id, TaskKind.ISSUE, executor.user_id, self.evening(2))
        await self.services.tasks.accept(executor, issue)
        self.clock.go(starts_on - timedelta(days=2), 16, self.turn % 50)
        policy_id = await self.policy(executor, deal_id, starts_on, ends_on, offers[0])
        await self.paper(executor, deal_id, "полис.png")
        return seller, deal_id, policy_id

    async def pay(self, seller: Actor, policy_id: int, *, until: date) -> None:
        """The client paid everything due before a day, on time; commission came a month later."""
        async with self.database.reading() as session:
            payments = (
                await session.execute(select(Payment).where(Payment.policy_id == policy_id).order_by(Payment.seq))
            ).scalars().all()  # fmt: skip
        for payment in payments:
            if payment.due_on >= until:
                continue
            self.clock.go(max(payment.due_on - timedelta(days=1), payment.created_at.astimezone(ZONE).date()), 13)
            await self.services.money.client_paid(seller, payment.id)
            if payment.due_on + timedelta(days=40) < self.today:
                self.clock.go(payment.due_on + timedelta(days=35), 14)
                await self.services.money.insurer_confirmed(seller, payment.id)
                card = await self.services.money.card(seller, payment.id)
                for income in card.incomes:
                    if income.expected_amount:
                        await self.services.money.commission_received(seller, income.id)

    async def deals_in_force(self) -> None:
        """Policies that end soon, later and yesterday; instalments paid, due, overdue."""
        ends = [
            ("osago", 45, 9800), ("kasko", 30, 84300), ("osago", 14, 7600), ("kasko", 7, 61200), ("osago", 5, 11200),
            ("home", 1, 6400), ("kasko", -1, 57800), ("osago", 120, 8300), ("kasko", 200, 93500),
            ("mortgage", 45, 18700), ("dms", 60, 420000), ("home", 250, 7900), ("kasko", 184, 76000),
            ("osago", 300, 10100), ("cargo", 90, 230000),
            ("kasko", 181, 68400), ("kasko", 340, 71300), ("liability", 150, 54000),
        ]  # fmt: skip
        for number, (line, ends_in, premium) in enumerate(ends):
            seller, deal_id, policy_id = await self.sold(line, ends_in, premium=premium)
            # Every fourth client is late with what fell due in the last days.
            await self.pay(seller, policy_id, until=self.today - timedelta(days=12 if number % 4 == 3 else 0))
            # Most deals have been looked at lately; some wait a little longer than they should.
            self.clock.go(self.today - timedelta(days=1 + number % 3), 17, number)
            if number % 4:
                await self.services.deals.to_next_event(seller, deal_id)

    async def closed_deals(self) -> None:
        for line, outcome, reason in (
            ("kasko", DealOutcome.LOST, CloseReason.PRICE),
            ("osago", DealOutcome.LOST, CloseReason.COMPETITOR),
            ("travel", DealOutcome.CANCELLED, CloseReason.NO_NEED),
        ):
            seller = self.next_seller()
            self.clock.go(self.today - timedelta(days=60 + self.turn), 12)
            deal_id = await self.deal(seller, line)
            self.clock.go(self.today - timedelta(days=40 + self.turn), 12)
            await self.services.deals.close(seller, deal_id, outcome.value, reason.value)

    async def deals_in_work(self) -> None:
        """Today's work: papers being collected, tasks in every state, variants on the table."""
        for number, line in enumerate(("kasko", "osago", "home", "travel", "property", "kasko")):
            seller = self.next_seller()
            self.clock.go(self.today - timedelta(days=1 + number), 12, number)
            deal_id = await self.deal(seller, line, "Обещал прислать документы")
            if number % 2:
                await self.paper(seller, deal_id, "паспорт.png")
        for number, line in enumerate(("kasko", "osago", "mortgage", "kasko", "accident", "osago")):
            await self._in_calculation(number, line)
        for number, line in enumerate(("kasko", "osago", "kasko", "home")):
            seller, executor = self.next_seller(), self.executor()
            self.clock.go(self.today - timedelta(days=2), 12, number)
            deal_id = await self.deal(seller, line)
            await self.calculation(seller, deal_id, executor)
            self.clock.go(self.today - timedelta(days=1), 17, number)
            offers = await self.variants(executor, deal_id, 21000 + number * 17000)
            if number % 2:
                await self.services.variants.choose(seller, offers[1])
                await self.services.tasks.give(seller, deal_id, TaskKind.ISSUE, executor.user_id, self.evening(2))

    async def _in_calculation(self, number: int, line: str) -> None:
        seller, executor = self.next_seller(), self.executor()
        self.clock.go(self.today - timedelta(days=1), 15, number)
        deal_id = await self.deal(seller, line, "Нужен расчёт до конца недели")
        await self.paper(seller, deal_id, "СТС.png")
        task_id = await self.calculation(seller, deal_id, executor, days=1 + number // 2)
        if number % 3 == 1:
            await self.services.tasks.accept(executor, task_id)
        elif number % 3 == 2:
            await self.services.tasks.accept(executor, task_id)
            await self.services.tasks.ask(executor, task_id, "Сколько водителей и какой у них стаж?")

    async def deals_looked_at(self) -> None:
        """People kept up: what had to be looked at stands in the next days, only every sixth touch is late."""
        async with self.database.reading() as session:
            late = await session.execute(
                select(Deal.id, Deal.stage, Deal.review_on, User.telegram_id)
                .join(User, User.id == Deal.seller_id)
                .where(Deal.stage != DealStage.CLOSED, Deal.review_on <= self.today)
                .order_by(Deal.id)
            )
            rows = late.tuples().all()
        self.clock.go(self.today - timedelta(days=1), 17, 30)
        for number, (deal_id, stage, review_on, seller) in enumerate(rows):
            if number % 6 == 0:
                continue
            if stage is not DealStage.IN_FORCE:
                on = self.today + timedelta(days=1 + number % 4)
                await self.services.deals.postpone(self.people[seller], deal_id, on.isoformat())
            elif review_on < self.today:
                await self.services.deals.to_next_event(self.people[seller], deal_id)

    async def settle_the_past(self) -> None:
        """What the clock and the sender would have said long ago is not said now; today's news stays to be sent."""
        async with self.database.writing() as session:
            fresh = {"today": datetime.combine(self.today - timedelta(days=1), time(), ZONE)}
            await session.execute(
                text("UPDATE reminders SET status = 'skipped' WHERE status = 'planned' AND due_at < :today"), fresh
            )
            # Of this morning's, three a person are enough to show; the rest was answered before the page was opened.
            await session.execute(
                text(
                    "UPDATE reminders SET status = 'skipped' WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER"
                    " (PARTITION BY recipient_id ORDER BY due_at DESC, id) AS place FROM reminders"
                    " WHERE status = 'planned' AND kind <> 'digest' AND due_at <= :now) AS due WHERE place > 3)"
                ),
                {"now": self.now},
            )
            await session.execute(
                text(
                    "DELETE FROM outbox WHERE deal_id IS NULL OR deal_id NOT IN"
                    " (SELECT deal_id FROM tasks WHERE status IN ('queued', 'question', 'accepted'))"
                )
            )
            await session.execute(
                text("DELETE FROM outbox o USING outbox newer WHERE newer.recipient_id = o.recipient_id"
                     " AND newer.deal_id = o.deal_id AND newer.id > o.id")
            )  # fmt: skip
            await session.commit()


async def seed(database_url: str, documents: Path, now: datetime) -> None:
    """Fill an empty, migrated database with the demo agency as of `now`; does nothing where there are people."""
    database = Database(database_url)
    try:
        async with database.reading() as session:
            if await session.scalar(select(User.id).limit(1)) is not None:
                return
        await Story(database, documents, now).tell()
    finally:
        await database.close()


class AgencyError(Exception):
    """The demo's database cannot be had; the text is one line for the person at the terminal."""


class Agency:
    """The demo's database: running, migrated and told, for as long as the sandbox runs."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self.documents = folder / "documents"
        self._now = now
        self._server = EmbeddedPostgres(folder)
        self._database: Database | None = None

    @property
    def url(self) -> str:
        return self._server.url

    async def open(self, *, anew: bool) -> None:
        """Start the server and see that the agency is there: told afresh where it is not, or where that is wanted."""
        try:
            self._server.start()
            await (self.retell() if anew else self._tell())
        except (EmbeddedPostgresError, schema.SchemaError, asyncpg.PostgresError, OSError) as error:
            raise AgencyError(f"database: {error}") from error

    async def retell(self) -> None:
        """Forget everything and tell the story again, as of now. The bot must not be at work."""
        await self._hang_up()
        server = await asyncpg.connect(schema.dsn(self.url), database="postgres")
        try:
            await server.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
            await server.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await server.close()
        shutil.rmtree(self.documents, ignore_errors=True)
        await self._tell()

    async def next_due(self, after: datetime) -> datetime | None:
        """When the bot will next remind somebody of something; what is due already it is about to send."""
        if self._database is None:
            return None
        planned = Reminder.status == ReminderStatus.PLANNED
        async with self._database.reading() as session:
            return await session.scalar(select(func.min(Reminder.due_at)).where(planned, Reminder.due_at > after))

    async def close(self) -> None:
        await self._hang_up()
        self._server.stop()

    async def _tell(self) -> None:
        await schema.upgrade(self.url)
        await seed(self.url, self.documents, self._now())
        self._database = Database(self.url, pool_size=1, application_name="polisdesk-sandbox")

    async def _hang_up(self) -> None:
        if self._database is not None:
            await self._database.close()
            self._database = None
