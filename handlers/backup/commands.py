"""`/backup`: has a backup made. What is told of it is a card, which outlives the process that makes the backup."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message
from aiogram_dialog import DialogManager

from fsm.context import actor, services
from services.access import Actor

router = Router(name="backup")


async def is_admin(_event: object, actor: Actor | None = None) -> bool:
    """For whoever is no admin the command does not exist (DOMAIN.md §6)."""
    return actor is not None and actor.is_admin


@router.message(Command("backup"), is_admin)
async def on_backup(_message: Message, dialog_manager: DialogManager) -> None:
    await services(dialog_manager).backup.order(actor(dialog_manager))
