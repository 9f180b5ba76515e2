"""What a button or a link carries is only a claim: without the right there is no effect and no byte of another's."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, Self, get_args

import pytest
from aiogram import Router
from aiogram.filters.callback_data import CallbackData, CallbackQueryFilter
from aiogram.fsm.state import State
from aiogram_dialog import Window
from aiogram_dialog.utils import CB_SEP
from aiogram_dialog.widgets.kbd import Select

from fsm import states
from models.enums import CloseReason, Role
from sandbox.people import VirtualUser
from sandbox.world import Message
from tests.bot import by_typing
from tests.bot.conftest import Agency, OpenAgency
from tests.bot.steps import PDF, Office, plain
from tests.ui.test_windows import DIALOGS, ids, widgets

FOREIGN = (
    "Семёнов",
    "123-45-67",
    "9161234567",
    "SYS1234567",
    "О716МК77",
    "Skoda Rapid",
    "торопится",
    "27 150",
    "54 300",
)
"""Words that nobody but Анна, Егор and Галина may read."""

IDS = range(1, 5)
"""Every object of Анна's has an id among these: they were the first to be made. Of reminders see `try_every_claim`."""

WORDS = {
    "what": ("open", "undo", "back", "refuse", "give", "date", "renewed", "part", "reply", "calculate", "think", "lost",
             "give_to", "paid", "promise", "put_off", "next", "postpone", "accept"),
    "value": ("", "3", CloseReason.PRICE.value),
}  # fmt: skip
"""What a forger puts into fields that are words."""


def routers(router: Router) -> Iterator[Router]:
    yield router
    for inner in router.sub_routers:
        yield from routers(inner)


def callback_classes(agency: Agency) -> set[type[CallbackData]]:
    """Every kind of stateless button that anything in the bot listens to."""
    return {
        found.callback.callback_data
        for router in routers(agency.app.dispatcher)
        for handler in router.callback_query.handlers
        for found in handler.filters or ()
        if isinstance(found.callback, CallbackQueryFilter)
    }


def claims(kind: type[CallbackData], ids: Iterable[int] = IDS) -> Iterator[str]:
    """Buttons of this kind that claim the ids of Анна's objects, each step of it, each word."""
    known = list(ids)

    def values(name: str, of: Any) -> Iterable[Any]:
        if isinstance(of, type) and issubclass(of, StrEnum):
            return list(of)
        if of is bool:
            return (False, True)
        if of is int or int in get_args(of):
            return known
        return WORDS[name]

    fields = kind.model_fields
    for chosen in product(*(values(name, field.annotation) for name, field in fields.items())):
        yield kind(**dict(zip(fields, chosen, strict=True))).pack()


async def worked(office: Office) -> Office:
    """Анна's deal has a policy, money, papers, variants and tasks, and a parcel and a question wait for an answer."""
    await by_typing.the_first_days_work(office)
    await office.anna.say("/menu")
    await office.anna.send_file("доверенность.pdf", PDF + b"letter")
    await office.anna.say("/deals")
    await office.anna.tap("Семёнов")
    await office.anna.tap("📋 Задача")
    await office.anna.say("Забрать доверенность")
    await office.anna.tap("✅ Дать задачу")
    await office.egor.tap("✅ Принять")
    await office.egor.tap("❓ Вопрос")
    await office.egor.say("Что с доверенностью?")
    return office


@pytest.fixture
async def office(open_agency: OpenAgency) -> Office:
    return await worked(await Office(await open_agency()).open())


class Watch:
    """Nothing of the business may change and nothing foreign may be told while it is on."""

    def __init__(self, office: Office, person: VirtualUser, besides: Collection[str] = ()) -> None:
        self._office, self._person, self._besides = office, person, besides

    async def __aenter__(self) -> Self:
        self._contents, self._since = await self._office.contents(), self._office.now()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            return
        told = self._office.told(self._person, self._since)
        said = [plain(str(call.params)) for call in told]
        leaks = [(word, text) for text in said for word in FOREIGN if word in text]
        assert not leaks
        files = [
            call
            for call in told
            if re.fullmatch("send(Photo|Document|Voice|Video|Audio|MediaGroup)", call.method, re.IGNORECASE)
        ]
        assert not files
        changed = {name for name, sum_ in (await self._office.contents()).items() if sum_ != self._contents[name]}
        assert not changed - set(self._besides)
        await self._office.nothing_went_wrong()


