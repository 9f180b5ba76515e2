"""Tasks: given in two taps, carried by live cards, answered by replies."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message
from aiogram_dialog import DialogManager, StartMode

from fsm import states
from handlers.tasks import buttons, cards, replies
from handlers.tasks.windows import new_task, task, tasks

__all__ = ["cards", "router"]

router = Router(name="tasks")


@router.message(Command("tasks"))
async def on_tasks(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Tasks.list, mode=StartMode.RESET_STACK)


router.include_routers(buttons.router, replies.router, tasks, task, new_task)
