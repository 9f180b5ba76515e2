"""Half-typed screens, one record a chat: in Postgres, or in Redis where there is one.

A chat's whole state is read once and written once an update, so that it changes at one moment or not at all.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from storage.engine import Database
from storage.together import Together

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptState:
    """The records of a chat by name, and the update that wrote them last."""

    records: dict[str, Any] = field(default_factory=dict)
    written_by: str | None = None


_LOAD = "SELECT records, written_by FROM dialog_state WHERE bot_id = $1 AND chat_id = $2"
_OVER = """
    ON CONFLICT (bot_id, chat_id) DO UPDATE
    SET records = excluded.records, written_by = excluded.written_by, updated_at = clock_timestamp()
"""
_SAVE = "INSERT INTO dialog_state (bot_id, chat_id, records, written_by) VALUES ($1, $2, $3, $4)" + _OVER  # noqa: S608

# `attempts` fences off a worker that has lost its lease: by then somebody else's word counts. Rows are locked in order,
# so that two statements over many of them do not wait for one another.
UPDATES_END = """
    mine AS (
        SELECT i.person_id, given.* FROM inbox i JOIN given USING (update_id, attempts)
        WHERE i.bot_id = $1 AND i.status = 'pending'
        ORDER BY given.update_id FOR UPDATE OF i
    ), done AS (
        UPDATE inbox SET status = 'done', done_at = clock_timestamp(), leased_until = NULL, error = NULL
        FROM mine WHERE inbox.bot_id = $1 AND inbox.update_id = mine.update_id
    )
"""
"""Ends what is `given` (updates, each at an attempt) of the bot $1 under its leases; `mine` are those that it ends."""

ENDED = """
    SELECT update_id, EXISTS (SELECT FROM inbox i WHERE i.bot_id = $1 AND i.person_id = mine.person_id
                                 AND i.status = 'pending' AND i.update_id <> mine.update_id)
    FROM mine
"""
"""Of each update that has ended, whether more of its person waits."""

# An update is done at the moment at which the screen that it has led to is kept, and neither happens without the other:
# a replica that was kept waiting for longer than its lease puts no old screen over that of whoever took over.
_SAVE_AND_END = f"""
    WITH given AS (
        SELECT * FROM jsonb_to_recordset($2)
            AS g(update_id bigint, attempts integer, chat_id bigint, records jsonb, written_by text)
    ), {UPDATES_END}, kept AS (
        INSERT INTO dialog_state (bot_id, chat_id, records, written_by)
        SELECT $1, chat_id, records, written_by FROM mine ORDER BY chat_id
        {_OVER}
    ) {ENDED}
"""  # noqa: S608 - made of the constants above


@dataclass(frozen=True, slots=True)
class _Ending:
    """A screen to be kept, and the update that has led to it, at the attempt that has."""

    bot_id: int
    update_id: int
    attempts: int
    chat_id: int
    records: dict[str, Any]
    written_by: str | None


class PostgresDialogState:
    """State that survives whatever the database survives."""

    reads_with_updates = True

    def __init__(self, database: Database) -> None:
        self._direct = database.direct
        self._end = Together(self._end_all)

    async def load(self, bot_id: int, chat_id: int) -> KeptState:
        row = await self._direct.row(_LOAD, bot_id, chat_id)
        return KeptState() if row is None else KeptState(row[0], row[1])

    async def save(
        self,
        bot_id: int,
        chat_id: int,
        records: dict[str, Any],
        written_by: str | None,
        lease: tuple[int, int] | None = None,
    ) -> bool | None:
        if lease is None:
            await self._direct.fetch(_SAVE, bot_id, chat_id, records, written_by)
            return None
        return await self._end(_Ending(bot_id, *lease, chat_id, records, written_by))

    async def _end_all(self, endings: Sequence[_Ending]) -> list[bool | None]:
        [bot_id] = {ending.bot_id for ending in endings}
        rows = await self._direct.fetch(_SAVE_AND_END, bot_id, endings)
        more: dict[int, bool] = dict(map(tuple, rows))
        return [more.get(ending.update_id) for ending in endings]

    async def close(self) -> None:
        """The database is closed by whoever made it."""


class RedisDialogState:
    """State in a Redis of any replica. Redis holds nothing else: when it is away, people see a fresh screen.

    No time to live: an expired parent under a child would lock the person out.
    """

    reads_with_updates = False

    def __init__(self, url: str) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 - a twentieth of the start, for some
        from redis.exceptions import RedisError  # noqa: PLC0415

        self._away = (RedisError, OSError, TimeoutError)
        # The default pool raises beyond its limit, which loses updates in a burst; this one makes them wait.
        pool = BlockingConnectionPool.from_url(
            url, max_connections=50, timeout=5, socket_connect_timeout=1, socket_timeout=2
        )
        self._redis = Redis(connection_pool=pool)

    async def load(self, bot_id: int, chat_id: int) -> KeptState:
        try:
            value = await self._redis.get(self._key(bot_id, chat_id))
        except self._away as error:
            _log.warning("Redis is away, the chat starts with a fresh screen: %r", error)
            return KeptState()
        if not value:
            return KeptState()
        kept = orjson.loads(value)
        return KeptState(kept["records"], kept["by"])

    async def save(
        self,
        bot_id: int,
        chat_id: int,
        records: dict[str, Any],
        written_by: str | None,
        lease: tuple[int, int] | None = None,  # noqa: ARG002 - Redis does not know who holds it
    ) -> bool | None:
        value = orjson.dumps({"records": records, "by": written_by})
        try:
            await self._redis.set(self._key(bot_id, chat_id), value)
        except self._away as error:
            _log.warning("Redis is away, the screen is not remembered: %r", error)
        return None

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)

    @staticmethod
    def _key(bot_id: int, chat_id: int) -> str:
        return f"dialog:{bot_id}:{chat_id}"