async def try_every_claim(office: Office, person: VirtualUser, message: Message) -> int:
    """Press every button that anybody has seen, and every one that could be made of Анна's ids, in one's own chat."""
    seen = {str(button["callback_data"]) for screen in office.screens() for button in screen.buttons}
    reminders = [id_ for (id_,) in await office.rows("SELECT min(id) FROM reminders GROUP BY kind, status")]
    made = {
        claim
        for kind in callback_classes(office.agency)
        for claim in claims(kind, reminders if kind.__name__ == "Answer" else IDS)
    }
    # Of another's screens only the mark of the dialog differs from press to press.
    marks = {re.sub(rf"^[^{CB_SEP}]*{CB_SEP}", "", data): data for data in seen if CB_SEP in data}
    tried = sorted(made | set(marks.values()) | {data for data in seen if CB_SEP not in data})
    for data in tried:
        await press(office, person, message, data)
    return len(tried)


async def press(office: Office, person: VirtualUser, message: Message, data: str) -> None:
    """Press and do not read the answer; whether there was one is seen in the end."""
    await office.agency.world.press(person.id, message.id, data)
    await person.quiet()


def answered(office: Office, person: VirtualUser) -> bool:
    return all(tap.answer.done() for tap in office.agency.world.taps.values() if tap.person_id == person.id)


async def test_every_kind_of_button_is_known_to_the_forger(agency: Agency) -> None:
    kinds = callback_classes(agency)
    assert {kind.__name__ for kind in kinds} >= {
        "Answer", "OpenDeal", "OpenPolicy", "ParcelTo", "ReplyButton", "TaskButton", "VariantButton"
    }  # fmt: skip
    assert all(list(claims(kind)) for kind in kinds)


async def test_another_seller_gets_nothing_by_forged_buttons(office: Office) -> None:
    boris = await office.agency.person("Борис Котов", Role.SELLER)
    await boris.start()
    async with Watch(office, boris):
        await try_every_claim(office, boris, boris.last)
        for words in (
            "/find 1001",
            "/find 161234",
            "/find 0123",
            "симёнов",
            "sys1234567",
            "№1001",
            "№99999999999999999999",
        ):
            await boris.say(words)
    assert answered(office, boris)


async def test_an_executor_who_was_given_nothing_gets_nothing(office: Office) -> None:
    faina = await office.agency.person("Фаина Орлова", Role.EXECUTOR)
    await faina.start()
    async with Watch(office, faina):
        await try_every_claim(office, faina, faina.last)
        for command in ("/deals", "/tasks", "/policies", "/payments", "/today", "/find 1001", "/clients", "/audit"):
            await faina.say(command)
    assert answered(office, faina)


async def test_a_stranger_gets_one_polite_line_and_nothing_else(office: Office) -> None:
    stranger = office.agency.stranger("Чужой")
    async with Watch(office, stranger):
        await stranger.start()
        line = stranger.last
        assert "по приглашению" in line.text
        await try_every_claim(office, stranger, line)
        await stranger.say("/start угаданный-код")
        for words in ("/deals", "/find 1001", "Симёнов", "/new Иванов каско Лада", "/people"):
            await stranger.say(words)
        await stranger.send_file("вирус.exe", b"MZ")
        await stranger.share_contact("+79991112233")
        await stranger.forward_text("привет", author="Кто-то")
    texts = {message.text for message in stranger.received}
    assert texts == {line.text, "Приглашение больше не действует. Попросите у администратора новое."}
    assert answered(office, stranger)


async def off_duty(office: Office, person: VirtualUser) -> None:
    """Press all that was ever under this person's eyes, and what could be made of it; say what he used to say."""
    messages = {message.id for message in person.received}
    for screen in office.screens(person):
        if screen.id in messages:
            for button in screen.buttons:
                await press(office, person, screen, str(button["callback_data"]))
    await try_every_claim(office, person, person.received[-1])
    for words in ("/menu", "/tasks", "/deals", "/find 1001", "симёнов", "/today", "/payments", "/policies"):
        await person.say(words)
    card = next(message for message in person.received if "№1001" in message.text)
    await person.reply(card, "ещё вопрос?")
    await person.send_file("ещё.pdf", PDF + b"more")


