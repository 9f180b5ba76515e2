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


def _given(manager: DialogManager) -> dict[str, Any]:
    return manager.start_data if isinstance(manager.start_data, dict) else {}


def only_past(manager: DialogManager) -> bool:
    """Whether what is asked about has happened already."""
    return bool(_given(manager).get("past") == "only")


def check(manager: DialogManager, chosen: date) -> None:
    """Refuse a day on the side of today that the starter does not ask about. Raises Invalid."""
    now = today(manager)
    if chosen < now and not _given(manager).get("past"):
        raise Invalid("{day} has passed already. Choose today or a later day.", day=day(chosen))
    if chosen > now and only_past(manager):
        raise Invalid("{day} has not come yet. Choose today or an earlier day.", day=day(chosen))


async def getter(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    given, now, behind = _given(dialog_manager), today(dialog_manager), only_past(dialog_manager)
    ahead = _("Choose it below or write it: 31.12, tomorrow, +14, fri, in 2 weeks.")
    return {
        "text": lines(
            html("<b>{title}</b>", title=given.get("title") or _("Which day?")),
            html("<i>{hint}</i>", hint=_("Choose it below or write it: yesterday, 14.10, fri.") if behind else ahead),
        ),
        "today": now,
        "first_day": None if given.get("past") else now,
        "last_day": now if behind else None,
        "days": [_chip(name, now) for name in given.get("chips", DEFAULT_CHIPS)],
    }
