"""A variant step by step, for whoever would rather be asked: each step is typed or tapped, the optional ones skipped.

Saving is possible as soon as the insurer and the premium are known; what is known is shown above every step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Data, Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Group, Row
from markupsafe import Markup

from fsm import states, words
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import leave, menu_button, one_of
from fsm.text import Label, Raw, html, lines, short
from fsm.words import day, money
from handlers.variants.texts import head
from models.tables import Insurer
from services.errors import N_, Invalid
from services.rules.plans import PRESETS, PaymentPlan, monthly, read_plan
from services.rules.reading import clean_text, read_date, read_percent, read_sum
from services.rules.variant_lines import alias_key

Read = Callable[[str, date], str]
"""From what was typed to what is kept (JSON); raises Unreadable."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the wizard, under the name of the field that it fills."""

    name: str
    state: State
    label: str
    asked: str
    read: Read
    store: Callable[[str], Any]
    show: Callable[[Any], str]


def _thousands(text: str) -> str:
    """A deductible of `15` is 15 000, as in a typed line."""
    value = read_sum(text)
    return str(value * 1000 if 0 < value < 1000 and text.strip().isdigit() else value)


def _deductible(value: Decimal) -> str:
    return money(value) if value else _("no deductible")


def _percent(value: Decimal) -> str:
    return f"{value.normalize():f}%".replace(".", ",")


STEPS = (
    Step(
        "insurer_id",
        states.EditVariant.insurer,
        N_("Insurer"),
        N_("Which insurer? Tap it or write its name."),
        lambda text, _today: text,
        int,
        str,
    ),
    Step(
        "premium",
        states.EditVariant.premium,
        N_("Premium"),
        N_("The premium? For example: 54 300 or 54,3к"),
        lambda text, _today: str(read_sum(text, positive=True)),
        Decimal,
        money,
    ),
    Step(
        "sum_insured",
        states.EditVariant.sum_insured,
        N_("Sum insured"),
        N_("The sum insured? For example: 1,2 млн"),
        lambda text, _today: str(read_sum(text, positive=True)),
        Decimal,
        money,
    ),
    Step(
        "deductible",
        states.EditVariant.deductible,
        N_("Deductible"),
        N_("The deductible? For example: 15 or 15 000; 0 is none"),
        lambda text, _today: _thousands(text),
        Decimal,
        _deductible,
    ),
    Step(
        "plan",
        states.EditVariant.plan,
        N_("Payment"),
        N_("How is it paid? For example: 50/50, 4x25, monthly 6"),
        lambda text, _today: read_plan(text).code,
        str,
        lambda code: words.plan(PaymentPlan.from_code(code)),
    ),
    Step(
        "commission_rate",
        states.EditVariant.rate,
        N_("Commission"),
        N_("The commission rate? For example: 15 or 12,5%. The client never sees it."),
        lambda text, _today: str(read_percent(text)),
        Decimal,
        _percent,
    ),
    Step(
        "valid_until",
        states.EditVariant.valid_until,
        N_("Valid until"),
        N_("Until when is the price valid? For example: 20.03 or +14"),
        lambda text, today: read_date(text, today).isoformat(),
        date.fromisoformat,
        day,
    ),
    Step(
        "comment",
        states.EditVariant.comment,
        N_("Note"),
        N_("Anything the team should know? The client does not see it."),
        lambda text, _today: clean_text(text, 1000),
        str,
        str,
    ),
)
BY_STATE = {step.state.state: at for at, step in enumerate(STEPS)}
PREVIEW: dict[str, Any] = {
    "text": Markup("<b>Variant</b>"),
    "chips": [{"id": "1", "label": "РЕСО-Гарантия"}],
    "ready": True,
    "skips": True,
    "back": True,
}
REQUIRED = ("insurer_id", "premium")


def at(manager: DialogManager) -> int:
    """Which step is open."""
    return BY_STATE[manager.current_context().state.state]


def today(manager: DialogManager) -> date:
    return services(manager).variants.clock.now().astimezone(actor(manager).zone).date()


def typed(manager: DialogManager) -> dict[str, str]:
    """What has been told so far, as it is kept."""
    found: dict[str, str] = kept(manager, "fields", {})
    return found


def known(manager: DialogManager) -> dict[str, str]:
    """What the variant will be: what it was, under what has been told."""
    before: dict[str, str] = kept(manager, "before", {})
    return {**before, **typed(manager)}