async def test_an_executor_whose_role_was_taken_away_gets_nothing_by_his_old_screens(office: Office) -> None:
    galina, egor = office.galina, office.egor
    await galina.say("/people")
    await galina.tap("👤 Егор Лисин")
    await galina.tap("🔑 Роли")
    await galina.tap("▫️ продавец")
    await galina.tap("✅ исполнитель")
    await galina.tap("💾 Сохранить")
    assert await office.value("SELECT roles FROM users WHERE full_name = 'Егор Лисин'") == ["seller"]
    async with Watch(office, egor, besides={"parcels", "parcel_items"}):
        await off_duty(office, egor)
    assert answered(office, egor)


async def test_a_blocked_person_gets_nothing_but_the_polite_line(office: Office) -> None:
    galina, egor = office.galina, office.egor
    await galina.say("/people")
    await galina.tap("👤 Егор Лисин")
    await galina.tap("⛔️ Заблокировать")
    await galina.tap("⛔️ Да, заблокировать")
    since = office.now()
    async with Watch(office, egor):
        await off_duty(office, egor)
    said = {call.params.get("text") for call in office.told(egor, since)} - {None}
    assert len(said) == 1
    assert "по приглашению" in str(said.pop())
    assert answered(office, egor)


# --- one's own screens, with items and buttons that were never on them ------------------------------------------------


@dataclass(frozen=True)
class Screen:
    """How to come to a screen, and which window it is."""

    state: State
    path: tuple[str, ...]


async def come(person: VirtualUser, screen: Screen) -> str:
    """Go there, a word or a tap at a time; returns the mark that the dialog puts on its buttons."""
    for step in screen.path:
        await (person.say(step) if step.startswith("/") else person.tap(step, message=person.last))
    return str(person.last.buttons[-1]["callback_data"]).partition(CB_SEP)[0]


async def forge(office: Office, person: VirtualUser, screen: Screen, forged: Collection[str]) -> None:
    """Press the buttons with this data in the window, come there again whenever a press has led on."""
    mark = await come(person, screen)
    for data in forged:
        await press(office, person, person.last, f"{mark}{CB_SEP}{data}")
        if not any(str(button["callback_data"]).startswith(mark) for button in person.last.buttons):
            mark = await come(person, screen)


def window(state: State) -> Window:
    found = DIALOGS[state.group].windows[state]
    assert isinstance(found, Window)
    return found


def hidden(state: State) -> list[str]:
    """Every button that the window knows, shown or not, with items of all kinds."""
    return [f"{name}{item}" for name in ids(window(state)) for item in ("", *(f":{one}" for one in ITEMS))]


def items(state: State) -> list[str]:
    """The window's lists with the ids of Анна's objects in them."""
    lists = {str(widget.widget_id) for widget in widgets(window(state).keyboard) if isinstance(widget, Select)}
    assert lists
    return [f"{name}:{item}" for name in sorted(lists) for item in (1, 2)]


ITEMS = ("1", "lost", "999999999999999999999")


async def test_an_executor_has_no_use_of_the_sellers_buttons_that_his_screens_hide(office: Office) -> None:
    egor = office.egor
    deal = ("/find 1001", "№1001")
    decided = "SELECT stage, outcome, review_on, review_reason, seller_id, client_id, title, plate FROM deals"
    ours = "SELECT expected_amount, received_amount, status FROM incomes ORDER BY id"
    spent = "SELECT expected_amount, paid_amount, status FROM expenses ORDER BY id"
    queries = (decided, ours, spent, "SELECT * FROM deal_expenses", "SELECT * FROM commission_rates ORDER BY id",
               "SELECT roles, active FROM users ORDER BY id", "SELECT name, note, email FROM clients",
               "SELECT outcome FROM policies", "SELECT count(*) FROM invites")  # fmt: skip
    before = [await office.rows(query) for query in queries]
    since = office.now()
    for screen in (
        Screen(states.Menu.main, ("/menu",)),
        Screen(states.Deal.card, deal),
        Screen(states.Policy.card, (*deal, "📜 Полисы", "🟢")),
        Screen(states.Payments.list, (*deal, "💳 Взносы")),
        Screen(states.Variants.list, (*deal, "🧮 Варианты")),
        Screen(states.Task.card, ("/tasks", "Семёнов")),
    ):
        await forge(office, egor, screen, hidden(screen.state))
        assert [await office.rows(query) for query in queries] == before, screen
    said = " ".join(plain(str(call.params)) for call in office.told(egor, since))
    for words in ("💰", "получено 2 700", "2 715", "5 430"):
        assert words not in said
    await office.nothing_went_wrong()


