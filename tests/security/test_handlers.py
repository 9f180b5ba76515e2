"""Every handler of the router tree, and every window, against a table of who may use it.

A handler, a kind of button or a dialog that is not in the table fails the build; each one in it is tried as everybody.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from enum import Enum

import pytest
from aiogram.filters import Command
from aiogram_dialog import Dialog, StartMode
from aiogram_dialog.setup import collect_dialogs

import handlers
from handlers.policies.cards import OpenPolicy
from handlers.reminders.buttons import Answer
from handlers.variants.buttons import Step, VariantButton
from models.enums import Role
from sandbox.people import VirtualUser
from services.access import ADMINS, ANYBODY, SELLERS
from tests.bot.steps import PDF, plain
from tests.security.claims import WORDS as CLAIMED
from tests.security.claims import claims, kinds, routers
from tests.security.house import House, watching
from tests.security.shortcut import Shortcut, foreign, shortcut

pytestmark = pytest.mark.asyncio(loop_scope="module")

ABSENT = 987_654_320
NO_SUCH_COMMAND = "Такой команды нет"

COMMANDS = {
    "handlers.menu.commands.on_start": ANYBODY,  # and strangers with an invitation: test_invites
    "handlers.menu.commands.on_menu": ANYBODY,
    "handlers.menu.commands.on_cancel": ANYBODY,
    "handlers.menu.commands.on_help": ANYBODY,
    "handlers.menu.commands.on_new": SELLERS,
    "handlers.menu.commands.on_deals": ANYBODY,
    "handlers.menu.commands.on_clients": ANYBODY,
    "handlers.menu.commands.on_find": ANYBODY,
    "handlers.tasks.on_tasks": ANYBODY,
    "handlers.policies.windows.on_command": ANYBODY,
    "handlers.payments.windows.on_command": ANYBODY,
    "handlers.today.clicks.on_command": ANYBODY,
    "handlers.settings.mine.on_settings": ANYBODY,
    "handlers.people.commands.on_invite": ADMINS,
    "handlers.people.commands.on_people": ADMINS,
    "handlers.audit.stats.on_audit": ADMINS,
    "handlers.audit.stats.on_stats": ADMINS,
    "handlers.backup.commands.on_backup": ADMINS,
}
"""Commands, and whose they are."""

BUTTONS = {
    "handlers.documents.receive.on_deal_named": "ParcelTo",
    "handlers.tasks.buttons.on_task_button": "TaskButton",
    "handlers.tasks.replies.on_choice": "ReplyButton",
    "handlers.variants.buttons.on_variant_button": "VariantButton",
    "handlers.deals.replies.on_open": "OpenDeal",
    "handlers.policies.cards.on_open": "OpenPolicy",
    "handlers.reminders.answers.on_answer": "Answer",
    "handlers.reminders.digest.on_start": "StartDay",
    "handlers.people.commands.on_person": "OpenPerson",
    "handlers.people.commands.on_work": "OpenWork",
    "handlers.menu.stray.on_old_button": None,  # whatever nobody else has taken: test_buttons
}
"""Buttons of notifications. The rule is one for all: what the service gives its actor for that id, and nothing else."""

WORDS: dict[str, Callable[[VirtualUser], Awaitable[object]]] = {
    "handlers.documents.receive.on_file": lambda who: who.send_file("чужое.pdf", PDF + b"foreign"),
    "handlers.documents.receive.on_forwarded": lambda who: who.forward_text("Переслано", author="Кто-то"),
    "handlers.tasks.replies.on_reply": lambda who: who.reply(who.last, "ответ на карточку"),
    "handlers.deals.replies.on_reply": lambda who: who.reply(who.received[0], "ответ на первое сообщение"),
    "handlers.menu.stray.on_unknown_command": lambda who: who.say("/nosuchcommand"),
    "handlers.menu.stray.on_text": lambda who: who.say("Семёнов Пётр"),
    "handlers.menu.stray.on_contact": lambda who: who.share_contact("89161234567"),
    "handlers.menu.stray.on_anything_else": lambda who: who.send_voice(),
}
"""What is said and sent. The rule: it concerns what the person sees himself; a file of his own may wait for a deal."""


EDITS: dict[str, Callable[[VirtualUser], Awaitable[object]]] = {
    "handlers.menu.stray.on_edited": lambda who: who.edit(who.sent[-1], "сказано иначе"),
}
"""What is changed in what was said. The rule: it has no effect at all."""


class Screen(Enum):
    """Whose a dialog is."""

    ANYBODY = "everybody in the agency, each with his own things"
    DEAL = "whoever sees the deal, the client, the policy, the task it was opened for"
    ADMIN = "admins"


SCREENS = {
    "Menu": Screen.ANYBODY, "Today": Screen.ANYBODY, "MySettings": Screen.ANYBODY, "Find": Screen.ANYBODY,
    "PickDeal": Screen.ANYBODY, "PickDate": Screen.ANYBODY, "Tasks": Screen.ANYBODY, "Deals": Screen.ANYBODY,
    "Clients": Screen.ANYBODY, "NewDeal": Screen.DEAL, "ReminderDate": Screen.DEAL,
    "Policies": Screen.DEAL, "Payments": Screen.DEAL, "Documents": Screen.DEAL, "Task": Screen.DEAL,
    "NewTask": Screen.DEAL, "Variants": Screen.DEAL, "EditVariant": Screen.DEAL, "Deal": Screen.DEAL,
    "Journal": Screen.DEAL, "EditDeal": Screen.DEAL, "DealExpenses": Screen.DEAL, "Client": Screen.DEAL,
    "NewPolicy": Screen.DEAL, "Policy": Screen.DEAL, "Payment": Screen.DEAL, "HandOverDeal": Screen.DEAL,
    "People": Screen.ADMIN, "Invite": Screen.ADMIN, "TeamSettings": Screen.ADMIN, "Insurers": Screen.ADMIN,
    "Lines": Screen.ADMIN, "Rates": Screen.ADMIN, "Audit": Screen.ADMIN, "Stats": Screen.ADMIN,
}  # fmt: skip

EMPTY_FORMS = {"DealExpenses:kind", "Insurers:new", "Lines:new"}
"""Windows that ask and show nothing: what is answered is refused by the service."""

NEEDS_MORE = {"ReminderDate"}
"""Dialogs that show nothing for ids alone: they are opened from a card with what it was about."""


def handlers_of_the_tree() -> Iterator[tuple[str, str, Command | None]]:
    """Every handler but those of dialogs: what it listens to, its name, its command."""
    for root in handlers.routers():
        for router in routers(root):
            if isinstance(router, Dialog):
                continue
            for kind, observer in router.observers.items():
                for handler in observer.handlers:
                    of_command = [item.callback for item in handler.filters or () if isinstance(item.callback, Command)]
                    name = f"{handler.callback.__module__}.{handler.callback.__qualname__}"
                    yield kind, name, of_command[0] if of_command else None


def dialogs() -> dict[str, Dialog]:
    found = {}
    for router in handlers.routers():
        for dialog in collect_dialogs(router):
            assert isinstance(dialog, Dialog)
            found[dialog.states_group_name()] = dialog
    return found


TREE = list(handlers_of_the_tree())
DIALOGS = dialogs()
KINDS = [kind for root in handlers.routers() for kind in kinds(root)]
"""Made before a bot is: asking for the routers takes them out of the dispatcher they are in."""


async def test_every_handler_has_a_declared_rule_and_every_rule_its_handler() -> None:
    assert {name for kind, name, command in TREE if kind == "message" and command} == set(COMMANDS)
    assert {name for kind, name, command in TREE if kind == "message" and not command} == set(WORDS)
    assert {name for kind, name, _ in TREE if kind == "callback_query"} == set(BUTTONS)
    assert {name for kind, name, _ in TREE if kind == "edited_message"} == set(EDITS)
    assert {kind for kind, _, _ in TREE} == {"message", "edited_message", "callback_query"}
    assert {name.rpartition(":")[2] for name in DIALOGS} == set(SCREENS)
    assert {kind.__name__ for kind in KINDS} == {kind for kind in BUTTONS.values() if kind}


async def test_a_command_is_for_those_it_is_declared_for(house: House) -> None:
    office = house.office
    roles = {Role.SELLER: house.boris, Role.EXECUTOR: house.faina, Role.ADMIN: office.galina}
    commands = [(name, str(command.commands[0])) for _, name, command in TREE if command]
    async with watching(house, house.boris, house.faina, besides={"team_settings"}):
        for name, word in commands:
            for role, person in roles.items():
                if (name, role) == ("handlers.backup.commands.on_backup", Role.ADMIN):
                    continue  # makes one indeed: tests/bot/test_backup.py
                await person.say(f"/{word}")
                refused = NO_SUCH_COMMAND in person.screen or any("⚠️" in m.text for m in person.received[-2:])
                assert refused is (role not in COMMANDS[name]), f"/{word} as {role}: {person.screen}"
                await person.say("/menu")


async def test_to_strangers_and_the_blocked_no_handler_says_anything(house: House) -> None:
    people = [house.eva, house.klim]
    office = house.office
    since = office.now()
    async with watching(house, *people):
        for _, name, command in TREE:
            for person in people:
                if command:
                    await person.say(f"/{command.commands[0]}")
                elif name in WORDS:
                    await WORDS[name](person)
                elif name in EDITS:
                    await EDITS[name](person)
        for person in people:
            await house.press(person, [claim for kind in KINDS for claim in claims(kind, [1])])
    said = {text for call in house.told(people, since) if (text := call.params.get("text"))}
    assert all("по приглашению" in str(text) for text in said)
    assert {call.method for call in house.told(people, since)} <= {"sendMessage", "answerCallbackQuery"}


async def test_what_is_said_and_sent_reaches_nothing_of_others(house: House) -> None:
    async with watching(house, house.boris, house.faina, besides={"parcels", "parcel_items"}):
        for person in (house.boris, house.faina):
            for say in WORDS.values():
                await say(person)
            await person.say("/menu")
            for edit in EDITS.values():
                await edit(person)


async def answers(cut: Shortcut, person: VirtualUser, presses: Iterable[str]) -> list[list[tuple[str, str]]]:
    """What each press is answered with, and what is shown after it."""
    told = []
    for data in presses:
        cut.forget()
        await cut.press(person, data)
        assert cut.failures == []
        told.append([(one.method, plain(one.words)) for one in cut.said])
    return told


async def test_a_button_with_anothers_id_is_answered_like_one_with_an_id_that_is_not_there(house: House) -> None:
    reminders = [id_ for (id_,) in await house.office.rows("SELECT min(id) FROM reminders GROUP BY kind, status")]
    secrets, different = await house.secrets(), []
    async with watching(house), shortcut(house.agency.app) as cut:
        for person in (house.boris, house.faina):
            for kind in KINDS:
                ids = reminders if kind is Answer else [1, 2]
                theirs, absent = list(claims(kind, ids)), list(claims(kind, [ABSENT + n for n in range(len(ids))]))
                told = [await answers(cut, person, presses) for presses in (theirs, absent)]
                assert [word for one in told[0] for _, words in one for word in secrets if word in words] == []
                different += [
                    (person.name, data, one, other)
                    for data, one, other in zip(theirs, *told, strict=True)
                    if one != other
                ]
    assert different == []


IDS = {
    "deal_id": 1, "client_id": 1, "policy_id": 1, "task_id": 3, "variant_id": 2, "payment_id": 1, "income_id": 1,
    "expense_id": 1, "document_id": 1, "user_id": 1, "parcel_id": 1, "insurer_id": 1, "line_id": 1, "kind": "issue",
}  # fmt: skip
"""Анна's things, as a dialog is started with them."""


