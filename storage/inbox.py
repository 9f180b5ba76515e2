"""Raw updates: written before they are confirmed, taken one at a time per person, in order, by any replica.

What Telegram gives is kept under (bot, update_id), so a second delivery changes nothing. An update that fails stays and
is tried again later; a person's later updates wait for it until it is done or dead.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT

from models.tables import User
from storage.dialog_state import ENDED, UPDATES_END, KeptState
from storage.direct import ready
from storage.engine import Database
from storage.people import WHO
from storage.together import Together


@dataclass(frozen=True, slots=True)
class RawUpdate:
    """An update as it comes: whom it is from, and what he brings if the agency does not know him yet."""

    update_id: int
    person_id: int
    payload: dict[str, Any]
    code_hash: bytes | None = None
    owner: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read with the lease: who the person is (None for a stranger), and his dialogs as Postgres keeps them."""

    user: User | None
    state: KeptState


@dataclass(frozen=True, slots=True)
class TakenUpdate:
    """An update under a lease; `attempts` counts this one, and tells this lease from a later one.

    `seen` is None when it may be out of date.
    """

    bot_id: int
    update_id: int
    person_id: int
    payload: dict[str, Any]
    attempts: int
    received_at: datetime
    seen: Seen | None = None


# Whoever is heard from again while an earlier update of his waits for its next attempt must not wait for it long.
#
# One statement tells people from strangers and keeps what is people's: a stranger costs this and no more. Whoever has
# something waiting is one of the people: his invitation may lie there, with the next message right behind it.
#
# Whoever has nothing waiting may be served at once: his first update is leased as it is written, and who he is and what
# he looks at comes along. Two replicas may both believe that of one person: the index over leases refuses the second.
_ID = WHO.place("id")
_COLUMNS = ", ".join(ready(column) for column in WHO.columns)
_ADD = f"""
    WITH fresh AS (
        SELECT * FROM jsonb_to_recordset($2)
            AS u(update_id bigint, person_id bigint, payload jsonb, code_hash text, owner boolean, at_once boolean)
    ), welcome AS (
        SELECT DISTINCT person_id FROM fresh f LEFT JOIN users u ON u.telegram_id = f.person_id
        WHERE u.active
           OR EXISTS (SELECT FROM inbox WHERE bot_id = $1 AND person_id = f.person_id AND status = 'pending')
           OR u.id IS NULL AND (f.owner OR EXISTS (
                SELECT FROM invites WHERE code_hash = decode(f.code_hash, 'hex')
                   AND used_by_id IS NULL AND revoked_at IS NULL AND expires_at > $3))
    ), hurried AS (
        UPDATE inbox SET not_before = clock_timestamp() + interval '1 second'
        WHERE status = 'pending' AND bot_id = $1 AND person_id IN (SELECT person_id FROM welcome)
          AND not_before > clock_timestamp() + interval '1 second'
    ), first AS (
        SELECT min(update_id) AS update_id FROM fresh f JOIN welcome USING (person_id)
        WHERE at_once AND NOT EXISTS (
            SELECT FROM inbox WHERE bot_id = $1 AND person_id = f.person_id AND status = 'pending')
        GROUP BY person_id
    ), kept AS (
        INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts, leased_until)
        SELECT $1, update_id, person_id, payload, 'pending', (first.update_id IS NOT NULL)::int,
               CASE WHEN first.update_id IS NOT NULL THEN clock_timestamp() + make_interval(secs => $4) END
        FROM fresh JOIN welcome USING (person_id) LEFT JOIN first USING (update_id)
        ORDER BY person_id, update_id
        ON CONFLICT (bot_id, update_id) DO NOTHING
        RETURNING update_id, person_id, attempts, received_at
    )
    SELECT welcome.person_id, kept.update_id, kept.received_at, s.records, s.written_by, {_COLUMNS}
    FROM welcome LEFT JOIN kept ON kept.person_id = welcome.person_id AND kept.attempts = 1
        LEFT JOIN users ON users.telegram_id = kept.person_id
        LEFT JOIN dialog_state s ON s.bot_id = $1 AND s.chat_id = kept.person_id
"""  # noqa: S608 - the columns are the table's own

