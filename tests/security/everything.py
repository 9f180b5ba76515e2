"""An agency whose words are hostile ones, again and again, in every list and card; and people who look at all of it."""

import io
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message
from aiogram_dialog import DialogManager, StartMode
from PIL import Image

import handlers
from fsm import states
from handlers.variants import texts
from models.enums import ClientKind, ExpenseKind, Role, TaskKind
from sandbox.people import VirtualUser
from services import comparison_image
from services.access import Actor
from services.deals import DealDraft
from services.documents import Incoming
from services.rules.deal_line import ClientDraft
from services.rules.file_names import safe_name
from tests.bot.conftest import Agency
from tests.security.hostile import Words, numbers, problems
from tests.security.shortcut import Said, Shortcut, shortcut

FIELDS = {
    "users": {"full_name": 200},
    "clients": {"name": 200, "note": 2000},
    "insurers": {"name": 120},
    "deals": {"title": 200, "address": 300, "close_note": 500, "review_note": 200},
    "deal_expenses": {"payee": 200},
    "journal_entries": {"text": 4000},
    "documents": {"name": 120},
    "tasks": {"comment": 1000},
    "task_moves": {"comment": 2000},
    "variants": {"product": 120, "comment": 500},
    "policies": {"number": 40},
    "payments": {"waived_reason": 300},
    "incomes": {"status_reason": 300},
    "expenses": {"payee": 200},
}
"""What people write, and the most that a service takes of it."""

COMMANDS = (
    "/menu", "/today", "/find", "/deals", "/tasks", "/clients", "/policies", "/payments", "/people", "/stats",
    "/audit", "/settings",
    "/help", "/new",
)  # fmt: skip


LISTED = {"clients": ("name",), "deals": ("title",)}
"""Many of these stand in lists; nobody looks at the card of any but the first, so that only it gets all its words."""

ANNA, EGOR, GALINA = range(3)
DEAL = {"deal_id": 1}
SCREENS: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (ANNA, "Deal:card", DEAL), (ANNA, "Deal:card", {"deal_id": 2}), (GALINA, "Deal:card", {"deal_id": 3}),
    (ANNA, "Deal:executor", DEAL),
    (ANNA, "Journal:list", DEAL), (ANNA, "EditDeal:choose", DEAL), (ANNA, "DealExpenses:list", DEAL),
    (ANNA, "NewDeal:line", {"client_id": 1}), (ANNA, "Client:card", {"client_id": 1}),
    (ANNA, "Documents:list", DEAL), (EGOR, "Documents:list", DEAL),
    (EGOR, "Task:card", {"task_id": 1}), (ANNA, "Task:history", {"task_id": 1}), (EGOR, "Task:card", {"task_id": 2}),
    (ANNA, "Task:card", {"task_id": 3}), (ANNA, "NewTask:due", {**DEAL, "kind": "issue", "variant_id": 1}),
    (ANNA, "Variants:list", DEAL), (EGOR, "Variants:list", DEAL), (ANNA, "Variants:compare", DEAL),
    (EGOR, "EditVariant:insurer", DEAL), (ANNA, "NewPolicy:review", DEAL), (ANNA, "Policy:card", {"policy_id": 1}),
    (ANNA, "Payments:list", DEAL), (ANNA, "Payment:card", {"payment_id": 1}),
    (GALINA, "Payment:card", {"payment_id": 2}), (GALINA, "Insurers:list", {}), (GALINA, "Rates:list", {}),
    (GALINA, "People:list", {}),
    (GALINA, "HandOverDeal:who", DEAL), (GALINA, "Audit:list", {}), (GALINA, "Stats:day", {}),
)  # fmt: skip
"""Where somebody begins to look around, with what the screen is started with."""


PICTURE = "🖼"


def screens() -> Sequence[Router]:
    """The product's screens, and a door straight to each of them."""
    door = Router()

    @door.message(Command("open"))
    async def open_(_message: Message, command: CommandObject, dialog_manager: DialogManager) -> None:
        name, _, data = (command.args or "").partition(" ")
        state: Any = reduce(getattr, name.split(":"), states)
        await dialog_manager.start(state, data=json.loads(data), mode=StartMode.RESET_STACK)

    return [door, *handlers.routers()]


