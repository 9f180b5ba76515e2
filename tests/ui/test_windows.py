"""Every window renders, has its state, and cannot be pressed through twice by one double tap."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiogram.fsm.state import State, StatesGroup
from aiogram_dialog import Dialog, Window
from aiogram_dialog.setup import collect_dialogs
from aiogram_dialog.tools.preview import FakeManager

import handlers
from fsm import states
from fsm.i18n import LANGUAGES, use_language

GROUPS = [group for group in vars(states).values() if isinstance(group, type) and issubclass(group, StatesGroup)]
NAVIGATION = {"back", "leave", "to_menu"}
"""Going back twice by a double tap is what a double tap on «Back» has always meant."""


def dialogs() -> dict[type[StatesGroup], Dialog]:
    found = {}
    for router in handlers.routers():
        for dialog in collect_dialogs(router):
            assert isinstance(dialog, Dialog)
            found[dialog.states_group()] = dialog
    return found


DIALOGS = dialogs()
WINDOWS = [(dialog, state) for dialog in DIALOGS.values() for state in dialog.states()]


def window_of(dialog: Dialog, state: State) -> Window:
    window = dialog.windows[state]
    assert isinstance(window, Window)
    return window


def widgets(root: Any) -> Iterator[Any]:
    """A widget and everything inside it."""
    yield root
    for name in ("buttons", "keyboard", "inputs", "on_message", "row"):
        inside = getattr(root, name, None)
        for widget in inside if isinstance(inside, (list, tuple)) else [inside]:
            if widget is not None and hasattr(widget, "__dict__"):
                yield from widgets(widget)


def ids(window: Window) -> list[str]:
    return [widget.widget_id for widget in widgets(window.keyboard) if getattr(widget, "widget_id", None) is not None]


@pytest.mark.parametrize("group", [group for group in GROUPS if group is not StatesGroup], ids=lambda g: g.__name__)
def test_every_state_has_a_window(group: type[StatesGroup]) -> None:
    dialog = DIALOGS.get(group)
    assert dialog is not None, f"nobody shows {group.__name__}"
    assert set(dialog.states()) == set(group.__states__)


@pytest.mark.parametrize("dialog", DIALOGS.values(), ids=lambda d: d.states_group_name())
def test_no_two_windows_of_a_dialog_share_a_button_id(dialog: Dialog) -> None:
    """A press is matched to the current window by id alone: «Delete» then «Yes» under one id is no confirmation."""
    seen = Counter(
        widget_id
        for state in dialog.states()
        for widget_id in set(ids(window_of(dialog, state)))
        if widget_id not in NAVIGATION
    )
    assert [widget_id for widget_id, times in seen.items() if times > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("dialog", "state"), WINDOWS, ids=lambda x: getattr(x, "state", None) or "")
async def test_every_window_renders_within_the_limits_of_telegram(dialog: Dialog, state: State, language: str) -> None:
    manager = FakeManager()  # type: ignore[no-untyped-call]
    manager.set_dialog(dialog)
    manager.set_state(state)
    with use_language(language):
        message = await manager.show_raw()
    assert message.text is None or 0 < len(message.text) <= 4096
    rows = getattr(message.reply_markup, "inline_keyboard", [])
    assert len(rows) > 0, "a screen without a way out"
    assert sum(map(len, rows)) <= 100
    for row in rows:
        assert len(row) <= 8
        for button in row:
            assert button.text.strip()
            if button.callback_data is not None:
                assert 1 <= len(button.callback_data.encode()) <= 64
