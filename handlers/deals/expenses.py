"""Expenses agreed on a deal before any policy: they go onto the payments when one is registered."""

import re
from decimal import Decimal
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Column, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import back_row, leave_row, one_of
from fsm.text import Label, Raw, html, lines
from fsm.words import EXPENSE_KIND, money
from models.enums import ExpenseKind
from models.tables import DealExpense
from services.rules.reading import read_percent, read_sum


def _line(row: DealExpense) -> str:
    value = f"{row.percent.normalize():f} %" if row.percent is not None else money(row.amount or Decimal(0))
    return " · ".join(word for word in (_(EXPENSE_KIND[row.kind]), value, row.payee) if word)


async def agreed(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view = await services(dialog_manager).deals.card(actor(dialog_manager), start_id(dialog_manager, "deal_id"))
    return {
        "text": lines(
            html("💸 <b>№{n} › {title}</b>", n=view.deal.number, title=_("Agreed expenses")),
            html("<i>{hint}</i>", hint=_("They go onto the payments when the policy is registered.")),
            "",
            *(html("• {line}", line=_line(row)) for row in view.agreed),
            None if view.agreed else _("Nothing is agreed."),
        ),
        "agreed": [{"id": row.id, "label": f"🗑 {_line(row)}"} for row in view.agreed],
    }


async def kinds(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:  # noqa: ARG001
    return {
        "text": html("💸 <b>{title}</b>", title=_("What kind of expense is it?")),
        "kinds": [{"id": kind.value, "label": _(words)} for kind, words in EXPENSE_KIND.items()],
    }


async def value(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    kind = ExpenseKind(kept(dialog_manager, "kind"))
    return {
        "text": lines(
            html("💸 <b>{kind}</b>", kind=_(EXPENSE_KIND[kind])),
            "",
            _("How much? A percentage of each payment or a sum with the first one, then who gets it."),
            html("<code>{example}</code>", example=_("10% Petrov")),
        )
    }


async def on_remove(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).deals.remove_expense(actor(manager), start_id(manager, "deal_id"), int(item))


async def on_kind(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, kind=item)
    await manager.switch_to(states.DealExpenses.value)


_VALUE = re.compile(
    r"(?P<value>[0-9][0-9\s.,']*(?:%|к|тыс\.?|т\.?р\.?|руб\.?|р\.?|₽)?)(?:\s+(?P<payee>\S.*))?", re.DOTALL
)


async def on_value(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """Read «10% Петров» or «3000 Петров»; the readers say what is wrong with anything else."""
    text = (message.text or "").strip()
    found = _VALUE.fullmatch(text)
    typed, payee = (found["value"].strip(), found["payee"] or "") if found else (text, "")
    percent = str(read_percent(typed)) if "%" in typed else None
    amount = None if percent is not None else str(read_sum(typed, positive=True))
    await services(manager).deals.add_expense(
        actor(manager),
        start_id(manager, "deal_id"),
        str(kept(manager, "kind")),
        percent=percent,
        amount=amount,
        payee=payee,
    )
    await manager.switch_to(states.DealExpenses.list)


dialog = Dialog(
    Window(
        Raw("text"),
        SwitchTo(Label("➕ Agree on an expense"), id="add", state=states.DealExpenses.kind),
        Column(one_of("agreed", "remove", on_remove)),
        leave_row(),
        state=states.DealExpenses.list,
        getter=agreed,
        preview_data={"text": Markup("💸"), "agreed": [{"id": 1, "label": "🗑"}]},
    ),
    Window(
        Raw("text"),
        Column(one_of("kinds", "kind", on_kind)),
        back_row(states.DealExpenses.list),
        state=states.DealExpenses.kind,
        getter=kinds,
        preview_data={"text": Markup("💸"), "kinds": [{"id": "other", "label": "other"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(on_value, content_types="text"),
        back_row(states.DealExpenses.kind),
        state=states.DealExpenses.value,
        getter=value,
        preview_data={"text": Markup("💸")},
    ),
)
