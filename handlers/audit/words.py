"""What an audit record says: the action, the field, the old value and the new one, in the reader's language."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from fsm.i18n import _
from fsm.text import html, short
from fsm.words import (
    CLOSE_REASON,
    DEAL_OUTCOME,
    DOCUMENT_KIND,
    EXPENSE_KIND,
    POLICY_STATUS,
    ROLE,
    STAGE,
    TASK_KIND,
    TASK_STATUS,
    VARIANT_STATUS,
    day,
    moment,
    money,
)
from models import enums
from services.audit import AuditLine
from services.errors import N_

ACTION: Mapping[str, str] = {
    "backup.failed": N_("backup failed"),
    "backup.made": N_("backup made"),
    "backup.ordered": N_("backup ordered"),
    "client.changed": N_("client corrected"),
    "client.created": N_("client added"),
    "client.merged": N_("client merged into another"),
    "deal.changed": N_("insured object corrected"),
    "deal.closed": N_("deal was closed"),
    "deal.executor": N_("executor of the deal chosen"),
    "deal.next_event": N_("deal sent to its next event"),
    "deal.opened": N_("deal was opened"),
    "deal.postponed": N_("deal put off"),
    "deal.reopened": N_("deal opened again"),
    "deal.seller": N_("deal handed to another seller"),
    "deal.stage": N_("deal moved on"),
    "deal_expense.added": N_("expense agreed on the deal"),
    "deal_expense.removed": N_("agreed expense taken back"),
    "document.deleted": N_("paper put away"),
    "document.filed": N_("paper filed"),
    "document.kind": N_("kind of paper changed"),
    "document.variant": N_("paper put to a variant"),
    "expense.added": N_("expense expected"),
    "expense.removed": N_("expense called off"),
    "income.disputed": N_("commission disputed"),
    "income.expected": N_("expected commission corrected"),
    "income.written_off": N_("commission given up"),
    "insurer.added": N_("insurer added"),
    "insurer.aliases": N_("short names of an insurer"),
    "insurer.renamed": N_("insurer renamed"),
    "insurer.switched": N_("insurer switched on or off"),
    "invite.made": N_("invitation made"),
    "invite.revoked": N_("invitation withdrawn"),
    "invite.used": N_("came by an invitation"),
    "journal.added": N_("journal entry"),
    "line.added": N_("line of business added"),
    "line.aliases": N_("short names of a line"),
    "line.ladder": N_("reminders of a line changed"),
    "line.renamed": N_("line of business renamed"),
    "line.switched": N_("line switched on or off"),
    "message.resent": N_("message sent after all"),
    "money.client_paid": N_("client paid"),
    "money.commission_received": N_("commission received"),
    "money.commission_returned": N_("commission taken back by the insurer"),
    "money.expense_paid": N_("expense paid out"),
    "money.insurer_confirmed": N_("insurer confirmed the payment"),
    "money.undone": N_("money entry taken back"),
    "payment.promised": N_("client promised to pay"),
    "payment.put_off": N_("reminder of the instalment put off"),
    "payment.restored": N_("instalment owed again"),
    "payment.shifted": N_("instalment moved"),
    "payment.waived": N_("instalment written off"),
    "person.blocked": N_("person blocked"),
    "person.handed_over": N_("work handed over"),
    "person.joined": N_("joined the agency"),
    "person.reachable": N_("person has started the bot again"),
    "person.renamed": N_("person renamed"),
    "person.roles": N_("roles changed"),
    "person.settings": N_("own settings changed"),
    "person.unblocked": N_("person let in again"),
    "person.unreachable": N_("person has stopped the bot"),
    "policy.cancelled": N_("policy was cancelled"),
    "policy.corrected": N_("policy corrected"),
    "policy.lost": N_("policy will not be renewed"),
    "policy.moved": N_("policy moved to another insurer"),
    "policy.outcome": N_("policy has its outcome"),
    "policy.rate": N_("rate of a policy set"),
    "policy.registered": N_("policy registered"),
    "policy.renewal_started": N_("renewal begun"),
    "policy.renewed": N_("policy renewed"),
    "policy.reopened": N_("policy waits for a decision again"),
    "policy.thinking": N_("client thinks"),
    "rate.added": N_("commission rate set"),
    "rate.changed": N_("commission rate corrected"),
    "rate.deleted": N_("commission rate taken back"),
    "reminder.again": N_("failing reminder tried again"),
    "task.accepted": N_("task taken to work"),
    "task.answered": N_("question about a task answered"),
    "task.cancelled": N_("task called off"),
    "task.done": N_("task finished"),
    "task.due": N_("due of a task changed"),
    "task.given": N_("task given"),
    "task.question": N_("question about a task"),
    "task.queued": N_("task put in the queue"),
    "task.reassigned": N_("task handed to another executor"),
    "task.refused": N_("task refused"),
    "task.resumed": N_("task goes on"),
    "task.returned": N_("task sent back"),
    "task.variant": N_("variant of a task changed"),
    "task.waiting_insurer": N_("task waits for the insurer"),
    "team.settings": N_("settings of the agency changed"),
    "update.rerun": N_("given-up update run again"),
    "variant.added": N_("variant entered"),
    "variant.changed": N_("variant corrected"),
    "variant.chosen": N_("variant chosen"),
    "variant.declined_by_insurer": N_("variant declined by the insurer"),
    "variant.deleted": N_("variant deleted"),
    "variant.draft": N_("variant is a draft again"),
    "variant.expired": N_("variant has expired"),
    "variant.not_selected": N_("variant not selected"),
    "variant.offered": N_("variant offered"),
}

FIELD: Mapping[str, str] = {
    "active": N_("switched on"),
    "address": N_("address"),
    "aliases": N_("short names"),
    "amount": N_("sum"),
    "clients": N_("clients"),
    "days": N_("days before the end"),
    "deals": N_("deals"),
    "digest_hour": N_("digest hour"),
    "due_at": N_("due"),
    "due_on": N_("due"),
    "email": N_("e-mail"),
    "ends_on": N_("end"),
    "expected": N_("expected sum"),
    "inn": N_("INN"),
    "kind": N_("kind"),
    "language": N_("language"),
    "name": N_("name"),
    "note": N_("note"),
    "number": N_("number"),
    "on": N_("day"),
    "outcome": N_("outcome"),
    "paid": N_("paid sum"),
    "percent": N_("percent"),
    "plan": N_("payment plan"),
    "plate": N_("plate"),
    "premium": N_("premium"),
    "promised_on": N_("promised by"),
    "quiet_from": N_("quiet from"),
    "quiet_to": N_("quiet until"),
    "rate": N_("rate"),
    "rate_value": N_("rate"),
    "reason": N_("reason"),
    "review_on": N_("next touch"),
    "role": N_("role"),
    "roles": N_("roles"),
    "scope": N_("sales"),
    "stage": N_("stage"),
    "starts_on": N_("start"),
    "status": N_("status"),
    "tasks": N_("tasks"),
    "time_zone": N_("time zone"),
    "title": N_("object"),
    "until": N_("until"),
    "valid_from": N_("valid from"),
    "value": N_("value"),
    "vin": N_("VIN"),
    "work_hours": N_("working hours"),
    "executor": N_("executor"),
    "seller": N_("seller"),
    "assignee_id": N_("executor"),
    "to": N_("to whom"),
}
"""Fields that have a name; another one (an id, a hash) says nothing to a person and is left out."""

_PEOPLE = {"executor", "seller", "assignee_id", "to"}
_SUMS = {"amount", "premium", "expected", "paid"}
_DAYS = {"on", "due_on", "ends_on", "starts_on", "review_on", "promised_on", "until", "valid_from"}
_VOCABULARIES: Mapping[str, tuple[tuple[type[StrEnum], Mapping[Any, str]], ...]] = {
    "stage": ((enums.DealStage, STAGE),),
    "outcome": ((enums.DealOutcome, DEAL_OUTCOME), (enums.PolicyStatus, POLICY_STATUS)),
    "reason": ((enums.CloseReason, CLOSE_REASON),),
    "role": ((enums.Role, ROLE),),
    "roles": ((enums.Role, ROLE),),
    "status": ((enums.TaskStatus, TASK_STATUS), (enums.VariantStatus, VARIANT_STATUS)),
    "kind": ((enums.TaskKind, TASK_KIND), (enums.ExpenseKind, EXPENSE_KIND), (enums.DocumentKind, DOCUMENT_KIND)),
}
LONG = 80


def record(line: AuditLine, names: Mapping[int, str], zone: ZoneInfo, today: date) -> Markup:
    """One record in two or three short lines: when and who; what, in which deal; what became of what."""
    row = line.record
    about = names.get(row.object_id or 0) if row.object_type == "user" and row.object_id != row.actor_id else None
    where = f"№{line.deal_number}" if line.deal_number else about
    head = html(
        "<b>{when}</b> {who}: {what}",
        when=moment(row.at, zone, today),
        who=line.actor or _("the bot"),
        what=_(ACTION[row.action]) if row.action in ACTION else row.action,
    )
    said = [
        text for field, value in row.changes.items() if (text := change(field, value, names, zone, today)) is not None
    ]
    if where:
        head = html("{head} · {where}", head=head, where=where)
    return html("{head}\n   {said}", head=head, said=short("; ".join(said), 200)) if said else head


def change(field: str, value: Any, names: Mapping[int, str], zone: ZoneInfo, today: date) -> str | None:
    """A field with its old value and its new one, or with its value; None where it says nothing to a person."""
    if field not in FIELD or value in (None, "", []):
        return None
    is_pair = isinstance(value, list) and len(value) == 2 and field not in {"roles", "aliases", "work_hours", "days"}
    nested = isinstance(value, list) and len(value) == 2 and all(isinstance(side, list) for side in value)
    if is_pair or nested:
        before, after = (_value(field, side, names, zone, today) for side in value)
        return f"{_(FIELD[field])}: {before} → {after}"
    return f"{_(FIELD[field])}: {_value(field, value, names, zone, today)}"


def _value(field: str, value: Any, names: Mapping[int, str], zone: ZoneInfo, today: date) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, list):
        return ", ".join(_value(field, item, names, zone, today) for item in value) or "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if field in _PEOPLE and isinstance(value, int):
        return names.get(value, "?")
    for vocabulary, words in _VOCABULARIES.get(field, ()):
        if value in {member.value for member in vocabulary}:
            return _(words[vocabulary(value)])
    try:
        if field in _SUMS:
            return money(Decimal(str(value)))
        if field in _DAYS:
            return day(date.fromisoformat(str(value)[:10]))
        if field == "due_at":
            return moment(datetime.fromisoformat(str(value)), zone, today)
    except (ValueError, InvalidOperation):
        pass
    return short(str(value), LONG)
