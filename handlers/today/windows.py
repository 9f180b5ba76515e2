"""One card of the day with what can be done about it."""

from typing import Any

from aiogram import Router
from aiogram.filters import Command
from aiogram_dialog import Dialog, Window
from aiogram_dialog.widgets.kbd import Button, Row, Select
from aiogram_dialog.widgets.text import Const, Text

from fsm import states
from fsm.navigation import leave_row
from fsm.text import Label, Raw
from handlers.today import clicks, getters


def act(text: Text, id: str, on_click: Any, when: str = "any") -> Select[str]:  # noqa: A002 the library's name
    """A button that carries its card: a second tap must not fall on the next one."""
    return Select(text, id=id, item_id_getter=str, items="keys", on_click=on_click, when=when)


dialog = Dialog(
    Window(
        Raw("text"),
        act(Label("✅ Done → the next event"), "next_event", clicks.on_next_event, "deal"),
        act(Label("✅ Accept"), "accept", clicks.on_accept, "accept"),
        Row(
            act(Const("+1"), "plus_1", clicks.on_postpone, "deal"),
            act(Const("+3"), "plus_3", clicks.on_postpone, "deal"),
            act(Const("+7"), "plus_7", clicks.on_postpone, "deal"),
        ),
        Row(
            act(Label("Open"), "open", clicks.on_open),
            act(Label("Further ›"), "pass", clicks.on_pass),
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
