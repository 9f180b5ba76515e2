"""Buttons on messages about tasks: stateless, so they work after a restart, a lost state and a year."""

from aiogram import Router
from aiogram.types import CallbackQuery
from aiogram_dialog import DialogManager, ShowMode

from fsm.cards import Card, CardContext, rewrite
from fsm.context import actor, services
from fsm.i18n import _
from handlers.tasks.cards import current
from handlers.tasks.steps import TOASTS, TaskButton, do, go
from services.errors import AlreadyDone

router = Router(name="task-buttons")


async def redraw(query: CallbackQuery, card: Card | None) -> None:
    """Bring the message that was tapped up to date."""
    if card is not None:
        await rewrite(query.message, str(card.text), card.keyboard)


@router.callback_query(TaskButton.filter())
async def on_task_button(query: CallbackQuery, callback_data: TaskButton, dialog_manager: DialogManager) -> None:
    """Do what the tap asks, or open the screen where it is asked for."""
    step, task_id = callback_data.step, callback_data.task_id
    context = CardContext(actor(dialog_manager), services(dialog_manager))
    # A refusal must not draw the open screen over this message.
    dialog_manager.show_mode = ShowMode.NO_UPDATE
    if step not in TOASTS:
        await go(dialog_manager, step, task_id, anew=True)
        await query.answer()
        await redraw(query, await current(context, task_id))
        return
    try:
        await do(dialog_manager, step, task_id)
    except AlreadyDone:
        await redraw(query, await current(context, task_id))
        raise
    await query.answer(_(TOASTS[step]))
    await redraw(query, await current(context, task_id))
