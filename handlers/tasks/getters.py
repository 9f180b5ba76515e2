"""What the screens of tasks need."""

from datetime import date, datetime
from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _, ngettext
from fsm.navigation import at_page, paged, pager_preview, pages
from fsm.text import html, lines, short
from fsm.words import NO_BREAK, TASK_KIND, TASK_STATUS, moment, money, weekday
from handlers.tasks.steps import Step, label, others, primary
from handlers.tasks.texts import ICONS, about, doubt, is_late, text, title, worked
from handlers.tasks.texts import due as due_line
from models.enums import Role, TaskFilter, TaskKind, TaskStatus
from models.tables import Task
from services.errors import N_
from services.tasks import Proposal

LIST_PREVIEW: dict[str, Any] = {
    "text": Markup("<b>Tasks</b>"),
    "filters": [{"id": "mine", "label": "● mine"}],
    "tasks": [{"id": 1, "label": "🧮 14.03 18:00 · Иванов · КАСКО"}],
    **pager_preview(),
}
CARD_PREVIEW: dict[str, Any] = {
    "text": Markup("<b>Calculation · №1001</b>"),
    "primary": [{"id": "ac", "label": "✅ Accept"}],
    "others": [{"id": "as", "label": "❓ Question"}],
    "answering": True,
}
TEXT_PREVIEW: dict[str, Any] = {"text": Markup("<b>Calculation · №1001</b>")}
DUES_PREVIEW: dict[str, Any] = {
    **TEXT_PREVIEW,
    "dues": [{"id": "2026-03-03T18:00:00+03:00", "label": "tomorrow 18:00"}],
}
PEOPLE_PREVIEW: dict[str, Any] = {
    **TEXT_PREVIEW,
    "people": [{"id": 1, "label": "Egor · 2"}],
    **pager_preview("people"),
}
NEW_PREVIEW: dict[str, Any] = {
    **TEXT_PREVIEW,
    "ready": True,
    "dues": [{"id": "2026-03-03T18:00:00+03:00", "label": "● 03.03 18:00"}],
    "assignee": "Егор Лисин",
}

FILTERS = {
    TaskFilter.MINE: N_("Mine to do"),
    TaskFilter.GIVEN: N_("I wait for"),
    TaskFilter.ALL: N_("All I see"),
}
REASONS = {
    Step.REFUSE: N_("Why do you refuse? The author reads it and hands the task to another."),
    Step.RETURN: N_("What is wrong? The executor gets the task back with these words."),
    Step.CANCEL: N_("Why is the task called off? The executor reads it."),
}


def now(manager: DialogManager) -> datetime:
    return services(manager).tasks.clock.now()


def chosen_filter(manager: DialogManager) -> TaskFilter:
    """Who only sells has nothing to do himself: he looks at what he waits for."""
    default = TaskFilter.MINE if Role.EXECUTOR in actor(manager).roles else TaskFilter.GIVEN
    return TaskFilter(kept(manager, "filter", default.value))


def _row(task: Task, manager: DialogManager) -> str:
    mark = "🔴" if is_late(task, now(manager)) else ICONS[task.kind]
    zone = actor(manager).zone
    when = moment(task.due_at, zone, now(manager).astimezone(zone).date())
    waits = {TaskStatus.QUESTION: "❓", TaskStatus.WAITING_INSURER: "⏳", TaskStatus.QUEUED: "🆕"}.get(task.status, "")
    return short(f"{mark}{waits} {when} · {task.deal.client.name} · {task.deal.line.name} {task.deal.title}", 60)


