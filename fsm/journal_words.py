"""What system events of a deal's journal say; an event that has no words yet is shown by its name."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fsm.i18n import _
from fsm.text import html
from fsm.words import CLOSE_REASON, DEAL_OUTCOME, REVIEW_REASON, TASK_KIND, day, moment, money
from models import enums
from models.tables import JournalEntry
from services.errors import N_

EVENTS: Mapping[str, str] = {
    "deal_opened": N_("Deal opened"),
    "deal_closed": N_("Deal closed: {outcome}, {reason}"),
    "deal_reopened": N_("Deal opened again"),
    "deal_postponed": N_("Next touch moved to {on}"),
    "deal_to_next_event": N_("Handled; next touch {on}: {review}"),
    "executor_set": N_("Executor: {name}"),
    "deal_handed_over": N_("Deal handed over to {name}"),
    "client_thinks": N_("Client thinks until {until}"),
    "document_filed": N_("Paper filed: {name}"),
    "document_deleted": N_("Paper put away: {name}"),
    "task_given": N_("Task «{kind}» for {assignee}, due {due_at}"),
    "task_due": N_("Task «{kind}»: another due, {due_at}"),
    "task_reassigned": N_("Task «{kind}» handed to {assignee}"),
    "task_accepted": N_("Task «{kind}» taken to work"),
    "task_waiting_insurer": N_("Task «{kind}»: waits for the insurer"),
    "task_resumed": N_("Task «{kind}»: the insurer has answered"),
    "task_refused": N_("Task «{kind}» refused: {comment}"),
    "task_returned": N_("Task «{kind}» returned: {comment}"),
    "task_cancelled": N_("Task «{kind}» cancelled: {comment}"),
    "task_done": N_("Task «{kind}» done"),
    "variants_added": N_("Variants entered: {count}"),
    "variants_handed_in": N_("Variants handed in: {count}"),
    "variant_changed": N_("Variant В{number} changed"),
    "variant_deleted": N_("Variant В{number} deleted"),
    "variant_chosen": N_("Client chose В{number}: {insurer}, {premium}"),
    "variant_declined": N_("The insurer declined В{number}"),
    "policy_registered": N_("Policy {number} registered: {insurer}, {premium}, until {ends_on}"),
    "policy_corrected": N_("Policy {number} corrected"),
    "policy_cancelled": N_("Policy {number} cancelled"),
    "policy_lost": N_("Policy {number} will not be renewed: {reason}"),
    "policy_reopened": N_("Policy {number} waits for a decision again"),
    "renewal_started": N_("Renewal of policy {number} begun"),
    "payment_paid": N_("Paid {amount} on {on}: policy {number}, instalment {seq}"),
    "payment_confirmed": N_("Insurer confirmed instalment {seq} of policy {number}"),
    "payment_promised": N_("Client promised to pay instalment {seq} of policy {number} by {on}"),
    "payment_shifted": N_("Instalment {seq} of policy {number} moved to {on}"),
    "payment_waived": N_("Instalment {seq} of policy {number} waived"),
    "payment_restored": N_("Instalment {seq} of policy {number} is owed again"),
    "payment_undone": N_("Payment of {amount} undone: policy {number}, instalment {seq}"),
}

_Words = Callable[[Any, JournalEntry, ZoneInfo], str]


def _reason(value: Any, _entry: JournalEntry, _zone: ZoneInfo) -> str:
    try:
        return _(CLOSE_REASON[enums.CloseReason(value)])
    except ValueError:
        return str(value)


def _kind(value: Any, _entry: JournalEntry, _zone: ZoneInfo) -> str:
    try:
        return _(TASK_KIND[enums.TaskKind(value)])
    except ValueError:
        return str(value)


_FORMATS: Mapping[str, _Words] = {
    "kind": _kind,
    "reason": _reason,
    "outcome": lambda value, _entry, _zone: _(DEAL_OUTCOME[enums.DealOutcome(value)]),
    "review": lambda value, _entry, _zone: _(REVIEW_REASON[enums.ReviewReason(value)]),
    # A day of the year in which it was written needs no year: the entry shows its own.
    "due_at": lambda value, entry, zone: moment(
        datetime.fromisoformat(value), zone, entry.created_at.astimezone(zone).date()
    ),
    **dict.fromkeys(("on", "until", "ends_on"), lambda value, _entry, _zone: day(date.fromisoformat(value))),
    **dict.fromkeys(("premium", "amount"), lambda value, _entry, _zone: money(Decimal(value))),
}


def is_cut(entry: JournalEntry, zone: ZoneInfo, limit: int) -> bool:
    """Whether an entry is longer than a list shows of it."""
    return len(_plain(entry, zone)) > limit


def words_of(entry: JournalEntry, zone: ZoneInfo, limit: int = 4000) -> Markup:
    """What an entry says to this reader, as HTML: a person's own words escaped, or the words of its event."""
    words = _plain(entry, zone)
    if len(words) > limit:
        words = f"{words[:limit].rstrip()}…"
    return html("{words}", words=words) if entry.event is None else html("<i>{words}</i>", words=words)


def _plain(entry: JournalEntry, zone: ZoneInfo) -> str:
    if entry.event is None:
        return entry.text
    told = {
        key: _FORMATS[key](value, entry, zone) if key in _FORMATS and value is not None else str(value or "")
        for key, value in entry.params.items()
    }
    try:
        return _(EVENTS[entry.event]).format(**told)
    except KeyError:
        return entry.event.replace("_", " ")


def author_of(entry: JournalEntry) -> str:
    """Who wrote or did it: surname is enough in a list of colleagues; the clock has no name."""
    return entry.author.full_name if entry.author is not None else _("by itself")
