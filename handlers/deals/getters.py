"""What the deal's card and the lists of deals need."""

from datetime import date, timedelta
from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _, ngettext
from fsm.journal_words import author_of, words_of
from fsm.navigation import PAGE, at_page, pager_preview, pages
from fsm.text import html, lines, short
from fsm.words import (
    CLOSE_REASON,
    DEAL_OUTCOME,
    PAYMENT_STATUS,
    POLICY_STATUS,
    REVIEW_REASON,
    STAGE,
    TASK_KIND,
    TASK_STATUS,
    day,
    in_days,
    moment,
    money,
    weekday,
)
from handlers.deals.captions import caption, icon, object_of
from models.enums import CloseReason, DealOutcome, DealStage, PaymentStatus, PolicyStatus, ReviewReason, TaskKind
from models.tables import Task
from models.values.phone import pretty
from services.access import Actor
from services.deals import DealFilter, DealView
from services.errors import N_

FILTERS = {
    DealFilter.MINE: N_("All open"),
    DealFilter.OVERDUE: N_("⚠️ Overdue"),
    DealFilter.TODAY: N_("🔔 Today"),
    DealFilter.IN_FORCE: N_("🌙 Waiting"),
    DealFilter.CLOSED: N_("🔒 Closed"),
    DealFilter.ALL: N_("👥 Whole team"),
}
REASONS = {
    DealOutcome.LOST: [
        CloseReason.PRICE,
        CloseReason.COMPETITOR,
        CloseReason.NO_ANSWER,
        CloseReason.SERVICE,
        CloseReason.REFUSED_BY_INSURER,
        CloseReason.OTHER,
    ],
    DealOutcome.CANCELLED: [
        CloseReason.NO_NEED,
        CloseReason.DUPLICATE,
        CloseReason.SOLD_OBJECT,
        CloseReason.NO_ANSWER,
        CloseReason.OTHER,
    ],
    DealOutcome.ENDED: [
        CloseReason.FINISHED,
        CloseReason.SOLD_OBJECT,
        CloseReason.NO_NEED,
        CloseReason.PRICE,
        CloseReason.COMPETITOR,
        CloseReason.OTHER,
    ],
}
CUT = 160
POLICY_MARKS = {PolicyStatus.EXPIRED: "🔴", PolicyStatus.EXPIRING: "🟠", PolicyStatus.ACTIVE: "🟢"}
PAYMENT_MARKS = {PaymentStatus.OVERDUE: "🔴", PaymentStatus.DUE: "🟠", PaymentStatus.PARTLY_PAID: "🟡"}

LIST_PREVIEW = {
    "text": Markup("📂 <b>Deals</b>"),
    "filters": [{"id": "mine", "label": "● All open"}],
    "deals": [{"id": 1, "label": "⚠️ 14.03 · Иванов И. · КАСКО Kia"}],
    "seller": True,
    **pager_preview(),
}
CARD_PREVIEW = {
    "text": Markup("🚗 <b>№1024 · КАСКО Kia Rio</b>"),
    "tasks": [{"id": 1, "label": "📋 расчёт · Егор"}],
    "undecided": [{"id": 1, "label": "🔴 Решить по полису ХХХ0123456789"}],
    **dict.fromkeys(
        (
            "calculate",
            "choose",
            "issue",
            "register",
            "next",
            "reopen",
            "own",
            "again",
            "open",
            "documents",
            "variants",
            "policies",
        ),
        True,
    ),
    "documents_n": 3,
    "variants_n": 2,
    "policies_n": 1,
    "instalments": "💳 Взносы · 1 к оплате",
    "journal_n": 4,
}


def _given(manager: DialogManager) -> dict[str, Any]:
    return manager.start_data if isinstance(manager.start_data, dict) else {}


# --- lists --------------------------------------------------------------------------------------------------------


def chosen_filter(manager: DialogManager) -> DealFilter:
    return DealFilter(kept(manager, "filter") or _given(manager).get("filter") or DealFilter.MINE)


