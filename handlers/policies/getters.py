"""What the screens of policies need."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _, ngettext
from fsm.navigation import at_page, pager_preview, pages
from fsm.text import html, lines
from fsm.words import CLOSE_REASON, POLICY_STATUS, day, in_days, moment, money
from models.enums import CloseReason, DealStage, PaymentStatus, PolicyOutcome, PolicyStatus
from models.tables import Payment, Policy
from services.errors import N_
from services.policies import EndingPolicy, PolicyCard
from services.rules.statuses import payment_status

STATUS_MARK = {
    PolicyStatus.PENDING: "🕓",
    PolicyStatus.ACTIVE: "🟢",
    PolicyStatus.EXPIRING: "🟠",
    PolicyStatus.EXPIRED: "🔴",
    PolicyStatus.RENEWED: "🔄",
    PolicyStatus.MOVED: "🔀",
    PolicyStatus.LOST: "⚪️",
    PolicyStatus.CANCELLED: "✂️",
}
PAYMENT_MARK = {
    PaymentStatus.PLANNED: "▫️",
    PaymentStatus.DUE: "🟠",
    PaymentStatus.OVERDUE: "🔴",
    PaymentStatus.PARTLY_PAID: "🌓",
    PaymentStatus.PAID: "✅",
    PaymentStatus.WAIVED: "✖️",
}
ENDS = (PolicyStatus.EXPIRING, PolicyStatus.EXPIRED)
SHOWN_PAYMENTS = 12
# Why a policy is not renewed; the other reasons of the dictionary close deals.
REFUSALS = [
    CloseReason.PRICE,
    CloseReason.COMPETITOR,
    CloseReason.SOLD_OBJECT,
    CloseReason.NO_NEED,
    CloseReason.NO_ANSWER,
    CloseReason.SERVICE,
    CloseReason.REFUSED_BY_INSURER,
    CloseReason.OTHER,
]


def today(manager: DialogManager) -> date:
    """The day that it is for this person now."""
    return services(manager).policies.clock.now().astimezone(actor(manager).zone).date()


def status_line(policy: Policy, status: PolicyStatus, now: date) -> Markup:
    """A policy's status in one line, with the day it is about."""
    words = html("{mark} <b>{status}</b>", mark=STATUS_MARK[status], status=_(POLICY_STATUS[status]))
    if status is PolicyStatus.PENDING:
        return words + html(" · {day}, {distance}", day=day(policy.starts_on), distance=in_days(policy.starts_on, now))
    if policy.outcome is None:
        until = html(_("until {day}, {distance}"), day=day(policy.ends_on), distance=in_days(policy.ends_on, now))
        return words + html(" · {until}", until=until)
    if policy.outcome_reason is not None:
        return words + html(" · {reason}", reason=_(CLOSE_REASON[policy.outcome_reason]))
    return words


def payment_line(payment: Payment, now: date) -> Markup:
    """One instalment: a mark, the day, the sum, and what is left of it."""
    status = payment_status(payment.due_on, payment.amount, payment.paid_amount, payment.waived_at is not None, now)
    rest = (
        html(_(" · {rest} left"), rest=money(payment.amount - payment.paid_amount))
        if status is PaymentStatus.PARTLY_PAID
        else ""
    )
    return html(
        "{mark} {seq}. {day} — {sum}{rest}",
        mark=PAYMENT_MARK[status], seq=payment.seq, day=day(payment.due_on), sum=money(payment.amount), rest=rest,
    )  # fmt: skip


def next_unpaid(payments: Sequence[Payment]) -> Payment | None:
    return next((p for p in payments if p.settled_on is None and p.waived_at is None), None)


def commission_lines(shown: PolicyCard) -> list[Markup | None]:
    """Our own money, only for those whose deal it is; the three groups are never added up."""
    sums = shown.money
    if sums is None:
        return []
    return [
        html(
            _("💰 Commission: expected {expected}, received {received}"),
            expected=money(sums.commission_expected), received=money(sums.commission_received),
        ),
        html("❗️ {warning}", warning=_("The commission rate is not set")) if sums.commission_unknown else None,
        html(
            _("💸 Expenses: expected {expected}, paid {paid}"),
            expected=money(sums.expenses_expected), paid=money(sums.expenses_paid),
        ) if sums.expenses_expected or sums.expenses_paid else None,
    ]  # fmt: skip


