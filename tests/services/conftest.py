"""A small agency over a real database, for the tests of the services."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from models.enums import ReviewReason, Role
from models.tables import Base, Client, ClientPhone, Deal, Insurer, LineOfBusiness, User
from services.access import Actor
from services.people import as_actor
from services.registry import Services
from storage.engine import Database
from storage.uow import Transactions


class FilesInMemory:
    """Documents of a test: the same promises as on disk, without a disk."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, path: str, content: bytes) -> None:
        if path in self.kept:
            raise FileExistsError(path)
        self.kept[path] = content

    async def get(self, path: str) -> bytes:
        try:
            return self.kept[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    async def delete(self, path: str) -> None:
        self.kept.pop(path, None)

    async def names(self, *, older_than: float | None = None) -> AsyncIterator[str]:
        for path in list(self.kept):
            yield path


class Agency:
    """Two sellers, two executors, an admin, and a quick way to make what a test starts from."""

    zone = ZoneInfo("Europe/Moscow")

    def __init__(self, database: Database, clock: Any) -> None:
        self.database = database
        self.clock = clock
        self.files = FilesInMemory()
        self.transactions = Transactions(database)
        self.services = Services.build(self.transactions, clock, self.files)

    async def staff(self) -> None:
        self.anna = await self.person(101, "Анна Серова", Role.SELLER)
        self.boris = await self.person(102, "Борис Котов", Role.SELLER)
        self.egor = await self.person(201, "Егор Лисин", Role.EXECUTOR)
        self.faina = await self.person(202, "Фаина Орлова", Role.EXECUTOR)
        self.galina = await self.person(301, "Галина Маркова", Role.ADMIN)

    async def person(self, telegram_id: int, name: str, *roles: Role) -> Actor:
        user = User(telegram_id=telegram_id, full_name=name, roles=[role.value for role in roles])
        await self.save(user)
        return as_actor(user)

    async def save(self, *rows: Base) -> None:
        """Insert rows as they are, past the services: only for what a test starts from."""
        async with self.database.writing() as session:
            session.sync_session.info["now"] = self.clock.now()
            session.add_all(rows)
            await session.commit()

    async def rows(self, statement: Any) -> list[Any]:
        """What the database says."""
        async with self.database.reading() as session:
            return list((await session.execute(statement)).scalars())

    async def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        async with self.database.reading() as session:
            return [tuple(row) for row in (await session.execute(text(statement), values)).all()]

    async def execute(self, statement: str, **values: Any) -> None:
        """Change something past the services: only for what a test starts from."""
        async with self.database.writing() as session:
            await session.execute(text(statement), values)
            await session.commit()

    async def rows_of(self, statement: str) -> list[Any]:
        """The first column of what a query finds."""
        return [row[0] for row in await self.sql(statement)]

    async def number(self, statement: str) -> int:
        return int((await self.rows_of(statement))[0])

    async def line(self, code: str = "kasko") -> int:
        return int((await self.rows(select(LineOfBusiness.id).where(LineOfBusiness.code == code)))[0])

    async def insurer(self, name: str = "РЕСО-Гарантия") -> int:
        return int((await self.rows(select(Insurer.id).where(Insurer.name == name)))[0])

    async def client(self, seller: Actor, name: str = "Иванов Иван", phone: str = "+79123456789") -> int:
        client = Client(name=name, seller_id=seller.user_id, phones=[ClientPhone(e164=phone)])
        await self.save(client)
        return client.id

    async def deal(self, seller: Actor, *, line: str = "kasko", title: str = "Kia Rio", **fields: Any) -> int:
        """An open deal of a client of this seller, to be looked at today."""
        client_id = fields.pop("client_id", None) or await self.client(seller)
        deal = Deal(
            client_id=client_id,
            line_id=await self.line(line),
            title=title,
            seller_id=seller.user_id,
            review_on=self.today,
            review_reason=ReviewReason.NEW_DEAL,
            **fields,
        )
        await self.save(deal)
        return deal.id

    @property
    def today(self) -> date:
        now: datetime = self.clock.now()
        return now.astimezone(self.zone).date()

    def at(self, *moment: int) -> None:
        """Set the clock, UTC."""
        self.clock.set(datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type, misc]


@pytest.fixture
async def agency(database_url: str, clock: Any) -> AsyncIterator[Agency]:
    database = Database(database_url)
    made = Agency(database, clock)
    await made.staff()
    yield made
    await database.close()
