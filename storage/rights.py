"""The role that the bot works under: whatever it may be made to say, it adds audit records and changes none.

Migrations are run by the owner of the tables, who could switch the triggers off. The bot's own connections give those
rights up with their first word. Where the owner may not make a role, the triggers alone stand guard.
"""

from typing import Final

import asyncpg

PREFIX: Final = "polisdesk_app_"
"""Before the name of the database: a role is the whole cluster's, and another agency's bot must have another one."""

# A copy of a database keeps the grants, and with them the role of the original.
_CURRENT: Final = """
    SELECT pg_get_userbyid(acl.grantee) FROM pg_class c, aclexplode(c.relacl) acl
    WHERE c.oid = to_regclass('public.audit_records') AND acl.privilege_type = 'INSERT' AND acl.grantee <> c.relowner
        AND starts_with(pg_get_userbyid(acl.grantee), $1)
    ORDER BY 1 LIMIT 1
"""
_OWNS: Final = """
    SELECT coalesce((SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class
        WHERE oid = to_regclass('public.audit_records')), false)
"""
_AS_WANTED: Final = """
    SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND CASE
        WHEN relkind NOT IN ('r', 'p', 'S') THEN false
        WHEN relkind = 'S' THEN NOT has_sequence_privilege($1, oid, 'USAGE')
            OR has_sequence_privilege($1, oid, 'UPDATE')
        WHEN relname IN ('audit_records', 'alembic_version') THEN NOT has_table_privilege($1, oid, 'SELECT')
            OR has_table_privilege($1, oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
            OR has_any_column_privilege($1, oid, 'UPDATE')
            OR has_table_privilege($1, oid, 'INSERT') <> (relname = 'audit_records')
        ELSE NOT (has_table_privilege($1, oid, 'SELECT') AND has_table_privilege($1, oid, 'INSERT')
            AND has_table_privilege($1, oid, 'UPDATE') AND has_table_privilege($1, oid, 'DELETE'))
    END)
"""
_MAKE: Final = """
DO $make$
DECLARE app text := {role};
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', app);
    END IF;
    IF NOT pg_has_role(current_user, app, {way}) THEN
        EXECUTE format('GRANT %I TO CURRENT_USER', app) || {with_set};
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', app);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', app);
    EXECUTE format('REVOKE ALL ON audit_records, alembic_version FROM %I', app);
    EXECUTE format('GRANT SELECT, INSERT ON audit_records TO %I', app);
    EXECUTE format('GRANT SELECT ON alembic_version TO %I', app);
END $make$
"""


async def grant(connection: asyncpg.Connection) -> None:
    """As the owner of the tables, give the bot's role what it needs and nothing else; where we may not, leave it."""
    if not await connection.fetchval(_OWNS):
        return
    role = await connection.fetchval(_CURRENT, PREFIX)
    if role is not None and await connection.fetchval(_AS_WANTED, role):
        return
    name = role or PREFIX + (await connection.fetchval("SELECT current_database()"))
    if await connection.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", _fits(name)):
        return  # somebody's own, and not ours to give rights to
    newer = connection.get_server_version() >= (16,)
    make = _MAKE.format(
        role=await connection.fetchval("SELECT quote_literal($1::text)", _fits(name)),
        way="'SET'" if newer else "'MEMBER'",
        with_set="' WITH INHERIT FALSE, SET TRUE'" if newer else "''",
    )
    try:
        async with connection.transaction():
            await connection.execute(make)
    except asyncpg.InsufficientPrivilegeError:
        return


async def role_for(dsn: str) -> str | None:
    """The role for the bot's connections; None where they have to work with all the rights of the one who logs in."""
    connection = await asyncpg.connect(dsn)
    try:
        role: str | None = await connection.fetchval(_CURRENT, PREFIX)
    finally:
        await connection.close()
    if role is None:
        return None
    try:
        connection = await asyncpg.connect(dsn, server_settings={"role": role})
    except asyncpg.PostgresError:
        return None  # not ours to take, or something between us and the server does not pass it on
    await connection.close()
    return role


def _fits(name: str) -> str:
    """As the server would shorten it."""
    return name.encode()[:63].decode(errors="ignore")
