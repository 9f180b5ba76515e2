"""The last row of every screen, and the pager of every list."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from operator import itemgetter
from typing import Any, Protocol, TypeVar

from aiogram.fsm.state import State
from aiogram.types import CallbackQuery
from aiogram_dialog import DialogManager, ShowMode, StartMode
from aiogram_dialog.api.internal import STORAGE_KEY
from aiogram_dialog.widgets.common import WhenCondition
from aiogram_dialog.widgets.kbd import Button, Row, Select, Start, SwitchTo
from aiogram_dialog.widgets.kbd.base import Keyboard
from aiogram_dialog.widgets.kbd.select import OnItemClick
from aiogram_dialog.widgets.text import Const

from fsm import states
from fsm.text import Label, Plain
from models.values.at_least import AtLeast
from services.errors import Invalid
from services.rules.reading import Unreadable

PAGE = 8

OnDate = Callable[[Any, Any, DialogManager], Awaitable[None]]
R = TypeVar("R")


class Found(Protocol):
    """A page's rows and how many there are."""

    @property
    def rows(self) -> Sequence[Any]: ...
    @property
    def total(self) -> int: ...


P = TypeVar("P", bound=Found | tuple[Sequence[Any], int])


def menu_button() -> Keyboard:
    return Start(Label("⌂ Menu"), id="to_menu", state=states.Menu.main, mode=StartMode.RESET_STACK)


async def leave(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Go back to where this dialog was started from; a card opened from a notification leads to the menu."""
    if len(manager.current_stack().intents) > 1:
        await manager.done()
    else:
        await manager.start(states.Menu.main, mode=StartMode.RESET_STACK)


async def open_card(manager: DialogManager, state: State, **data: int) -> None:
    """Open a card; one that lies below, from which we have come here, is gone back to instead of opened once more."""
    storage = manager.middleware_data[STORAGE_KEY]
    below = manager.current_stack().intents[:-1]
    for depth, intent_id in enumerate(reversed(below), 1):
        context = await storage.load_context(intent_id)
        given = context.start_data if isinstance(context.start_data, dict) else {}
        if context.state.group is state.group and given.items() >= data.items():
            for _step in range(depth - 1):
                await manager.done(show_mode=ShowMode.NO_UPDATE)
            await manager.done(show_mode=ShowMode.AUTO)
            return
    await manager.start(state, data=data)


def until_accepted(on_date: OnDate) -> OnDate:
    """Ask for a day again where the one that came back is refused: the screen below takes the next try for a search."""

    @wraps(on_date)
    async def on_result(start_data: Any, result: Any, manager: DialogManager) -> None:
        try:
            await on_date(start_data, result, manager)
        except (Invalid, Unreadable):
            await manager.start(states.PickDate.pick, data=start_data, show_mode=ShowMode.NO_UPDATE)
            manager.show_mode = ShowMode.AUTO
            raise

    return on_result


def leave_row() -> Row:
    """Back to where this dialog was started from, and the menu."""
    return Row(Button(Label("‹ Back"), id="leave", on_click=leave), menu_button())


def back_row(to: State) -> Row:
    """Back to another window of this dialog, and the menu."""
    return Row(SwitchTo(Label("‹ Back"), id="back", state=to), menu_button())


def page_of(manager: DialogManager, pager: str = "page") -> int:
    """The page (from 0) that a list of this dialog stands at."""
    return int(manager.dialog_data.get(pager, 0))


def pages(total: int, manager: DialogManager, pager: str = "page", size: int = PAGE) -> dict[str, Any]:
    """What a getter returns for its pager, from the number of rows that there are."""
    last = max((total - 1) // size, 0)
    page = min(page_of(manager, pager), last)
    # A press must know how many pages there were; getters' data is not there when it is handled.
    manager.dialog_data[f"{pager}_last"] = last
    return {
        f"{pager}_many": last > 0,
        f"{pager}_at": f"{page + 1} / {last + 1}{'+' * isinstance(total, AtLeast)}",
        f"{pager}_last": last,
    }


async def at_page(
    manager: DialogManager, ask: Callable[[int], Awaitable[P]], pager: str = "page", size: int = PAGE
) -> P:
    """What a list that pages in SQL shows: `ask` finds its rows and how many there are, given a page from 0.

    A page that has emptied under the person, whose last row is done with, is not shown: the last one is that there is.
    """
    found = await ask(page_of(manager, pager))
    rows, total = found if isinstance(found, tuple) else (found.rows, found.total)
    if rows or not total:
        return found
    manager.dialog_data[pager] = (total - 1) // size
    return await ask(page_of(manager, pager))


def paged(
    rows: Sequence[R], manager: DialogManager, pager: str = "page", size: int = PAGE
) -> tuple[list[R], dict[str, Any]]:
    """A page of rows that are all there, dozens or hundreds and never thousands; and what a getter returns for it."""
    data = pages(len(rows), manager, pager, size)
    at = min(page_of(manager, pager), int(data[f"{pager}_last"])) * size
    return list(rows[at : at + size]), data


def one_of(items: str, id_: str, on_click: OnItemClick[Select[Any], Any], *, key: str = "id") -> Select[Any]:
    """A button for each of the getter's `items`; `key` is what a press says of the item that was chosen."""
    return Select(Plain("item.label"), id=id_, item_id_getter=itemgetter(key), items=items, on_click=on_click)


def pager_preview(pager: str = "page") -> dict[str, Any]:
    """What `pages` gives for the second of two, for a window that is drawn without people."""
    return {f"{pager}_many": True, f"{pager}_at": "1 / 2", f"{pager}_last": 1}


def pager_row(pager: str = "page") -> Row:
    """‹ 2 / 5 › for a list that pages in SQL; it wraps around, so that the oldest is one tap from the newest."""

    async def turn(_event: CallbackQuery, button: Button, manager: DialogManager) -> None:
        last = int(manager.dialog_data.get(f"{pager}_last", 0))
        step = 1 if (button.widget_id or "").endswith("next") else -1
        manager.dialog_data[pager] = (page_of(manager, pager) + step) % (last + 1)

    many: WhenCondition = f"{pager}_many"
    return Row(
        Button(Const("‹"), id=f"{pager}_previous", on_click=turn, when=many),
        Button(Plain(f"{pager}_at"), id=f"{pager}_at", when=many),
        Button(Const("›"), id=f"{pager}_next", on_click=turn, when=many),
    )
