"""The migrations make exactly the tables that the code describes, and can be walked in both directions."""

import asyncio

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


def test_two_replicas_that_start_together_migrate_once(empty_database_url: str) -> None:
    async def both() -> None:
        await asyncio.gather(schema.upgrade(empty_database_url), schema.upgrade(empty_database_url))

    in_a_thread(lambda: asyncio.run(both()))
