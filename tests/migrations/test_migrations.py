"""The migrations make exactly the tables that the code describes, and can be walked in both directions."""

import asyncio

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from storage import schema
from tests.conftest import in_a_thread

REVISIONS = [script.revision for script in ScriptDirectory(str(schema.MIGRATIONS)).walk_revisions()][::-1]


def test_there_is_one_newest_migration() -> None:
    assert len(schema.heads()) == 1


def test_the_code_knows_its_migrations_as_alembic_does_without_importing_it() -> None:
    known = ScriptDirectory(str(schema.MIGRATIONS))
    assert schema.heads() == set(known.get_heads())
    assert schema.revisions() == {script.revision for script in known.walk_revisions()}


def test_tables_made_by_migrations_are_the_tables_of_the_code(empty_database_url: str) -> None:
    in_a_thread(lambda: schema.check_drift(empty_database_url))


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migration_can_be_undone_and_done_again(empty_database_url: str, revision: str) -> None:
    settings = schema.config(empty_database_url)
    in_a_thread(lambda: command.upgrade(settings, revision))
    in_a_thread(lambda: command.downgrade(settings, "-1"))
    in_a_thread(lambda: command.upgrade(settings, revision))


def test_why_commission_does_not_come_is_taken_over_from_the_audit_trail(empty_database_url: str) -> None:
    settings = schema.config(empty_database_url)

    async def of_the_day_before() -> None:
        connection = await asyncpg.connect(schema.dsn(empty_database_url))
        await connection.execute("""
            SET session_replication_role = replica;  -- commission alone, without what it is of
            INSERT INTO incomes (id, payment_id, deal_id, expected_on, kind, received_amount, status)
            SELECT id, 1, 1, '2026-11-22', 'commission', 0, status
            FROM (VALUES (1, 'disputed'), (2, 'written_off'), (3, 'expected'), (4, 'written_off')) AS one(id, status);
            INSERT INTO audit_records (at, action, object_type, object_id, changes)
            SELECT now(), action, 'income', id, changes::jsonb FROM (VALUES
                ('income.disputed', 1, '{"status": [], "reason": "first"}'),
                ('income.expected', 1, '{"status": []}'),
                ('income.disputed', 1, '{"status": [], "reason": "second"}'),
                ('income.expected', 1, '{"expected": [1, 2]}'),
                ('income.disputed', 2, '{"status": [], "reason": "disputed first"}'),
                ('income.written_off', 2, '{"status": [], "reason": "then given up"}'),
                ('income.disputed', 3, '{"status": [], "reason": "taken back"}'),
                ('income.expected', 3, '{"status": []}'),
                ('income.disputed', 4, '{"status": [], "reason": "then written off with its instalment"}')
            ) AS told(action, id, changes)""")
        await connection.close()

    async def of_today() -> list[str]:
        connection = await asyncpg.connect(schema.dsn(empty_database_url))
        rows = await connection.fetch("SELECT status_reason FROM incomes ORDER BY id")
        await connection.close()
        return [row[0] for row in rows]

    in_a_thread(lambda: command.upgrade(settings, "0010"))
    in_a_thread(lambda: asyncio.run(of_the_day_before()))
    in_a_thread(lambda: command.upgrade(settings, "0011"))
    found: list[str] = []
    in_a_thread(lambda: found.extend(asyncio.run(of_today())))
    assert found == ["second", "then given up", "", ""]


def test_two_replicas_that_start_together_migrate_once(empty_database_url: str) -> None:
    async def both() -> None:
        await asyncio.gather(schema.upgrade(empty_database_url), schema.upgrade(empty_database_url))

    in_a_thread(lambda: asyncio.run(both()))
