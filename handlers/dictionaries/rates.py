"""Commission rates: what each insurer pays for what from which day, and the policies that nobody knows the rate of."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Data, Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services
from fsm.i18n import _
from fsm.navigation import PAGE, at_page, back_row, leave_row, one_of, pager_preview, pager_row, pages
from fsm.text import Label, Raw, html, lines
from fsm.words import day, money
from handlers.dictionaries.shown import LIST_PREVIEW, TEXT_PREVIEW, paged
from models.enums import RateKind, RateScope
from models.tables import CommissionRate
from services.dictionaries import RateDraft, RateRow
from services.errors import N_

SCOPE = {RateScope.ANY: N_("all sales"), RateScope.NEW: N_("new ones"), RateScope.RENEWAL: N_("renewals")}
MOST_SHOWN = 30


def price(kind: RateKind, value: Decimal) -> str:
    """What an insurer pays: 15 %, or a sum for a policy."""
    return money(value) if kind is RateKind.FIXED else f"{value.normalize():f}".replace(".", ",") + "\u00a0%"


def today(manager: DialogManager) -> date:
    return actor(manager).day(services(manager).dictionaries.clock.now())


def insurer_id(manager: DialogManager) -> int:
    """Whose rates are open: chosen in the list, or named by whoever started the dialog."""
    given: dict[str, Any] = manager.start_data if isinstance(manager.start_data, dict) else {}
    return int(kept(manager, "insurer_id") or given["insurer_id"])


async def insurer_name(manager: DialogManager) -> str:
    card = await services(manager).dictionaries.insurer(actor(manager), insurer_id(manager))
    return card.insurer.name


def draft(manager: DialogManager) -> dict[str, Any]:
    """The rate that is being set, as raw input."""
    return dict(kept(manager, "draft", {}))


# --- what is seen -------------------------------------------------------------------------------------------------


async def every(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, service = actor(dialog_manager), services(dialog_manager).dictionaries
    rows = [row for row in await service.insurers(me) if row.active]
    counts = await service.rate_counts(me)
    _found, missing = await services(dialog_manager).policies.without_rate(me, size=1)
    shown, pager = paged(rows, dialog_manager)
    return {
        "text": lines(
            html("💯 <b>{title}</b>", title=_("Commission rates")),
            _("Choose the insurer. The number beside it is how many rates are set."),
        ),
        "rows": [{"id": row.id, "label": f"{row.name} · {counts.get(row.id, '—')}"} for row in shown],
        "missing": missing,
        "has_missing": missing > 0,
        **pager,
    }


def _told(rows: list[RateRow]) -> Iterator[Markup]:
    """The rates line by line of business; history is struck through."""
    before: str | None = ""
    for row in rows[:MOST_SHOWN]:
        if row.line != before:
            yield html("\n<b>{line}</b>", line=row.line or _("Every line"))
            before = row.line
        rate = row.rate
        said = html(
            _("{price} · {scope} · from {day}"),
            price=price(rate.kind, rate.value),
            scope=_(SCOPE[rate.scope]),
            day=day(rate.valid_from),
        )
        yield (
            html("🔜 {rate}", rate=said)
            if row.ahead
            else html("<s>{rate}</s>", rate=said)
            if row.replaced
            else html("• {rate}", rate=said)
        )


async def of_insurer(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    rows = await services(dialog_manager).dictionaries.rates(actor(dialog_manager), insurer_id(dialog_manager))
    now = today(dialog_manager)
    return {
        "text": lines(
            html("💯 <b>{name}</b>", name=await insurer_name(dialog_manager)),
            *(_told(rows) if rows else [_("No rate is set.")]),
            html(_("\n<i>… and {n} more</i>"), n=len(rows) - MOST_SHOWN) if len(rows) > MOST_SHOWN else None,
            "",
            html(
                _("Write a rate in one line: <code>{example}</code>"),
                example=_("kasko 15% from 01.12 new"),
            ),
        ),
        "rates": [
            {
                "id": row.rate.id,
                "label": f"✖️ {row.line or _('Every line')} · {price(row.rate.kind, row.rate.value)} · "
                f"{day(row.rate.valid_from)}",
            }
            for row in rows
            if row.rate.valid_from >= now
        ][:10],
    }


async def line(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await services(dialog_manager).dictionaries.lines(actor(dialog_manager))
    return {
        "text": lines(
            html("💯 <b>{name}</b>", name=await insurer_name(dialog_manager)),
            _("For which line of business is the rate?"),
        ),
        "lines": [
            {"id": "0", "label": _("Every line")},
            *({"id": str(row.id), "label": row.name} for row in found if row.active),
        ],
    }


async def value(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    return {
        "text": lines(
            html("💯 <b>{name}</b>", name=await insurer_name(dialog_manager)),
            await _line_name(dialog_manager, draft(dialog_manager).get("line_id")),
            html(_("Write the rate: <code>15</code> is 15 %, <code>1500 ₽</code> is a sum for a policy.")),
        )
    }


async def _line_name(manager: DialogManager, line_id: int | None) -> str:
    if line_id is None:
        return _("Every line")
    return (await services(manager).dictionaries.line(actor(manager), line_id)).line.name


async def check(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """The rate as it was understood; nothing counts before it is saved."""
    given = draft(dialog_manager)
    return {
        "text": lines(
            html("💯 <b>{name}</b>", name=await insurer_name(dialog_manager)),
            html(_("Line: <b>{line}</b>"), line=await _line_name(dialog_manager, given["line_id"])),
            html(_("Rate: <b>{price}</b>"), price=price(RateKind(given["kind"]), Decimal(given["value"]))),
            html(_("For: <b>{scope}</b>"), scope=_(SCOPE[RateScope(given["scope"])])),
            html(_("From: <b>{day}</b>"), day=day(date.fromisoformat(given["valid_from"]))),
            "",
            html("<i>{note}</i>", note=_("Policies that are sold already keep the rate they were sold with.")),
        ),
        "scopes": [
            {"id": scope.value, "label": f"{'● ' if scope.value == given['scope'] else ''}{_(words)}"}
            for scope, words in SCOPE.items()
        ],
    }


async def one(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    rate = await _rate(dialog_manager)
    return {
        "text": lines(
            html("💯 <b>{name}</b>", name=await insurer_name(dialog_manager)),
            await _line_name(dialog_manager, rate.line_id),
            html(
                _("{price} · {scope} · from {day}"),
                price=price(rate.kind, rate.value),
                scope=_(SCOPE[rate.scope]),
                day=day(rate.valid_from),
            ),
            "",
            _("Take this rate back? Nothing has been counted by it yet but policies of today."),
        )
    }


async def _rate(manager: DialogManager) -> CommissionRate:
    return await services(manager).dictionaries.rate(actor(manager), int(kept(manager, "rate_id")))


async def missing(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, ask = actor(dialog_manager), services(dialog_manager).policies.without_rate
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number), "policies")
    return {
        "text": lines(
            html("❓ <b>{title}</b> · {total}", title=_("The rate is not set"), total=total),
            _("Nobody knows what commission these policies bring. Open one and enter its rate.")
            if total
            else _("Every policy has its rate."),
        ),
        "policies": [{"id": row.id, "label": f"{row.number} · {row.insurer.name} · {row.line.name}"} for row in rows],
        **pages(total, dialog_manager, "policies", PAGE),
    }


# --- what a press means -------------------------------------------------------------------------------------------


async def on_insurer(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, insurer_id=int(item))
    await manager.switch_to(states.Rates.insurer)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    _keep_draft(manager, await services(manager).dictionaries.read_rate(actor(manager), message.text or ""))
    await manager.switch_to(states.Rates.check)


def _keep_draft(manager: DialogManager, read: RateDraft, **more: Any) -> None:
    raw = {
        "line_id": read.line_id,
        "scope": read.scope.value,
        "kind": read.kind.value,
        "value": str(read.value),
        "valid_from": read.valid_from.isoformat(),
    }
    keep(manager, draft=raw | more)


async def on_add(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, draft={})
    await manager.switch_to(states.Rates.line)


async def on_line(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    given = draft(manager)
    keep(manager, draft=given | {"line_id": int(item) or None})
    await manager.switch_to(states.Rates.check if "value" in given else states.Rates.value)


async def on_value(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """The line of business was chosen by a button; one that is typed all the same counts."""
    read = await services(manager).dictionaries.read_rate(actor(manager), message.text or "")
    line_id = draft(manager).get("line_id") if read.line_id is None else read.line_id
    _keep_draft(manager, read, line_id=line_id)
    await manager.switch_to(states.Rates.check)


async def on_scope(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, draft=draft(manager) | {"scope": item})


async def on_day(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    title = _("From which day is it paid?")
    await manager.start(states.PickDate.pick, data={"title": title, "chips": ["today", "tomorrow"], "past": True})


async def on_day_chosen(_start: Data, result: Any, manager: DialogManager) -> None:
    if isinstance(result, dict) and "date" in result:
        keep(manager, draft=draft(manager) | {"valid_from": result["date"]})


async def on_save(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    given = draft(manager)
    await services(manager).dictionaries.set_rate(
        actor(manager),
        insurer_id(manager),
        given["line_id"],
        given["scope"],
        given["kind"],
        Decimal(given["value"]),
        date.fromisoformat(given["valid_from"]),
    )
    await query.answer(_("Saved."))
    await manager.switch_to(states.Rates.insurer)


async def on_rate(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, rate_id=int(item))
    await manager.switch_to(states.Rates.rate)


async def on_delete(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).dictionaries.delete_rate(actor(manager), int(kept(manager, "rate_id")))
    await manager.switch_to(states.Rates.insurer)


async def on_policy(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Policy.card, data={"policy_id": int(item)})


dialog = Dialog(
    Window(
        Raw("text"),
        SwitchTo(
            Label("❓ The rate is not set · {missing}"), id="to_missing", state=states.Rates.missing, when="has_missing"
        ),
        Group(one_of("rows", "insurer", on_insurer), width=2),
        pager_row(),
        leave_row(),
        state=states.Rates.list,
        getter=every,
        preview_data=LIST_PREVIEW | {"missing": 3, "has_missing": True},
    ),
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Button(Label("➕ Set a rate"), id="add", on_click=on_add),
        Column(one_of("rates", "rate", on_rate)),
        Row(SwitchTo(Label("🏛 All insurers"), id="to_list", state=states.Rates.list)),
        leave_row(),
        state=states.Rates.insurer,
        getter=of_insurer,
        preview_data={"text": Markup("<b>РЕСО</b>"), "rates": [{"id": 1, "label": "✖️ КАСКО · 15 %"}]},
    ),
    Window(
        Raw("text"),
        Group(one_of("lines", "line", on_line), width=2),
        back_row(states.Rates.insurer),
        state=states.Rates.line,
        getter=line,
        preview_data={"text": Markup("Line?"), "lines": [{"id": "0", "label": "Every line"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(on_value, content_types="text"),
        back_row(states.Rates.line),
        state=states.Rates.value,
        getter=value,
        preview_data=TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("💾 Save"), id="save", on_click=on_save),
        Group(one_of("scopes", "scope", on_scope), width=3),
        Row(
            Button(Label("📅 From another day"), id="day", on_click=on_day),
            SwitchTo(Label("📚 Another line"), id="to_line", state=states.Rates.line),
        ),
        back_row(states.Rates.insurer),
        state=states.Rates.check,
        getter=check,
        preview_data={"text": Markup("Check"), "scopes": [{"id": "any", "label": "all"}]},
    ),
    Window(
        Raw("text"),
        Button(Label("🗑 Yes, take it back"), id="delete", on_click=on_delete),
        back_row(states.Rates.insurer),
        state=states.Rates.rate,
        getter=one,
        preview_data=TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        Column(one_of("policies", "policy", on_policy)),
        pager_row("policies"),
        back_row(states.Rates.list),
        state=states.Rates.missing,
        getter=missing,
        preview_data={
            "text": Markup("Missing"),
            "policies": [{"id": 1, "label": "A1"}],
            **pager_preview("policies"),
        },
    ),
    on_process_result=on_day_chosen,
)
