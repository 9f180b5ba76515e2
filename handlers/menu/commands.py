"""Commands that work whatever screen is open."""

from aiogram import Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import Message
from aiogram_dialog import DialogManager, StartMode

from fsm import states
from fsm.context import actor, services
from fsm.i18n import _
from services.access import SELLERS
from services.errors import Forbidden

commands = Router(name="commands")


@commands.message(CommandStart())
async def on_start(message: Message, command: CommandObject, dialog_manager: DialogManager) -> None:
    """Let in who may come in, and greet; an invitation of somebody known adds its roles."""
    user = message.from_user
    if user is None:
        return
    code = (command.args or "").strip() or None
    admitted = await services(dialog_manager).people.admit(user.id, user.full_name, user.username, code)
    if admitted is None:
        await message.answer(_("This invitation is no longer valid. Ask the agency's administrator for a new one."))
        return
    dialog_manager.middleware_data["actor"] = admitted
    await dialog_manager.start(states.Menu.main, data={"greet": True}, mode=StartMode.RESET_STACK)


@commands.message(Command("menu"))
async def on_menu(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Menu.main, mode=StartMode.RESET_STACK)


@commands.message(Command("cancel"))
async def on_cancel(_message: Message, dialog_manager: DialogManager) -> None:
    """Leave what was begun; nothing of it is kept."""
    await dialog_manager.start(states.Menu.main, data={"cancelled": True}, mode=StartMode.RESET_STACK)


@commands.message(Command("help"))
async def on_help(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Menu.help)


@commands.message(Command("new"))
async def on_new(_message: Message, command: CommandObject, dialog_manager: DialogManager) -> None:
    """A new deal, from the line after the command where there is one. Raises Forbidden before anything is asked."""
    if not actor(dialog_manager).roles & SELLERS:
        raise Forbidden
    data = {"text": command.args} if command.args else None
    await dialog_manager.start(states.NewDeal.client, data=data, mode=StartMode.RESET_STACK)


@commands.message(Command("deals"))
async def on_deals(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Deals.list, mode=StartMode.RESET_STACK)


@commands.message(Command("clients"))
async def on_clients(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Clients.list, mode=StartMode.RESET_STACK)


@commands.message(Command("find"))
async def on_find(_message: Message, command: CommandObject, dialog_manager: DialogManager) -> None:
    """Search, for the words after the command where there are any."""
    state, data = (states.Find.results, {"text": command.args}) if command.args else (states.Find.ask, None)
    await dialog_manager.start(state, data=data, mode=StartMode.RESET_STACK)
