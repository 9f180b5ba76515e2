"""What a database holds, as figures that can be compared: of each table the rows, the sums, and a digest of all rows.

The tables are read from the database and not from the code, so that a backup of an older version is counted as well.
The digest does not depend on the order of the rows, nor on the version of the server.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

# How a row is written as text must not depend on who asks.
SESSION: Final = """
    SET LOCAL search_path = public; SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY';
    SET LOCAL intervalstyle = 'postgres'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1;
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
"""

_FOREIGN: Final = """
    EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalog}'::regclass AND d.objid = {oid} AND d.deptype = 'e')
"""
"""What an extension has made is not ours: not to be counted, and not to be dropped."""

_RELATIONS: Final = f"""
    FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    AND NOT {_FOREIGN.format(catalog="pg_class", oid="c.oid")}
"""

_SHAPE: Final = f"""
    SELECT c.relname AS name, array_remove(array_agg(a.attname ORDER BY a.attnum), NULL) AS sums
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.atttypid = 'numeric'::regtype
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT {_FOREIGN.format(catalog="pg_class", oid="c.oid")}
    GROUP BY c.relname
"""  # noqa: S608 - nothing in it comes from outside

IS_EMPTY: Final = f"""
    SELECT NOT EXISTS (SELECT {_RELATIONS} AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)')
"""
"""Whether nobody has made anything in this database."""

MAKE_EMPTY: Final = f"""
DO $empty$ DECLARE thing text; BEGIN
    FOR thing IN SELECT format('DROP %s IF EXISTS public.%I CASCADE', CASE c.relkind WHEN 'S' THEN 'SEQUENCE'
        WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
        c.relname) {_RELATIONS} AND c.relnamespace = 'public'::regnamespace ORDER BY c.relkind = 'S'
    LOOP EXECUTE thing; END LOOP;
    FOR thing IN SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND NOT {_FOREIGN.format(catalog="pg_proc", oid="p.oid")}
    LOOP EXECUTE thing; END LOOP;
    FOR thing IN SELECT format('DROP TYPE IF EXISTS public.%I CASCADE', t.typname) FROM pg_type t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
        AND NOT {_FOREIGN.format(catalog="pg_type", oid="t.oid")}
    LOOP EXECUTE thing; END LOOP;
END $empty$;
"""  # noqa: S608 - nothing in it comes from outside
"""Drops what is in the schema public and leaves its extensions, which may be somebody else's to make."""

_DIGEST: Final = "('x' || left(encode(sha256(convert_to(\"the row\"::text, 'UTF8')), 'hex'), 15))::bit(60)::bigint"


async def gather(connection: asyncpg.Connection) -> dict[str, Any]:
    """Count everything in the transaction that the connection is in, after SESSION."""
    shape = {row["name"]: row["sums"] for row in await connection.fetch(_SHAPE)}
    if not shape:
        return {}
    found: dict[str, Any] = orjson.loads(await connection.fetchval(_query(shape)))
    return found


def check_block(wanted: Mapping[str, Any]) -> str:
    """SQL that raises an error unless the database holds just this."""
    shape = {name: list(told["sums"]) for name, told in wanted.items()}
    return f"""
        DO $facts$ DECLARE wanted jsonb := {_literal(orjson.dumps(wanted).decode())}; found jsonb; wrong text; BEGIN
            {SESSION}
            SELECT facts INTO found FROM ({_query(shape)}) AS asked (facts);
            SELECT string_agg(key, ', ') INTO wrong FROM jsonb_each(wanted) WHERE found -> key IS DISTINCT FROM value;
            IF wrong IS NOT NULL THEN RAISE EXCEPTION 'what was restored is not what was backed up: %', wrong; END IF;
        END $facts$;
    """  # noqa: S608 - names and values are quoted


def _query(shape: Mapping[str, Sequence[str]]) -> str:
    tables = " UNION ALL ".join(_table(name, sums) for name, sums in sorted(shape.items()))
    return f"SELECT jsonb_object_agg(name, facts) FROM ({tables}) AS tables"  # noqa: S608 - names are quoted


def _table(name: str, sums: Sequence[str]) -> str:
    added = ", ".join(f'{_literal(one)}, coalesce(sum("the row".{_quoted(one)}), 0)::text' for one in sums)
    return (
        f"SELECT {_literal(name)} AS name, jsonb_build_object('rows', count(*), "  # noqa: S608 - names are quoted
        f"'digest', coalesce(sum({_DIGEST}), 0)::text, 'sums', jsonb_build_object({added})) AS facts "
        f'FROM public.{_quoted(name)} AS "the row"'
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
