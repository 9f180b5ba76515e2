"""The database's shape: which migration it is at, and getting it to the newest one."""

import ast
import asyncio
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from storage import rights

# Alembic is imported when there is something to migrate: at the other starts it would only be carried along.
if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"

_STATED: Final = re.compile(r"^(revision|down_revision)(?:: [^=]+)? = (.+)$", re.MULTILINE)

_LOCK: Final = 0x706F6C6973  # "polis": any number that nothing else in this database locks


class SchemaError(Exception):
    """The tables in the database and those in the code are not the same; the text says what to do."""


def config(url: str) -> "Config":
    """Alembic's settings without an ini file: where the migrations are and which database they are for."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["url"] = url
    return made


def dsn(url: str) -> str:
    """The same address for asyncpg itself."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


async def upgrade(url: str) -> None:
    """Bring the database to the newest migration and the bot's role up to it; replicas take turns."""
    connection = await asyncpg.connect(dsn(url))
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        # Alembic takes a third of a second to find out that there is nothing to do.
        if not await at_head(connection):
            await asyncio.to_thread(_upgrade, url)
        await rights.grant(connection)
    finally:
        await connection.close()


def _upgrade(url: str) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415 - see above

    try:
        command.upgrade(config(url), "head")
    except CommandError as error:
        raise SchemaError(f"the database was migrated by a newer version of Polisdesk: {error}") from error


async def at_head(connection: asyncpg.Connection) -> bool:
    """Whether the database stands at the newest migration of this code."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return False
    rows = await connection.fetch("SELECT version_num FROM alembic_version")
    return {row["version_num"] for row in rows} == heads()


def heads() -> set[str]:
    """The newest migrations of this code: one, unless two branches of work have met."""
    follows = _revisions()
    return set(follows) - set().union(*follows.values())


def revisions() -> set[str]:
    """Every migration of this code."""
    return set(_revisions())


@cache
def _revisions() -> dict[str, set[str]]:
    """Each migration and what it follows, as its file states them in plain words."""
    found = {}
    for file in (MIGRATIONS / "versions").glob("*.py"):
        stated = {name: ast.literal_eval(value) for name, value in _STATED.findall(file.read_text(encoding="utf-8"))}
        before = stated["down_revision"]
        found[stated["revision"]] = {before} if isinstance(before, str) else set(before or ())
    return found


def check_drift(url: str) -> None:
    """Refuse where the migrations, applied to an empty database, do not make the tables that the code describes."""
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415 - see above

    command.upgrade(config(url), "head")
    try:
        command.check(config(url))
    except CommandError as error:
        raise SchemaError(f"migrations and models differ: {error}") from error