async def test_every_window_asks_again_whether_who_looks_may_see(house: House) -> None:
    """Opened past every button, with Анна's ids: who looks decides what a window shows, not how it was reached."""
    office, app = house.office, house.agency.app
    everybody = [office.anna, office.egor, office.galina, *house.outsiders]
    shown: dict[tuple[str, str], set[str]] = {}
    logging.disable(logging.ERROR)  # a refusal in the background is logged, with everything that led to it
    try:
        async with watching(house, *house.outsiders):
            for name, dialog in DIALOGS.items():
                for state in dialog.states():
                    since = office.now()
                    for person in everybody:
                        manager = app.background.bg(app.bot, user_id=person.id, chat_id=person.id)
                        await manager.start(state, data=dict(IDS), mode=StartMode.RESET_STACK)
                    await house.agency.quiet()
                    for person in everybody:
                        if any("text" in call.params for call in office.told(person, since)):
                            shown.setdefault((name, person.name), set()).add(str(state.state))
    finally:
        logging.disable(logging.NOTSET)
    wrong = []
    for name in DIALOGS:
        rule = SCREENS[name.rpartition(":")[2]]
        seen = {person.name: shown.get((name, person.name), set()) for person in everybody}
        may = {
            Screen.ANYBODY: {office.anna, office.egor, office.galina, house.boris, house.faina},
            Screen.DEAL: {office.anna, office.egor, office.galina},
            Screen.ADMIN: {office.galina},
        }[rule]
        for person in everybody:
            windows = seen[person.name]
            if person not in may and windows - EMPTY_FORMS:
                wrong.append(f"{name} shows {person.name} {windows - EMPTY_FORMS}")
            if person in may - {office.egor} and not windows and name not in NEEDS_MORE:
                wrong.append(f"{name} shows {person.name} nothing")
    assert wrong == []


