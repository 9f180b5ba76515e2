"""A month of days as buttons, in the person's language and by the injected clock.

The library's own calendar asks the machine for today, so it could follow neither the sandbox's clock nor a test's.
"""

from calendar import Calendar as Weeks
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from aiogram.types import CallbackQuery, InlineKeyboardButton
from aiogram_dialog import DialogManager, DialogProtocol
from aiogram_dialog.api.internal import RawKeyboard
from aiogram_dialog.widgets.kbd.base import Keyboard
from babel.dates import format_date, get_day_names

from fsm.i18n import language
from models.values.period import add_months

OnDay = Callable[[CallbackQuery, DialogManager, date], Awaitable[None]]


class MonthGrid(Keyboard):
    """Shows the month of `data["today"]` first; `data["first_day"]` and `data["last_day"]`, when given, bound it."""

    def __init__(self, id: str, on_day: OnDay) -> None:  # noqa: A002 the library's name
        super().__init__(id=id)
        self.on_day = on_day

    def _month(self, data: dict[str, Any], manager: DialogManager) -> date:
        shown = self.get_widget_data(manager, None)
        return date.fromisoformat(shown) if shown else data["today"].replace(day=1)

    def _button(self, text: str, action: str = "-") -> InlineKeyboardButton:
        return InlineKeyboardButton(text=text, callback_data=self._item_callback_data(action))

    async def _render_keyboard(self, data: dict[str, Any], manager: DialogManager) -> RawKeyboard:
        month, today = self._month(data, manager), data["today"]
        first, last = data.get("first_day") or date.min, data.get("last_day") or date.max
        names = get_day_names("short", locale=language())
        grid: RawKeyboard = [
            [
                self._button("‹", f"m{add_months(month, -1).isoformat()}"),
                self._button(str(format_date(month, "LLLL y", locale=language())).capitalize()),
                self._button("›", f"m{add_months(month, 1).isoformat()}"),
            ],
            [self._button(str(names[n])) for n in range(7)],
        ]
        weeks = Weeks().monthdatescalendar(month.year, month.month)
        grid.extend([self._day(day, month, today, offered=first <= day <= last) for day in week] for week in weeks)
        return grid

    def _day(self, day: date, month: date, today: date, *, offered: bool) -> InlineKeyboardButton:
        if day.month != month.month or not offered:
            return self._button("·")
        return self._button(f"[{day.day}]" if day == today else str(day.day), f"d{day.isoformat()}")

    async def _process_item_callback(
        self,
        callback: CallbackQuery,
        data: str,
        dialog: DialogProtocol,  # noqa: ARG002
        manager: DialogManager,
    ) -> bool:
        if data.startswith("m"):
            self.set_widget_data(manager, date.fromisoformat(data[1:]).replace(day=1).isoformat())
        elif data.startswith("d"):
            await self.on_day(callback, manager, date.fromisoformat(data[1:]))
        return True
