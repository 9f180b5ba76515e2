"""Messages about variants and the stateless buttons on them."""

import asyncio
from enum import StrEnum
from typing import Any

from aiogram import Bot, Router
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.state import State
from aiogram.types import BufferedInputFile, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup
from aiogram_dialog import DialogManager, ShowMode, StartMode
from markupsafe import escape

from fsm import states
from fsm.cards import Card, CardContext, card, rewrite
from fsm.context import actor, services
from fsm.i18n import _
from fsm.text import html, lines
from handlers.variants.texts import block, caption, client_picture, client_texts, comparison, head
from models.enums import TaskKind
from services.errors import AlreadyDone, Invalid, NotFound
from services.variants import Offered

router = Router(name="variant-buttons")
CHOICES = 8


class Step(StrEnum):
    CHOOSE = "c"
    PICTURE = "p"
    TEXT = "t"
    ISSUE = "i"
    DEAL = "d"


class VariantButton(CallbackData, prefix="v"):
    """A button on a message about variants: the deal's id and, for a choice, the variant's."""

    step: Step
    deal_id: int
    variant_id: int = 0


# --- messages -----------------------------------------------------------------------------------------------------


def keyboard(offered: Offered) -> InlineKeyboardMarkup:
    """Choices first, one a row, then what is shown to the client, then the deal."""
    deal_id = offered.deal.id

    def make(text: str, step: Step, variant_id: int = 0) -> InlineKeyboardButton:
        data = VariantButton(step=step, deal_id=deal_id, variant_id=variant_id).pack()
        return InlineKeyboardButton(text=text, callback_data=data)

    rows = [
        [make(_("🎯 Client chose {variant}").format(variant=caption(view)), Step.CHOOSE, view.id)]
        for view in offered.rows[:CHOICES]
        if view.chooses
    ]
    if offered.rows:
        rows.append([make(_("🖼 As a picture"), Step.PICTURE), make(_("✉️ Text for the client"), Step.TEXT)])
    if can_issue(offered):
        rows.insert(0, [make(_("📝 Give the issue task"), Step.ISSUE)])
    rows.append([make(_("📂 Open the deal"), Step.DEAL)])
    return InlineKeyboardMarkup(inline_keyboard=rows)


def can_issue(offered: Offered) -> bool:
    """Whether the next thing to do is to have the chosen variant issued."""
    chosen = any(view.status == "chosen" and not view.issued for view in offered.rows)
    return offered.chooses and chosen and not offered.issuing


async def current(ctx: CardContext, deal_id: int) -> Card | None:
    """The comparison as it is now, by the reader's own rights."""
    try:
        offered = await ctx.services.variants.compare(ctx.actor, deal_id)
    except NotFound:
        return None
    return Card(comparison(offered, _("Variants are ready")), keyboard(offered))


@card("variants_handed_in")
async def variants_handed_in(ctx: CardContext, *, deal: int, **_params: Any) -> Card | None:
    return await current(ctx, deal)


@card("variant_declined")
async def variant_declined(ctx: CardContext, *, variant_id: int, **_params: Any) -> Card | None:
    """What was on the table is not there any more."""
    try:
        view = await ctx.services.variants.get(ctx.actor, variant_id)
        deal = (await ctx.services.variants.of_deal(ctx.actor, view.deal_id, 0, 1)).deal
    except NotFound:
        return None
    data = VariantButton(step=Step.DEAL, deal_id=deal.id).pack()
    row = [InlineKeyboardButton(text=_("📂 Open the deal"), callback_data=data)]
    text = lines(head(deal, _("The insurer has declined a variant"), "🚫"), "", block(view))
    return Card(text, InlineKeyboardMarkup(inline_keyboard=[row]))


# --- what a tap means ---------------------------------------------------------------------------------------------


async def redraw(query: CallbackQuery, fresh: Card | None) -> None:
    """Bring the message that was tapped up to date."""
    if fresh is not None:
        await rewrite(query.message, str(fresh.text), fresh.keyboard)


@router.callback_query(VariantButton.filter())
async def on_variant_button(
    query: CallbackQuery, callback_data: VariantButton, dialog_manager: DialogManager, bot: Bot
) -> None:
    """Choose, show to the client, go on to the issue, or open the deal."""
    step, deal_id = callback_data.step, callback_data.deal_id
    # A refusal must not draw the open screen over this message.
    dialog_manager.show_mode = ShowMode.NO_UPDATE
    if step is Step.CHOOSE:
        await _choose(query, callback_data, dialog_manager)
    elif step is Step.DEAL:
        await _open(dialog_manager, states.Deal.card, {"deal_id": deal_id})
    elif step is Step.ISSUE:
        data = {"deal_id": deal_id, "kind": TaskKind.ISSUE.value}
        await _open(dialog_manager, states.NewTask.due, data)
    else:
        await query.answer()
        await show_client(bot, query.from_user.id, dialog_manager, deal_id, picture=step is Step.PICTURE)
    await query.answer()


async def _choose(query: CallbackQuery, callback_data: VariantButton, manager: DialogManager) -> None:
    context = CardContext(actor(manager), services(manager))
    try:
        await services(manager).variants.choose(actor(manager), callback_data.variant_id)
    except (AlreadyDone, Invalid):
        await redraw(query, await current(context, callback_data.deal_id))
        raise
    await query.answer(_("The choice is marked"))
    await redraw(query, await current(context, callback_data.deal_id))


async def _open(manager: DialogManager, state: State, data: dict[str, Any]) -> None:
    """Open a screen under the message."""
    # Looked at first, so that what is out of reach is a plain refusal and no half-started screen.
    await services(manager).deals.card(actor(manager), data["deal_id"])
    manager.show_mode = ShowMode.SEND
    await manager.start(state, data=data, mode=StartMode.RESET_STACK)


async def show_client(bot: Bot, chat_id: int, manager: DialogManager, deal_id: int, *, picture: bool) -> None:
    """Send what the seller passes on to the client: a picture, or words of their own message. Raises Invalid."""
    me = actor(manager)
    offered = await services(manager).variants.compare(me, deal_id)
    if not offered.rows:
        raise Invalid("There is nothing to compare: no variant that is handed in is still in time.")
    if not picture:
        for text in client_texts(offered):
            await bot.send_message(chat_id, str(escape(text)))
        return
    today = services(manager).variants.clock.now().astimezone(me.zone).date()
    await bot.send_chat_action(chat_id, "upload_photo")
    content = await asyncio.to_thread(client_picture, offered, today)
    caption = html(
        _("Variants for {client}, deal №{number}"), client=offered.deal.client.name, number=offered.deal.number
    )
    await bot.send_photo(chat_id, BufferedInputFile(content, "variants.png"), caption=str(caption))