# Of each person the update under a lease, or else the first pending one; taken unless its lease holds or it waits for
# its next attempt. SKIP LOCKED lets replicas take different people at once; the outer WHERE re-checks the lease after
# the row is locked. An earlier update that arrives late does not overtake one under way: the leased row goes first.
# Who it is and what he looks at comes along, so that handling begins at once.
#
# A lease is the one thing that is not waited for until it is on the disk: whatever is committed under it carries it
# along, and a lease that a crash of the server takes away has had no effect (docs/adr/0010).
_TAKE = f"""
    WITH heads AS (
        SELECT DISTINCT ON (person_id) update_id
        FROM inbox WHERE status = 'pending' AND bot_id = $1
        ORDER BY person_id, leased_until IS NULL, update_id
    ), free AS (
        SELECT i.bot_id, i.update_id, i.person_id FROM inbox i JOIN heads h USING (update_id)
        WHERE i.status = 'pending' AND i.bot_id = $1
          AND (i.leased_until IS NULL OR i.leased_until < clock_timestamp())
          AND i.not_before <= clock_timestamp() AND NOT $4::jsonb @> to_jsonb(i.update_id)
        ORDER BY i.received_at LIMIT $2
        FOR UPDATE OF i SKIP LOCKED
    )
    UPDATE inbox SET leased_until = clock_timestamp() + make_interval(secs => $3), attempts = inbox.attempts + 1
    FROM free LEFT JOIN users ON users.telegram_id = free.person_id
        LEFT JOIN dialog_state s ON s.bot_id = free.bot_id AND s.chat_id = free.person_id
    WHERE inbox.bot_id = free.bot_id AND inbox.update_id = free.update_id
      AND set_config('synchronous_commit', 'off', true) = 'off'
    RETURNING inbox.bot_id, inbox.update_id, inbox.person_id, inbox.payload, inbox.attempts, inbox.received_at,
              s.records, s.written_by, {_COLUMNS}
"""  # noqa: S608 - the columns are the table's own

_DONE = f"""
    WITH given AS (SELECT * FROM jsonb_to_recordset($2) AS g(update_id bigint, attempts integer)), {UPDATES_END} {ENDED}
"""  # noqa: S608 - made of constants

# Joining this constant into the statements below is what ruff's S608 sees.
_MINE = " WHERE bot_id = :bot_id AND update_id = :update_id AND attempts = :attempts AND status = 'pending'"

_FAILED = text(
    f"""
    UPDATE inbox SET leased_until = NULL, error = :error,
        status = CASE WHEN attempts >= CAST(:most AS integer) THEN 'dead' ELSE 'pending' END,
        not_before = clock_timestamp() + make_interval(secs => CASE WHEN EXISTS (
            SELECT 1 FROM inbox i WHERE i.person_id = inbox.person_id AND i.bot_id = inbox.bot_id
               AND i.status = 'pending' AND i.update_id > inbox.update_id
        ) THEN least(:wait, 1) ELSE :wait END)
    {_MINE} RETURNING status
    """  # noqa: S608
).bindparams(bindparam("error", type_=TEXT))

_RELEASE = text("UPDATE inbox SET leased_until = NULL" + _MINE)  # noqa: S608

# Locked in the order in which updates are ended together.
_RENEW = text(
    """
    WITH mine AS (
        SELECT i.update_id FROM inbox i JOIN unnest(:ids, :attempts) AS given(update_id, attempts)
            USING (update_id, attempts)
        WHERE i.bot_id = :bot_id AND i.status = 'pending' AND i.leased_until IS NOT NULL
        ORDER BY i.update_id FOR UPDATE OF i
    )
    UPDATE inbox SET leased_until = clock_timestamp() + make_interval(secs => :lease)
    FROM mine WHERE inbox.bot_id = :bot_id AND inbox.update_id = mine.update_id
    RETURNING inbox.update_id
    """
).bindparams(bindparam("ids", type_=ARRAY(BIGINT)), bindparam("attempts", type_=ARRAY(BIGINT)))

RERUN = text(
    "UPDATE inbox SET status = 'pending', attempts = 1, not_before = clock_timestamp()"
    " WHERE bot_id = :bot_id AND update_id = :update_id AND status = 'dead' RETURNING update_id"
)

_DEPTH = text(
    "SELECT (SELECT count(*) FROM inbox WHERE status = 'pending'), (SELECT count(*) FROM inbox WHERE status = 'dead')"
)

# The statement's moment and not the clock's, which goes on while it runs: no index can be asked for what is older.
_FORGET = text(
    """
    WITH marks AS (DELETE FROM effects WHERE at < statement_timestamp() - make_interval(days => :days))
    DELETE FROM inbox WHERE status = 'done' AND done_at < statement_timestamp() - make_interval(days => :days)
    """
)


