"""Whatever a person sends: filed at once in the deal that is open, or kept while the bot asks once whose it is.

The router stands before the dialogs, so a file lands in its deal whichever window of it is open.
"""

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast
from zoneinfo import ZoneInfo

from aiogram import Bot, F, Router
from aiogram.dispatcher.event.bases import SkipHandler
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    ReactionTypeEmoji,
)
from aiogram_dialog import DialogManager, ShowMode, StartMode

from fsm import states
from fsm.cards import deal_keyboard, rewrite
from fsm.context import actor, kept, services
from fsm.i18n import _, ngettext
from fsm.text import html, lines, short
from models.tables import Deal
from services.documents import Filed, Incoming, Waiting
from services.errors import NotFound, Refusal
from services.rules.file_names import DOWNLOAD_LIMIT, too_big

router = Router(name="documents")

EXTENSIONS = {"photo": "jpg", "voice": "ogg", "video_note": "mp4", "video": "mp4", "audio": "mp3", "animation": "mp4"}
DEFAULT_MIME = "application/octet-stream"


class ParcelTo(CallbackData, prefix="dp"):
    """Which deal a parcel is for; 0 asks for another deal than those offered."""

    parcel_id: int
    deal_id: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """The one file of a message, whatever Telegram calls it."""

    type: str
    file_id: str
    size: int
    name: str
    mime: str


def attachment(message: Message, zone: ZoneInfo) -> Attachment | None:
    """The file of a message, with a name of our own where Telegram has none."""
    if message.photo:
        best = message.photo[-1]
        return Attachment("photo", best.file_id, best.file_size or 0, _named("photo", message, zone), "image/jpeg")
    for kind in ("document", "voice", "video", "video_note", "audio", "animation"):
        file = getattr(message, kind)
        if file is not None:
            name = getattr(file, "file_name", None) or _named(kind, message, zone)
            return Attachment(
                kind, file.file_id, file.file_size or 0, name, getattr(file, "mime_type", None) or DEFAULT_MIME
            )
    return None


def _named(kind: str, message: Message, zone: ZoneInfo) -> str:
    words = {"photo": _("Photo"), "voice": _("Voice message"), "document": _("Paper")}
    word = words.get(kind, _("Video"))
    return f"{word} {message.date.astimezone(zone):%H-%M-%S} {message.message_id}.{EXTENSIONS.get(kind, 'bin')}"


async def download(bot: Bot, message: Message, zone: ZoneInfo) -> Incoming | None:
    """Bring a message's file here. Raises Invalid when Telegram will not give it to a bot."""
    found = attachment(message, zone)
    if found is None:
        return None
    if found.size > DOWNLOAD_LIMIT:
        raise too_big(found.name)
    buffer = BytesIO()
    await bot.download(found.file_id, destination=buffer)
    return Incoming(found.name, buffer.getvalue(), found.mime, found.file_id, found.type, message.caption or "")


async def open_deal(manager: DialogManager) -> tuple[int, int | None] | None:
    """The deal (and the policy) whose screen is open, by the ids that its dialog was started with."""
    if not manager.has_context():
        return None
    given = manager.current_context().start_data
    ids = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    try:
        if "policy_id" in ids:
            policy = await services(manager).policies.card(actor(manager), int(ids["policy_id"]))
            return policy.policy.deal_id, policy.policy.id
        if "task_id" in ids and "deal_id" not in ids:
            task = await services(manager).tasks.card(actor(manager), int(ids["task_id"]))
            return task.task.deal_id, None
    except NotFound:
        return None
    return (int(ids["deal_id"]), None) if ids.get("deal_id") else None


def open_variant(manager: DialogManager) -> int | None:
    """The variant whose own screen is open: a paper sent there is its calculation."""
    if manager.current_context().state != states.Variants.variant:
        return None
    return int(kept(manager, "variant_id"))


async def acknowledge(message: Message, emoji: str = "👍") -> None:
    """A reaction instead of chatter."""
    await message.react([ReactionTypeEmoji(emoji=emoji)])


FILES = F.photo | F.document | F.voice | F.video | F.video_note | F.audio | F.animation


@router.message(FILES)
async def on_file(message: Message, bot: Bot, dialog_manager: DialogManager) -> None:
    """File what came in the open deal, or keep it and ask once for the whole album."""
    incoming = await download(bot, message, actor(dialog_manager).zone)
    if incoming is None:
        return
    place = await open_deal(dialog_manager)
    if place is not None:
        deal_id, policy_id = place
        filed = await services(dialog_manager).documents.file(
            actor(dialog_manager), deal_id, incoming, policy_id=policy_id
        )
        variant_id = open_variant(dialog_manager)
        if variant_id is not None:
            # Who may not change the variant has still filed the paper in its deal.
            with suppress(Refusal):
                await services(dialog_manager).variants.attach(actor(dialog_manager), variant_id, filed.document_id)
        await confirm(message, dialog_manager, filed)
        return
    group = message.media_group_id or str(message.message_id)
    waiting = await services(dialog_manager).documents.keep(actor(dialog_manager), group, incoming)
    await ask_deal(message, bot, dialog_manager, waiting)


