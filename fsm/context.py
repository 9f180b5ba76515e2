"""Typed access to what the middlewares put beside every update: who is there, and what he can do."""

from datetime import date
from typing import Any, cast

from aiogram_dialog import DialogManager

from services.access import Actor
from services.registry import Services


def actor(manager: DialogManager) -> Actor:
    """The person who looks or presses, loaded from the database for this very update."""
    return cast("Actor", manager.middleware_data["actor"])


def services(manager: DialogManager) -> Services:
    return cast("Services", manager.middleware_data["services"])


def today(manager: DialogManager) -> date:
    """The day that it is for the person who looks."""
    return actor(manager).day(services(manager).deals.clock.now())


def start_id(manager: DialogManager, name: str) -> int:
    """An id that the dialog was started with."""
    data = cast("dict[str, Any]", manager.start_data)
    return int(data[name])


def kept(manager: DialogManager, name: str, default: Any = None) -> Any:
    """A raw input or an id that an earlier window of this dialog kept."""
    return manager.dialog_data.get(name, default)


def keep(manager: DialogManager, **values: Any) -> None:
    """Keep raw inputs and ids (JSON types only) for the later windows of this dialog."""
    manager.dialog_data.update(values)
