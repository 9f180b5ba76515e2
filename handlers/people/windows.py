"""The list of people, one person, and what an admin does to him."""

from aiogram_dialog import Dialog, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Row, SwitchTo

from fsm import states
from fsm.navigation import back_row, leave_row, one_of, pager_row
from fsm.text import Label, Raw
from handlers.people import clicks, getters
from handlers.people.roles import switches

dialog = Dialog(
    Window(
        Raw("text"),
        Button(Label("➕ Invite"), id="invite", on_click=clicks.on_invite),
        Column(one_of("people", "person", clicks.on_person)),
        pager_row(),
        leave_row(),
        state=states.People.list,
        getter=getters.people,
        preview_data=getters.LIST_PREVIEW,
    ),
    Window(
        Raw("text"),
        SwitchTo(Label("🤝 Hand the work over"), id="to_handover", state=states.People.handover, when="has_work"),
        Row(
            Button(Label("🔑 Roles"), id="to_roles", on_click=clicks.on_roles),
            SwitchTo(Label("✍️ Name"), id="to_name", state=states.People.name),
        ),
        SwitchTo(Label("⛔️ Block"), id="to_block", state=states.People.block, when="may_block"),
        Button(Label("🟢 Let in again"), id="unblock", on_click=clicks.on_unblock, when="blocked"),
        back_row(states.People.list),
        state=states.People.person,
        getter=getters.person,
        preview_data=getters.PERSON_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(clicks.on_name, content_types="text"),
        back_row(states.People.person),
        state=states.People.name,
        getter=getters.name,
        preview_data=getters.TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        switches("role"),
        Button(Label("💾 Save"), id="save_roles", on_click=clicks.on_save_roles),
        back_row(states.People.person),
        state=states.People.roles,
        getter=getters.person_roles,
        preview_data=getters.ROLES_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("⛔️ Yes, block"), id="block", on_click=clicks.on_block),
        back_row(states.People.person),
        state=states.People.block,
        getter=getters.block,
        preview_data=getters.TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        Column(one_of("successors", "successor", clicks.on_successor)),
        pager_row("people"),
        back_row(states.People.person),
        state=states.People.handover,
        getter=getters.successors,
        preview_data=getters.SUCCESSORS_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("🤝 Yes, hand over"), id="handover", on_click=clicks.on_handover),
        back_row(states.People.handover),
        state=states.People.handover_confirm,
        getter=getters.handover_confirm,
        preview_data=getters.TEXT_PREVIEW,
    ),
)