class Everything:
    """An agency with full lists and cards, whose words are changed again and again."""

    def __init__(self, agency: Agency, cut: Shortcut) -> None:
        self.agency, self.cut = agency, cut
        self.people: list[VirtualUser] = []
        self.pictured: list[str] = []

    async def furnish(self) -> None:
        services, agency = self.agency.app.services, self.agency
        names = {"Анна": [Role.SELLER], "Егор": [Role.EXECUTOR], "Галина": [Role.ADMIN]}
        self.people = [await agency.person(name, *roles) for name, roles in names.items()]
        anna, egor, galina = [await self._actor(person) for person in self.people]
        client = await services.clients.create(anna, ClientDraft("Семёнов Пётр", ClientKind.PERSON, ("+79161234567",)))
        line = int(await agency.value("SELECT id FROM lines_of_business WHERE code = 'kasko'"))
        deal = await self._deal(anna, client, line, "Kia Rio")
        for number in range(6):
            await services.journal.add(anna, deal, f"Клиент ждёт {number}")
            paper = Incoming(f"паспорт {number}.pdf", f"%PDF-1.4 {number}".encode(), "application/pdf")
            await services.documents.file(anna, deal, paper)
        await services.deals.add_expense(anna, deal, ExpenseKind.OTHER.value, percent="3", payee="Олег")
        task = await services.tasks.give(
            anna, deal, TaskKind.CALCULATE, egor.user_id, "2026-03-04T18:00", "два варианта"
        )
        await services.tasks.accept(egor, task)
        await services.tasks.ask(egor, task, "какой пробег?")
        await services.tasks.answer(anna, task, "15 000")
        added = await services.variants.add_lines(
            egor,
            deal,
            "\n".join(f"{name} {54300 + n} «Особый» кв15 хороший" for n, name in enumerate(["РЕСО", "Ингос"] * 3)),
        )
        await services.variants.hand_in(egor, deal)
        await services.variants.choose(anna, added["added"][0])
        await services.tasks.give(anna, deal, TaskKind.ISSUE, egor.user_id, "2026-03-04T18:00")
        policy = await services.policies.register(
            anna, deal, number="ХХХ 1", insurer_id=int(await agency.value("SELECT min(id) FROM insurers")),
            premium=Decimal(54300), starts_on=date(2026, 3, 3), ends_on=date(2027, 3, 2), plan="halves",
            variant_id=added["added"][0],
        )  # fmt: skip
        payment = int(await agency.value("SELECT max(id) FROM payments"))
        await services.money.waive(galina, payment, "не нужен")
        other = await self._deal(anna, client, line, "Квартира")
        await services.tasks.give(anna, other, TaskKind.OTHER, egor.user_id, "2026-03-05T18:00", "позвонить")
        assert policy
        closed = await self._deal(anna, client, line, "Дача")
        await services.deals.close(anna, closed, "lost", "price", "дорого")
        for number in range(6):
            another = ClientDraft(f"Клиент {number}", ClientKind.PERSON, (f"+7916000000{number}",))
            neighbour = await services.clients.create(anna, another)
            await self._deal(anna, neighbour, line, f"Гараж {number}")

    async def _actor(self, person: VirtualUser) -> Actor:
        found = await self.agency.app.services.people.identify(person.id)
        assert found is not None
        return found

    async def _deal(self, who: Actor, client: int, line: int, title: str) -> int:
        return int(await self.agency.app.services.deals.open(who, client, DealDraft(line_id=line, title=title)))

    async def rename(self, words: Words) -> None:
        """Give everything another hostile word, past the services: what they clean away is tried as well."""
        for table, columns in FIELDS.items():
            where = "WHERE event IS NULL" if table == "journal_entries" else ""
            for (id_,) in await self.agency.rows(f"SELECT id FROM {table} {where} ORDER BY id"):  # noqa: S608
                seen = LISTED.get(table, columns) if id_ > 3 else columns
                clean = safe_name if table == "documents" else str
                named = {column: words.one(columns[column], f"{table}.{column}", clean) for column in seen}
                setting = ", ".join(f"{column} = :{column}" for column in named)
                await self.agency.execute(f"UPDATE {table} SET {setting} WHERE id = :id", id=id_, **named)  # noqa: S608

    async def look_around(self, dice: random.Random, presses: int) -> None:
        """Everybody opens all that there is and presses what is there, as chance will have it; messages come again."""
        begin = [(self.people[who], f"/open {name} {json.dumps(data)}") for who, name, data in SCREENS]
        begin += [(dice.choice(self.people), command) for command in COMMANDS]
        found = await self.agency.value("SELECT left(name, 100) FROM clients WHERE id = 1")
        begin += [(self.people[ANNA], f"/open Find:results {json.dumps({'text': found})}")]
        for person, words in begin:
            self.cut.keyboard = []
            await self.cut.say(person, words)
            for _ in range(presses):
                buttons = [b for row in self.cut.keyboard for b in row if b.callback_data and not _changes(str(b.text))]
                if not buttons:
                    break
                drawn = [b for b in buttons if PICTURE in str(b.text)]
                await self.cut.press(person, str(dice.choice(drawn or buttons).callback_data))
        await self.agency.execute("UPDATE outbox SET status = 'pending', attempts = 0 WHERE status = 'done'")
        self.agency.app.sender.wake()
        await self.agency.quiet()

    @contextmanager
    def pictures_read(self) -> Iterator[None]:
        """Keep what is given to be drawn; that every letter of it is drawn is another test's."""

        def kept(title: str, subtitle: str, headers: Sequence[str], rows: Any, footer: str = "") -> bytes:
            self.pictured += [title, subtitle, *headers, *(cell.text for row in rows for cell in row), footer]
            return comparison_image.draw(title, subtitle, headers, rows, footer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(texts, "draw", kept)
            yield


def _changes(label: str) -> bool:
    return label.startswith(("✅", "🗑", "↩", "♻", "🔒 Закрыть", "✖", "🚫", "⛔", "🌐", "🔔", "▶", "💾"))


def wrong(words: Words, said: list[Said]) -> list[str]:
    found: list[str] = []
    for one in said:
        if one.is_html:
            found += problems(words, one.source, caption=one.method.startswith("sendP"))
        elif one.method == "answerCallbackQuery" and len(one.source) > 200:
            found.append(f"an answer of {len(one.source)} characters")
        for label in one.labels:
            found += words.read(label)
            found += [f"a label of {len(label)} characters"] if not 0 < len(label) <= 64 else []
        found += [f"{data!r} is too long" for data in one.data if len(data.encode()) > 64]
        if one.file:
            with Image.open(io.BytesIO(one.file)) as picture:
                wide, high = picture.size
            if wide + high > 10_000 or max(wide / high, high / wide) > 20 or len(one.file) > 10_000_000:
                found.append(f"a picture of {wide} × {high}, {len(one.file)} bytes")
    return found


@dataclass
class Walk:
    """What was given, what was met of it and where, and what was wrong."""

    words: Words
    messages: int = 0
    pictured: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    @property
    def columns(self) -> dict[str, int]:
        """How many words of each column somebody has met."""
        return {column: sum(n in self.words.seen for n in of) for column, of in sorted(self.words.columns.items())}

    def __str__(self) -> str:
        return "\n".join(
            [
                f"hostile words given {len(self.words.given)}, met {len(self.words.seen)}",
                f"messages read {self.messages}, words in pictures {len(self.pictured)}, wrong {len(self.wrong)}",
                "met by column: " + ", ".join(f"{column} {met}" for column, met in self.columns.items()),
                *self.wrong[:20],
            ]
        )


async def walk(agency: Agency, *, count: int, presses: int, seed: int) -> Walk:
    """Rename everything and look around until so many words were met."""
    words, dice = Words(seed), random.Random(seed)  # noqa: S311 - the same each time
    done = Walk(words)
    async with shortcut(agency.app) as cut:
        everything = Everything(agency, cut)
        await everything.furnish()
        await agency.quiet()
        cut.forget()
        with everything.pictures_read():
            while len(words.seen) < count:
                await everything.rename(words)
                await everything.look_around(dice, presses)
                done.wrong += wrong(words, cut.said) + cut.failures
                done.messages += len(cut.said)
                cut.forget()
                done.wrong += [problem for text in everything.pictured for problem in words.read(text)]
                done.pictured |= {number for text in everything.pictured for number in numbers(text)}
                everything.pictured.clear()
    return done
