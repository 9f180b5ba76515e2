"""A choice of time zone by buttons, and how a zone is named."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiogram_dialog.widgets.kbd import Group
from aiogram_dialog.widgets.kbd.select import OnItemClick

from fsm.i18n import _
from fsm.navigation import one_of
from services.settings import ZONES

PREVIEW = [{"id": "Europe/Moscow", "label": "Москва +3"}]
OnZone = OnItemClick[Any, Any]


def zone_name(key: str) -> str:
    return _(ZONES[key]) if key in ZONES else key


def choices(now: datetime, current: str) -> list[dict[str, str]]:
    """The zones of Russia with what each is off from UTC now."""
    return [
        {"id": key, "label": f"{'● ' if key == current else ''}{zone_name(key)} {offset(key, now)}"} for key in ZONES
    ]


def offset(key: str, now: datetime) -> str:
    """How far a zone is from UTC: +3, +5:30."""
    moved = now.astimezone(ZoneInfo(key)).utcoffset()
    minutes = 0 if moved is None else int(moved.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def zone_buttons(id_: str, on_zone: OnZone) -> Group:
    return Group(one_of("zones", id_, on_zone), width=2)
