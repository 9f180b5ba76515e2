"""How Postgres means to answer what a piece of code asks: every statement with its plan."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event

from storage import schema
from storage.engine import Database

SMALL = {
    "users", "invites", "insurers", "lines_of_business", "commission_rates", "team_settings", "alembic_version",
    "dialog_state", "name_words", "pg_namespace",
}  # fmt: skip
"""Tables that do not grow with the number of deals; every other one is big."""

EXCEPTIONS = {
    "ix_inbox_pending": "updates that wait",
    "ix_outbox_pending": "messages that wait",
    "ix_inbox_dead": "updates that were given up",
    "ix_outbox_dead": "messages that were given up",
    "ix_policies_deleted": "policies that were entered by mistake",
    "ix_reminders_failing": "reminders that cannot be fired",
    "ix_reminders_admin": "what whoever becomes an admin is to hear of: all of it",
    "ix_incomes_unknown": "commissions that nobody knows the rate of",
    "ix_tasks_open": "tasks that are not done: what people have in hand",
    "ix_tasks_assignee_open": "the same",
    "ix_tasks_deal_open": "the same",
    "ix_tasks_question": "questions without an answer",
}
"""Indexes that hold a few rows of a big table and nothing else, however big it is: those may be read whole."""

FOR_ANY = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "timezone": "UTC"}
"""A connection that plans for any parameters, and walks where nothing else is left."""

EARLY = 5
"""A scan is stopped early when it has cost less than this part of itself."""


class Short(str):
    """A statement that went the short way (storage.direct), over connections of its own."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Walk:
    """A statement that reads a big table from end to end."""

    table: str
    statement: str


@contextmanager
def watched(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements (text, parameters) that are sent meanwhile, by sessions and the short way."""
    sent: list[tuple[str, Any]] = []
    way = database.direct

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        # Of a statement that is sent with a list of parameters, a row for each time, the first tells the plan.
        sent.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    def also(send: Any) -> Any:
        async def listened(statement: str, *values: Any) -> Any:
            sent.append((Short(statement), values))
            return await send(statement, *values)

        return listened

    event.listen(database.engine.sync_engine, "before_cursor_execute", listen)
    for name in ("fetch", "row", "value"):
        setattr(way, name, also(getattr(way, name)))
    try:
        yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", listen)
        for name in ("fetch", "row", "value"):
            delattr(way, name)


async def walks(database: Database, sent: list[tuple[str, Any]]) -> list[Walk]:
    """Those of the statements for which Postgres would walk a whole big table: with these parameters, or because no
    index answers them whatever the parameters are, which is how a statement is planned that is run often.
    """
    found = []
    connection = await asyncpg.connect(schema.dsn(database.url), server_settings=FOR_ANY)
    try:
        for statement, parameters in sent:
            if statement.lstrip().split(None, 1)[0].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
                plan = await database.direct.value(f"EXPLAIN (FORMAT JSON) {statement}", *parameters)
                tables = {*_walked(json.loads(plan)[0]["Plan"], None)}
                tables |= {*_without_index(await _plan_for_any(connection, statement, len(parameters)))}
                found += [Walk(table, statement) for table in sorted(tables)]
    finally:
        await connection.close()
    return found


async def _plan_for_any(connection: asyncpg.Connection, statement: str, parameters: int) -> dict[str, Any]:
    await connection.execute(f"PREPARE planned AS {statement}")
    values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE planned{values}")
    await connection.execute("DEALLOCATE planned")
    plan: dict[str, Any] = json.loads(told)[0]["Plan"]
    return plan


def _without_index(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in SMALL:
        yield f"{node['Relation Name']} (whatever the parameters)"
    for below in node.get("Plans", ()):
        yield from _without_index(below)


def _walked(node: dict[str, Any], stopped_at: float | None) -> Iterator[str]:
    """Big tables that are read from end to end; an index from its beginning counts too. What a limit stops long before
    the end, as the planner expects by the cost, is no walk.
    """
    kind, cost = node["Node Type"], node["Total Cost"]
    whole = kind == "Seq Scan" or (
        kind in {"Index Scan", "Index Only Scan"} and "Index Cond" not in node and node["Index Name"] not in EXCEPTIONS
    )
    if whole and node["Relation Name"] not in SMALL and (stopped_at is None or stopped_at > cost / EARLY):
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        yield from _walked(below, cost if kind == "Limit" else stopped_at)