OWN = ("/find 1002", "№1002")
HERS = (
    "SELECT * FROM deals WHERE id = 1",
    "SELECT * FROM clients WHERE id = 1",
    "SELECT * FROM documents WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM journal_entries WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM tasks WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM variants WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM policies WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM payments WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM incomes WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM expenses WHERE deal_id = 1 ORDER BY id",
    "SELECT * FROM reminders WHERE deal_id = 1 ORDER BY id",
    "SELECT m.* FROM money_moves m LEFT JOIN payments p ON p.id = m.payment_id WHERE p.deal_id = 1 ORDER BY m.id",
)
"""All that Анна's deal is made of."""


async def a_deal_of_his_own(boris: VirtualUser) -> None:
    """Борис sells, calculates and issues: a deal with everything that a deal can have."""
    await boris.say("/new Петров Фома 8 999 000-11-22 осаго Лада Х001ХХ77")
    await boris.tap("✅ Открыть сделку")
    await boris.send_file("заявление.pdf", PDF + b"boris")
    await boris.tap("🧮 Дать задачу на расчёт")
    await boris.tap("Борис Котов", message=boris.last)
    await boris.tap("✅ Дать задачу")
    card = boris.last
    await boris.tap("✅ Принять", message=card)
    await boris.tap("📝 Внести варианты", message=card)
    await boris.say("ВСК 9000\nМАКС 9500")
    await boris.tap("📨 Сдать продавцу")
    await come(boris, Screen(states.Deal.card, OWN))
    await boris.tap("⚖️ Выбрать вариант", message=boris.last)
    await boris.tap("📊 Сравнить", message=boris.last)
    await boris.tap("🎯 Клиент выбрал В1", message=boris.last)
    await boris.tap("✅ Дать задачу", message=boris.last)
    await come(boris, Screen(states.Deal.card, OWN))
    await boris.tap("📜 Зарегистрировать полис", message=boris.last)
    await boris.say("ТТТ 111")
    await boris.tap("✅ Зарегистрировать полис", message=boris.last)


async def test_ids_of_anothers_deal_forged_into_ones_own_screens_open_nothing(office: Office) -> None:
    boris = await office.agency.person("Борис Котов", Role.SELLER, Role.EXECUTOR)
    await a_deal_of_his_own(boris)
    # The instalment of his policy is due: its reminder comes now, not between two taps by the ticker's own clock.
    await office.agency.app.tick()
    await office.agency.quiet()
    hers = [await office.rows(query) for query in HERS]
    since = office.now()
    for screen in (
        Screen(states.Deals.list, ("/deals",)),
        Screen(states.Find.results, ("/find 1002",)),
        Screen(states.Clients.list, ("/clients",)),
        Screen(states.Tasks.list, ("/tasks",)),
        Screen(states.Policies.list, ("/policies",)),
        Screen(states.Payments.list, ("/payments",)),
        Screen(states.Deal.card, OWN),
        Screen(states.Client.card, (*OWN, "👤 Клиент")),
        Screen(states.Client.merge, (*OWN, "👤 Клиент", "🔗 Объединить")),
        Screen(states.Documents.list, (*OWN, "📎 Документы")),
        Screen(states.Deal.executor, (*OWN, "👷 Исполнитель")),
        Screen(states.Variants.list, (*OWN, "🧮 Варианты")),
        Screen(states.Variants.compare, (*OWN, "🧮 Варианты", "📊 Сравнить")),
        Screen(states.Policies.list, (*OWN, "📜 Полисы")),
        Screen(states.Payments.list, (*OWN, "💳 Взносы")),
        Screen(states.Payment.card, (*OWN, "💳 Взносы", "🟠")),
    ):
        await forge(office, boris, screen, items(screen.state))
    told = office.told(boris, since)
    leaks = [(word, str(call.params)) for call in told for word in FOREIGN if word in plain(str(call.params))]
    assert not leaks
    assert [await office.rows(query) for query in HERS] == hers
    await office.nothing_went_wrong()