def _neighbours(shown: PolicyCard) -> list[Markup | None]:
    previous, successor = shown.previous, shown.successor
    return [
        html(_("↩️ Instead of policy {number}"), number=previous.number) if previous else None,
        html(_("↪️ Followed by policy {number}"), number=successor.number) if successor else None,
    ]


def _files_line(files: int) -> Markup:
    if not files:
        return html(_("📎 <b>There is no policy file yet.</b> Send it right here."))
    count = ngettext("{n} file of the policy", "{n} files of the policy", files).format(n=files)
    return html("📎 {count}", count=count)


def card_text(shown: PolicyCard, now: date, manager: DialogManager) -> Markup:
    policy = shown.policy
    deal = policy.deal
    paid = sum((p.paid_amount for p in policy.payments), Decimal(0))
    in_ladder = shown.status is PolicyStatus.EXPIRING
    rows = [payment_line(p, now) for p in policy.payments]
    return lines(
        html("📜 <b>{number}</b> · №{deal}", number=policy.number, deal=deal.number),
        html("{line} · {insurer} · {object}", line=policy.line.name, insurer=policy.insurer.name, object=deal.title),
        html("👤 {client}", client=deal.client.name),
        "",
        status_line(policy, shown.status, now),
        html(_("⏳ Last safe day to renew: <b>{day}</b>"), day=day(shown.safe_day)) if in_ladder else None,
        html(_("Term: <b>{start} – {end}</b>"), start=day(policy.starts_on), end=day(policy.ends_on)),
        html(_("Premium: <b>{premium}</b>"), premium=money(policy.premium)),
        html(_("Sum insured: {sum}"), sum=money(policy.sum_insured)) if policy.sum_insured else None,
        "",
        html(_("Paid by the client: {paid} of {premium}"), paid=money(paid), premium=money(policy.premium)),
        *rows[:SHOWN_PAYMENTS],
        html("…") if len(rows) > SHOWN_PAYMENTS else None,
        *commission_lines(shown),
        "",
        *_neighbours(shown),
        _files_line(shown.files),
        html(
            "<i>{what}</i>",
            what=_("Registered by {who}, {when}").format(
                who=shown.registered_by, when=moment(policy.created_at, actor(manager).zone, today(manager))
            ),
        ),
    )  # fmt: skip


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await services(dialog_manager).policies.card(actor(dialog_manager), start_id(dialog_manager, "policy_id"))
    policy, now = shown.policy, today(dialog_manager)
    open_deal = policy.deal.stage is not DealStage.CLOSED
    undecided = policy.outcome is None
    unpaid = next_unpaid(policy.payments)
    decides = shown.decides and open_deal
    calculating = policy.deal.renewal_of_id == policy.id
    return {
        "text": card_text(shown, now, dialog_manager),
        "unpaid": unpaid is not None,
        "unpaid_label": _("✅ Instalment {n} is paid: {sum}").format(
            n=unpaid.seq, sum=money(unpaid.amount - unpaid.paid_amount)
        ) if unpaid else "",
        "ends": undecided and shown.status in ENDS and open_deal,
        "can_renew": decides and undecided and shown.status in ENDS and not calculating,
        "can_refuse": decides and undecided and (shown.status in ENDS or calculating),
        "can_return": decides and policy.outcome is PolicyOutcome.LOST,
        "can_close": decides and policy.outcome in (PolicyOutcome.LOST, PolicyOutcome.CANCELLED),
        "can_cancel": decides and undecided,
        "can_rate": shown.money is not None and shown.money.commission_unknown > 0,
        "papers": _("📎 Papers ({n})").format(n=shown.files),
        "instalments": _("🧾 Instalments ({n})").format(n=len(policy.payments)),
    }  # fmt: skip


