"""What a press on a screen of papers means: mostly, send the files."""

from typing import Any

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, CallbackQuery, Message
from aiogram_dialog import DialogManager, ShowMode, StartMode
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from handlers.documents.receive import settle
from models.tables import Document

ALL_AT_ONCE = 30
SEND_BY_ID = {
    "photo": "send_photo",
    "document": "send_document",
    "voice": "send_voice",
    "video": "send_video",
    "video_note": "send_video_note",
    "audio": "send_audio",
    "animation": "send_animation",
}


async def send_paper(bot: Bot, chat_id: int, manager: DialogManager, paper: Document) -> None:
    """Send one paper: by the id that Telegram knows it under, or by its bytes where the id is no good any more."""
    if paper.telegram_file_id:
        try:
            await getattr(bot, SEND_BY_ID[paper.telegram_type])(chat_id, paper.telegram_file_id)
        except TelegramBadRequest:
            pass
        else:
            return
    content = await services(manager).documents.content(actor(manager), paper.id)
    sent = await bot.send_document(chat_id, BufferedInputFile(content, paper.name))
    if sent.document is not None:
        await services(manager).documents.cache(actor(manager), paper.id, sent.document.file_id, "document")


async def on_paper(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, document_id=int(item))
    await manager.switch_to(states.Documents.document)


async def on_send(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    paper = await services(manager).documents.get(actor(manager), int(kept(manager, "document_id")))
    await send_paper(bot_of(manager), query.from_user.id, manager, paper)
    manager.show_mode = ShowMode.DELETE_AND_SEND


async def on_send_all(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    deal_id = start_id(manager, "deal_id")
    rows, _total = await services(manager).documents.of_deal(actor(manager), deal_id, 0, ALL_AT_ONCE)
    for paper in reversed(rows):
        await send_paper(bot_of(manager), query.from_user.id, manager, paper)
    manager.show_mode = ShowMode.DELETE_AND_SEND


async def on_kind(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).documents.set_kind(actor(manager), int(kept(manager, "document_id")), item)


async def on_delete(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).documents.delete(actor(manager), int(kept(manager, "document_id")))
    await manager.switch_to(states.Documents.list)


async def on_deal_asked(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, text=message.text or "")


async def on_deal_found(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    text = await settle(manager, start_id(manager, "parcel_id"), int(item))
    if isinstance(query.message, Message):
        await query.message.answer(text)
    await manager.start(states.Deal.card, data={"deal_id": int(item)}, mode=StartMode.RESET_STACK)


def bot_of(manager: DialogManager) -> Bot:
    bot: Bot = manager.middleware_data["bot"]
    return bot