# --- what is closed and what was deleted ----------------------------------------------------------------------------


async def looked_at(house: House, cut: Shortcut, people: list[VirtualUser], names: Iterable[str]) -> set[str]:
    """The windows of these dialogs, with Анна's ids, that at least one of these people is shown."""
    app, shown = house.agency.app, set()
    for name in names:
        for state in DIALOGS[name].states():
            cut.forget()
            for person in people:
                manager = app.background.bg(app.bot, user_id=person.id, chat_id=person.id)
                await manager.start(state, data=dict(IDS), mode=StartMode.RESET_STACK)
            await house.agency.quiet()
            if any(one.method != "answerCallbackQuery" for one in cut.said):
                shown.add(str(state.state))
    return shown - EMPTY_FORMS


def answers_to(reminders: list[int]) -> list[str]:
    """Every answer to these reminders, with a number that is days, and a person, and no reason."""
    return [Answer(what=what, id=id_, value="3").pack() for id_ in reminders for what in CLAIMED["what"]]


async def test_what_was_deleted_is_to_every_button_and_window_as_if_it_had_never_been(house: House) -> None:
    office = house.office
    rows = await office.rows("SELECT min(id) FROM reminders WHERE kind IN ('policy_end', 'payment') GROUP BY kind")
    reminders = [id_ for (id_,) in rows]
    assert len(reminders) == 2
    pairs = [*zip(answers_to(reminders), answers_to([ABSENT] * len(reminders)), strict=True)]
    pairs += [(OpenPolicy(policy_id=1).pack(), OpenPolicy(policy_id=ABSENT).pack())]
    for step in (Step.CHOOSE, Step.ISSUE):
        one, other = (VariantButton(step=step, deal_id=1, variant_id=id_).pack() for id_ in (2, ABSENT))
        pairs.append((one, other))
    different = []
    await house.agency.execute("UPDATE variants SET deleted_at = '2026-01-01'")
    await house.agency.execute("UPDATE policies SET deleted_at = '2026-01-01'")
    logging.disable(logging.ERROR)  # a refusal in the background is logged, with everything that led to it
    try:
        async with watching(house), shortcut(house.agency.app) as cut:
            for person in (office.anna, office.egor, office.galina, house.boris):
                for pair in pairs:
                    told = await answers(cut, person, pair)
                    different += [(person.name, pair, told)] if told[0] != told[1] else []
            assert different == []
            about = [name for name in DIALOGS if name.rpartition(":")[2] in {"Policy", "Payment", "EditVariant"}]
            assert await looked_at(house, cut, [office.anna, office.galina], about) == set()
    finally:
        logging.disable(logging.NOTSET)
        await house.agency.execute("UPDATE variants SET deleted_at = NULL WHERE deleted_at = '2026-01-01'")
        await house.agency.execute("UPDATE policies SET deleted_at = NULL WHERE deleted_at = '2026-01-01'")