class Inbox:
    """The table of raw updates; every method is one statement, which is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._direct = database.direct
        self._end = Together(self._end_all)

    async def add(
        self,
        bot_id: int,
        updates: list[RawUpdate],
        now: datetime,
        *,
        at_once: Collection[int] = (),
        lease_seconds: float = 60,
    ) -> tuple[set[int], list[TakenUpdate]]:
        """Keep the updates of people who may come in, durable on return; known updates are ignored.

        Returns the ids of those people, and under a lease, in the order given, the first update of each who is to be
        served `at_once` and had nothing waiting. Of everybody else nothing is written: he is a stranger, or blocked.
        """
        rows = [
            {
                "update_id": update.update_id,
                "person_id": update.person_id,
                "payload": update.payload,
                "code_hash": update.code_hash and update.code_hash.hex(),
                "owner": update.owner,
                "at_once": update.person_id in at_once,
            }
            for update in updates
        ]
        try:
            found = await self._direct.fetch(_ADD, bot_id, rows, now, lease_seconds)
        except asyncpg.UniqueViolationError:
            # Another replica leased an update of one of them in this very moment: they wait for their turn.
            waiting = [row | {"at_once": False} for row in rows]
            found = await self._direct.fetch(_ADD, bot_id, waiting, now, lease_seconds)
        leased = {row[1]: row for row in found if row[1] is not None}
        taken = [
            TakenUpdate(bot_id, update.update_id, row[0], update.payload, 1, row[2], _seen(tuple(row)[3:]))
            for update in updates
            if (row := leased.pop(update.update_id, None)) is not None
        ]
        return {row[0] for row in found}, taken

    async def take(
        self, bot_id: int, limit: int, *, lease_seconds: float = 60, but: Collection[int] = ()
    ) -> list[TakenUpdate]:
        """Lease the next update of up to `limit` people who have none under way, oldest first.

        `but` are updates that the caller has under way: when he was too busy to renew a lease it is still his, unless
        another replica has taken it.
        """
        try:
            rows = await self._direct.fetch(_TAKE, bot_id, limit, lease_seconds, list(but))
        except asyncpg.UniqueViolationError:
            # Another replica leased a later update of the same person in this very moment: the index holds us off.
            return []
        return sorted((_taken(tuple(row)) for row in rows), key=lambda u: u.received_at)

    async def done(self, update: TakenUpdate) -> bool:
        """Returns whether more of the person's waits; False as well for who has lost the lease."""
        return await self._end((update.bot_id, update.update_id, update.attempts))

    async def _end_all(self, updates: Sequence[tuple[int, int, int]]) -> list[bool]:
        [bot_id] = {bot_id for bot_id, _update_id, _attempts in updates}
        given = [{"update_id": update_id, "attempts": attempts} for _bot_id, update_id, attempts in updates]
        more: dict[int, bool] = dict(map(tuple, await self._direct.fetch(_DONE, bot_id, given)))
        return [more.get(update_id, False) for _bot_id, update_id, _attempts in updates]

    async def failed(self, update: TakenUpdate, error: str, *, wait_seconds: float, most: int) -> bool:
        """Put an update back for a later attempt; returns True when it has had `most` attempts and is dead now.

        It waits a second at most when later updates of the same person wait behind it.
        """
        values = _key(update) | {"error": error, "wait": wait_seconds, "most": most}
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(_FAILED, values) == "dead")

    async def release(self, update: TakenUpdate) -> None:
        """Give up the lease of an update that was not handled to its end, so that any replica may take it at once."""
        async with self._engine.connect() as connection:
            await connection.execute(_RELEASE, _key(update))

    async def renew(self, bot_id: int, updates: list[TakenUpdate], *, lease_seconds: float = 60) -> set[int]:
        """Prolong the leases of updates that are still being handled; returns the ids that are still ours."""
        values = {
            "bot_id": bot_id,
            "ids": [update.update_id for update in updates],
            "attempts": [update.attempts for update in updates],
            "lease": lease_seconds,
        }
        async with self._engine.connect() as connection:
            return set((await connection.scalars(_RENEW, values)).all())

    async def depth(self) -> tuple[int, int]:
        """How many updates wait, and how many are dead."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_DEPTH)).one()
        return row[0], row[1]

    async def forget_done(self, *, older_than_days: int) -> None:
        """Delete what was done so long ago that nobody will bring it again, with the marks of its effects."""
        async with self._engine.connect() as connection:
            await connection.execute(_FORGET, {"days": older_than_days})


def _key(update: TakenUpdate) -> dict[str, Any]:
    return {"bot_id": update.bot_id, "update_id": update.update_id, "attempts": update.attempts}


def _taken(row: Sequence[Any]) -> TakenUpdate:
    bot_id, update_id, person_id, payload, attempts, received_at = row[:6]
    return TakenUpdate(bot_id, update_id, person_id, payload, attempts, received_at, _seen(row[6:]))


def _seen(row: Sequence[Any]) -> Seen:
    records, written_by, *person = row
    user = None if person[_ID] is None else WHO.row(person)
    return Seen(user, KeptState() if records is None else KeptState(records, written_by))
