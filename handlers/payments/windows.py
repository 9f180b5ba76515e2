"""The lists of instalments and the card of one."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo

from fsm import states
from fsm.navigation import back_row, leave_row, one_of, pager_row
from fsm.text import Label, Plain, Raw
from handlers.payments import clicks, getters

dialog = Dialog(
    Window(
        Raw("text"),
        Button(Plain("paid_label"), id="paid", on_click=clicks.on_paid, when="owed"),
        SwitchTo(Label("✍️ A part or another day"), id="to_amount", state=states.Payment.amount, when="owed"),
        Button(Label("🏦 The insurer confirms"), id="confirm", on_click=clicks.on_confirmed, when="can_confirm"),
        Row(
            Button(Label("💰 Commission"), id="income", on_click=clicks.on_income),
            SwitchTo(Label("💸 Expenses"), id="to_expense", state=states.Payment.expense),
            when="decides",
        ),
        Row(
            Button(Label("🤝 Promised by…"), id="promise", on_click=clicks.on_promise, when="owed"),
            Button(Label("📅 Move the date"), id="shift", on_click=clicks.on_shift, when="can_move"),
        ),
        SwitchTo(Label("✖️ Write off"), id="to_waive", state=states.Payment.waive, when="can_move"),
        Button(Label("↩️ Bring the instalment back"), id="restore", on_click=clicks.on_restore, when="can_restore"),
        Column(one_of("undo", "undo", clicks.on_undo)),
        Row(
            Button(Label("📜 Policy"), id="policy", on_click=clicks.on_policy),
            Button(Label("📁 Deal"), id="deal", on_click=clicks.on_deal),
        ),
        leave_row(),
        state=states.Payment.card,
        getter=getters.card,
        preview_data=getters.CARD_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_amount, content_types="text"),
        back_row(states.Payment.card),
        state=states.Payment.amount,
        getter=getters.amount,
        preview_data=getters.TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_income_typed, content_types="text"),
        Button(Plain("sure_label"), id="sure", on_click=clicks.on_sure, when="doubted"),
        Button(Plain("received_label"), id="received", on_click=clicks.on_received, when="one_tap"),
        Column(one_of("incomes", "which_income", clicks.on_income_chosen)),
        Button(Label("✏️ Correct what is expected"), id="correct", on_click=clicks.on_correct, when="can_correct"),
        Row(
            Button(Label("⚖️ Disputed"), id="dispute", on_click=clicks.on_disputed, when="can_dispute"),
            Button(Label("✖️ Given up"), id="give_up", on_click=clicks.on_given_up, when="can_give_up"),
        ),
        Button(Label("↩️ Expected again"), id="again", on_click=clicks.on_expected_again, when="can_expect"),
        SwitchTo(
            Label("↪️ Taken back by the insurer"), id="to_back", state=states.Payment.income_back, when="can_return"
        ),
        back_row(states.Payment.card),
        state=states.Payment.income,
        getter=getters.income,
        preview_data=getters.INCOME_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_income_why, content_types="text"),
        Column(one_of("reasons", "income_reason", clicks.on_income_reason, key="code")),
        back_row(states.Payment.income),
        state=states.Payment.income_why,
        getter=getters.income_why,
        preview_data=getters.WAIVE_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_returned_typed, content_types="text"),
        Button(Plain("all_label"), id="returned", on_click=clicks.on_returned, when="any"),
        back_row(states.Payment.income),
        state=states.Payment.income_back,
        getter=getters.income_back,
        preview_data=getters.BACK_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_expense_typed, content_types="text"),
        Column(one_of("rows", "expense", clicks.on_expense)),
        Button(Plain("pay_label"), id="pay", on_click=clicks.on_expense_paid, when="can_pay"),
        Row(
            SwitchTo(Label("➕ Expense"), id="to_new", state=states.Payment.new_expense),
            Button(Label("🗑 Not agreed any more"), id="remove", on_click=clicks.on_expense_removed, when="can_remove"),
        ),
        back_row(states.Payment.card),
        state=states.Payment.expense,
        getter=getters.expenses,
        preview_data=getters.EXPENSES_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_new_expense, content_types="text"),
        Group(one_of("kinds", "kind", clicks.on_kind, key="code"), width=2),
        back_row(states.Payment.expense),
        state=states.Payment.new_expense,
        getter=getters.new_expense,
        preview_data=getters.NEW_EXPENSE_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_waive_typed, content_types="text"),
        Column(one_of("reasons", "waive_reason", clicks.on_waive_reason, key="code")),
        back_row(states.Payment.card),
        state=states.Payment.waive,
        getter=getters.waive,
        preview_data=getters.WAIVE_PREVIEW,
    ),
    on_process_result=clicks.on_day,
)

due = Dialog(
    Window(
        Raw("text"),
        Column(one_of("rows", "payment", clicks.on_payment)),
        pager_row(),
        Group(one_of("filters", "filter", clicks.on_filter, key="code"), width=3),
        leave_row(),
        state=states.Payments.list,
        getter=getters.payments,
        preview_data=getters.LIST_PREVIEW,
    )
)

router = Router(name="payments")


@router.message(Command("payments"))
async def on_command(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Payments.list, mode=StartMode.RESET_STACK)


router.include_routers(dialog, due)
