"""`./run doctor`: looks at each thing the bot leans on and says in a line whether it holds."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.settings import Settings, SettingsError, load
from storage import rights, schema
from storage.backup import Backups
from storage.embedded import EmbeddedPostgresError, resolve_database
from storage.files import DiskFiles
from storage.pg_tools import NoToolsError, find_tools

PATIENCE = 5.0
STALE = timedelta(days=2)


class Sick(Exception):
    """What is wrong, in words for the operator."""


def main() -> int:
    """Print a line for each thing, `ok` or `bad`; 0 when all of them hold."""
    _line("ok", "python", sys.version.split()[0])  # an older one does not get as far as this
    try:
        settings = load()
    except SettingsError as error:
        _line("bad", "settings", str(error))
        return 1
    _line("ok", "settings", "")
    _line("ok", "token", "set" if settings.telegram.bot_token else "not set: ./run starts the sandbox")
    healthy = _tell("documents", lambda: _documents(settings))
    healthy &= _tell("database", lambda: _database(settings))
    healthy &= _tell("backups", lambda: _backups(settings))
    healthy &= _tell("redis", lambda: asyncio.run(_redis(settings)))
    return 0 if healthy else 1


def _tell(what: str, look: Callable[[], str]) -> bool:
    try:
        _line("ok", what, look())
    except Sick as illness:
        _line("bad", what, str(illness))
        return False
    return True


def _line(verdict: str, what: str, words: str) -> None:
    sys.stdout.write(f"{verdict:<4}{what:<10} {' '.join(words.split())}".rstrip() + "\n")


def _documents(settings: Settings) -> str:
    if settings.storage.documents_url:
        return f"{settings.storage.documents_url} (not tried)"
    folder: Path = settings.storage.documents_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"?")
    except OSError as error:
        raise Sick(f"{folder} cannot be written: {error.strerror}") from error
    return str(folder)


def _database(settings: Settings) -> str:
    kind = "DATABASE_URL" if settings.storage.database_url else "embedded"
    try:
        with resolve_database(settings.storage) as url:
            version, newest, place = asyncio.run(_ask_database(url))
            role = asyncio.run(rights.role_for(schema.dsn(url)))
    except EmbeddedPostgresError as error:
        raise Sick(str(error)) from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Sick(f"{kind}: cannot connect: {error or type(error).__name__}") from error
    if not newest:
        raise Sick(f"{kind}, PostgreSQL {version}, not at the newest migration: ./run migrate")
    where = "" if settings.storage.database_url else f", in {place}"
    guard = "the bot's role cannot change audit records" if role else "only triggers guard the audit records"
    return f"{kind}, PostgreSQL {version}, at the newest migration{where}; {guard}"


async def _ask_database(url: str) -> tuple[str, bool, str]:
    """The server's version, whether the tables are of this code, and the folder of the data if we may know."""
    connection = await asyncpg.connect(schema.dsn(url), timeout=PATIENCE)
    try:
        version: str = await connection.fetchval("SHOW server_version")
        place: str | None = await connection.fetchval(
            "SELECT CASE WHEN current_setting('is_superuser') = 'on' THEN current_setting('data_directory') END"
        )
        return version, await schema.at_head(connection), place or ""
    finally:
        await connection.close()


def _backups(settings: Settings) -> str:
    """Where backups go, and whether the newest is as young as it should be."""
    folder = settings.backup_dir
    kept = Backups("", DiskFiles(folder), folder).kept()
    newest = f", {len(kept)} kept, the newest of {kept[0].at:%Y-%m-%d %H:%M} UTC" if kept else ", none yet"
    if settings.backup.backup_at is None:
        return f"{folder}{newest}; none is made by itself: BACKUP_AT is not set"
    if kept and datetime.now(UTC) - kept[0].at > STALE:
        raise Sick(f"{folder}{newest}: one a day is wanted after {settings.backup.backup_at}:00")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"?")
        find_tools(0, settings.storage.pg_bindir)
    except OSError as error:
        raise Sick(f"{folder} cannot be written: {error.strerror}") from error
    except NoToolsError as error:
        raise Sick(str(error)) from error
    return f"{folder}{newest}; by itself after {settings.backup.backup_at}:00"


async def _redis(settings: Settings) -> str:
    if settings.storage.redis_url is None:
        return "not set: Postgres keeps the dialog state"
    client = Redis.from_url(
        settings.storage.redis_url.get_secret_value(), socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
    )
    try:
        pong: Awaitable[bool] | bool = client.ping()
        if not isinstance(pong, bool):
            await pong
    except (RedisError, OSError) as error:
        raise Sick(f"cannot connect: {error}") from error
    finally:
        await client.aclose()
    return "answers"