async def tasks(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    which = chosen_filter(dialog_manager)
    me, ask = actor(dialog_manager), services(dialog_manager).tasks.mine
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number, which))
    count = ngettext("{n} open task", "{n} open tasks", total).format(n=total) if total else _("No open tasks here.")
    return {
        "text": lines(
            html("✅ <b>{title}</b>", title=_("Tasks")),
            count,
            html("<i>{order}</i>", order=_("By due, the overdue first.")) if total else None,
        ),
        "filters": [
            {"id": one.value, "label": f"{'● ' if one is which else ''}{_(said)}"} for one, said in FILTERS.items()
        ],
        "tasks": [{"id": task.id, "label": _row(task, dialog_manager)} for task in rows],
        **pages(total, dialog_manager),
    }


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    seen = await services(dialog_manager).tasks.card(actor(dialog_manager), start_id(dialog_manager, "task_id"))
    first = primary(seen)
    return {
        "text": lines(
            text(seen, actor(dialog_manager), now(dialog_manager)),
            "",
            html("⏱ {worked}", worked=_("{time} of working time").format(time=worked(seen.minutes))),
        ),
        "primary": [] if first is None else [{"id": first.value, "label": label(first, seen)}],
        "others": [{"id": step.value, "label": label(step, seen)} for step in others(seen)],
    }


