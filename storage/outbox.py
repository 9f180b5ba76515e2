"""Messages to people, written with the effect that causes them, claimed by a sender in order per person."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, BOOLEAN, JSONB, TEXT

from models.tables import User
from storage.direct import ready
from storage.engine import Database
from storage.people import WHO


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """A message under a lease. `message_id` is set when an earlier attempt has sent the text but not all papers."""

    id: int
    recipient_id: int
    telegram_id: int
    may_receive: bool
    kind: str
    params: dict[str, Any]
    card_key: str | None
    edits_card: bool
    attempts: int
    created_at: datetime
    message_id: int | None
    user: User


# As in the inbox: of each recipient the row under a lease or else the first pending one, so that order per chat is kept
# whatever happens to a row.
_TAKE = f"""
    WITH heads AS (
        SELECT DISTINCT ON (recipient_id) id FROM outbox WHERE status = 'pending'
        ORDER BY recipient_id, leased_until IS NULL, id
    ), free AS (
        SELECT o.id, u.telegram_id, u.active AND u.reachable AS may_receive
        FROM outbox o JOIN heads USING (id) JOIN users u ON u.id = o.recipient_id
        WHERE o.status = 'pending'
          AND (o.leased_until IS NULL OR o.leased_until < clock_timestamp())
          AND o.not_before <= clock_timestamp()
        ORDER BY o.id LIMIT $1
        FOR UPDATE OF o SKIP LOCKED
    )
    UPDATE outbox SET leased_until = clock_timestamp() + make_interval(secs => $2), attempts = attempts + 1
    FROM free JOIN users ON users.telegram_id = free.telegram_id WHERE outbox.id = free.id
    RETURNING outbox.id, recipient_id, free.telegram_id, may_receive, kind, params, card_key, edits_card, attempts,
              outbox.created_at, message_id, {", ".join(ready(column) for column in WHO.columns)}
