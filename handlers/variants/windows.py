"""Variants of a deal, one variant, the comparison."""

from aiogram_dialog import Dialog, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Row, SwitchTo

from fsm import states
from fsm.navigation import back_row, leave_row, menu_button, one_of, pager_row
from fsm.text import Label, Raw, T
from handlers.variants import clicks, getters

variants = Dialog(
    Window(
        Raw("text"),
        MessageInput(clicks.on_lines, content_types="text"),
        Button(Label("📨 Hand in to the seller ({drafts})"), id="hand_in", on_click=clicks.on_hand_in, when="hands_in"),
        Column(one_of("variants", "variant", clicks.on_variant)),
        pager_row(),
        Row(
            Button(Label("📊 Compare"), id="to_compare", on_click=clicks.on_compare, when="compares"),
            Button(Label("➕ Step by step"), id="wizard", on_click=clicks.on_wizard, when="edits"),
        ),
        leave_row(),
        state=states.Variants.list,
        getter=getters.variants,
        preview_data=getters.LIST_PREVIEW,
    ),
    Window(
        Raw("text"),
        T("\n<i>Write the line anew to change it; what it does not say stays.</i>", when="changes"),
        MessageInput(clicks.on_line_anew, content_types="text"),
        Button(Label("🎯 Client chose this one"), id="choose_open", on_click=clicks.on_choose_open, when="chooses"),
        Row(
            Button(Label("✏️ Step by step"), id="edit", on_click=clicks.on_edit, when="changes"),
            Button(Label("📄 Copy"), id="copy", on_click=clicks.on_copy, when="edits"),
        ),
        Button(Label("📎 Papers of the deal"), id="papers", on_click=clicks.on_papers, when="files"),
        Row(
            SwitchTo(Label("🚫 Insurer declined"), id="to_decline", state=states.Variants.decline, when="declines"),
            SwitchTo(Label("🗑 Delete"), id="to_delete", state=states.Variants.delete, when="deletes"),
        ),
        back_row(states.Variants.list),
        state=states.Variants.variant,
        getter=getters.variant,
        preview_data=getters.VARIANT_PREVIEW,
    ),
    Window(
        Raw("text"),
        T("\nHas the insurer declined this variant? It cannot be chosen after that."),
        Button(Label("🚫 Yes, declined"), id="decline", on_click=clicks.on_decline),
        back_row(states.Variants.variant),
        state=states.Variants.decline,
        getter=getters.variant,
        preview_data=getters.VARIANT_PREVIEW,
    ),
    Window(
        Raw("text"),
        T("\nDelete this variant? Its number is not given again."),
        Button(Label("🗑 Yes, delete"), id="delete", on_click=clicks.on_delete),
        back_row(states.Variants.variant),
        state=states.Variants.delete,
        getter=getters.variant,
        preview_data=getters.VARIANT_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("📝 Give the issue task"), id="issue", on_click=clicks.on_issue, when="can_issue"),
        Column(one_of("choices", "choice", clicks.on_choice)),
        Row(
            Button(Label("🖼 As a picture"), id="picture", on_click=clicks.on_picture, when="any"),
            Button(Label("✉️ Text for the client"), id="for_client", on_click=clicks.on_text, when="any"),
        ),
        SwitchTo(Label("🧮 All variants"), id="to_list", state=states.Variants.list),
        Row(Button(Label("‹ Back"), id="leave", on_click=clicks.on_compared), menu_button()),
        state=states.Variants.compare,
        getter=getters.compare,
        preview_data=getters.COMPARE_PREVIEW,
    ),
)