async def words(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """The head of every window that waits for words: the task, and what is asked."""
    seen = await services(dialog_manager).tasks.card(actor(dialog_manager), start_id(dialog_manager, "task_id"))
    state = dialog_manager.current_context().state.state or ""
    asked = {
        "question": N_("What do you want to know? Write it in one message; the clock stands until the answer."),
        "answer": N_("Write the answer in one message; the executor gets it at once."),
    }.get(state.rsplit(":", 1)[-1])
    if asked is None:
        given: Any = dialog_manager.start_data
        asked = REASONS[Step(given["step"])]
    question = seen.last_words if seen.task.status is TaskStatus.QUESTION else None
    return {
        "text": lines(
            title(seen.task),
            about(seen.task),
            html("❓ {question}", question=question.comment) if question is not None else None,
            "",
            _(asked),
        )
    }


async def history(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    seen = await services(dialog_manager).tasks.card(actor(dialog_manager), start_id(dialog_manager, "task_id"))
    zone = actor(dialog_manager).zone
    steps = [
        lines(
            html(
                "<b>{when}</b> {status} · {who}",
                when=moment(move.at, zone, now(dialog_manager).astimezone(zone).date()),
                status=_(TASK_STATUS[move.status]),
                who=move.by.full_name if move.by is not None else _("by itself"),
            ),
            html("    {words}", words=short(move.comment, 200)) if move.comment else None,
        )
        for move in seen.moves[-10:]
    ]
    time = _("{time} of working time").format(time=worked(seen.minutes))
    return {"text": lines(title(seen.task), about(seen.task), "", *steps, "", html("⏱ {time}", time=time))}


async def people(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """Who else can take the task."""
    seen = await services(dialog_manager).tasks.card(actor(dialog_manager), start_id(dialog_manager, "task_id"))
    found = await services(dialog_manager).tasks.candidates(actor(dialog_manager), seen.task.deal_id)
    others, pager = paged([one for one in found if one.user.id != seen.task.assignee_id], dialog_manager, "people")
    return {
        "text": lines(title(seen.task), about(seen.task), "", _("Who shall take it?")),
        "people": [{"id": one.user.id, "label": _loaded(one.user.full_name, one.open_tasks)} for one in others],
        **pager,
    }


async def dues(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """By when else the task could be done."""
    who = actor(dialog_manager)
    seen = await services(dialog_manager).tasks.card(who, start_id(dialog_manager, "task_id"))
    found = await services(dialog_manager).tasks.proposal(who, seen.task.deal_id, TaskKind.OTHER)
    at = now(dialog_manager)
    today = at.astimezone(who.zone).date()
    return {
        "text": lines(
            title(seen.task),
            about(seen.task),
            due_line(seen.task, who.zone, at),
            "",
            _("By when? Choose it or write it: fri, 31.12, +3, tomorrow 15:00."),
        ),
        "dues": [
            {"id": one.isoformat(), "label": _chip(one.astimezone(who.zone), today)}
            for one in found.dues
            if one != seen.task.due_at
        ],
    }


def _loaded(name: str, count: int, *, proposed: bool = False) -> str:
    busy = ngettext("{n} open task", "{n} open tasks", count).format(n=count) if count else _("free")
    return f"{'⭐ ' if proposed else ''}{name} · {busy}"


# --- a new task ---------------------------------------------------------------------------------------------------


async def proposal(manager: DialogManager) -> Proposal:
    given: Any = manager.start_data
    return await services(manager).tasks.proposal(
        actor(manager),
        start_id(manager, "deal_id"),
        TaskKind(given["kind"]),
        given.get("variant_id"),
        kept(manager, "assignee_id"),
    )


def _asked(manager: DialogManager, found: Proposal) -> Markup:
    given: Any = manager.start_data
    kind, deal, variant = TaskKind(given["kind"]), found.deal, found.variant
    said = _("New task: {kind}").format(kind=_(TASK_KIND[kind]))
    return lines(
        html("{icon} <b>{said} · №{number}</b>", icon=ICONS[kind], said=said, number=deal.number),
        html("👤 {client}", client=deal.client.name),
        html("📂 {line} {title}", line=deal.line.name, title=deal.title),
        html(
            "🎯 В{n} · {insurer} · {premium}",
            n=variant.number,
            insurer=variant.insurer.name,
            premium=money(variant.premium),
        )
        if variant is not None
        else None,
    )


def due_of(manager: DialogManager, found: Proposal) -> datetime:
    """The due that is chosen, or the first proposed one."""
    chosen = kept(manager, "due")
    return datetime.fromisoformat(chosen) if chosen else found.dues[0]


def _chip(due: datetime, today: date) -> str:
    days = (due.date() - today).days
    name = _("today") if days == 0 else _("tomorrow") if days == 1 else weekday(due.date(), today)
    return f"{name} {due:%H:%M}".replace(" ", NO_BREAK)


async def new(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await proposal(dialog_manager)
    zone = actor(dialog_manager).zone
    due, comment = due_of(dialog_manager, found), kept(dialog_manager, "comment", "")
    who = found.assignee
    today = now(dialog_manager).astimezone(zone).date()
    chips = [*found.dues] if due in found.dues else [due, *found.dues]
    given: Any = dialog_manager.start_data
    wordless = not comment and TaskKind(given["kind"]) is TaskKind.OTHER
    hint = (
        _("Another due can be written too: fri, 31.12, +3, tomorrow 15:00.")
        if wordless
        else _("Write a comment, or another due: fri, 31.12, +3, tomorrow 15:00.")
    )
    return {
        "text": lines(
            _asked(dialog_manager, found),
            "",
            html("🙋 <b>{name}</b>", name=who.full_name if who else _("nobody chosen yet")),
            html("⏰ <b>{due}</b>", due=f"{weekday(due.astimezone(zone).date(), today)}, {due.astimezone(zone):%H:%M}"),
            doubt(due, zone, now(dialog_manager)),
            html("💬 {comment}", comment=short(comment, 900)) if comment else None,
            "",
            html("✍️ {ask}", ask=_("Write what is to be done.")) if wordless else None,
            html("<i>{hint}</i>", hint=hint),
        ),
        "ready": who is not None and not wordless,
        "assignee": who.full_name if who else _("nobody"),
        "dues": [
            {"id": one.isoformat(), "label": f"{'● ' if one == due else ''}{_chip(one.astimezone(zone), today)}"}
            for one in chips
        ],
    }


async def assignees(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await proposal(dialog_manager)
    candidates = await services(dialog_manager).tasks.candidates(actor(dialog_manager), found.deal.id)
    people, pager = paged(candidates, dialog_manager, "people")
    nobody = _("There are no executors yet. An admin invites them with /invite.")
    return {
        "text": lines(_asked(dialog_manager, found), "", _("Who shall do it?") if people else nobody),
        "people": [
            {"id": one.user.id, "label": _loaded(one.user.full_name, one.open_tasks, proposed=one.proposed)}
            for one in people
        ],
        **pager,
    }


async def comment(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await proposal(dialog_manager)
    said = kept(dialog_manager, "comment", "")
    return {
        "text": lines(
            _asked(dialog_manager, found),
            html("💬 {comment}", comment=short(said, 900)) if said else None,
            "",
            _("What should the executor know? Write it in one message."),
        )
    }
