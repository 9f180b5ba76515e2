"""What a press or a typed line on a screen of tasks means."""

import re
from datetime import date, datetime, time
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Data, DialogManager, StartMode
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from handlers.tasks import getters
from handlers.tasks.steps import TOASTS, Step, do, go
from models.enums import TaskFilter, TaskKind
from services.errors import Invalid
from services.rules.reading import NoSuchDay, Unreadable, clean_text, echo, plain, read_date

_AT = re.compile(r"(?P<day>.*?)[\s,]*(?:\bв\s|\bat\s)?\s*(?<!\d)(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])")
_CLOCK = re.compile(r"(?:^|\s)\d{1,2}:\d{2}$")
END_OF_DAY = time(18)


async def on_filter(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, filter=TaskFilter(item).value, page=0)


async def on_task(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Task.card, data={"task_id": int(item)})


async def on_step(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    """A button of the card: done at once, or asked about on a screen of its own."""
    step, task_id = Step(item), start_id(manager, "task_id")
    if step in TOASTS:
        await do(manager, step, task_id)
        await query.answer(_(TOASTS[step]))
        return
    await go(manager, step, task_id, anew=False)


async def _back_to_card(manager: DialogManager) -> None:
    """Where the words were asked for: the card below, or a card of its own where a message led here."""
    if len(manager.current_stack().intents) > 1:
        await manager.done()
    else:
        data = {"task_id": start_id(manager, "task_id")}
        await manager.start(states.Task.card, data=data, mode=StartMode.RESET_STACK)


async def on_question(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).tasks.ask(actor(manager), start_id(manager, "task_id"), message.text or "")
    await _back_to_card(manager)


async def on_answer(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).tasks.answer(actor(manager), start_id(manager, "task_id"), message.text or "")
    await _back_to_card(manager)


async def on_reason(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """Words that end, return or refuse a task; who has refused it sees it no more."""
    given: Any = manager.start_data
    tasks, me, task_id, text = services(manager).tasks, actor(manager), start_id(manager, "task_id"), message.text or ""
    if given["step"] == Step.REFUSE:
        await tasks.refuse(me, task_id, text)
        await message.answer(_("The task is back with its author."))
        await manager.start(states.Tasks.list, mode=StartMode.RESET_STACK)
        return
    await (tasks.return_ if given["step"] == Step.RETURN else tasks.cancel)(me, task_id, text)
    await _back_to_card(manager)


async def on_reassign(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).tasks.reassign(actor(manager), start_id(manager, "task_id"), int(item))
    await _back_to_card(manager)


async def on_due_chosen(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).tasks.set_due(actor(manager), start_id(manager, "task_id"), item)
    await _back_to_card(manager)


async def on_due_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    due = read_due(message.text or "", getters.now(manager).astimezone(actor(manager).zone))
    await services(manager).tasks.set_due(actor(manager), start_id(manager, "task_id"), due.isoformat())
    await _back_to_card(manager)


# --- a new task ---------------------------------------------------------------------------------------------------


async def on_new(_start_data: Data, manager: DialogManager) -> None:
    """Propose the executor; where nobody is proposed he is asked for first."""
    found = await getters.proposal(manager)
    if found.proposed is not None:
        keep(manager, assignee_id=found.proposed)
        await manager.switch_to(states.NewTask.due)
    else:
        await manager.switch_to(states.NewTask.assignee)


async def on_assignee(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, assignee_id=int(item))
    await manager.switch_to(states.NewTask.due)


async def on_due(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, due=item)


async def on_other_due(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.PickDate.pick, data={"title": _("By when?"), "chips": ["tomorrow", "+3", "+7"]})


async def on_picked(_start_data: Data, result: Any, manager: DialogManager) -> None:
    if isinstance(result, dict) and "date" in result:
        due = datetime.combine(date.fromisoformat(result["date"]), END_OF_DAY, actor(manager).zone)
        keep(manager, due=due.isoformat())


def read_due(text: str, now: datetime) -> datetime:
    """Read `пт`, `31.12`, `завтра 15:00`, `15:00` in the zone of `now`. Raises Unreadable."""
    found = _AT.fullmatch(plain(text))
    if found is None and _CLOCK.search(plain(text)):
        raise NoSuchDay("There is no such time: «{text}». For example: tomorrow 15:00", text=echo(text))
    if found is None:
        return datetime.combine(read_date(text, now.date()), END_OF_DAY, now.tzinfo)
    day = read_date(found["day"], now.date()) if found["day"].strip() else now.date()
    return datetime.combine(day, time(int(found["hour"]), int(found["minute"])), now.tzinfo)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """A line over the new task: a due where it reads as one, otherwise the comment."""
    text = message.text or ""
    now = getters.now(manager).astimezone(actor(manager).zone)
    try:
        due = read_due(text, now)
    except NoSuchDay:
        raise
    except Unreadable:
        keep(manager, comment=clean_text(text, 1000))
        return
    if due <= now:
        raise Invalid("This time has passed already. Choose a later one.")
    keep(manager, due=due.isoformat())


async def on_comment(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, comment=clean_text(message.text or "", 1000))
    await manager.switch_to(states.NewTask.due)


async def on_give(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Give the task as it stands on the screen."""
    given: Any = manager.start_data
    found = await getters.proposal(manager)
    task_id = await services(manager).tasks.give(
        actor(manager),
        start_id(manager, "deal_id"),
        TaskKind(given["kind"]),
        int(kept(manager, "assignee_id", 0)),
        getters.due_of(manager, found).isoformat(),
        kept(manager, "comment", ""),
        given.get("variant_id"),
    )
    await query.answer(_("The task is given"))
    if len(manager.current_stack().intents) > 1:
        await manager.done({"task_id": task_id})
    else:
        data = {"deal_id": start_id(manager, "deal_id")}
        await manager.start(states.Deal.card, data=data, mode=StartMode.RESET_STACK)
