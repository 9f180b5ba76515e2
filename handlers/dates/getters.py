"""What the date window needs: today by the person's clock, and the chips its starter asked for."""

from datetime import date, timedelta
from typing import Any

from aiogram_dialog import DialogManager

from fsm.context import actor, services
from fsm.i18n import _
from fsm.text import html, lines
from fsm.words import day, weekday
from services.errors import Invalid
from services.rules.calendar import next_working_day

DEFAULT_CHIPS = ["tomorrow", "+3", "+7", "+30"]
PREVIEW = {
    "text": "When?",
    "today": date(2026, 11, 21),
    "days": [{"day": "2026-11-22", "label": "22.11"}],
}


def today(manager: DialogManager) -> date:
    """The day that it is for this person now."""
    return services(manager).deals.clock.now().astimezone(actor(manager).zone).date()


def _chip(name: str, now: date) -> dict[str, str]:
    if name == "today":
        return {"day": now.isoformat(), "label": _("today")}
    if name == "tomorrow":
        return {"day": (now + timedelta(days=1)).isoformat(), "label": _("tomorrow")}
    if name == "working":
        chosen = next_working_day(now)
        return {"day": chosen.isoformat(), "label": weekday(chosen)}
    chosen = now + timedelta(days=int(name))
    return {"day": chosen.isoformat(), "label": f"{name} · {day(chosen, now)}"}


def refuse_past(manager: DialogManager, chosen: date) -> None:
    """Refuse a day before today, unless the starter allows the past. Raises Invalid."""
    given: dict[str, Any] = manager.start_data if isinstance(manager.start_data, dict) else {}
    if chosen < today(manager) and not given.get("past"):
        raise Invalid("{day} has passed already. Choose today or a later day.", day=day(chosen))


async def getter(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    given: dict[str, Any] = dialog_manager.start_data if isinstance(dialog_manager.start_data, dict) else {}
    now = today(dialog_manager)
    return {
        "text": lines(
            html("<b>{title}</b>", title=given.get("title") or _("Which day?")),
            html("<i>{hint}</i>", hint=_("Choose it below or write it: 31.12, tomorrow, +14, fri, in 2 weeks.")),
        ),
        "today": now,
        "first_day": None if given.get("past") else now,
        "days": [_chip(name, now) for name in given.get("chips", DEFAULT_CHIPS)],
    }