async def on_start(start_data: Data, manager: DialogManager) -> None:
    """Begin with the terms of the variant that is changed."""
    given: Any = start_data
    if not given.get("variant_id"):
        return
    view = await services(manager).variants.get(actor(manager), int(given["variant_id"]))
    was = {
        "insurer_id": view.insurer_id, "premium": view.premium, "sum_insured": view.sum_insured,
        "deductible": view.deductible, "plan": view.plan.code, "commission_rate": view.commission_rate,
        "valid_until": view.valid_until, "comment": view.comment or None,
    }  # fmt: skip
    keep(manager, before={name: str(value) for name, value in was.items() if value is not None})


def _chips(name: str, insurers: list[Insurer]) -> list[dict[str, str]]:
    """Answers that are tapped more often than typed."""
    if name == "insurer_id":
        return [{"id": str(one.id), "label": one.name} for one in insurers]
    if name == "plan":
        plans = [*PRESETS, monthly(6), monthly(12)]
        return [{"id": plan.code, "label": words.plan(plan)} for plan in plans]
    if name == "deductible":
        return [
            {"id": str(amount), "label": money(Decimal(amount)) if amount else _("no deductible")}
            for amount in (0, 10000, 15000, 20000, 30000, 50000)
        ]
    return []


def _echo(manager: DialogManager, insurers: list[Insurer]) -> list[Markup]:
    """What is understood, one line a field."""
    fields = known(manager)
    names = {str(one.id): one.name for one in insurers}
    return [
        html(
            "{label}: <b>{value}</b>",
            label=_(step.label),
            value=names.get(fields[step.name], "?")
            if step.name == "insurer_id"
            else step.show(step.store(fields[step.name])),
        )
        for step in STEPS
        if step.name in fields
    ]


async def getter(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    step = STEPS[at(dialog_manager)]
    me, deal_id = actor(dialog_manager), start_id(dialog_manager, "deal_id")
    page = await services(dialog_manager).variants.of_deal(me, deal_id, 0, 1)
    insurers = await services(dialog_manager).variants.insurers(me)
    fields = known(dialog_manager)
    given: Any = dialog_manager.start_data
    title = _("Changing a variant") if given.get("variant_id") else _("A new variant")
    return {
        "text": lines(
            head(page.deal, title, "🧮"),
            "",
            *_echo(dialog_manager, insurers),
            "" if fields else None,
            html("<b>{n}/{total}.</b> {asked}", n=at(dialog_manager) + 1, total=len(STEPS), asked=_(step.asked)),
        ),
        "chips": _chips(step.name, insurers),
        "ready": all(name in fields for name in REQUIRED),
        "skips": at(dialog_manager) < len(STEPS) - 1 and (step.name not in REQUIRED or step.name in fields),
        "back": at(dialog_manager) > 0,
    }


async def _tell(manager: DialogManager, value: str) -> None:
    """Keep an answer and go to the next question."""
    keep(manager, fields={**typed(manager), STEPS[at(manager)].name: value})
    await _go(manager, 1)


async def _go(manager: DialogManager, by: int) -> None:
    target = min(max(at(manager) + by, 0), len(STEPS) - 1)
    await manager.switch_to(STEPS[target].state)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    step, text = STEPS[at(manager)], message.text or ""
    if step.name != "insurer_id":
        await _tell(manager, step.read(text, today(manager)))
        return
    key = alias_key(text)
    for one in await services(manager).variants.insurers(actor(manager)):
        if key in {alias_key(name) for name in (one.name, *one.aliases)}:
            await _tell(manager, str(one.id))
            return
    raise Invalid("I do not know the insurer «{name}». Tap one of the list.", name=short(text, 40))


async def on_chip(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _tell(manager, item)


async def on_skip(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _go(manager, 1)


async def on_back(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _go(manager, -1)


async def on_save(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Enter the variant, or change of it what has been told."""
    stores = {step.name: step.store for step in STEPS}
    fields = {name: stores[name](value) for name, value in typed(manager).items()}
    given: Any = manager.start_data
    if given.get("variant_id"):
        await services(manager).variants.update(actor(manager), int(given["variant_id"]), fields)
    else:
        await services(manager).variants.add(actor(manager), start_id(manager, "deal_id"), fields)
    await query.answer(_("Saved"))
    await leave(query, _button, manager)


def _window(step: Step) -> Window:
    name = step.name
    return Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Button(Label("✅ Save the variant"), id=f"save_{name}", on_click=on_save, when="ready"),
        Group(one_of("chips", f"chip_{name}", on_chip), width=2),
        Row(
            Button(Label("‹ Previous"), id=f"previous_{name}", on_click=on_back, when="back"),
            Button(Label("Skip ›"), id=f"skip_{name}", on_click=on_skip, when="skips"),
        ),
        Row(Button(Label("✖️ Do not save"), id="leave", on_click=leave), menu_button()),
        state=step.state,
        getter=getter,
        preview_data=PREVIEW,
    )


dialog = Dialog(*(_window(step) for step in STEPS), on_start=on_start)
