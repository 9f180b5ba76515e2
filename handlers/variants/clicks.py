"""What a press or a typed line on a screen of variants means."""

from typing import Any

from aiogram import Bot
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager, ShowMode, StartMode
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _, ngettext
from fsm.navigation import leave
from handlers.variants.buttons import show_client
from models.enums import TaskKind
from services.errors import Invalid


def _variant_id(manager: DialogManager) -> int:
    return int(kept(manager, "variant_id"))


async def _may_enter(manager: DialogManager) -> None:
    """Say to who only reads the variants where words go instead. Raises Invalid."""
    if not await services(manager).variants.edits(actor(manager), start_id(manager, "deal_id")):
        raise Invalid(
            "The executor enters the variants. Give him a calculation task in the deal, or write your words in its"
            " journal."
        )


async def on_lines(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """Typed lines are variants at once; the bad ones are shown back and the rest is kept."""
    await _may_enter(manager)
    result = await services(manager).variants.add_lines(
        actor(manager), start_id(manager, "deal_id"), message.text or ""
    )
    keep(manager, added=len(result["added"]), bad=result["bad"], page=0)


async def on_variant(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, variant_id=int(item), added=0, bad=[])
    await manager.switch_to(states.Variants.variant)


async def on_hand_in(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    count = await services(manager).variants.hand_in(actor(manager), start_id(manager, "deal_id"))
    keep(manager, added=0, bad=[])
    await query.answer(ngettext("{n} variant handed in", "{n} variants handed in", count).format(n=count))


async def on_compare(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, from_list=True)
    await manager.switch_to(states.Variants.compare)


async def on_compared(query: CallbackQuery, button: Button, manager: DialogManager) -> None:
    """Back to the list, or out to the task from which the comparison was opened."""
    if kept(manager, "from_list"):
        await manager.switch_to(states.Variants.list)
    else:
        await leave(query, button, manager)


async def on_wizard(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, added=0, bad=[])
    await manager.start(states.EditVariant.insurer, data={"deal_id": start_id(manager, "deal_id")})


async def on_edit(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    data = {"deal_id": start_id(manager, "deal_id"), "variant_id": _variant_id(manager)}
    await manager.start(states.EditVariant.insurer, data=data)


async def on_papers(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.Documents.list, data={"deal_id": start_id(manager, "deal_id")})


async def on_line_anew(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _may_enter(manager)
    await services(manager).variants.update_line(actor(manager), _variant_id(manager), message.text or "")


async def on_copy(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, variant_id=await services(manager).variants.copy(actor(manager), _variant_id(manager)))
    await query.answer(_("This is the copy: write its line to change it"))


async def on_delete(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).variants.delete(actor(manager), _variant_id(manager))
    await manager.switch_to(states.Variants.list)


async def on_decline(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).variants.decline(actor(manager), _variant_id(manager))
    await manager.switch_to(states.Variants.variant)


async def on_choose_open(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _choose(manager, _variant_id(manager))


async def on_choice(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _choose(manager, int(item))


async def _choose(manager: DialogManager, variant_id: int) -> None:
    """Mark the choice and go on to the issue task, unless somebody is issuing already."""
    deal_id = start_id(manager, "deal_id")
    await services(manager).variants.choose(actor(manager), variant_id)
    offered = await services(manager).variants.compare(actor(manager), deal_id)
    if not offered.issuing:
        await _issue(manager, deal_id, variant_id)


async def on_issue(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _issue(manager, start_id(manager, "deal_id"), None)


async def _issue(manager: DialogManager, deal_id: int, variant_id: int | None) -> None:
    data = {"deal_id": deal_id, "kind": TaskKind.ISSUE.value, "variant_id": variant_id}
    await manager.start(states.NewTask.due, data=data, mode=StartMode.NORMAL)


async def on_picture(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _show(query, manager, picture=True)


async def on_text(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _show(query, manager, picture=False)


async def _show(query: CallbackQuery, manager: DialogManager, *, picture: bool) -> None:
    """Send what goes to the client, and the screen again under it."""
    bot: Bot = manager.middleware_data["bot"]
    await query.answer()
    await show_client(bot, query.from_user.id, manager, start_id(manager, "deal_id"), picture=picture)
    manager.show_mode = ShowMode.DELETE_AND_SEND
