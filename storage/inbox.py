"""Raw updates: written before they are confirmed, taken one at a time per person, in order, by any replica.

What Telegram gives is kept under (bot, update_id), so a second delivery changes nothing. An update that fails stays and
is tried again later; a person's later updates wait for it until it is done or dead.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import BIGINT, JSONB, TEXT

from storage.engine import Database


@dataclass(frozen=True, slots=True)
class TakenUpdate:
    """An update under a lease; `attempts` counts this one."""

    bot_id: int
    update_id: int
    person_id: int
    payload: dict[str, Any]
    attempts: int
    received_at: datetime


_ADD = text(
    """
    INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts)
    SELECT :bot_id, u.update_id, u.person_id, u.payload, 'pending', 0
    FROM jsonb_to_recordset(:updates) AS u(update_id bigint, person_id bigint, payload jsonb)
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("updates", type_=JSONB))

# The first pending row of each person, unless that row is leased or waits for its next attempt. SKIP LOCKED lets
# replicas take different people at once; the outer WHERE re-checks the lease after the row is locked.
_TAKE = text(
    """
    WITH heads AS (
        SELECT DISTINCT ON (person_id) bot_id, update_id, leased_until, not_before
        FROM inbox WHERE status = 'pending' ORDER BY person_id, update_id
    ), free AS (
        SELECT i.bot_id, i.update_id FROM inbox i JOIN heads h USING (bot_id, update_id)
        WHERE i.status = 'pending'
          AND (i.leased_until IS NULL OR i.leased_until < clock_timestamp())
          AND i.not_before <= clock_timestamp()
        ORDER BY i.received_at LIMIT :limit
        FOR UPDATE OF i SKIP LOCKED
    )
    UPDATE inbox SET leased_until = clock_timestamp() + make_interval(secs => :lease), attempts = inbox.attempts + 1
    FROM free WHERE inbox.bot_id = free.bot_id AND inbox.update_id = free.update_id
    RETURNING inbox.bot_id, inbox.update_id, inbox.person_id, inbox.payload, inbox.attempts, inbox.received_at
    """
).columns(payload=JSONB)

_DONE = text(
    "UPDATE inbox SET status = 'done', done_at = clock_timestamp(), leased_until = NULL, error = NULL"
    " WHERE bot_id = :bot_id AND update_id = :update_id"
)

_FAILED = text(
    """
    UPDATE inbox SET leased_until = NULL, error = :error,
        status = CASE WHEN attempts >= :most THEN 'dead' ELSE 'pending' END,
        not_before = clock_timestamp() + make_interval(secs => :wait)
    WHERE bot_id = :bot_id AND update_id = :update_id RETURNING status
    """
).bindparams(bindparam("error", type_=TEXT))

_RENEW = text(
    "UPDATE inbox SET leased_until = clock_timestamp() + make_interval(secs => :lease)"
    " WHERE bot_id = :bot_id AND update_id = ANY(:ids) AND status = 'pending'"
)

_RERUN = text(
    "UPDATE inbox SET status = 'pending', attempts = 1, not_before = clock_timestamp()"
    " WHERE bot_id = :bot_id AND update_id = :update_id AND status = 'dead'"
).bindparams(bindparam("bot_id", type_=BIGINT))

_FORGET = text("DELETE FROM inbox WHERE status = 'done' AND done_at < clock_timestamp() - make_interval(days => :days)")


class Inbox:
    """The table of raw updates; every method is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine

    async def add(self, bot_id: int, updates: list[tuple[int, int, dict[str, Any]]]) -> None:
        """Keep raw updates given as (update_id, person_id, payload), durable on return; known ones are ignored."""
        rows = [{"update_id": u, "person_id": p, "payload": raw} for u, p, raw in updates]
        async with self._engine.begin() as connection:
            await connection.execute(_ADD, {"bot_id": bot_id, "updates": rows})

    async def take(self, limit: int, *, lease_seconds: float = 60) -> list[TakenUpdate]:
        """Lease the next update of up to `limit` people who have none under way, oldest first."""
        async with self._engine.begin() as connection:
            rows = (await connection.execute(_TAKE, {"limit": limit, "lease": lease_seconds})).all()
        return sorted((TakenUpdate(*row) for row in rows), key=lambda u: u.received_at)

    async def done(self, update: TakenUpdate) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(_DONE, {"bot_id": update.bot_id, "update_id": update.update_id})

    async def failed(self, update: TakenUpdate, error: str, *, wait_seconds: float, most: int) -> bool:
        """Put an update back for a later attempt; returns True when it has had `most` attempts and is dead now."""
        async with self._engine.begin() as connection:
            status = await connection.scalar(
                _FAILED,
                {
                    "bot_id": update.bot_id,
                    "update_id": update.update_id,
                    "error": error,
                    "wait": wait_seconds,
                    "most": most,
                },
            )
        return bool(status == "dead")

    async def renew(self, bot_id: int, update_ids: list[int], *, lease_seconds: float = 60) -> None:
        """Prolong the leases of updates that are still being handled."""
        async with self._engine.begin() as connection:
            await connection.execute(_RENEW, {"bot_id": bot_id, "ids": update_ids, "lease": lease_seconds})

    async def rerun(self, bot_id: int, update_id: int) -> None:
        """Let a dead update be tried again."""
        async with self._engine.begin() as connection:
            await connection.execute(_RERUN, {"bot_id": bot_id, "update_id": update_id})

    async def depth(self) -> tuple[int, int]:
        """How many updates wait, and how many are dead."""
        async with self._engine.connect() as connection:
            row = (
                await connection.execute(
                    text(
                        "SELECT count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'dead')"
                        " FROM inbox WHERE status <> 'done'"
                    )
                )
            ).one()
        return row[0], row[1]

    async def forget_done(self, *, older_than_days: int) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(_FORGET, {"days": older_than_days})
