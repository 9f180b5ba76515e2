"""The policy card with its decisions, and the list of policies that end."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.navigation import back_row, leave_row, one_of, pager_row
from fsm.text import Label, Plain, Raw
from handlers.policies import cards, clicks, getters, register

dialog = Dialog(
    Window(
        Raw("text"),
        Button(Label("🔄 Renew: calculate"), id="renew", on_click=clicks.on_renew, when="can_renew"),
        Button(Plain("unpaid_label"), id="paid", on_click=clicks.on_paid, when="unpaid"),
        Button(Label("📜 Already renewed: new policy"), id="new_policy", on_click=clicks.on_new_policy, when="ends"),
        Row(
            Button(Plain("instalments"), id="instalments", on_click=clicks.on_instalments),
            Button(Plain("papers"), id="papers", on_click=clicks.on_papers),
        ),
        Button(Label("% Set the commission rate"), id="fix_rate", on_click=clicks.on_field, when="can_rate"),
        Button(Label("↩️ The client has changed his mind"), id="return", on_click=clicks.on_return, when="can_return"),
        Button(Label("🏁 Close the deal"), id="close", on_click=clicks.on_close_deal, when="can_close"),
        Row(
            SwitchTo(Label("🚫 Client refuses"), id="to_refusal", state=states.Policy.outcome, when="can_refuse"),
            SwitchTo(Label("✂️ Cancel the policy"), id="to_cancel", state=states.Policy.cancel, when="can_cancel"),
        ),
        Row(
            SwitchTo(Label("✏️ Correct"), id="to_edit", state=states.Policy.edit),
            Button(Label("📁 Deal"), id="deal", on_click=clicks.on_deal),
        ),
        leave_row(),
        state=states.Policy.card,
        getter=getters.card,
        preview_data=getters.CARD_PREVIEW,
    ),
    Window(
        Raw("text"),
        Group(one_of("reasons", "refusal", clicks.on_refusal, key="code"), width=2),
        back_row(states.Policy.card),
        state=states.Policy.outcome,
        getter=getters.refusal,
        preview_data=getters.REASONS_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_cancel_typed, content_types="text"),
        Column(one_of("reasons", "cancel_reason", clicks.on_cancel_reason, key="code")),
        back_row(states.Policy.card),
        state=states.Policy.cancel,
        getter=getters.cancelling,
        preview_data=getters.REASONS_PREVIEW,
    ),
    Window(
        Raw("text"),
        Row(
            Button(Label("Number"), id="fix_number", on_click=clicks.on_field),
            Button(Label("📅 Begins"), id="fix_start", on_click=clicks.on_start_date),
            Button(Label("📅 Ends"), id="fix_end", on_click=clicks.on_end_date),
        ),
        Row(
            Button(Label("💵 Premium"), id="fix_premium", on_click=clicks.on_field),
            Button(Label("🧾 Instalments"), id="fix_plan", on_click=clicks.on_field),
            when="priced",
        ),
        back_row(states.Policy.card),
        state=states.Policy.edit,
        getter=getters.editing,
        preview_data={"text": Markup("✏️ <b>XXX</b>"), "priced": True},
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_value, content_types="text"),
        back_row(states.Policy.card),
        state=states.Policy.value,
        getter=getters.value,
        preview_data={"text": Markup("✏️ <b>XXX</b>")},
    ),
    on_process_result=clicks.on_day,
)

ending = Dialog(
    Window(
        Raw("text"),
        Column(one_of("rows", "policy", clicks.on_policy)),
        pager_row(),
        Group(one_of("filters", "filter", clicks.on_filter, key="code"), width=3),
        Button(Label("➕ New policy"), id="one_more", on_click=clicks.on_one_more, when="of_deal"),
        leave_row(),
        state=states.Policies.list,
        getter=getters.ending,
        preview_data=getters.LIST_PREVIEW,
    )
)

router = Router(name="policies")


@router.message(Command("policies"))
async def on_command(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Policies.list, mode=StartMode.RESET_STACK)


router.include_routers(cards.router, register.dialog, dialog, ending)
