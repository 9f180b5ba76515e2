"""What the seller is told when somebody registered a policy for him."""

from aiogram import Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup
from aiogram_dialog import DialogManager, ShowMode, StartMode

from fsm import states
from fsm.cards import Card, CardContext, card
from fsm.context import actor, services
from fsm.i18n import _
from fsm.text import html, lines
from fsm.words import day, money
from services.errors import NotFound

router = Router(name="policy_cards")


class OpenPolicy(CallbackData, prefix="po"):
    """Open a policy's card from a message of any age."""

    policy_id: int


@card("policy_registered")
async def policy_registered(context: CardContext, policy_id: int, *, policy_file_missing: bool = False) -> Card | None:
    """The policy as it is now; nothing when it is out of the recipient's reach."""
    try:
        shown = await context.services.policies.card(context.actor, policy_id)
    except NotFound:
        return None
    policy = shown.policy
    deal = policy.deal
    text = lines(
        html("📜 <b>{title}</b> · №{deal}", title=_("A policy is registered"), deal=deal.number),
        html("{client} · {line} · {object}", client=deal.client.name, line=policy.line.name, object=deal.title),
        html(
            "<b>{number}</b> · {insurer} · {premium}",
            number=policy.number, insurer=policy.insurer.name, premium=money(policy.premium),
        ),
        html(_("Term: <b>{start} – {end}</b>"), start=day(policy.starts_on), end=day(policy.ends_on)),
        html(_("Registered by {who}"), who=shown.registered_by),
        html("❗️ {warning}", warning=_("The commission rate is not set"))
        if shown.money and shown.money.commission_unknown
        else None,
        html(_("📎 <b>There is no policy file yet.</b> Open the policy and send it there."))
        if policy_file_missing and not shown.files
        else None,
    )  # fmt: skip
    button = InlineKeyboardButton(text=_("📜 Open the policy"), callback_data=OpenPolicy(policy_id=policy_id).pack())
    return Card(text, InlineKeyboardMarkup(inline_keyboard=[[button]]))


@router.callback_query(OpenPolicy.filter())
async def on_open(query: CallbackQuery, callback_data: OpenPolicy, dialog_manager: DialogManager) -> None:
    # Looked at first, so that what is out of reach is a plain refusal and no half-started screen.
    await services(dialog_manager).policies.card(actor(dialog_manager), callback_data.policy_id)
    await query.answer()
    await dialog_manager.start(
        states.Policy.card,
        data={"policy_id": callback_data.policy_id},
        mode=StartMode.RESET_STACK,
        show_mode=ShowMode.SEND,
    )
