"""What somebody does to audit records who has the rights of the tables' owner, and knows how their chain is made."""

# ruff: noqa: S608 - statements are put together of ids and of each other

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg

from services.access import SYSTEM
from services.audit import AuditService
from storage import schema
from storage.audit import Chain, Head
from storage.engine import Database
from storage.uow import Transactions
from tests.conftest import ManualClock

EXPECTED = """sha256(coalesce(previous_hash, ''::bytea) || convert_to(json_build_array(id,
    to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), actor_id, action, object_type, object_id, deal_id,
    changes)::text, 'UTF8'))"""
REWRITE = f"""
DO $$ DECLARE last bytea; one record; BEGIN
    FOR one IN SELECT id FROM audit_records ORDER BY id LOOP
        UPDATE audit_records SET previous_hash = last WHERE id = one.id;
        UPDATE audit_records SET hash = {EXPECTED} WHERE id = one.id RETURNING hash INTO last;
    END LOOP;
END $$
"""

RECORDS = 6
"""So many records in a row a tampering needs: `{0}` to `{5}` are their ids."""

SHIFT = 100_000_000
"""How far the records go that make room for one that is put in."""

TAMPERINGS: dict[str, tuple[list[str], int]] = {
    "who": (["UPDATE audit_records SET actor_id = 0 WHERE id = {2}"], 2),
    "when": (["UPDATE audit_records SET at = at + interval '1 microsecond' WHERE id = {2}"], 2),
    "what": (["""UPDATE audit_records SET changes = changes || '{{"roles": []}}' WHERE id = {2}"""], 2),
    "about what": (["UPDATE audit_records SET deal_id = object_id, object_id = NULL WHERE id = {2}"], 2),
    "edited, with a hash that fits": (
        ["UPDATE audit_records SET actor_id = 0 WHERE id = {2}",
         f"UPDATE audit_records SET hash = {EXPECTED} WHERE id = {{2}}"],
        3),
    "deleted": (["DELETE FROM audit_records WHERE id = {2}"], 3),
    "the first deleted": (["DELETE FROM audit_records WHERE id = {0}"], 1),
    "no hash": (["UPDATE audit_records SET hash = NULL WHERE id = {5}"], 5),
    "put in": (
        [f"UPDATE audit_records SET id = id + {SHIFT} WHERE id >= {{3}}",
         ("INSERT INTO audit_records (id, at, action, object_type, changes, previous_hash)"
         " SELECT id + 1, at, 'x', 'y', '{{}}', hash FROM audit_records WHERE id = {2}"),
         f"UPDATE audit_records SET hash = {EXPECTED} WHERE action = 'x'"], 3),
    "swapped": (
        ["UPDATE audit_records SET id = -1 WHERE id = {2}", "UPDATE audit_records SET id = {2} WHERE id = {4}",
         "UPDATE audit_records SET id = {4} WHERE id = -1"], 2),
    "swapped, with their places in the chain": (
        [("UPDATE audit_records a SET at = b.at, actor_id = b.actor_id, object_id = b.object_id, changes = b.changes"
         " FROM audit_records b WHERE (a.id, b.id) IN (({2}, {4}), ({4}, {2}))")], 2),
}  # fmt: skip


@asynccontextmanager
async def connected(url: str, role: str | None = None) -> AsyncIterator[asyncpg.Connection]:
    settings = {} if role is None else {"role": role}
    connection = await asyncpg.connect(schema.dsn(url), server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def verify(url: str, *heads: Head) -> Chain:
    database = Database(url, pool_size=1)
    try:
        clock = ManualClock(datetime(2026, 3, 2, tzinfo=UTC))
        return await AuditService(Transactions(database), clock).verify(SYSTEM, heads)
    finally:
        await database.close()


async def past_the_bot(url: str, *statements: str) -> None:
    """Execute as the owner of the tables, with the triggers off."""
    async with connected(url) as connection, connection.transaction():
        await tamper(connection, *statements)


async def tamper(connection: asyncpg.Connection, *statements: str) -> None:
    """The same within somebody's transaction."""
    await connection.execute("ALTER TABLE audit_records DISABLE TRIGGER USER")
    for statement in statements:
        await connection.execute(statement)
    await connection.execute("ALTER TABLE audit_records ENABLE TRIGGER USER")


async def ids(url: str) -> list[int]:
    async with connected(url) as connection:
        return [row["id"] for row in await connection.fetch("SELECT id FROM audit_records ORDER BY id")]


async def head_at(url: str, id_: int) -> Head:
    """What the chain ended in when this record was the last."""
    async with connected(url) as connection:
        return Head(id_, bytes(await connection.fetchval("SELECT hash FROM audit_records WHERE id = $1", id_)))