async def refusal(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await services(dialog_manager).policies.card(actor(dialog_manager), start_id(dialog_manager, "policy_id"))
    return {
        "text": lines(
            html("📜 <b>{number}</b> · №{deal}", number=shown.policy.number, deal=shown.policy.deal.number),
            html(_("Why does the client not renew?")),
        ),
        "reasons": [{"code": reason.value, "label": _(CLOSE_REASON[reason])} for reason in REFUSALS],
    }


async def cancelling(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await services(dialog_manager).policies.card(actor(dialog_manager), start_id(dialog_manager, "policy_id"))
    owed = [p for p in shown.policy.payments if p.settled_on is None and p.waived_at is None]
    total = sum((p.amount - p.paid_amount for p in owed), Decimal(0))
    paid = any(p.paid_amount for p in shown.policy.payments)
    title = html("✂️ <b>{title}</b>", title=_("Cancel policy {number}?").format(number=shown.policy.number))
    only_admin = _("The client has paid on it, so only an admin may cancel it.")
    if paid and not actor(dialog_manager).is_admin:
        return {"text": lines(title, only_admin), "reasons": []}
    return {
        "text": lines(
            title,
            html(
                _("Unpaid instalments are written off: {n} for {total}."), n=len(owed), total=money(total)
            ) if owed else None,
            only_admin if paid else None,
            "",
            html(_("Choose the reason or write it: that cancels the policy.")),
        ),
        "reasons": [{"code": str(n), "label": _(text)} for n, text in enumerate(CANCEL_REASONS)],
    }  # fmt: skip


CANCEL_REASONS = [
    N_("The object is sold"),
    N_("Refused in the cooling-off period"),
    N_("Issued by mistake"),
    N_("Issued anew with other terms"),
]
FIELDS = {
    "number": N_("Write the right policy number."),
    "premium": N_("Write the right premium. The instalments are made anew by the same plan."),
    "plan": N_("Write the right plan: 50/50, monthly 10, one payment — or rows, one per line: 01.03 27000"),
    "rate": N_("Write the commission rate in percent, for example: 15. It is counted for every instalment."),
}


async def editing(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await services(dialog_manager).policies.card(actor(dialog_manager), start_id(dialog_manager, "policy_id"))
    policy = shown.policy
    touched = any(p.paid_amount or p.waived_at for p in policy.payments) or policy.outcome is not None
    return {
        "text": lines(
            html("✏️ <b>{number}</b> · №{deal}", number=policy.number, deal=policy.deal.number),
            html(_("Term: <b>{start} – {end}</b>"), start=day(policy.starts_on), end=day(policy.ends_on)),
            html(_("Premium: <b>{premium}</b>"), premium=money(policy.premium)),
            html(
                "<i>{why}</i>",
                why=_("Money has already been entered on this policy: only its number and dates can be corrected."),
            ) if touched else None,
            html(_("What is to be corrected?")),
        ),
        "priced": not touched,
    }  # fmt: skip


async def value(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    shown = await services(dialog_manager).policies.card(actor(dialog_manager), start_id(dialog_manager, "policy_id"))
    field = kept(dialog_manager, "field", "number")
    return {
        "text": lines(
            html("✏️ <b>{number}</b> · №{deal}", number=shown.policy.number, deal=shown.policy.deal.number),
            _(FIELDS[field]),
        )
    }


# --- lists --------------------------------------------------------------------------------------------------------


def row_label(row: EndingPolicy, now: date) -> str:
    policy = row.policy
    return f"{STATUS_MARK[row.status]} {day(policy.ends_on, now)} · {policy.deal.client.name} · {policy.line.name}"


class PolicyFilter(StrEnum):
    SOON = "soon"
    ALL = "all"
    NO_RATE = "no_rate"


FILTERS = {PolicyFilter.SOON: N_("60 days"), PolicyFilter.ALL: N_("All"), PolicyFilter.NO_RATE: N_("No rate")}
TITLES = {
    PolicyFilter.SOON: N_("Policies ending"),
    PolicyFilter.ALL: N_("Policies with no outcome"),
    PolicyFilter.NO_RATE: N_("Policies without a rate"),
}
NONE = {
    PolicyFilter.SOON: N_("Nothing ends in the next 60 days."),
    PolicyFilter.ALL: N_("Every policy has its outcome."),
    PolicyFilter.NO_RATE: N_("The commission rate of every policy is set."),
}


async def ending(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """Policies that end (soon, all, those with no rate), or the policies of one deal."""
    who, now = actor(dialog_manager), today(dialog_manager)
    policies = services(dialog_manager).policies
    given: dict[str, Any] = dialog_manager.start_data if isinstance(dialog_manager.start_data, dict) else {}
    if "deal_id" in given:
        return await _of_deal(dialog_manager, int(given["deal_id"]))
    which = PolicyFilter(kept(dialog_manager, "which", PolicyFilter.SOON))
    if which is PolicyFilter.NO_RATE:
        found, total = await at_page(dialog_manager, lambda number: policies.without_rate(who, number))
        labels = [{"id": str(p.id), "label": f"❗️ {p.number} · {p.deal.client.name}"} for p in found]
    else:
        everything = which is PolicyFilter.ALL
        rows, total = await at_page(dialog_manager, lambda number: policies.ending(who, number, everything=everything))
        labels = [{"id": str(row.policy.id), "label": row_label(row, now)} for row in rows]
    red = await policies.expired_count(who) if which is not PolicyFilter.NO_RATE else 0
    shown = [name for name in FILTERS if name is not PolicyFilter.NO_RATE or who.is_admin]
    title = lines(
        html("📜 <b>{title}</b> · {n}", title=_(TITLES[which]), n=total),
        html("🔴 {n}", n=ngettext("{n} ended with no outcome", "{n} ended with no outcome", red).format(n=red))
        if red
        else None,
        html("<i>{empty}</i>", empty=_(NONE[which])) if not total else None,
    )
    chips = [{"code": one.value, "label": f"{'● ' if one is which else ''}{_(FILTERS[one])}"} for one in shown]
    return _list(title, labels, chips, dialog_manager, total=total)


async def _of_deal(manager: DialogManager, deal_id: int) -> dict[str, Any]:
    me, ask = actor(manager), services(manager).policies.of_deal
    rows, total = await at_page(manager, lambda number: ask(me, deal_id, number))
    labels = [
        {
            "id": str(row.policy.id),
            "label": f"{STATUS_MARK[row.status]} {row.policy.number} · {row.policy.insurer.name} · "
            f"{day(row.policy.ends_on)}",
        }
        for row in rows
    ]
    title = html("📜 <b>{title}</b> · {n}", title=_("Policies of the deal"), n=total)
    return _list(title, labels, [], manager, total=total, of_deal=True)


def _list(
    text: Markup,
    rows: list[dict[str, str]],
    filters: list[dict[str, str]],
    manager: DialogManager,
    *,
    total: int,
    of_deal: bool = False,
) -> dict[str, Any]:
    return {"text": text, "rows": rows, "filters": filters, "of_deal": of_deal, **pages(total, manager)}


CARD_PREVIEW = {
    "text": Markup("📜 <b>XXX0123456789</b> · №1001"),
    "unpaid": True,
    "unpaid_label": "✅ 1",
    "ends": True,
    "can_renew": True,
    "can_refuse": True,
    "can_return": True,
    "can_close": True,
    "can_cancel": True,
    "can_rate": True,
    "papers": "📎 1",
    "instalments": "🧾 2",
}
REASONS_PREVIEW = {"text": Markup("<b>Why?</b>"), "reasons": [{"code": "price", "label": "too expensive"}]}
LIST_PREVIEW = {
    "text": Markup("📜 <b>Policies ending</b>"),
    "rows": [{"id": "1", "label": "🔴 12.02 · Иванов"}],
    "filters": [{"code": "soon", "label": "● 60 days"}],
    "of_deal": True,
    **pager_preview(),
}
