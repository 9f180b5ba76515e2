"""Roles as buttons that are switched on and off, and as words."""

from collections.abc import Collection
from typing import Any

from aiogram.types import CallbackQuery
from aiogram_dialog import DialogManager
from aiogram_dialog.widgets.kbd import Column

from fsm.context import keep, kept
from fsm.i18n import _
from fsm.navigation import one_of
from fsm.words import ROLE
from models.enums import Role

PREVIEW = [{"id": "seller", "label": "✅ seller"}]


def named(roles: Collection[str]) -> str:
    """Roles in words: продавец, исполнитель."""
    return ", ".join(_(ROLE[role]) for role in Role if role.value in roles)


def toggles(chosen: Collection[str]) -> list[dict[str, str]]:
    """What the switches show."""
    return [{"id": role.value, "label": f"{'✅' if role.value in chosen else '▫️'} {_(ROLE[role])}"} for role in Role]


async def _on_toggle(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    chosen = set(kept(manager, "roles", []))
    keep(manager, roles=sorted(chosen ^ {item}))


def switches(id_: str) -> Column:
    """The switches; what is chosen is kept as `roles`."""
    return Column(one_of("roles", id_, _on_toggle))