async def confirm(message: Message, manager: DialogManager, filed: Filed) -> None:
    """Show that a paper is in its deal, and redraw the screen above in place."""
    if filed.duplicate:
        await message.reply(str(html(_("«{name}» is in this deal already."), name=filed.name)))
        manager.show_mode = ShowMode.NO_UPDATE
        return
    await acknowledge(message)
    await manager.show(ShowMode.EDIT)


async def ask_deal(message: Message, bot: Bot, manager: DialogManager, waiting: Waiting) -> None:
    """Ask whose a parcel is, or add one more file to the question that stands already."""
    if waiting.deal_id is not None:
        await acknowledge(message)
        return
    text, keyboard = await question(manager, waiting.parcel_id, waiting.files)
    if waiting.question_message_id is None:
        sent = await message.answer(text, reply_markup=keyboard)
        await services(manager).documents.asked(actor(manager), waiting.parcel_id, sent.message_id)
        return
    try:
        await bot.edit_message_text(
            text, chat_id=message.chat.id, message_id=waiting.question_message_id, reply_markup=keyboard
        )
    except TelegramBadRequest as error:
        if "not modified" not in error.message:
            raise


def deal_label(deal: Deal) -> str:
    return short(f"№{deal.number} · {deal.client.name} · {deal.line.name} {deal.title}", 60)


async def question(manager: DialogManager, parcel_id: int, files: int) -> tuple[str, InlineKeyboardMarkup]:
    """The question about a parcel with the likeliest deals as buttons."""
    deals = await services(manager).documents.likely_deals(actor(manager))
    what = (
        ngettext("{n} file is here.", "{n} files are here.", files).format(n=files) if files else _("The text is here.")
    )
    rows = [
        [
            InlineKeyboardButton(
                text=deal_label(deal), callback_data=ParcelTo(parcel_id=parcel_id, deal_id=deal.id).pack()
            )
        ]
        for deal in deals
    ]
    other = ParcelTo(parcel_id=parcel_id, deal_id=0).pack()
    rows.append([InlineKeyboardButton(text=_("🔎 Another deal"), callback_data=other)])
    text = lines(html("📎 <b>{what}</b>", what=what), html("{ask}", ask=_("Which deal is it for?")))
    return str(text), InlineKeyboardMarkup(inline_keyboard=rows)


@router.message(F.forward_origin, F.text)
async def on_forwarded(message: Message, bot: Bot, dialog_manager: DialogManager) -> None:
    """A forwarded text goes into the journal of the open deal, or waits for its deal like a file."""
    text = forwarded_text(message)
    place = await open_deal(dialog_manager)
    if place is not None:
        await services(dialog_manager).journal.add(actor(dialog_manager), place[0], text)
        await acknowledge(message)
        await dialog_manager.show(ShowMode.EDIT)
        return
    if dialog_manager.has_context() and dialog_manager.current_context().state.group is not states.Menu:
        # A wizard is waiting for words: a forwarded message may be just what it asks for.
        raise SkipHandler
    group = str(message.message_id)
    parcel_id = await services(dialog_manager).documents.keep_text(actor(dialog_manager), group, text)
    await ask_deal(message, bot, dialog_manager, Waiting(parcel_id, 0, None, None))


def forwarded_text(message: Message) -> str:
    """What was forwarded, with its author where Telegram tells."""
    origin = message.forward_origin
    user = getattr(origin, "sender_user", None)
    name = user.full_name if user is not None else getattr(origin, "sender_user_name", None)
    return f"{name}: {message.text}" if name else message.text or ""


@router.callback_query(ParcelTo.filter())
async def on_deal_named(query: CallbackQuery, callback_data: ParcelTo, dialog_manager: DialogManager) -> None:
    """The person has said whose the parcel is."""
    if not callback_data.deal_id:
        await query.answer()
        await dialog_manager.start(
            states.PickDeal.ask, data={"parcel_id": callback_data.parcel_id}, mode=StartMode.RESET_STACK
        )
        return
    text = await settle(dialog_manager, callback_data.parcel_id, callback_data.deal_id)
    await rewrite(query.message, text, deal_keyboard(callback_data.deal_id))
    await query.answer()


async def settle(manager: DialogManager, parcel_id: int, deal_id: int) -> str:
    """File a parcel and say so in one quiet line."""
    filed = await services(manager).documents.settle(actor(manager), parcel_id, deal_id)
    view = await services(manager).deals.card(actor(manager), deal_id)
    title = f"№{view.deal.number} · {view.deal.client.name} · {view.deal.title}"
    if not filed:
        return str(html(_("✅ Filed in deal {deal}"), deal=title))
    known = sum(1 for paper in filed if paper.duplicate)
    count = ngettext("{n} file", "{n} files", len(filed)).format(n=len(filed))
    return str(
        lines(
            html(_("✅ {files} filed in deal {deal}"), files=count, deal=title),
            html(_("{n} of them were there already."), n=known) if known else None,
        )
    )
