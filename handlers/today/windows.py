"""One card of the day with the three things that can be done about it."""

from aiogram import Router
from aiogram.filters import Command
from aiogram_dialog import Dialog, Window
from aiogram_dialog.widgets.kbd import Button, Row
from aiogram_dialog.widgets.text import Const

from fsm import states
from fsm.navigation import leave_row
from fsm.text import Label, Raw
from handlers.today import clicks, getters

dialog = Dialog(
    Window(
        Raw("text"),
        Button(Label("✅ Done → the next event"), id="next_event", on_click=clicks.on_next_event, when="deal"),
        Button(Label("✅ Accept"), id="accept", on_click=clicks.on_accept, when="accept"),
        Row(
            Button(Const("+1"), id="plus_1", on_click=clicks.on_postpone, when="deal"),
            Button(Const("+3"), id="plus_3", on_click=clicks.on_postpone, when="deal"),
            Button(Const("+7"), id="plus_7", on_click=clicks.on_postpone, when="deal"),
        ),
        Row(
            Button(Label("Open"), id="open", on_click=clicks.on_open, when="any"),
            Button(Label("Further ›"), id="pass", on_click=clicks.on_pass, when="any"),
        ),
        Button(Label("↻ From the beginning"), id="again", on_click=clicks.on_again, when="walked"),
        leave_row(),
        state=states.Today.main,
        getter=getters.main,
        preview_data=getters.PREVIEW,
    )
)

router = Router(name="today")
router.message.register(clicks.on_command, Command("today"))
router.include_router(dialog)