"""  # noqa: S608 - the columns are the table's own

# Several rows are locked in the order of their ids: a mark lost to a deadlock would be a message that is sent again.
_SENT = """
    WITH done AS (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS done (id, message_id)),
    locked AS (SELECT id FROM outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
    UPDATE outbox SET status = 'done', sent_at = clock_timestamp(), leased_until = NULL, error = NULL,
        message_id = coalesce(done.message_id, outbox.message_id)
    FROM locked JOIN done USING (id) WHERE outbox.id = locked.id
"""

_SHOWN = text("UPDATE outbox SET message_id = :message_id WHERE id = :id")

_FAILED = text(
    """
    UPDATE outbox SET leased_until = NULL, error = :error,
        status = CASE WHEN :dead OR attempts >= CAST(:most AS integer) THEN 'dead' ELSE 'pending' END,
        not_before = clock_timestamp() + make_interval(secs => :wait)
    WHERE id = :id AND status = 'pending' RETURNING status
    """
).bindparams(bindparam("error", type_=TEXT), bindparam("dead", type_=BOOLEAN))

_RENEW = text(
    "WITH locked AS (SELECT id FROM outbox WHERE id = ANY(:ids) ORDER BY id FOR UPDATE)"
    " UPDATE outbox SET leased_until = clock_timestamp() + make_interval(secs => :lease)"
    " FROM locked WHERE outbox.id = locked.id AND status = 'pending' AND leased_until IS NOT NULL"
).bindparams(bindparam("ids", type_=ARRAY(BIGINT)))

RESEND = text(
    "UPDATE outbox SET status = 'pending', attempts = 0, not_before = clock_timestamp()"
    " WHERE id = :id AND status = 'dead' RETURNING id"
)

# A card that was edited twice has two rows with one message id; the newest row that has one knows the live message.
_CARD = text(
    "SELECT message_id FROM outbox WHERE recipient_id = :recipient_id AND card_key = :card_key"
    " AND message_id IS NOT NULL ORDER BY id DESC LIMIT 1"
)

# Later pending edits of the same card say everything this one would.
_COALESCE = text(
    "SELECT EXISTS (SELECT 1 FROM outbox WHERE recipient_id = :recipient_id AND card_key = :card_key"
    " AND status = 'pending' AND edits_card AND id > :id)"
)

_ABOUT = text(
    "SELECT kind, params, deal_id FROM outbox WHERE recipient_id = :recipient_id AND message_id = :message_id"
    " ORDER BY id DESC LIMIT 1"
).columns(params=JSONB)


_DEPTH = text(
    "SELECT count(*), (SELECT count(*) FROM outbox WHERE status = 'dead'),"
    " coalesce(extract(epoch FROM clock_timestamp()"
    " - min(not_before) FILTER (WHERE not_before <= clock_timestamp())), 0)"
    " FROM outbox WHERE status = 'pending'"
)


class Outbox:
    """The sender's side of the outbox; rows are written through `Transaction.notify`. One statement a method."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._direct = database.direct
        self._marks: list[tuple[int, int | None, asyncio.Future[None]]] = []
        self._marking: asyncio.Task[None] | None = None

    async def take(self, limit: int, *, lease_seconds: float = 60) -> list[TakenMessage]:
        """Lease the next message of up to `limit` people who have none under way."""
        try:
            rows = await self._direct.fetch(_TAKE, limit, lease_seconds)
        except asyncpg.UniqueViolationError:
            # Another sender was faster with another message to the same person; the index keeps them in order.
            return []
        return sorted((_taken(tuple(row)) for row in rows), key=lambda m: m.id)

    async def sent(self, row_id: int, *, message_id: int | None) -> None:
        """Mark a message as done; without a message id when there was nothing to say.

        It is marked when this returns. Those that come while others are being marked share the next statement.
        """
        marked = asyncio.get_running_loop().create_future()
        self._marks.append((row_id, message_id, marked))
        if self._marking is None:
            self._marking = asyncio.create_task(self._mark(), name="outbox-marks")
        await marked

    async def settled(self) -> None:
        """Wait until everything is marked that somebody has begun to mark, even if he was cut off in the middle."""
        if self._marking is not None:
            await asyncio.wait([self._marking])

    async def _mark(self) -> None:
        try:
            while self._marks:
                marks, self._marks = self._marks, []
                try:
                    await self._direct.fetch(_SENT, [mark[0] for mark in marks], [mark[1] for mark in marks])
                except Exception as error:  # noqa: BLE001 - it is whoever waits that has to know
                    _settle(marks, error)
                else:
                    _settle(marks, None)
        finally:
            self._marking = None

    async def shown(self, row_id: int, message_id: int) -> None:
        """Remember that the text is out while its papers are not: a retry must not repeat the text."""
        async with self._engine.connect() as connection:
            await connection.execute(_SHOWN, {"id": row_id, "message_id": message_id})

    async def failed(self, row_id: int, error: str, *, wait_seconds: float, most: int, dead: bool = False) -> bool:
        """Put a message back, or give it up when `dead` or after `most` attempts; returns True when given up."""
        values = {"id": row_id, "error": error, "wait": wait_seconds, "most": most, "dead": dead}
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(_FAILED, values) == "dead")

    async def renew(self, row_ids: list[int], *, lease_seconds: float = 60) -> None:
        """Prolong the leases of messages that are still being sent (or wait for their turn at Telegram's limits)."""
        async with self._engine.connect() as connection:
            await connection.execute(_RENEW, {"ids": row_ids, "lease": lease_seconds})

    async def live_card(self, recipient_id: int, card_key: str) -> int | None:
        """The Telegram message that shows this card last."""
        async with self._engine.connect() as connection:
            value = await connection.scalar(_CARD, {"recipient_id": recipient_id, "card_key": card_key})
        return None if value is None else int(value)

    async def is_superseded(self, message: TakenMessage) -> bool:
        if not message.edits_card or message.card_key is None:
            return False
        values = {"recipient_id": message.recipient_id, "card_key": message.card_key, "id": message.id}
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(_COALESCE, values))

    async def about(self, recipient_id: int, telegram_message_id: int) -> tuple[str, dict[str, Any], int | None] | None:
        """What a message that a person replies to was: (kind, params, deal id)."""
        values = {"recipient_id": recipient_id, "message_id": telegram_message_id}
        async with self._engine.connect() as connection:
            row = (await connection.execute(_ABOUT, values)).one_or_none()
        return None if row is None else (row[0], row[1], row[2])

    async def depth(self) -> tuple[int, int, float]:
        """How many messages wait, how many are dead, and the age of the oldest waiting one in seconds."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_DEPTH)).one()
        return row[0], row[1], float(row[2])


def _settle(marks: list[tuple[int, int | None, asyncio.Future[None]]], error: Exception | None) -> None:
    for _row_id, _message_id, marked in marks:
        if marked.done():
            continue  # nobody waits any more
        if error is None:
            marked.set_result(None)
        else:
            marked.set_exception(error)


def _taken(row: Sequence[Any]) -> TakenMessage:
    own: list[Any] = [*row[: -len(WHO)], WHO.row(row[-len(WHO) :])]
    return TakenMessage(*own)
