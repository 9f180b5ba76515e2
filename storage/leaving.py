"""What a transaction leaves besides the rows that it is about, in one statement: journal, messages, the effect's mark,
reminders and audit records (docs/adr/0012).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, inspect, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from models.enums import ReminderKind, ReminderStatus
from models.tables import AuditRecord, Base, Deal, Effect, JournalEntry, OutboxMessage, Reminder

_KINDS = (JournalEntry, OutboxMessage, Effect)

# Where a deal stands: what nearly every change moves along. No keys to other tables among it: they would be looked up
# when the chain is held already.
_STANDING = (
    "stage", "outcome", "close_reason", "close_note", "closed_at",
    "review_on", "review_reason", "review_object_id", "review_note", "review_by_hand", "review_set_on",
)  # fmt: skip
_STANDING_COLUMNS = ", ".join((*_STANDING, "updated_at"))

# The chain of audit records is a lock that all transactions wait for, so it comes last: nobody who holds it may wait
# for another. Hence `before`: what can make us wait (a key that somebody else is writing, a row that a foreign key
# leads to) has been waited for when the first record is written. A reminder whose day stays keeps its row: deleted and
# written anew in one statement, the new one could meet the old.
_LEAVE = text(
    f"""
    WITH moved AS (
        UPDATE deals SET ({_STANDING_COLUMNS}) = (SELECT {_STANDING_COLUMNS} FROM jsonb_populate_record(deals, change))
        FROM jsonb_array_elements(:deals) change WHERE deals.id = (change ->> 'id')::bigint
        RETURNING deals.id
    ), entries AS (SELECT * FROM jsonb_populate_recordset(NULL::journal_entries, :journal)),
    messages AS (SELECT * FROM jsonb_populate_recordset(NULL::outbox, :outbox)),
    plan AS (SELECT * FROM jsonb_populate_recordset(NULL::reminders, :plan)),
    replaced AS (SELECT * FROM jsonb_to_recordset(:replaced) AS r(kind text, object_id bigint)),
    held_deals AS (
        SELECT FROM deals WHERE id = ANY (ARRAY(
            SELECT deal_id FROM entries UNION SELECT deal_id FROM messages UNION SELECT deal_id FROM plan
        )) FOR KEY SHARE
    ), held_tasks AS (
        SELECT FROM tasks WHERE id = ANY (ARRAY(SELECT task_id FROM entries)) FOR KEY SHARE
    ), written AS (
        INSERT INTO journal_entries (deal_id, author_id, text, event, params, task_id, created_at, updated_at)
        SELECT deal_id, author_id, text, event, params, task_id, created_at, updated_at FROM entries RETURNING id
    ), queued AS (
        INSERT INTO outbox (recipient_id, kind, params, dedup_key, card_key, edits_card, deal_id, status, attempts)
        SELECT recipient_id, kind, params, dedup_key, card_key, edits_card, deal_id, status, attempts FROM messages
        RETURNING id
    ), marked AS (
        INSERT INTO effects (key, result) SELECT mark ->> 'key', mark -> 'result' FROM jsonb_array_elements(:marks) mark
        RETURNING key
    ), dropped AS (
        DELETE FROM reminders USING replaced
        WHERE reminders.kind = replaced.kind AND reminders.object_id = replaced.object_id
          AND reminders.status = 'planned' AND NOT EXISTS (
            SELECT FROM plan WHERE plan.kind = reminders.kind AND plan.object_id = reminders.object_id
              AND plan.step = reminders.step AND plan.recipient_id = reminders.recipient_id
              AND plan.local_date = reminders.local_date)
        RETURNING reminders.id
    ), kept AS (
        UPDATE reminders SET due_at = plan.due_at, deal_id = plan.deal_id, event_on = plan.event_on,
            attempts = 0, error = NULL, updated_at = clock_timestamp()
        FROM plan JOIN replaced USING (kind, object_id)
        WHERE reminders.kind = plan.kind AND reminders.object_id = plan.object_id AND reminders.step = plan.step
          AND reminders.recipient_id = plan.recipient_id AND reminders.local_date = plan.local_date
          AND reminders.status = 'planned'
        RETURNING reminders.id
    ), answered AS (
        UPDATE reminders SET status = 'answered', answered_at = said.at, answer = said.answer,
            updated_at = clock_timestamp()
        FROM jsonb_to_recordset(:answers) AS said(kind text, object_id bigint, answer text, at timestamptz)
        WHERE reminders.kind = said.kind AND reminders.object_id = said.object_id AND reminders.status = 'sent'
        RETURNING reminders.id
    ), planned AS (
        INSERT INTO reminders
            (kind, object_id, step, recipient_id, local_date, due_at, deal_id, event_on, status, attempts)
        SELECT kind, object_id, step, recipient_id, local_date, due_at, deal_id, event_on, 'planned', 0 FROM plan
        ON CONFLICT DO NOTHING RETURNING id
    ), before AS MATERIALIZED (
        SELECT (SELECT count(*) FROM moved) + (SELECT count(*) FROM held_deals) + (SELECT count(*) FROM held_tasks)
            + (SELECT count(*) FROM written) + (SELECT count(*) FROM queued) + (SELECT count(*) FROM marked)
            + (SELECT count(*) FROM dropped) + (SELECT count(*) FROM kept) + (SELECT count(*) FROM answered)
            + (SELECT count(*) FROM planned) AS rows
    )
    INSERT INTO audit_records (at, actor_id, action, object_type, object_id, deal_id, changes)
    SELECT at, actor_id, action, object_type, object_id, deal_id, changes
    FROM before CROSS JOIN jsonb_populate_recordset(NULL::audit_records, :audit)
    """  # noqa: S608 - the columns are ours
).bindparams(
    *(
        bindparam(name, type_=JSONB)
        for name in ("deals", "journal", "outbox", "marks", "plan", "replaced", "answers", "audit")
    )
)


@dataclass(slots=True)
class Replanning:
    """What becomes of reminders when the transaction ends.

    `replaced` are the objects of which whatever is still planned goes, unless it is in the new `plan`; `answers` are
    given to what was sent. A planned row is known by its object, step, recipient and local day.
    """

    replaced: set[tuple[ReminderKind, int]] = field(default_factory=set)
    plan: dict[tuple[ReminderKind, int, int, int, date], dict[str, Any]] = field(default_factory=dict)
    answers: dict[tuple[ReminderKind, int], tuple[str, datetime]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.replaced or self.plan or self.answers)

    def drops(self, row: Reminder) -> bool:
        """Whether a row is about to be deleted."""
        key = (row.kind, row.object_id, row.step, row.recipient_id, row.local_date)
        return row.status is ReminderStatus.PLANNED and key[:2] in self.replaced and key not in self.plan


async def leave(session: AsyncSession, replanning: Replanning, records: Iterable[AuditRecord] = ()) -> None:
    """Write what has been left until now, after everything else that the session has to write."""
    rows: list[Base] = [row for row in session.new if isinstance(row, _KINDS)]
    for row in rows:
        session.expunge(row)
    for known in session.sync_session.identity_map.values():
        if isinstance(known, Reminder) and replanning.drops(known):
            session.expunge(known)
    now = session.sync_session.info["now"]
    moved = [change for row in session.dirty if isinstance(row, Deal) and (change := _move(row, now))]
    await session.flush()
    audit = [_values(row) for row in records]
    if not moved and not rows and not audit and not replanning:
        return
    await session.execute(
        _LEAVE,
        {
            "deals": sorted(moved, key=itemgetter("id")),
            "journal": [
                _values(row) | {"created_at": now, "updated_at": now} for row in rows if isinstance(row, JournalEntry)
            ],
            "outbox": [_values(row) for row in rows if isinstance(row, OutboxMessage)],
            "marks": [_values(row) for row in rows if isinstance(row, Effect)],
            "plan": list(replanning.plan.values()),
            "replaced": [{"kind": kind, "object_id": object_id} for kind, object_id in replanning.replaced],
            "answers": [
                {"kind": kind, "object_id": object_id, "answer": answer, "at": at}
                for (kind, object_id), (answer, at) in replanning.answers.items()
            ],
            "audit": audit,
        },
    )


def _move(deal: Deal, now: datetime) -> dict[str, Any] | None:
    """Take from the session that a deal stands elsewhere now, if that is all that it has to write of it."""
    state = inspect(deal)
    touched = [key for key in state.mapper.columns.keys() if key not in state.unmodified]  # noqa: SIM118
    changed = [key for key in touched if state.attrs[key].history.has_changes()]
    if not changed or not set(changed) <= set(_STANDING):
        return None
    change = {key: getattr(deal, key) for key in changed} | {"updated_at": now}
    for key, value in change.items():
        set_committed_value(deal, key, value)
    return change | {"id": deal.id}


def _values(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__mapper__.column_attrs}
