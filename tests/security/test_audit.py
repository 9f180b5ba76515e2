"""What was done stays written: not even the bot itself can change it, and whoever goes past the bot is found out."""

# ruff: noqa: S608 - statements are put together of ids and of each other

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from storage import rights, schema
from storage.audit import HEADS, keep_head
from storage.backup import Backups
from storage.engine import Database
from tests.conftest import Cluster
from tests.security.chain import (
    EXPECTED,
    RECORDS,
    REWRITE,
    SHIFT,
    TAMPERINGS,
    connected,
    head_at,
    ids,
    past_the_bot,
    verify,
)
from tests.services.conftest import Agency
from tests.unit.test_command_line import bot


@pytest.fixture
async def kept(agency: Agency) -> Agency:
    """An agency in which some things were done."""
    for _ in range(RECORDS):
        await agency.services.people.invite(agency.galina, ["seller"])
    return agency


# --- the bot's own role -------------------------------------------------------------------------------------------

NOT_FOR_THE_BOT = (
    "UPDATE audit_records SET actor_id = 0",
    "UPDATE audit_records SET changes = '{}' WHERE false",
    "DELETE FROM audit_records",
    "DELETE FROM audit_records WHERE id = (SELECT max(id) FROM audit_records)",
    "TRUNCATE audit_records",
    "TRUNCATE audit_records, deals CASCADE",
    "ALTER TABLE audit_records DISABLE TRIGGER USER",
    "ALTER TABLE audit_records DISABLE TRIGGER ALL",
    "ALTER TABLE audit_records RENAME TO something_else",
    "ALTER TABLE audit_records ADD COLUMN x int",
    "DROP TABLE audit_records",
    "DROP TRIGGER audit_append_only ON audit_records",
    "DROP FUNCTION audit_chain() CASCADE",
    "CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION audit_chain()",
    "CREATE RULE mine AS ON INSERT TO audit_records DO INSTEAD NOTHING",
    "CREATE TABLE public.audit_records_2 (id int)",
    "SELECT setval(pg_get_serial_sequence('audit_records', 'id'), 1)",
    "SET session_replication_role = replica",
    "SELECT * FROM audit_records FOR UPDATE",
    "UPDATE alembic_version SET version_num = '0001'",
    "COPY audit_records TO PROGRAM 'true'",
    "MERGE INTO audit_records a USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
    (
        "INSERT INTO audit_records (id, at, action, object_type, changes) SELECT min(id), now(), 'x', 'y', '{}'"
        " FROM audit_records ON CONFLICT (id) DO UPDATE SET actor_id = 0"
    ),
)


async def test_the_bots_role_can_add_records_and_do_nothing_else_to_them(kept: Agency, database_url: str) -> None:
    role = await rights.role_for(schema.dsn(database_url))
    assert role is not None
    before = await verify(database_url)
    async with connected(database_url, role) as connection:
        allowed = []
        for statement in NOT_FOR_THE_BOT:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            allowed.append(statement)
        assert allowed == []
        assert await verify(database_url) == before
        # A reset of what the session was told comes back to the same role.
        await connection.execute("RESET ALL; RESET ROLE")
        assert await connection.fetchval("SELECT current_user") == role
        # What it claims of the id and the hashes is not taken over.
        await connection.execute(
            "INSERT INTO audit_records (id, at, action, object_type, changes, previous_hash, hash)"
            " VALUES (1000000, now(), 'x', 'y', '{}', 'forged', 'forged')"
        )
    after = await verify(database_url)
    assert (after.records, after.trouble) == (before.records + 1, None)
    assert after.head is not None
    assert after.head.id < 1_000_000


async def test_everything_else_is_the_bots_to_change(kept: Agency, database_url: str) -> None:
    """A role that may do too little would be a bot that does not work."""
    role = await rights.role_for(schema.dsn(database_url))
    async with connected(database_url, role) as connection:
        refused = await connection.fetch(
            "SELECT relname, privilege FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) privilege"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND relname NOT IN ('audit_records', 'alembic_version') AND NOT has_table_privilege(oid, privilege)"
        )
    assert refused == []


async def test_the_owner_of_the_tables_is_stopped_by_triggers(kept: Agency, database_url: str) -> None:
    async with connected(database_url) as connection:
        for statement in NOT_FOR_THE_BOT[:6]:
            with pytest.raises(asyncpg.RaiseError, match="append-only"):
                await connection.execute(statement)


async def test_tables_of_a_later_migration_are_the_bots_too(database_url: str) -> None:
    async with connected(database_url) as connection:
        await connection.execute("CREATE TABLE of_a_later_version (id bigint GENERATED ALWAYS AS IDENTITY)")
        await rights.grant(connection)
        role = await rights.role_for(schema.dsn(database_url))
        assert await connection.fetchval("SELECT has_table_privilege($1, 'of_a_later_version', 'DELETE')", role)


@pytest.fixture
async def login(postgres: Cluster, database_url: str) -> AsyncIterator[str]:
    """The address with the name of somebody who owns nothing and is only one of the bot's role."""
    role = await rights.role_for(schema.dsn(database_url))
    postgres.execute(f"CREATE ROLE polisdesk_login LOGIN PASSWORD 'word' IN ROLE \"{role}\"")
    scheme, _slash, rest = database_url.partition("://")
    yield f"{scheme}://polisdesk_login:word@{rest.partition('@')[2]}"
    postgres.execute("DROP ROLE polisdesk_login")


