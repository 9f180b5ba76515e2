"""What a reminder says: everything one needs to act without opening anything; never a word about commission."""

from markupsafe import Markup

from fsm.i18n import _
from fsm.text import html, lines, short
from fsm.words import CLOSE_REASON, REVIEW_REASON, STAGE, TASK_KIND, capital, day, in_days, moment, money
from models.enums import ReminderKind, ReminderStatus, ReviewReason
from models.tables import Deal
from models.values.phone import pretty
from services.access import Actor
from services.errors import N_
from services.reminders import ReminderView

QUOTE = 500

ANSWERED = {
    "thinking": N_("💭 The client is thinking"),
    "calculating": N_("🧮 Being calculated"),
    "renewed": N_("✅ The policy is renewed"),
    "moved": N_("✅ Moved to another insurer"),
    "lost": N_("❌ The client has refused"),
    "cancelled": N_("❌ The policy is cancelled"),
    "paid": N_("✅ The instalment is paid"),
    "partly_paid": N_("✅ A part is paid"),
    "promised": N_("🤝 Promised to pay"),
    "shifted": N_("📅 The due day has moved"),
    "waived": N_("❌ The instalment is written off"),
    "put_off": N_("⏭ Has been put off"),
    "postponed": N_("⏭ Has been put off"),
    "next_event": N_("✅ Handled"),
    "closed": N_("🏁 The deal is closed"),
}


NOT_NEEDED = N_("No answer is needed any more")


def deal_lines(deal: Deal, actor: Actor) -> Markup:
    """Which deal, whose, and how to call the client."""
    phones = ", ".join(pretty(phone.e164) for phone in deal.client.phones)
    return lines(
        html(
            "№{number} · {line} · {title}{plate}",
            number=deal.number, line=deal.line.name, title=deal.title, plate=f" · {deal.plate}" if deal.plate else "",
        ),
        html("👤 {name}{phones}", name=deal.client.name, phones=f" · {phones}" if phones else ""),
        None if deal.seller_id == actor.user_id else html(_("Seller: {name}"), name=deal.seller.full_name),
    )  # fmt: skip


def _policy_end(view: ReminderView) -> Markup:
    policy, safe, today = view.policy, view.safe_day, view.today
    if policy is None or safe is None:
        return Markup("")
    title = _("🔴 Policy ended {when}, {day}") if policy.ends_on < today else _("⏳ Policy ends {when}, {day}")
    if today <= safe:
        deadline: Markup | None = html(
            _("🛟 Last safe day: <b>{day}</b> ({when})"), day=day(safe), when=in_days(safe, today)
        )
    elif today <= policy.ends_on:
        deadline = html(_("⚠️ The last safe day has passed: {day}"), day=day(safe))
    else:
        deadline = None
    return lines(
        html("<b>{title}</b>", title=title.format(when=in_days(policy.ends_on, today), day=day(policy.ends_on))),
        deadline,
        html(
            "📜 {insurer} {number} · {premium}",
            insurer=policy.insurer.name, number=policy.number, premium=money(policy.premium),
        ),
        html("🧮 {text}", text=_("The renewal is being calculated.")) if view.deal.renewal_of_id == policy.id else None,
    )  # fmt: skip


def _payment(view: ReminderView) -> Markup:
    payment, today = view.payment, view.today
    if payment is None or view.policy is None:
        return Markup("")
    title = (
        _("🔴 Instalment overdue: was due {when}, {day}")
        if payment.due_on < today
        else _("💳 Instalment due {when}, {day}")
    )
    promised = payment.promised_on
    return lines(
        html("<b>{title}</b>", title=title.format(when=in_days(payment.due_on, today), day=day(payment.due_on))),
        html(
            "💰 <b>{rest}</b> · {insurer} {number}, {seq}",
            rest=money(payment.amount - payment.paid_amount),
            insurer=view.policy.insurer.name,
            number=view.policy.number,
            seq=_("instalment {seq}").format(seq=payment.seq),
        ),
        html(_("Paid {paid} of {amount}"), paid=money(payment.paid_amount), amount=money(payment.amount))
        if payment.paid_amount
        else None,
        html(_("🤝 Promised by {day} ({when})"), day=day(promised), when=in_days(promised, today))
        if promised
        else None,
    )


def _review(view: ReminderView) -> Markup:
    deal = view.deal
    late = deal.review_on < view.today
    title = _("🔴 The deal has waited since {day}") if late else _("📌 Look at the deal today")
    return lines(
        html("<b>{title}</b>", title=title.format(day=day(deal.review_on))),
        html(_("Why: {reason} · {stage}"), reason=_(REVIEW_REASON[deal.review_reason]), stage=_(STAGE[deal.stage])),
        html("<i>{note}</i>", note=deal.review_note) if deal.review_note else None,
    )


def _task(view: ReminderView, actor: Actor) -> Markup:
    task = view.task
    if task is None:
        return Markup("")
    titles = {
        ReminderKind.TASK_NOT_ACCEPTED: _("⏱ Nobody has accepted the task yet"),
        ReminderKind.TASK_DUE_SOON: _("⏱ The task is due soon"),
        ReminderKind.TASK_OVERDUE: _("🔴 The task is overdue"),
        ReminderKind.TASK_QUESTION: _("❓ A question has waited for a day"),
    }
    words = view.question or task.comment
    return lines(
        html("<b>{title}</b>", title=titles[view.reminder.kind]),
        html(
            _("{kind} · {assignee} · due {due}"),
            kind=capital(_(TASK_KIND[task.kind])),
            assignee=task.assignee.full_name,
            due=moment(task.due_at, actor.zone, view.today),
        ),
        html("<blockquote>{words}</blockquote>", words=short(words, QUOTE)) if words else None,
    )


def body(view: ReminderView, actor: Actor) -> Markup:
    """The reminder as it is asked: what it is about, then the deal."""
    about = {ReminderKind.POLICY_END: _policy_end, ReminderKind.PAYMENT: _payment, ReminderKind.REVIEW: _review}
    told = about[view.reminder.kind](view) if view.reminder.kind in about else _task(view, actor)
    own_day = view.deal.review_reason is ReviewReason.BY_HAND and view.deal.review_on <= view.today
    return lines(
        told,
        "",
        deal_lines(view.deal, actor),
        html(_("📌 You wanted to look at this deal today, too."))
        if own_day and view.reminder.kind in {ReminderKind.POLICY_END, ReminderKind.PAYMENT}
        else None,
    )


def settled(view: ReminderView, actor: Actor) -> Markup:
    """The same message once it is answered: by what, and when the deal comes up next."""
    said = _(ANSWERED.get(view.reminder.answer or "", NOT_NEEDED))
    reason = view.policy.outcome_reason if view.policy is not None and view.reminder.answer == "lost" else None
    promised = view.payment.promised_on if view.payment is not None and view.reminder.answer == "promised" else None
    until = day(promised) if promised is not None else _(CLOSE_REASON[reason]) if reason is not None else ""
    about = view.policy.number if view.policy is not None else ""
    return lines(
        html("<b>{said}</b>{until}", said=said, until=f": {until}" if until else ""),
        html("📜 {number}", number=about) if about else None,
        deal_lines(view.deal, actor),
        next_touch(view.deal) if view.reminder.status is ReminderStatus.ANSWERED else None,
    )


def next_touch(deal: Deal) -> Markup:
    """When the deal comes up next and why."""
    return html(
        _("Next touch: <b>{day}</b> — {reason}"), day=day(deal.review_on), reason=_(REVIEW_REASON[deal.review_reason])
    )
