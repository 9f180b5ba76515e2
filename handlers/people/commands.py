"""Commands about people, and buttons on messages about them.

For whoever is no admin the commands do not exist, as everything that one may not see (DOMAIN.md §6).
"""

from aiogram import Router
from aiogram.filters import Command
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager, ShowMode, StartMode

from fsm import states
from fsm.context import actor, services
from services.access import Actor

router = Router(name="people")


class OpenPerson(CallbackData, prefix="pp"):
    user_id: int


class OpenWork(CallbackData, prefix="pw"):
    """What has come from somebody else: a deal, or the list of deals or tasks."""

    deal_id: int = 0
    tasks: bool = False


async def is_admin(_event: object, actor: Actor | None = None) -> bool:
    return actor is not None and actor.is_admin


@router.message(Command("invite"), is_admin)
async def on_invite(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Invite.roles, mode=StartMode.RESET_STACK)


@router.message(Command("people"), is_admin)
async def on_people(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.People.list, mode=StartMode.RESET_STACK)


@router.callback_query(OpenPerson.filter(), is_admin)
async def on_person(query: CallbackQuery, callback_data: OpenPerson, dialog_manager: DialogManager) -> None:
    await query.answer()
    await dialog_manager.start(
        states.People.person,
        data={"user_id": callback_data.user_id},
        mode=StartMode.RESET_STACK,
        show_mode=ShowMode.SEND,
    )


@router.callback_query(OpenWork.filter())
async def on_work(query: CallbackQuery, callback_data: OpenWork, dialog_manager: DialogManager) -> None:
    """Open what was handed over; a deal that has gone on to somebody else is not there any more."""
    state, data = states.Tasks.list if callback_data.tasks else states.Deals.list, None
    if callback_data.deal_id:
        await services(dialog_manager).deals.card(actor(dialog_manager), callback_data.deal_id)
        state, data = states.Deal.card, {"deal_id": callback_data.deal_id}
    await query.answer()
    await dialog_manager.start(state, data=data, mode=StartMode.RESET_STACK, show_mode=ShowMode.SEND)