async def deals(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    chosen = chosen_filter(dialog_manager)
    ask = services(dialog_manager).deals.page
    page = await at_page(dialog_manager, lambda number: ask(me, chosen, number * PAGE, PAGE))
    shown = [name for name in FILTERS if name is not DealFilter.ALL or me.is_admin]
    order = _("{n} in all, last closed first") if chosen is DealFilter.CLOSED else _("{n} in all, by next touch")
    return {
        "text": lines(
            html("📂 <b>{title}</b> · {filter}", title=_("Deals"), filter=_(FILTERS[chosen])),
            html(order, n=page.total) if page.total else _("Nothing here."),
        ),
        "filters": [
            {"id": name.value, "label": f"● {_(FILTERS[name])}" if name is chosen else _(FILTERS[name])}
            for name in shown
        ],
        "deals": [{"id": deal.id, "label": caption(deal, page.today)} for deal in page.rows],
        "seller": me.sees_commission,
        **pages(page.total, dialog_manager),
    }


# --- the card -----------------------------------------------------------------------------------------------------


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    view = await services(dialog_manager).deals.card(me, start_id(dialog_manager, "deal_id"))
    return {"text": card_text(view, me), **card_buttons(view)}


def title(view: DealView) -> Markup:
    return html("{icon} <b>№{n} · {what}</b>", icon=icon(view.deal), n=view.deal.number, what=object_of(view.deal))


def card_text(view: DealView, me: Actor) -> Markup:
    """Everything about a deal on one screen, the most urgent first."""
    return lines(
        title(view),
        *_who(view),
        "",
        *_where(view),
        *_tasks(view, me),
        *_papers(view),
        *_policies(view),
        *_money(view),
        *_journal(view, me),
    )


def _who(view: DealView) -> list[Markup]:
    deal = view.deal
    phones = ", ".join(pretty(phone.e164) for phone in deal.client.phones[:2])
    parts = [html("👤 {name}{phones}", name=deal.client.name, phones=f" · {phones}" if phones else "")]
    marks = [deal.plate, f"VIN {deal.vin}" if deal.vin else None, deal.address]
    if any(marks):
        parts.append(html("🔖 {marks}", marks=" · ".join(mark for mark in marks if mark)))
    executor = deal.executor.full_name if deal.executor else _("nobody yet")
    people = html(_("executor: {name}"), name=executor)
    if not view.own or view.deal.seller_id:
        people = html(_("seller: {seller} · {rest}"), seller=deal.seller.full_name, rest=people)
    parts.append(html("👥 {people}", people=people))
    return parts


def _where(view: DealView) -> list[Markup]:
    deal = view.deal
    if deal.stage is DealStage.CLOSED:
        outcome = _(DEAL_OUTCOME[deal.outcome]) if deal.outcome else ""
        reason = _(CLOSE_REASON[deal.close_reason]) if deal.close_reason else ""
        return [
            html("🔒 <b>{stage}</b>: {outcome}, {reason}", stage=_(STAGE[deal.stage]), outcome=outcome, reason=reason),
            *([html("<i>{note}</i>", note=deal.close_note)] if deal.close_note else []),
        ]
    mark = "⚠️" if view.overdue else "⏰"
    when = html(
        "<b>{day}</b>, {distance}",
        day=weekday(deal.review_on, view.today),
        distance=in_days(deal.review_on, view.today),
    )
    return [
        html("📍 {stage}", stage=_(STAGE[deal.stage])),
        html("{mark} {when}: {why}", mark=mark, when=when, why=why(view)),
    ]


def why(view: DealView) -> str:
    """The reason of the next touch in words that name the thing."""
    deal = view.deal
    if deal.review_reason is ReviewReason.POLICY_END:
        for brief in view.policies:
            if brief.policy.id == deal.review_object_id:
                ended = brief.policy.ends_on < view.today
                said = _("{line} {insurer} ended {day}") if ended else _("{line} {insurer} ends {day}")
                return said.format(
                    line=brief.policy.line.name, insurer=brief.policy.insurer.name, day=day(brief.policy.ends_on)
                )
    if deal.review_reason is ReviewReason.PAYMENT_DUE:
        for due in view.unpaid:
            if due.payment.id == deal.review_object_id:
                promised = due.payment.promised_on
                said = _("instalment of {sum} promised by {day}") if promised else _("instalment of {sum} due {day}")
                return said.format(
                    sum=money(due.payment.amount - due.payment.paid_amount),
                    day=day(promised or due.payment.due_on, view.today),
                )
    return deal.review_note or _(REVIEW_REASON[deal.review_reason])


def _tasks(view: DealView, me: Actor) -> list[Markup]:
    return [html("📋 {task}", task=task_line(task, me, view.today)) for task in view.tasks[:4]]


def task_line(task: Task, me: Actor, today: date) -> str:
    return _("{kind}: {who}, due {due} — {status}").format(
        kind=_(TASK_KIND[task.kind]),
        who=task.assignee.full_name,
        due=moment(task.due_at, me.zone, today),
        status=_(TASK_STATUS[task.status]),
    )


def _papers(view: DealView) -> list[Markup]:
    totals = view.totals
    parts = [
        html(_("📎 papers: {n}"), n=totals.documents),
        html(_("🧮 variants: {n}"), n=totals.variants) if totals.variants else None,
    ]
    shown = [Markup(" · ").join(part for part in parts if part is not None)]
    if view.chosen is not None:
        shown.append(
            html(
                _("☑️ chosen В{n}: {insurer}, {premium}"),
                n=view.chosen.number,
                insurer=view.chosen.insurer.name,
                premium=money(view.chosen.premium),
            )
        )
    return shown


def _policies(view: DealView) -> list[Markup]:
    shown = [
        html(
            "{mark} {insurer} {number} · {until} {day} · {status}",
            mark=POLICY_MARKS.get(brief.status, "⚪"),
            insurer=brief.policy.insurer.name,
            number=brief.policy.number,
            until=_("until"),
            day=day(brief.policy.ends_on),
            status=_(POLICY_STATUS[brief.status]),
        )
        for brief in view.policies
    ]
    more = view.totals.policies - len(shown)
    if more > 0:
        shown.append(html("<i>{more}</i>", more=_("… and {n} more").format(n=more)))
    return shown


def _money(view: DealView) -> list[Markup | str]:
    totals = view.totals
    shown: list[Markup | str] = [
        html(
            "{mark} {day} · {sum} · {status}",
            mark=PAYMENT_MARKS.get(due.status, "▫️"),
            day=day(due.payment.due_on),
            sum=money(due.payment.amount - due.payment.paid_amount),
            status=_(PAYMENT_STATUS[due.status]),
        )
        for due in view.unpaid
    ]
    if totals.premium:
        shown.append(
            html(_("💳 Premium {sum}, paid {paid}"), sum=money(totals.premium), paid=money(totals.premium_paid))
        )
    if not view.sees_money:
        return shown
    if totals.commission or totals.commission_received or totals.rates_missing:
        text = html(
            _("💰 Commission {sum}, received {paid}"),
            sum=money(totals.commission),
            paid=money(totals.commission_received),
        )
        if totals.rates_missing:
            text = html("{text} · ⚠️ {missing}", text=text, missing=_("rate is not set"))
        shown.append(text)
    if totals.expenses or totals.expenses_paid:
        shown.append(
            html(_("💸 Expenses {sum}, paid {paid}"), sum=money(totals.expenses), paid=money(totals.expenses_paid))
        )
    elif view.agreed:
        shown.append(
            html(ngettext("💸 {n} agreed expense", "💸 {n} agreed expenses", len(view.agreed)), n=len(view.agreed))
        )
    return shown


def _journal(view: DealView, me: Actor) -> list[Markup | str]:
    if not view.journal:
        return []
    shown: list[Markup | str] = ["", html("📝 <b>{title}</b>", title=_("Journal"))]
    for entry in reversed(view.journal):
        words = words_of(entry, me.zone, CUT)
        shown.append(
            html(
                "{when} {who}: {words}",
                when=moment(entry.created_at, me.zone, view.today),
                who=author_of(entry),
                words=words,
            )
        )
    return shown


def card_buttons(view: DealView) -> dict[str, Any]:
    """Which buttons the card has: by stage, by what is there already, by rights."""
    deal, totals = view.deal, view.totals
    kinds = {task.kind for task in view.tasks}
    open_ = deal.stage is not DealStage.CLOSED
    ended = [brief.policy for brief in view.policies if brief.status is PolicyStatus.EXPIRED]
    undecided = [policy for policy in ended if policy.id != deal.renewal_of_id] if view.own and open_ else []
    before_choice = deal.stage in {DealStage.COLLECTING, DealStage.CALCULATING}
    return {
        "own": view.own and open_,
        "open": open_,
        "reopen": view.own and not open_,
        "calculate": view.own and before_choice and TaskKind.CALCULATE not in kinds,
        "again": view.own and open_ and not before_choice and TaskKind.CALCULATE not in kinds,
        "choose": deal.stage is DealStage.CHOOSING,
        "register": deal.stage is DealStage.ISSUING,
        "issue": view.own
        and deal.stage in {DealStage.CHOOSING, DealStage.ISSUING}
        and view.chosen is not None
        and TaskKind.ISSUE not in kinds,
        # One at a time: the next one takes its place when this one is decided.
        "undecided": [
            {"id": policy.id, "label": _("🔴 Decide on policy {number}").format(number=policy.number)}
            for policy in undecided[:1]
        ],
        "next": view.own and deal.stage is DealStage.IN_FORCE and deal.review_on <= view.today,
        "variants": deal.stage is not DealStage.CHOOSING,
        "policies": not (before_choice and not totals.policies),
        "tasks": [
            {"id": task.id, "label": f"📋 {_(TASK_KIND[task.kind])} · {task.assignee.full_name}"}
            for task in view.tasks[:3]
        ],
        "documents_n": totals.documents,
        "variants_n": totals.variants,
        "policies_n": totals.policies,
        "instalments": _("💳 Instalments · {n} to pay").format(n=totals.unpaid)
        if totals.unpaid
        else _("💳 Instalments"),
        "journal_n": view.journal_total,
        "expenses": view.sees_money and open_,
        "money": bool(totals.policies),
    }


# --- windows around the card ----------------------------------------------------------------------------------------


async def _headed(manager: DialogManager, what: str) -> tuple[DealView, Markup]:
    view = await services(manager).deals.card(actor(manager), start_id(manager, "deal_id"))
    return view, html("{title} › {what}", title=title(view), what=what)


async def note(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    _view, head = await _headed(dialog_manager, _("Journal"))
    text = str(kept(dialog_manager, "typed") or "")
    return {
        "text": lines(
            head,
            "",
            html("💬 {text}", text=short(text, 3000)),
            "",
            html("<i>{hint}</i>", hint=_("Write more, and it is added to this.")),
        )
    }


async def postpone(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view, head = await _headed(dialog_manager, _("Put off"))
    return {
        "text": lines(
            head,
            "",
            html(
                _("Next touch now: <b>{day}</b> — {why}"), day=weekday(view.deal.review_on, view.today), why=why(view)
            ),
            html("<i>{hint}</i>", hint=_("Press below or write a day: 31.12, tomorrow, +14, fri.")),
        ),
        "days": [
            {"id": str(shift), "label": f"+{shift} · {weekday_short(view.today + timedelta(days=shift))}"}
            for shift in (1, 3, 7)
        ],
        "has_events": bool(view.totals.policies),
    }


def weekday_short(value: date) -> str:
    return weekday(value).split(",")[0] + f" {value:%d.%m}"


async def executor(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view, head = await _headed(dialog_manager, _("Executor"))
    me, ask = actor(dialog_manager), services(dialog_manager).deals.executors
    people, total = await at_page(dialog_manager, lambda number: ask(me, number * PAGE, PAGE), "people")
    return {
        "text": lines(head, "", _("Who calculates and issues on this deal?")),
        **pages(total, dialog_manager, "people"),
        "people": [
            {"id": user.id, "label": f"● {user.full_name}" if user.id == view.deal.executor_id else user.full_name}
            for user in people
        ],
        "nobody": view.deal.executor_id is not None,
    }


async def close_outcome(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    _view, head = await _headed(dialog_manager, _("Close"))
    return {
        "text": lines(head, "", _("How did it end?")),
        "outcomes": [{"id": one.value, "label": f"{OUTCOME_MARKS[one]} {_(DEAL_OUTCOME[one])}"} for one in DealOutcome],
    }


OUTCOME_MARKS = {DealOutcome.LOST: "🙁", DealOutcome.CANCELLED: "🚫", DealOutcome.ENDED: "🏁"}


async def close_reason(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    outcome = DealOutcome(kept(dialog_manager, "outcome"))
    _view, head = await _headed(dialog_manager, f"{_('Close')} › {_(DEAL_OUTCOME[outcome])}")
    return {
        "text": lines(head, "", _("Why? The reason stays on the card of the deal and in its journal.")),
        "reasons": [{"id": one.value, "label": _(CLOSE_REASON[one])} for one in REASONS[outcome]],
    }


async def close_confirm(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    outcome = DealOutcome(kept(dialog_manager, "outcome"))
    reason = CloseReason(kept(dialog_manager, "reason"))
    view, head = await _headed(dialog_manager, f"{_('Close')} › {_(DEAL_OUTCOME[outcome])}")
    said = str(kept(dialog_manager, "close_note") or "")
    undecided = [brief for brief in view.policies if brief.policy.outcome is None]
    return {
        "text": lines(
            head,
            "",
            html(_("Reason: <b>{reason}</b>"), reason=_(CLOSE_REASON[reason])),
            html("💬 {note}", note=said) if said else html("<i>{hint}</i>", hint=_("Write a comment, or just close.")),
            html(
                ngettext("📋 {n} open task is called off.", "📋 {n} open tasks are called off.", len(view.tasks)),
                n=len(view.tasks),
            )
            if view.tasks
            else None,
            _("📜 Policies that nobody decided about are marked as not renewed.") if undecided else None,
            _("🔕 There will be no more reminders of it. It can be opened again at any time."),
        )
    }
