"""Messages about tasks: what happened in the first line, then the task as it is now, with the buttons of now."""

from typing import Any

from markupsafe import Markup

from fsm.cards import Card, CardContext, card
from fsm.i18n import _
from fsm.text import html, lines, short
from handlers.tasks.steps import keyboard
from handlers.tasks.texts import WORDS, text
from models.enums import TaskKind, TaskStatus
from services.errors import N_, NotFound
from services.tasks import TaskCard

NEW = {
    TaskKind.CALCULATE: N_("New calculation"),
    TaskKind.ISSUE: N_("New policy to issue"),
    TaskKind.OTHER: N_("New task"),
}


async def _seen(ctx: CardContext, task_id: int) -> TaskCard | None:
    """The task with the reader's own rights; None where it is not his to see any more."""
    try:
        return await ctx.services.tasks.card(ctx.actor, task_id)
    except NotFound:
        return None


def show(ctx: CardContext, seen: TaskCard, said: str | None = None, hint: str | None = None) -> Card:
    """The task as this person sees it now, under what has just happened."""
    body: Markup = text(seen, ctx.actor, ctx.services.tasks.clock.now(), said)
    return Card(lines(body, "", html("<i>{hint}</i>", hint=hint)) if hint else body, keyboard(seen))


async def current(ctx: CardContext, task_id: int) -> Card | None:
    """The live card of a task: the same for everybody who has one, by his own rights."""
    seen = await _seen(ctx, task_id)
    if seen is None:
        return None
    fresh = seen.task.status is TaskStatus.QUEUED and seen.works
    return show(ctx, seen, _(NEW[seen.task.kind]) if fresh else None)


@card("task_given")
async def task_given(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    return await current(ctx, task_id)


@card("task_state")
async def task_state(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    return await current(ctx, task_id)


@card("variant_chosen")
async def variant_chosen(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    """The client has changed his mind while the policy is being issued."""
    seen = await _seen(ctx, task_id)
    return None if seen is None else show(ctx, seen, _("Another variant has been chosen"))


@card("task_question")
async def task_question(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    if seen is None or seen.task.status is not TaskStatus.QUESTION:
        return None
    return show(ctx, seen, _("Question about the task"), _("Reply to this message, and the executor gets the answer."))


@card("task_answer")
async def task_answer(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    return None if seen is None else show(ctx, seen, _("The question is answered"))


@card("task_due")
async def task_due(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    return None if seen is None else show(ctx, seen, _("The task has another due"))


@card("task_returned")
async def task_returned(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    if seen is None or seen.task.status is not TaskStatus.RETURNED:
        return None
    return show(ctx, seen, _("Returned for rework"))


@card("task_refused")
async def task_refused(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    if seen is None or seen.task.status is not TaskStatus.QUEUED:
        return None
    return show(ctx, seen, _("The executor has refused"), _("Hand it to another executor, or call it off."))


@card("task_done")
async def task_done(ctx: CardContext, *, task_id: int, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    if seen is None or seen.task.status is not TaskStatus.DONE:
        return None
    return show(ctx, seen, _("Task done"))


@card("task_cancelled")
async def task_cancelled(
    ctx: CardContext, *, task_id: int, number: int | None = None, reason: str = "", **_params: Any
) -> Card | None:
    """Said even to somebody who does not see the deal any more: he must not go on working, and may know why."""
    seen = await _seen(ctx, task_id)
    if seen is None:
        said = html("✖️ <b>{said}</b>", said=_gone(_("Task called off"), number))
        return Card(lines(said, html("💬 {reason}", reason=short(reason, WORDS)) if reason else None))
    return show(ctx, seen, _("Task called off")) if seen.task.status is TaskStatus.CANCELLED else None


@card("task_taken_away")
async def task_taken_away(ctx: CardContext, *, task_id: int, number: int | None = None, **_params: Any) -> Card | None:
    seen = await _seen(ctx, task_id)
    if seen is not None and seen.task.assignee_id == ctx.actor.user_id:
        return None
    return Card(html("👤 <b>{said}</b>", said=_gone(_("The task was handed to another executor"), number)))


def _gone(said: str, number: int | None) -> str:
    return said if number is None else f"{said} · №{number}"
