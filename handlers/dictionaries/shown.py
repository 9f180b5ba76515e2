"""What the screens of all dictionaries show alike."""

from collections.abc import Sequence
from typing import Any, TypeVar

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm import navigation
from fsm.context import kept
from fsm.i18n import _
from fsm.navigation import pager_preview
from models.tables import Insurer, LineOfBusiness

SIZE = 10
TEXT_PREVIEW = {"text": Markup("…")}
LIST_PREVIEW = {
    "text": Markup("<b>Dictionary</b>"),
    "rows": [{"id": 1, "label": "РЕСО-Гарантия"}],
    **pager_preview(),
}

R = TypeVar("R")


def paged(rows: Sequence[R], manager: DialogManager) -> tuple[list[R], dict[str, Any]]:
    """A page of a dictionary."""
    return navigation.paged(rows, manager, size=SIZE)


def label(row: Insurer | LineOfBusiness) -> str:
    return row.name if row.active else f"🚫 {row.name}"


def aliases(row: Insurer | LineOfBusiness) -> str:
    return ", ".join(row.aliases) or _("none")


def chosen(manager: DialogManager) -> int:
    """Which row is open."""
    return int(kept(manager, "row_id"))