SCREENS_OF = {
    "a paper": ("documents.name", "Documents:list", ("Паспорт.pdf",)),
    "a paper that is to be deleted": ("documents.name", "Documents:list", ("Паспорт.pdf", "🗑")),
    "the papers": ("documents.name", "Documents:list", ()),
    "a client": ("clients.note", "Client:card", ()),
    "a client's fields": ("clients.note", "Client:card", ("✏️",)),
    "a client that may be another": ("clients.note", "Client:card", ("🔗",)),
    "a client that is to be merged": ("clients.note", "Client:card", ("🔗", "Семёнов")),
}
"""What somebody may look at while the thing goes: whose words no screen shows any more (a client's name stands on his
deals too), the screen he opened, what he pressed to get there."""


async def opened(house: House, cut: Shortcut, person: VirtualUser, name: str, pressed: Iterable[str]) -> list[str]:
    """Open a screen and press what leads on from there; the buttons that stand there but those that lead away."""
    dialog = next(dialog for key, dialog in DIALOGS.items() if key.endswith(name.partition(":")[0]))
    state = next(state for state in dialog.states() if str(state.state).endswith(name))
    manager = house.agency.app.background.bg(house.agency.app.bot, user_id=person.id, chat_id=person.id)
    cut.keyboard = []
    await manager.start(state, data=dict(IDS), mode=StartMode.RESET_STACK)
    await house.agency.quiet()
    for label in pressed:
        await cut.press(person, next(str(b.callback_data) for row in cut.keyboard for b in row if label in str(b.text)))
    buttons = [b for row in cut.keyboard for b in row if b.callback_data]
    return [str(b.callback_data) for b in buttons if not str(b.text).startswith(("‹", "⌂"))]