async def test_a_bot_that_owns_nothing_works_and_nothing_it_says_makes_it_the_owner(
    kept: Agency, login: str, tmp_path: Path
) -> None:
    await schema.upgrade(login)
    role = await rights.role_for(schema.dsn(login))
    assert role is not None
    async with connected(login, role) as connection:
        await connection.execute("SET ROLE NONE")
        for statement in NOT_FOR_THE_BOT:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    database = Database(login, role=role)
    try:
        await Agency(database, kept.clock).services.people.invite(kept.galina, ["seller"])
    finally:
        await database.close()
    assert (await verify(login)).records == RECORDS + 1
    made = await Backups(url=login, files=kept.files, folder=tmp_path).make(kept.clock.now())
    assert (made.tables["audit_records"], made.broken_audit) == (RECORDS + 1, None)


async def test_a_role_of_somebodys_own_gets_no_rights(postgres: Cluster, empty_database_url: str) -> None:
    name = rights.PREFIX + empty_database_url.partition("@/")[2].partition("?")[0]
    postgres.execute(f'CREATE ROLE "{name}" LOGIN')
    try:
        await schema.upgrade(empty_database_url)
        assert await rights.role_for(schema.dsn(empty_database_url)) is None
    finally:
        postgres.execute(f'DROP ROLE "{name}"')


# --- whoever goes past it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", TAMPERINGS)
async def test_the_first_record_that_was_tampered_with_is_named(kept: Agency, database_url: str, how: str) -> None:
    statements, first = TAMPERINGS[how]
    known = await ids(database_url)
    assert (await verify(database_url)).trouble is None
    await past_the_bot(database_url, *(statement.format(*known) for statement in statements))
    chain = await verify(database_url)
    # Where one is gone, or one was put in, it is the next that has lost its neighbour.
    assert chain.first_bad == known[first] + (SHIFT if how == "put in" else 0)
    assert f"broken at record {chain.first_bad}" in str(chain.trouble)


async def test_a_chain_that_was_cut_off_at_its_end_is_found_by_a_head_kept_elsewhere(
    kept: Agency, database_url: str
) -> None:
    early = await head_at(database_url, (known := await ids(database_url))[1])
    whole = (await verify(database_url)).head
    assert whole is not None
    assert (await verify(database_url, early, whole)).trouble is None
    await past_the_bot(database_url, f"DELETE FROM audit_records WHERE id > {known[3]}")
    assert (await verify(database_url)).trouble is None
    assert (await verify(database_url, early)).trouble is None
    assert f"cut off after record {known[3]}" in str((await verify(database_url, early, whole)).trouble)
    # Nor does it help to write others in their stead.
    for _ in range(4):
        await kept.services.people.invite(kept.galina, ["executor"])
    assert (await verify(database_url)).trouble is None
    assert (await verify(database_url, early, whole)).unmet == whole


async def test_a_chain_that_was_written_anew_is_found_by_a_head_kept_elsewhere(kept: Agency, database_url: str) -> None:
    known = await ids(database_url)
    heads = [await head_at(database_url, id_) for id_ in known]
    await past_the_bot(database_url, f"UPDATE audit_records SET actor_id = 0 WHERE id = {known[2]}", REWRITE)
    assert (await verify(database_url)).trouble is None
    assert (await verify(database_url, *reversed(heads))).unmet == heads[2]


async def test_an_empty_table_with_a_kept_head_was_emptied(kept: Agency, database_url: str) -> None:
    head = (await verify(database_url)).head
    assert head is not None
    await past_the_bot(database_url, "TRUNCATE audit_records")
    assert (await verify(database_url)).trouble is None
    assert "cut off after record 0" in str((await verify(database_url, head)).trouble)


async def test_records_from_before_the_newer_form_stay_valid(kept: Agency, database_url: str) -> None:
    first_form = EXPECTED.replace("json_build_array(", "concat_ws('|', ").replace("changes)::text", "changes::text)")
    known = await ids(database_url)
    await past_the_bot(
        database_url,
        f"DELETE FROM audit_records WHERE id > {known[0]}",
        f"UPDATE audit_records SET hash = {first_form}",
    )
    await kept.services.people.invite(kept.galina, ["seller"])
    assert ((await verify(database_url)).records, (await verify(database_url)).trouble) == (2, None)


async def test_the_operator_walks_the_chain_by_a_command(kept: Agency, database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database_url, "BACKUP_DIR": str(tmp_path)}
    head = (await verify(database_url)).head
    assert head is not None
    keep_head(tmp_path / HEADS, kept.clock.now(), head)
    whole = await asyncio.to_thread(bot, "audit", "--head", str(head), **settings)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout == (f"ok {RECORDS} audit records, the chain is whole, kept heads met: 2; it ends in {head}\n")
    await past_the_bot(database_url, f"DELETE FROM audit_records WHERE id = {head.id}")
    cut = await asyncio.to_thread(bot, "audit", **settings)
    assert cut.returncode == 1
    assert cut.stdout.startswith("bad audit records: the chain is cut off after record ")
    wrong = await asyncio.to_thread(bot, "audit", "--head", "12", **settings)
    assert wrong.returncode == 1
    assert "--head: «12» is no head of a chain" in wrong.stderr
