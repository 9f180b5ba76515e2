"""Replies to messages about tasks: the seller's is the answer, the executor's a question or a note."""

from enum import StrEnum
from typing import Any

from aiogram import F, Router
from aiogram.filters import Filter
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, ReactionTypeEmoji
from aiogram_dialog import DialogManager, ShowMode

from fsm.context import actor, services
from fsm.i18n import _
from models.enums import TaskStatus
from services.errors import AlreadyDone, Invalid
from services.registry import Services
from services.rules.stages import OPEN_TASKS
from services.tasks import TaskCard

router = Router(name="task-replies")


class Words(StrEnum):
    QUESTION = "q"
    NOTE = "n"


class ReplyButton(CallbackData, prefix="tr"):
    """What the message that this button's own message replies to shall become."""

    words: Words
    task_id: int


class AboutTask(Filter):
    """A reply to one of our messages about a task; gives the handler its id."""

    # Filters run before there is a dialog manager, so the person and the services come from the update's own data.
    async def __call__(self, message: Message, **data: Any) -> bool | dict[str, Any]:
        if message.reply_to_message is None or (message.text or "").startswith("/"):
            return False
        found: Services = data["services"]
        about = await found.tasks.about_message(data["actor"], message.reply_to_message.message_id)
        return False if about is None or about.task_id is None else {"task_id": about.task_id}


@router.message(F.text, F.reply_to_message, AboutTask())
async def on_reply(message: Message, task_id: int, dialog_manager: DialogManager) -> None:
    """Take a reply for what it most likely is; where it may be two things, ask."""
    me, tasks = actor(dialog_manager), services(dialog_manager).tasks
    card = await tasks.card(me, task_id)
    text = message.text or ""
    if card.manages and card.task.status is TaskStatus.QUESTION:
        await tasks.answer(me, task_id, text)
        await message.reply(_("💬 The answer is with the executor."))
    elif _may_ask(card):
        if text.rstrip().endswith("?"):
            await tasks.ask(me, task_id, text)
            await message.reply(_("❓ The question is with the seller; the clock stands."))
        else:
            await message.reply(
                _("Is it a question to the seller, or a note for the journal?"), reply_markup=_choice(task_id)
            )
    else:
        await _note(dialog_manager, message, card, text)


@router.callback_query(ReplyButton.filter())
async def on_choice(query: CallbackQuery, callback_data: ReplyButton, dialog_manager: DialogManager) -> None:
    """The person has said what his reply is; the reply itself is still above."""
    dialog_manager.show_mode = ShowMode.NO_UPDATE
    offer = query.message if isinstance(query.message, Message) else None
    written = offer.reply_to_message if offer is not None else None
    if offer is None or written is None or not written.text:
        raise Invalid("Your message is out of my sight already. Write it once more.")
    me = actor(dialog_manager)
    card = await services(dialog_manager).tasks.card(me, callback_data.task_id)
    if callback_data.words is Words.QUESTION:
        await services(dialog_manager).tasks.ask(me, callback_data.task_id, written.text)
        said = _("❓ The question is with the seller; the clock stands.")
    else:
        if any(entry.author_id == me.user_id and entry.text == written.text for entry in card.entries):
            raise AlreadyDone
        await services(dialog_manager).journal.add(me, card.task.deal_id, written.text)
        said = _("✍️ Written in the journal of the deal.")
    await query.answer()
    await offer.edit_text(said)


def _may_ask(card: TaskCard) -> bool:
    return card.works and card.task.status in OPEN_TASKS and card.task.status is not TaskStatus.QUESTION


def _choice(task_id: int) -> InlineKeyboardMarkup:
    labels = {Words.QUESTION: _("❓ To the seller"), Words.NOTE: _("✍️ To the journal")}
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [
                InlineKeyboardButton(text=label, callback_data=ReplyButton(words=words, task_id=task_id).pack())
                for words, label in labels.items()
            ]
        ]
    )


async def _note(manager: DialogManager, message: Message, card: TaskCard, text: str) -> None:
    await services(manager).journal.add(actor(manager), card.task.deal_id, text)
    await message.react([ReactionTypeEmoji(emoji="✍")])
