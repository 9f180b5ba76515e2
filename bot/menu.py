"""The command menu beside the input line: what a person may do by his roles, in his language."""

from typing import Final

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand, BotCommandScopeAllPrivateChats, BotCommandScopeChat

from bot.recent import Recent
from fsm.i18n import _
from models.enums import Role
from services.access import ADMINS, ANYBODY, SELLERS, Actor
from services.errors import N_

_log = structlog.get_logger(__name__)

COMMANDS: Final[tuple[tuple[str, str, frozenset[Role]], ...]] = (
    ("menu", N_("Main menu"), ANYBODY),
    ("new", N_("New deal"), SELLERS),
    ("today", N_("My day"), ANYBODY),
    ("find", N_("Search everywhere"), ANYBODY),
    ("deals", N_("My deals"), ANYBODY),
    ("tasks", N_("Tasks"), ANYBODY),
    ("clients", N_("Clients"), SELLERS),
    ("policies", N_("Policies"), ANYBODY),
    ("payments", N_("Payments"), ANYBODY),
    ("people", N_("People and roles"), ADMINS),
    ("invite", N_("Invite somebody"), ADMINS),
    ("stats", N_("Numbers of the day"), ADMINS),
    ("audit", N_("Who did what"), ADMINS),
    ("backup", N_("Make a backup"), ADMINS),
    ("settings", N_("Settings"), ANYBODY),
    ("help", N_("What the bot can do"), ANYBODY),
    ("cancel", N_("Leave what was begun"), ANYBODY),
)
"""Command, what it does, and for whom; in the order of the menu."""


def commands_of(roles: frozenset[Role]) -> list[BotCommand]:
    """The menu of somebody with these roles, in the language of the moment."""
    return [BotCommand(command=name, description=_(text)) for name, text, who in COMMANDS if roles & who]


class Menus:
    """Sets a person's menu when it is not yet what his roles and language want."""

    def __init__(self) -> None:
        self._shown: Recent[int, tuple[frozenset[Role], str]] = Recent(10_000)

    async def show(self, bot: Bot, chat_id: int, actor: Actor) -> None:
        wanted = (actor.roles, actor.language)
        if self._shown.get(chat_id) == wanted:
            return
        self._shown[chat_id] = wanted
        try:
            await bot.set_my_commands(commands_of(actor.roles), scope=BotCommandScopeChat(chat_id=chat_id))
        except TelegramAPIError as error:
            # A menu is a convenience: the screens have every button of it.
            _log.info("the command menu could not be set", error=repr(error))

    async def show_strangers(self, bot: Bot) -> None:
        """Whoever has not been let in sees no commands."""
        try:
            await bot.delete_my_commands(scope=BotCommandScopeAllPrivateChats())
        except TelegramAPIError as error:
            _log.info("the common command menu could not be cleared", error=repr(error))
