"""What a press on a screen of people means."""

from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services
from fsm.i18n import _
from handlers.people.cards import amounts
from handlers.people.getters import card, chosen_successor, user_id


async def on_person(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, user_id=int(item))
    await manager.switch_to(states.People.person)


async def on_invite(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.Invite.roles)


async def on_roles(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, roles=list((await card(manager)).user.roles))
    await manager.switch_to(states.People.roles)


async def on_save_roles(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).people.set_roles(actor(manager), user_id(manager), kept(manager, "roles", []))
    await query.answer(_("Saved."))
    await manager.switch_to(states.People.person)


async def on_name(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).people.rename(actor(manager), user_id(manager), message.text or "")
    await manager.switch_to(states.People.person)


async def on_block(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).people.block(actor(manager), user_id(manager))
    has_work = (await card(manager)).load.any
    await manager.switch_to(states.People.handover if has_work else states.People.person)


async def on_unblock(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).people.unblock(actor(manager), user_id(manager))


async def on_successor(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, successor=item)
    await manager.switch_to(states.People.handover_confirm)


async def on_handover(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    role, taker = chosen_successor(manager)
    counts = await services(manager).people.hand_over(actor(manager), user_id(manager), taker, role)
    await query.answer(_("Handed over: {what}.").format(what=", ".join(amounts(counts))), show_alert=True)
    left = (await card(manager)).load.any
    await manager.switch_to(states.People.handover if left else states.People.person)
