"""What is said of a task, on its screen and in the messages about it."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fsm.i18n import _, ngettext
from fsm.journal_words import words_of
from fsm.text import html, lines, short
from fsm.words import NO_BREAK, TASK_KIND, TASK_STATUS, capital, in_days, moment, money, weekday
from models.enums import TaskKind, TaskStatus
from models.tables import JournalEntry, Task
from services.access import Actor
from services.rules.calendar import is_working_day
from services.rules.stages import OPEN_TASKS
from services.tasks import TaskCard

ICONS = {TaskKind.CALCULATE: "🧮", TaskKind.ISSUE: "📝", TaskKind.OTHER: "📌"}
WORDS, ENTRY, ENTRIES = 900, 220, 3


def due(task: Task, zone: ZoneInfo, now: datetime) -> str:
    """By when, and how far it is; a late task is red at first sight."""
    today = now.astimezone(zone).date()
    on: date = task.due_at.astimezone(zone).date()
    mark = "🔴" if is_late(task, now) else "⏰"
    said = _("due {when}").format(when=moment(task.due_at, zone, today))
    return f"{mark} {said} · {in_days(on, today)}"


FAR = 60
"""Days ahead beyond which a due is more likely a slip of the hand."""


def doubt(due_at: datetime, zone: ZoneInfo, now: datetime) -> str | None:
    """What is odd about a due: nobody works on that day, or it is far away. It is said, not refused."""
    on, today = due_at.astimezone(zone).date(), now.astimezone(zone).date()
    if (on - today).days > FAR:
        return _("⚠️ {day} is far: {distance}").format(day=weekday(on, today), distance=in_days(on, today))
    if not is_working_day(on) and on >= today:
        return _("⚠️ {day} is a day off").format(day=weekday(on, today))
    return None


def is_late(task: Task, now: datetime) -> bool:
    """Whether it should have been done: nobody is late while he waits for an answer or for the insurer."""
    waits = task.status in {TaskStatus.QUESTION, TaskStatus.WAITING_INSURER}
    return task.status in OPEN_TASKS and not waits and task.due_at < now


def worked(minutes: int) -> str:
    """Working time as `1 h 20 min`."""
    hours, rest = divmod(minutes, 60)
    parts = [_("{n} h").format(n=hours)] if hours else []
    return " ".join([*parts, _("{n} min").format(n=rest)]).replace(" ", NO_BREAK)


def title(task: Task, words: str | None = None) -> Markup:
    """The first line: what is asked, and the deal's number, by which an old message finds its deal."""
    said = words or capital(_(TASK_KIND[task.kind]))
    return html("{icon} <b>{said} · №{number}</b>", icon=ICONS[task.kind], said=said, number=task.deal.number)


def about(task: Task) -> Markup:
    """Whose and what: the client, the line and the insured object."""
    deal = task.deal
    place = " · ".join(part for part in (f"{deal.line.name} {deal.title}", deal.plate, deal.address) if part)
    return lines(html("👤 {client}", client=deal.client.name), html("📂 {place}", place=place))


def _entry(entry: JournalEntry, zone: ZoneInfo) -> Markup:
    author = entry.author.full_name if entry.author is not None else ""
    if entry.event is None:
        return html("• {author}: {text}", author=author, text=short(entry.text, ENTRY))
    return html("• {words}", words=words_of(entry, zone))


def journal(card: TaskCard, zone: ZoneInfo) -> Markup | None:
    """The last things that people wrote; what happened by itself is in the deal."""
    said = card.last_words.comment if card.last_words is not None else ""
    written = [entry for entry in card.entries if entry.event is None and entry.text != said][:ENTRIES]
    if not written:
        return None
    return lines("", html("<b>{title}</b>", title=_("Journal")), *(_entry(entry, zone) for entry in reversed(written)))


def words(card: TaskCard) -> Markup | None:
    """The newest question, answer or reason, which is what the state is about."""
    last = card.last_words
    if last is None or last is card.moves[0]:
        return None
    marks = {
        TaskStatus.QUESTION: "❓", TaskStatus.ACCEPTED: "💬", TaskStatus.RETURNED: "↩️",
        TaskStatus.QUEUED: "🚫", TaskStatus.CANCELLED: "✖️",
    }  # fmt: skip
    who = last.by.full_name if last.by is not None else ""
    return html(
        "{mark} <b>{who}:</b> {text}", mark=marks.get(last.status, "💬"), who=who, text=short(last.comment, WORDS)
    )


def text(card: TaskCard, actor: Actor, now: datetime, said: str | None = None) -> Markup:
    """Everything needed to act on a task, within one message."""
    task = card.task
    status = capital(_(TASK_STATUS[task.status]))
    stands = _("the clock stands") if task.status in OPEN_TASKS and not card.clock_runs else None
    person = task.author if task.assignee_id == actor.user_id else task.assignee
    whom = _("from {name}") if task.assignee_id == actor.user_id else _("done by {name}")
    return lines(
        title(task, said),
        about(task),
        html("🔖 {status}", status=" · ".join(part for part in (status, stands) if part)),
        html("🙋 {whom}", whom=whom.format(name=person.full_name)),
        due(task, actor.zone, now) if task.status in OPEN_TASKS else None,
        doubt(task.due_at, actor.zone, now) if task.status in OPEN_TASKS else None,
        _variant(card),
        html("💬 {comment}", comment=short(task.comment, WORDS)) if task.comment else None,
        html("📎 {papers}", papers=papers(card.documents)),
        words(card),
        journal(card, actor.zone),
    )


def papers(count: int) -> str:
    if not count:
        return _("No papers yet")
    return ngettext("{n} paper", "{n} papers", count).format(n=count)


def _variant(card: TaskCard) -> Markup | None:
    variant = card.variant
    if variant is None:
        return None
    said = f"В{variant.number} · {variant.insurer.name} {variant.product}".rstrip()
    return html("🎯 <b>{said}</b> · {premium}", said=said, premium=money(variant.premium))