@pytest.mark.parametrize("looked", SCREENS_OF)
async def test_a_thing_that_goes_while_somebody_looks_at_it_is_neither_given_nor_changed_by_any_button(
    house: House, looked: str
) -> None:
    """A paper that was deleted, a client that was merged into another, before the finger came down."""
    column, name, pressed = SCREENS_OF[looked]
    table = column.partition(".")[0]
    office, changed, told = house.office, [], []
    if await office.value("SELECT count(*) FROM clients") == 1:
        namesake = "INSERT INTO clients (name, seller_id, kind, note) SELECT name, seller_id, kind, '' FROM clients"
        await house.agency.execute(namesake)
        await house.agency.execute("UPDATE clients SET note = 'Любит, когда звонят ' || id")
    words = [plain(str(word)) for (word,) in await office.rows(f"SELECT {column} FROM {table}")]  # noqa: S608
    async with watching(house), shortcut(house.agency.app) as cut:
        before = await office.contents()
        for person in (office.anna, office.galina):
            count = len(await opened(house, cut, person, name, pressed))
            assert count
            for number in range(count):
                data = (await opened(house, cut, person, name, pressed))[number]
                cut.forget()
                await house.agency.execute(f"UPDATE {table} SET deleted_at = '2026-01-01'")  # noqa: S608
                await cut.press(person, data)
                await house.agency.execute(f"UPDATE {table} SET deleted_at = NULL")  # noqa: S608
                assert cut.failures == []
                assert cut.said
                told += [(data, "a file", one) for one in cut.said if one.gives_file]
                told += [(data, word, one) for one in cut.said for word in words if word in plain(one.words)]
                changed += [(data, key) for key, sum_ in (await office.contents()).items() if sum_ != before[key]]
    assert (told, changed) == ([], [])


async def test_a_closed_deal_is_changed_by_no_button_of_a_message_and_shown_to_no_outsider(house: House) -> None:
    """The last of this module: the deals stay closed."""
    office, services = house.office, house.agency.app.services
    anna, galina = [await services.people.identify(person.id) for person in (office.anna, office.galina)]
    assert anna
    assert galina
    unpaid = (
        "SELECT y.id FROM payments y JOIN policies p ON p.id = y.policy_id"
        " WHERE settled_on IS NULL AND waived_at IS NULL AND deleted_at IS NULL ORDER BY 1"
    )
    for (payment_id,) in await office.rows(unpaid):
        await services.money.waive(galina, payment_id, "не будет")
    for (deal_id,) in await office.rows("SELECT id FROM deals WHERE stage <> 'closed' ORDER BY id"):
        await services.deals.close(anna, deal_id, "ended", "other", "всё")
    await house.agency.quiet()
    reminders = [id_ for (id_,) in await office.rows("SELECT min(id) FROM reminders GROUP BY kind")]
    presses = answers_to(reminders) + [data for kind in KINDS if kind is not Answer for data in claims(kind, [1])]
    secrets = await house.secrets()
    logging.disable(logging.ERROR)
    try:
        # Анна's parcel may still be told where it belongs: papers come late (documents.settle, test_role_matrix).
        async with watching(house, besides={"parcels"}), shortcut(house.agency.app) as cut:
            for person in (office.anna, office.egor, office.galina):
                await cut.press_all(person, presses)
            assert cut.failures == []
            cut.forget()
            for person in house.outsiders:
                await cut.press_all(person, presses)
            assert (foreign(cut, secrets), cut.failures) == ((0, []), [])
            of_deals = [name for name in DIALOGS if SCREENS[name.rpartition(":")[2]] is Screen.DEAL]
            assert await looked_at(house, cut, [house.boris], of_deals) == set()
    finally:
        logging.disable(logging.NOTSET)
