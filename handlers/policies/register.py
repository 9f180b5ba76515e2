"""Registering a policy: one screen that knows everything but the number; a field is changed by its button."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.errors import say
from fsm.i18n import _
from fsm.navigation import back_row, leave_row, one_of
from fsm.text import Label, Raw, T, html, lines
from fsm.words import day, money, plan
from models.tables import Insurer
from models.values.period import add_months, policy_end
from services.policies import Draft
from services.rules.plans import (
    FULL,
    HALVES,
    QUARTERS,
    PaymentPlan,
    PlannedPayment,
    check_term,
    custom,
    monthly,
    plan_payments,
    read_custom_rows,
    read_plan,
)
from services.rules.policy_line import read_policy_line
from services.rules.reading import Unreadable, read_sum

SHOWN_PAYMENTS = 12


@dataclass(frozen=True, slots=True)
class Terms:
    """What will be registered: the draft as it was at the start, with what the person has changed since."""

    number: str | None
    insurer_id: int | None
    premium: Decimal | None
    starts_on: date
    ends_on: date
    plan: str
    sum_insured: Decimal | None
    previous_id: int | None

    def payments(self) -> list[PlannedPayment]:
        """The payments that these terms make. Raises Unreadable: own rows are not the premium, or outlast it."""
        if self.premium is None:
            return []
        planned = plan_payments(self.premium, PaymentPlan.from_code(self.plan), self.starts_on)
        check_term((row.due for row in planned), self.ends_on)
        return planned


def _sum(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def terms(manager: DialogManager) -> Terms:
    return Terms(
        number=kept(manager, "number"),
        insurer_id=kept(manager, "insurer_id"),
        premium=_sum(kept(manager, "premium")),
        starts_on=date.fromisoformat(kept(manager, "starts_on")),
        ends_on=date.fromisoformat(kept(manager, "ends_on")),
        plan=kept(manager, "plan"),
        sum_insured=_sum(kept(manager, "sum_insured")),
        previous_id=kept(manager, "previous_id"),
    )


def _given(manager: DialogManager) -> dict[str, Any]:
    return manager.start_data if isinstance(manager.start_data, dict) else {}


async def _draft(manager: DialogManager) -> Draft:
    given = _given(manager)
    return await services(manager).policies.prefill(
        actor(manager), start_id(manager, "deal_id"), given.get("variant_id"), given.get("previous_policy_id")
    )


async def on_start(_data: object, manager: DialogManager) -> None:
    """Pin what is proposed, so that what is saved is what was shown, even after midnight."""
    draft = await _draft(manager)
    keep(
        manager,
        insurer_id=draft.insurer_id,
        premium=None if draft.premium is None else str(draft.premium),
        starts_on=draft.starts_on.isoformat(),
        ends_on=draft.ends_on.isoformat(),
        plan=draft.plan,
        sum_insured=None if draft.sum_insured is None else str(draft.sum_insured),
        variant_id=draft.variant.id if draft.variant else None,
        previous_id=draft.previous.id if draft.previous else None,
    )


# --- what is seen -------------------------------------------------------------------------------------------------


def plan_name(code: str) -> str:
    """A payment plan of a stored code in the words of the trade."""
    return plan(PaymentPlan.from_code(code))


def payment_lines(payments: list[PlannedPayment]) -> list[Markup]:
    shown = [html("   {n}. {day} — {sum}", n=p.seq, day=day(p.due), sum=money(p.amount)) for p in payments]
    return [*shown[:SHOWN_PAYMENTS], html("   …")] if len(shown) > SHOWN_PAYMENTS else shown


def _fate(draft: Draft, given: Terms) -> Markup | None:
    """What becomes of last year's policy."""
    previous = draft.previous
    if previous is None or given.previous_id is None:
        return None
    if given.insurer_id in (None, previous.insurer_id):
        return html(_("🔄 Renews policy {number}, which ends {day}"), number=previous.number, day=day(previous.ends_on))
    return html(
        _("🔀 Replaces policy {number} of {insurer}, which ends {day}"),
        number=previous.number, insurer=previous.insurer.name, day=day(previous.ends_on),
    )  # fmt: skip


def _doubt(starts_on: date, today: date) -> str | None:
    """An old policy is entered when an agency moves in, so that a far day is only asked about."""
    if starts_on < add_months(today, -12):
        return _("⚠️ It begins more than a year ago. Is the year right?")
    if starts_on > add_months(today, 12):
        return _("⚠️ It begins in more than a year. Is the year right?")
    return None


def _advice(given: Terms, problem: str | None) -> Markup:
    """The one thing that is still to be done."""
    if given.number is None:
        return html(
            "✍️ {ask}\n<i>{hint}</i>",
            ask=_("Write the policy number — the rest is filled in."),
            hint=_("A whole line works too: XXX 1234567890 from 01.12 54300"),
        )
    if given.insurer_id is None:
        return html(_("Choose the insurer."))
    if given.premium is None:
        return html(_("Enter the premium."))
    if problem:
        return html("⚠️ {problem}", problem=problem)
    return html(_("Check it and register. To change something, tap its button."))


