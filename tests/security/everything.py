"""An agency with one of each thing, whose words are hostile ones, again and again; and people who look at all of it."""

import io
import random
from datetime import date
from decimal import Decimal

from PIL import Image

from models.enums import ClientKind, ExpenseKind, Role, TaskKind
from sandbox.people import VirtualUser
from services.access import Actor
from services.deals import DealDraft
from services.documents import Incoming
from services.rules.deal_line import ClientDraft
from services.rules.file_names import safe_name
from tests.bot.conftest import Agency
from tests.security.hostile import Words, problems
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
    "expenses": {"payee": 200},
}
"""What people write, and the most that a service takes of it."""

COMMANDS = (
    "/menu", "/today", "/find", "/deals", "/tasks", "/clients", "/policies", "/payments", "/people", "/stats",
    "/audit", "/settings",
    "/help", "/new",
)  # fmt: skip


class Everything:
    """An agency with one of each thing, whose words are changed again and again."""

    def __init__(self, agency: Agency, cut: Shortcut) -> None:
        self.agency, self.cut = agency, cut
        self.people: list[VirtualUser] = []

    async def furnish(self) -> None:
        services, agency = self.agency.app.services, self.agency
        names = {"Анна": [Role.SELLER], "Егор": [Role.EXECUTOR], "Галина": [Role.ADMIN]}
        self.people = [await agency.person(name, *roles) for name, roles in names.items()]
        anna, egor, galina = [await self._actor(person) for person in self.people]
        client = await services.clients.create(anna, ClientDraft("Семёнов Пётр", ClientKind.PERSON, ("+79161234567",)))
        line = int(await agency.value("SELECT id FROM lines_of_business WHERE code = 'kasko'"))
        deal = await self._deal(anna, client, line, "Kia Rio")
        await services.journal.add(anna, deal, "Клиент ждёт")
        await services.journal.add(anna, deal, "Ещё раз")
        await services.documents.file(anna, deal, Incoming("паспорт.pdf", b"%PDF-1.4", "application/pdf"))
        await services.deals.add_expense(anna, deal, ExpenseKind.OTHER.value, percent="3", payee="Олег")
        task = await services.tasks.give(
            anna, deal, TaskKind.CALCULATE, egor.user_id, "2026-03-04T18:00", "два варианта"
        )
        await services.tasks.accept(egor, task)
        await services.tasks.ask(egor, task, "какой пробег?")
        await services.tasks.answer(anna, task, "15 000")
        added = await services.variants.add_lines(
            egor, deal, "РЕСО 54300 «Особый» кв15 хороший\nИнгос 61000 «Другой» плохой"
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
            for (id_,) in await self.agency.rows(f"SELECT id FROM {table} {where}"):  # noqa: S608
                named = {column: words.one(limit) for column, limit in columns.items()}
                if table == "documents":
                    named = {column: safe_name(word) for column, word in named.items()}
                setting = ", ".join(f"{column} = :{column}" for column in named)
                await self.agency.execute(f"UPDATE {table} SET {setting} WHERE id = :id", id=id_, **named)  # noqa: S608

    async def look_around(self, dice: random.Random, presses: int) -> None:
        """Everybody opens a screen and presses what is there, as chance will have it."""
        for person in self.people:
            await self.cut.say(person, dice.choice(COMMANDS))
            for _ in range(presses):
                buttons = [b for row in self.cut.keyboard for b in row if b.callback_data and not _changes(str(b.text))]
                if not buttons:
                    break
                await self.cut.press(person, str(dice.choice(buttons).callback_data))


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


async def walk(agency: Agency, *, count: int, presses: int, seed: int) -> tuple[Words, int, list[str]]:
    """Rename everything and look around until there were so many words; they, the messages read, and what was wrong."""
    words, dice, read, found = Words(seed), random.Random(seed), 0, []  # noqa: S311 - the same each time
    async with shortcut(agency.app) as cut:
        everything = Everything(agency, cut)
        await everything.furnish()
        cut.forget()
        while len(words.given) < count:
            await everything.rename(words)
            await everything.look_around(dice, presses)
            found += wrong(words, cut.said) + cut.failures
            read += len(cut.said)
            cut.forget()
    return words, read, found
