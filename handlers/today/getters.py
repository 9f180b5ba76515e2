"""The card of the day that is looked at: the most urgent one that has not been looked at in this walk."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, today
from fsm.i18n import _
from fsm.text import html, lines, short
from fsm.words import (
    PAYMENT_STATUS,
    POLICY_STATUS,
    REVIEW_REASON,
    STAGE,
    TASK_KIND,
    TASK_STATUS,
    capital,
    day,
    in_days,
    moment,
    money,
)
from models.enums import PolicyStatus, TaskStatus
from models.values.phone import pretty
from services.deals import DealView
from services.digest import Item
from services.tasks import TaskCard

SHOWN = 3
QUOTE = 500
PREVIEW = {
    "text": Markup("☀️ <b>1 of 3</b>"),
    "any": True,
    "deal": True,
    "accept": True,
    "walked": True,
    "keys": ["deal:1"],
}


def seen(manager: DialogManager) -> tuple[list[int], list[int]]:
    """Deals and tasks that have been looked at in this walk."""
    return list(kept(manager, "deals", [])), list(kept(manager, "tasks", []))


async def main(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """The next card, or the end of the walk."""
    who, do = actor(dialog_manager), services(dialog_manager)
    item = await current(dialog_manager)
    if item is None:
        done = sum(len(ids) for ids in seen(dialog_manager))
        said = (
            _("That is all for today: {n} looked at.").format(n=done) if done else _("Nothing burns and nobody waits.")
        )
        return {
            "text": html("☀️ <b>{said}</b>", said=said),
            "any": False,
            "deal": False,
            "accept": False,
            "walked": done > 0,
            "keys": [],
        }
    flags = {"any": True, "walked": False, "keys": [key_of(item)]}
    if item.kind == "deal":
        view = await do.deals.card(who, item.id)
        return {"text": deal_text(item, view), "deal": view.own, "accept": False, **flags}
    task = await do.tasks.card(who, item.id)
    takes = task.works and task.task.status in {TaskStatus.QUEUED, TaskStatus.RETURNED}
    return {
        "text": task_text(item, task, moment(task.task.due_at, who.zone, today(dialog_manager))),
        "deal": False,
        "accept": takes and task.task.assignee_id == who.user_id,
        **flags,
    }


def _title(item: Item) -> Markup:
    return html("☀️ <b>{at}</b>", at=_("{n} of {total}").format(n=item.n, total=item.total))


def deal_text(item: Item, view: DealView) -> Markup:
    """A deal with what burns in it, and how to call the client."""
    deal, today = view.deal, view.today
    phones = ", ".join(pretty(phone.e164) for phone in deal.client.phones)
    policies = [
        html(
            "📜 {line} {insurer} {number} · {until} · {status}",
            line=brief.policy.line.name,
            insurer=brief.policy.insurer.name,
            number=brief.policy.number,
            until=_("until {day}").format(day=day(brief.policy.ends_on)),
            status=_(POLICY_STATUS[brief.status]),
        )
        for brief in view.policies
        if brief.status in {PolicyStatus.EXPIRED, PolicyStatus.EXPIRING}
    ]
    payments = [
        html(
            "💳 {rest} · {day} ({when}) · {status}",
            rest=money(brief.payment.amount - brief.payment.paid_amount),
            day=day(brief.payment.due_on),
            when=in_days(brief.payment.due_on, today),
            status=_(PAYMENT_STATUS[brief.status]),
        )
        for brief in view.unpaid
    ]
    return lines(
        _title(item),
        "",
        html("<b>№{number} · {line} · {title}</b>", number=deal.number, line=deal.line.name, title=deal.title),
        html("👤 {name}{phones}", name=deal.client.name, phones=f" · {phones}" if phones else ""),
        html(
            "{icon} {day} ({when}) — {reason} · {stage}",
            icon="🔴" if view.overdue else "📌",
            day=day(deal.review_on),
            when=in_days(deal.review_on, today),
            reason=_(REVIEW_REASON[deal.review_reason]),
            stage=_(STAGE[deal.stage]),
        ),
        *policies[:SHOWN],
        *payments[:SHOWN],
    )


def task_text(item: Item, view: TaskCard, due: str) -> Markup:
    """A task with the last words that were said in it."""
    task, words = view.task, view.last_words
    said = short(words.comment if words is not None else task.comment, QUOTE)
    return lines(
        _title(item),
        "",
        html(
            "<b>№{number} · {client} · {title}</b>",
            number=task.deal.number,
            client=task.deal.client.name,
            title=task.deal.title,
        ),
        html(
            _("{kind} · {status} · due {due}"),
            kind=capital(_(TASK_KIND[task.kind])),
            status=_(TASK_STATUS[task.status]),
            due=due,
        ),
        html("{author} → {assignee}", author=task.author.full_name, assignee=task.assignee.full_name),
        html("<blockquote>{said}</blockquote>", said=said) if said else None,
    )


def key_of(item: Item) -> str:
    """What the buttons of a card carry."""
    return f"{item.kind}:{item.id}"


async def current(manager: DialogManager) -> Item | None:
    """The card that is on the screen; None when the walk is over."""
    return await services(manager).digest.next_item(actor(manager), *seen(manager))