async def review(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    draft, given = await _draft(dialog_manager), terms(dialog_manager)
    names = {i.id: i.name for i in await services(dialog_manager).policies.insurers(actor(dialog_manager))}
    payments: list[PlannedPayment] = []
    problem = None
    try:
        payments = given.payments()
    except Unreadable as error:
        problem = say(error)
    unknown = "—"
    meant = _given(dialog_manager).get("previous_policy_id")
    insurer = names.get(given.insurer_id or 0, unknown)
    deal = draft.deal
    text = lines(
        html("📜 <b>{title}</b> · №{n}", title=_("New policy"), n=deal.number),
        html("{client} · {line} · {object}", client=deal.client.name, line=deal.line.name, object=deal.title),
        "",
        html(_("Number: <b>{number}</b>"), number=given.number or unknown),
        html(_("Insurer: <b>{insurer}</b>"), insurer=insurer),
        html(_("Term: <b>{start} – {end}</b>"), start=day(given.starts_on), end=day(given.ends_on)),
        _doubt(given.starts_on, _today(dialog_manager)),
        html(_("Premium: <b>{premium}</b>"), premium=unknown if given.premium is None else money(given.premium)),
        html(_("Sum insured: {sum}"), sum=money(given.sum_insured)) if given.sum_insured else None,
        html(_("Instalments: {plan}"), plan=plan_name(given.plan)),
        *payment_lines(payments),
        _fate(draft, given),
        html(_("📝 By variant V{number}"), number=draft.variant.number) if draft.variant else None,
        "",
        _advice(given, problem),
    )
    ready = None not in (given.number, given.insurer_id, given.premium) and not problem
    return {
        "text": text,
        "ready": ready,
        # Of a renewal that is being calculated the answer is known; a guess of ours can be taken back.
        "guessed": draft.previous is not None and draft.previous.id not in (draft.deal.renewal_of_id, meant),
        "renews": given.previous_id is not None,
        "new": given.previous_id is None,
    }


def _choices(insurers: list[Insurer], chosen: int | None) -> list[dict[str, str]]:
    return [{"id": str(i.id), "label": f"{'● ' if i.id == chosen else ''}{i.name}"} for i in insurers]


async def insurer_choices(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    insurers = await services(dialog_manager).policies.insurers(actor(dialog_manager))
    return {"insurers": _choices(insurers[:80], kept(dialog_manager, "insurer_id"))}


PRESETS = [FULL, HALVES, QUARTERS, monthly(3), monthly(6), monthly(10), monthly(12)]


async def plan_choices(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    given = terms(dialog_manager)
    premium = None if given.premium is None else money(given.premium)
    return {
        "text": lines(
            html("<b>{title}</b>", title=_("Payment plan")),
            html(_("Premium: <b>{premium}</b>"), premium=premium) if premium else None,
            html(
                "<i>{hint}</i>",
                hint=_("Choose below or write: 50/50, monthly 10 — or your own rows, one per line, for example:"),
            ),
            html("<code>01.12 27000\n01.03 {rest}</code>", rest=_("rest")),
        ),
        "plans": [
            {"code": p.code, "label": f"{'● ' if p.code == given.plan else ''}{plan_name(p.code)}"} for p in PRESETS
        ],
    }


# --- what a press and a typed line mean ---------------------------------------------------------------------------


async def on_line(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """The number, or the whole policy in one line; a taken number is told at once."""
    line = read_policy_line(message.text or "", _today(manager))
    if line.number is not None:
        policies, deal_id = services(manager).policies, start_id(manager, "deal_id")
        keep(manager, number=await policies.check_number(actor(manager), deal_id, line.number))
    if line.starts_on and line.ends_on:
        keep(manager, starts_on=line.starts_on.isoformat(), ends_on=line.ends_on.isoformat())
    if line.premium is not None:
        keep(manager, premium=str(line.premium))


def _today(manager: DialogManager) -> date:
    return services(manager).policies.clock.now().astimezone(actor(manager).zone).date()


async def on_insurer(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, insurer_id=int(item))
    await manager.switch_to(states.NewPolicy.review)


async def on_insurer_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, insurer_id=await services(manager).policies.insurer_named(actor(manager), message.text or ""))
    await manager.switch_to(states.NewPolicy.review)


async def on_premium(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, premium=str(read_sum(message.text or "", positive=True)))
    await manager.switch_to(states.NewPolicy.review)


async def on_sum_insured(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, sum_insured=str(read_sum(message.text or "", positive=True)))
    await manager.switch_to(states.NewPolicy.review)


async def on_no_sum(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, sum_insured=None)
    await manager.switch_to(states.NewPolicy.review)


async def on_plan(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, plan=PaymentPlan.from_code(item).code)
    await manager.switch_to(states.NewPolicy.review)


async def on_plan_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, plan=read_any_plan(message.text or "", terms(manager).premium, _today(manager)).code)
    await manager.switch_to(states.NewPolicy.review)


def read_any_plan(text: str, premium: Decimal | None, today: date) -> PaymentPlan:
    """A plan by its name, or own rows checked against the premium. Raises Unreadable."""
    rows_follow = "\n" in text.strip()
    try:
        if not rows_follow:
            return read_plan(text)
    except Unreadable:
        if premium is None or not any(c.isdigit() for c in text):
            raise
    if premium is None:
        raise Unreadable("Enter the premium first: the rows must add up to it.")
    return custom(read_custom_rows(text, premium, today))


async def _ask_day(manager: DialogManager, field: str, title: str) -> None:
    chips = ["today", "tomorrow", "+7"] if field == "starts_on" else []
    await manager.start(
        states.PickDate.pick, data={"title": title, "chips": chips, "past": field == "starts_on", "field": field}
    )


async def on_start_date(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_day(manager, "starts_on", _("When does the policy begin?"))


async def on_end_date(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_day(manager, "ends_on", _("What is the policy's last day?"))


async def on_day(start_data: Any, result: Any, manager: DialogManager) -> None:
    """A day came back from the calendar; a new beginning means a new year of insurance."""
    if not isinstance(result, dict) or "date" not in result:
        return
    if start_data["field"] == "ends_on":
        keep(manager, ends_on=result["date"])
    else:
        keep(manager, starts_on=result["date"], ends_on=policy_end(date.fromisoformat(result["date"])).isoformat())


async def on_toggle_renewal(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    draft = await _draft(manager)
    renews = kept(manager, "previous_id") is not None
    keep(manager, previous_id=None if renews or draft.previous is None else draft.previous.id)


async def on_save(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Register; the policy's card takes this screen's place."""
    given = terms(manager)
    if given.number is None or given.insurer_id is None or given.premium is None:
        return
    policy_id = await services(manager).policies.register(
        actor(manager),
        start_id(manager, "deal_id"),
        number=given.number,
        insurer_id=given.insurer_id,
        premium=given.premium,
        starts_on=given.starts_on,
        ends_on=given.ends_on,
        plan=given.plan,
        sum_insured=given.sum_insured,
        variant_id=kept(manager, "variant_id"),
        previous_policy_id=given.previous_id,
    )
    await query.answer(_("Policy {number} is registered.").format(number=given.number))
    await manager.done()
    await manager.start(states.Policy.card, data={"policy_id": policy_id})


REVIEW_PREVIEW = {
    "text": Markup("📜 <b>New policy</b> · №1001"),
    "ready": True,
    "guessed": True,
    "renews": True,
    "new": False,
}

dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_line, content_types="text"),
        Button(Label("✅ Register the policy"), id="save", on_click=on_save, when="ready"),
        Row(
            SwitchTo(Label("🏢 Insurer"), id="to_insurer", state=states.NewPolicy.insurer),
            SwitchTo(Label("💵 Premium"), id="to_premium", state=states.NewPolicy.premium),
        ),
        Row(
            Button(Label("📅 Begins"), id="to_start", on_click=on_start_date),
            Button(Label("📅 Ends"), id="to_end", on_click=on_end_date),
        ),
        Row(
            SwitchTo(Label("🧾 Instalments"), id="to_plan", state=states.NewPolicy.plan),
            SwitchTo(Label("🛡 Sum insured"), id="to_sum", state=states.NewPolicy.sum_insured),
        ),
        Group(
            Button(Label("This is not a renewal"), id="not_renewal", on_click=on_toggle_renewal, when="renews"),
            Button(Label("This is a renewal"), id="renewal", on_click=on_toggle_renewal, when="new"),
            when="guessed",
        ),
        leave_row(),
        state=states.NewPolicy.review,
        getter=review,
        preview_data=REVIEW_PREVIEW,
    ),
    Window(
        T("<b>Which insurer?</b>\n<i>Choose it below or write its name.</i>"),
        MessageInput(on_insurer_typed, content_types="text"),
        Group(one_of("insurers", "insurer", on_insurer), width=2),
        back_row(states.NewPolicy.review),
        state=states.NewPolicy.insurer,
        getter=insurer_choices,
        preview_data={"insurers": [{"id": "1", "label": "РЕСО-Гарантия"}]},
    ),
    Window(
        T("<b>What is the premium?</b>\n<i>For example: 54 300 or 54,3к</i>"),
        MessageInput(on_premium, content_types="text"),
        back_row(states.NewPolicy.review),
        state=states.NewPolicy.premium,
    ),
    Window(
        T("<b>What is the sum insured?</b>\n<i>For example: 1,2 млн</i>"),
        MessageInput(on_sum_insured, content_types="text"),
        Button(Label("Without a sum insured"), id="no_sum", on_click=on_no_sum),
        back_row(states.NewPolicy.review),
        state=states.NewPolicy.sum_insured,
    ),
    Window(
        Raw("text"),
        MessageInput(on_plan_typed, content_types="text"),
        Column(one_of("plans", "plan", on_plan, key="code")),
        back_row(states.NewPolicy.review),
        state=states.NewPolicy.plan,
        getter=plan_choices,
        preview_data={"text": Markup("<b>Payment plan</b>"), "plans": [{"code": "full", "label": "one payment"}]},
    ),
    on_start=on_start,
    on_process_result=on_day,
)
