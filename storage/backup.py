"""Backups: database and papers in one archive, read back before it gets its name; old ones are put away.

The database is dumped at one snapshot, and the papers are those which that snapshot names: what is written meanwhile is
in the next backup, whole. Nothing is ever in memory but one paper, or one piece of the dump.
"""

import asyncio
import errno
import fcntl
import re
import subprocess
import tempfile
import threading
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, Protocol

import asyncpg

from storage import archive, facts
from storage.archive import ArchiveError, Entry, Writer
from storage.audit import CHAIN
from storage.embedded import sync_folder
from storage.pg_tools import NoToolsError, Tools, environment, find_tools
from storage.schema import dsn

DATABASE: Final = "database/"
DOCUMENTS: Final = "documents/"
PIECE: Final = 4 * 1024 * 1024
"""Of the dump, which comes as a stream: `cat database/*` is what pg_restore takes."""

ORDER: Final = "backup.order"
SCHEDULE: Final = "backup.schedule"
"""The team settings that say how far an ordered backup and the day's own are."""

_LOCK: Final = 0x6261636B7570  # "backup"
_NAME: Final = re.compile(r"polisdesk-(\d{4}-\d\d-\d\dT\d{6})Z(?:-\d+)?\.tar(\.enc)?")
_MOMENT: Final = "%Y-%m-%dT%H%M%S"
_PART: Final = ".part-"


class BackupError(Exception):
    """There is no backup; the text is one line for the operator, `code` says which kind of trouble it is."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def _store_error() -> type[Exception]:
    """What an object store raises; asked only when something was raised, for it is large and a folder needs none."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    return BaseError


class Papers(Protocol):
    """What a backup asks of the documents."""

    async def get(self, path: str) -> bytes: ...


Tell = Callable[[str, int, int], Awaitable[None]]
"""Hears how far it is: the stage (database, documents, checking), how much is done, of how much (0: nobody knows)."""


async def tell_nobody(_stage: str, _done: int, _of: int) -> None:
    """For whoever waits in silence."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup that lies in the folder."""

    path: Path
    at: datetime
    size: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was just made and read back."""

    path: Path
    size: int
    rows: int
    tables: dict[str, int]
    documents: int
    missing: list[str]
    damaged: list[str]
    broken_audit: int | None
    encrypted: bool
    forgotten: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How many backups stay, and for how many days; the newest stays whatever its age."""

    count: int | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The database as it was at one moment."""

    id: str
    server: int
    migration: str
    facts: dict[str, Any]
    audit: dict[str, Any]
    papers: list[tuple[str, str | None]]


@dataclass(frozen=True)
class Backups:
    """Makes backups of one database and its papers into one folder."""

    url: str
    files: Papers
    folder: Path
    passphrase: str | None = field(default=None, repr=False)
    bindir: Path | None = None
    retention: Retention = Retention()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        """Whether nobody else backs this database up, for as long as the block lasts; a dead process lets go of it."""
        with _trouble_with_database():
            connection = await asyncpg.connect(dsn(self.url))
        try:
            yield bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))
        finally:
            with suppress(Exception):
                await connection.close(timeout=5)

    async def make(self, now: datetime, tell: Tell = tell_nobody) -> Made:
        """Make one, read it back, give it its name and put away what is too old. Raises BackupError."""
        encrypted = self.passphrase is not None
        part = await asyncio.to_thread(self._open_folder, f"polisdesk-{now.astimezone(UTC):{_MOMENT}}Z", encrypted)
        stop = threading.Event()
        writer: Writer | None = None
        try:
            with _trouble_with_folder(self.folder):
                writer = await asyncio.to_thread(Writer, part, self.passphrase, moment=now.timestamp())
            manifest, marks = await self._fill(writer, now, tell)
            with _trouble_with_folder(self.folder):
                await asyncio.to_thread(writer.finish, manifest)
            await tell("checking", 0, 0)
            await asyncio.to_thread(self._read_back, part, stop)
            path = await asyncio.to_thread(_settle, part)
            forgotten = await asyncio.to_thread(self._put_away, now)
        finally:
            stop.set()
            if writer is not None:
                writer.abandon()
            part.unlink(missing_ok=True)
        tables = {name: int(told["rows"]) for name, told in manifest["facts"].items()}
        return Made(
            path=path,
            size=path.stat().st_size,
            rows=sum(tables.values()),
            tables=tables,
            documents=sum(name.startswith(DOCUMENTS) for name in writer.entries),
            missing=marks.missing,
            damaged=marks.damaged,
            broken_audit=manifest["audit"]["broken"],
            encrypted=encrypted,
            forgotten=len(forgotten),
        )

    def kept(self) -> list[Kept]:
        """The backups in the folder, the newest first."""
        found = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                if name := _NAME.fullmatch(path.name):
                    at = datetime.strptime(name[1], _MOMENT).replace(tzinfo=UTC)
                    with suppress(OSError):
                        found.append(Kept(path, at, path.stat().st_size, name[2] is not None))
        return sorted(found, key=lambda one: (one.at, one.path.name), reverse=True)

    # --- what is written ------------------------------------------------------------------------------------------

    async def _fill(self, writer: Writer, now: datetime, tell: Tell) -> tuple[dict[str, Any], "_Marks"]:
        async with self._snapshot() as snapshot:
            try:
                tools = await asyncio.to_thread(find_tools, snapshot.server, self.bindir)
            except NoToolsError as error:
                raise BackupError("no_tools", str(error)) from error
            await self._dump(writer, tools, snapshot.id, tell)
        marks = await self._copy_papers(writer, snapshot.papers, tell)
        manifest = {
            "format": archive.FORMAT,
            "product": "polisdesk",
            "version": _version(),
            "created_at": now.astimezone(UTC).isoformat(),
            "migration": snapshot.migration,
            "postgres": {"server": snapshot.server, "pg_dump": tools.major},
            "facts": snapshot.facts,
            "audit": snapshot.audit,
            "missing": marks.missing,
            "damaged": marks.damaged,
        }
        return manifest, marks

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[_Snapshot]:
        """Look at the database at one moment, and hold that moment for pg_dump."""
        with _trouble_with_database():
            connection = await asyncpg.connect(dsn(self.url))
        try:
            with _trouble_with_database():
                transaction = connection.transaction(isolation="repeatable_read", readonly=True)
                await transaction.start()
                snapshot = await _look(connection)
            yield snapshot
        finally:
            with suppress(Exception):
                await connection.close(timeout=5)

    async def _dump(self, writer: Writer, tools: Tools, snapshot: str, tell: Tell) -> None:
        options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", "--no-password"]
        with tempfile.TemporaryFile() as words:
            process = await asyncio.create_subprocess_exec(
                tools["pg_dump"],
                *options,
                f"--snapshot={snapshot}",
                "--lock-wait-timeout=60s",
                env=environment(self.url),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=words,
                limit=PIECE,
            )
            assert process.stdout is not None  # noqa: S101 - it was asked for
            try:
                done, number = 0, 0
                while piece := await _piece(process.stdout):
                    await self._add(writer, f"{DATABASE}{number:06}", piece)
                    done, number = done + len(piece), number + 1
                    await tell("database", done, 0)
                if await process.wait() != 0:
                    raise BackupError("dump", f"pg_dump failed: {last_words(words)}")
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def _copy_papers(self, writer: Writer, papers: list[tuple[str, str | None]], tell: Tell) -> "_Marks":
        marks = _Marks()
        await tell("documents", 0, len(papers))
        for number, (path, sha256) in enumerate(papers, 1):
            content = await self._paper(path, sha256)
            if content is None:
                marks.missing.append(path)
            else:
                if sha256 is not None and Entry.of(content).sha256 != sha256:
                    marks.damaged.append(path)
                await self._add(writer, f"{DOCUMENTS}{path}", content)
            await tell("documents", number, len(papers))
        return marks

    async def _add(self, writer: Writer, name: str, content: bytes) -> None:
        with _trouble_with_folder(self.folder):
            await asyncio.to_thread(writer.add, name, content)

    async def _paper(self, path: str, sha256: str | None) -> bytes | None:
        """The bytes of a paper; when it has been moved since the snapshot, those that lie elsewhere now."""
        places = [path]
        for attempt in range(2):
            for place in places:
                try:
                    return await self.files.get(place)
                except FileNotFoundError:
                    continue
                except (OSError, _store_error()) as error:
                    raise BackupError("documents", f"the document {place} cannot be read: {error}") from error
            if attempt == 0 and sha256 is not None:
                places = await self._places_now(sha256)
        return None

    async def _places_now(self, sha256: str) -> list[str]:
        with _trouble_with_database():
            connection = await asyncpg.connect(dsn(self.url))
            try:
                rows = await connection.fetch(
                    "SELECT path FROM documents WHERE sha256 = $1"
                    " UNION SELECT path FROM parcel_items WHERE sha256 = $1 AND path IS NOT NULL",
                    bytes.fromhex(sha256),
                )
            finally:
                await connection.close(timeout=5)
        return [row["path"] for row in rows]

    # --- the folder -----------------------------------------------------------------------------------------------

    def _open_folder(self, name: str, encrypted: bool) -> Path:
        """Make the folder where there is none, clear what killed processes left, and name the file to write."""
        with _trouble_with_folder(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self.folder.glob(f"{_PART}polisdesk-*"):
                _remove_if_nobodys(left)
            return self.folder / f"{_PART}{name}.tar{'.enc' if encrypted else ''}"

    def _read_back(self, part: Path, stop: threading.Event) -> None:
        """Believe in the archive only when the disk gives back what was written."""
        try:
            archive.check(part, self.passphrase, stop)
        except (ArchiveError, OSError) as error:
            raise BackupError("unsound", f"the backup does not read back as it was written: {error}") from error

    def _put_away(self, now: datetime) -> list[Path]:
        """Delete what retention does not keep; only what bears the name of a backup."""
        oldest = None if self.retention.days is None else now - timedelta(days=self.retention.days)
        gone = []
        for number, one in enumerate(self.kept()):
            too_many = self.retention.count is not None and number >= self.retention.count
            too_old = oldest is not None and one.at < oldest
            if number > 0 and (too_many or too_old):
                with suppress(OSError):
                    one.path.unlink()
                    gone.append(one.path)
        return gone


@dataclass(slots=True)
class _Marks:
    """Papers that were not as the database says."""

    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


async def _look(connection: asyncpg.Connection) -> _Snapshot:
    await connection.execute(facts.SESSION)
    if await connection.fetchval("SELECT to_regclass('public.alembic_version')") is None:
        raise BackupError("empty", "there is nothing to back up: the database has no tables")
    papers = await connection.fetch(
        "SELECT path, encode(sha256, 'hex') AS sha256 FROM documents"
        " UNION ALL SELECT path, encode(sha256, 'hex') FROM parcel_items WHERE path IS NOT NULL ORDER BY path"
    )
    return _Snapshot(
        id=await connection.fetchval("SELECT pg_export_snapshot()"),
        server=int(await connection.fetchval("SHOW server_version_num")) // 10_000,
        migration=await connection.fetchval("SELECT min(version_num) FROM alembic_version"),
        facts=await facts.gather(connection),
        audit=await audit_state(connection),
        papers=[(row["path"], row["sha256"]) for row in papers],
    )


async def audit_state(connection: asyncpg.Connection) -> dict[str, Any]:
    """How long the chain of audit records is, what it ends in, and where it is broken, if it is."""
    row = await connection.fetchrow(CHAIN.text)
    head = None if row["last_hash"] is None else row["last_hash"].hex()
    return {"records": row["records"], "last": row["last_id"], "head": head, "broken": row["first_bad"]}


async def _piece(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readexactly(PIECE)
    except asyncio.IncompleteReadError as end:
        return end.partial


def _version() -> str:
    try:
        told = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(told)["project"]["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "unknown"  # an image may go without the file


def _settle(part: Path) -> Path:
    """Give a finished archive the first free name, for good."""
    stem, dot, kind = part.name.removeprefix(_PART).partition(".")
    for number in range(1, 1000):
        place = part.with_name(f"{stem}{'' if number == 1 else f'-{number}'}{dot}{kind}")
        if not place.exists():
            part.rename(place)
            sync_folder(place.parent)
            return place
    raise BackupError("folder", f"{part.parent} is full of backups of this very second")


def _remove_if_nobodys(left: Path) -> None:
    """Remove what a killed process left; a living one holds the lock on what it writes."""
    with suppress(OSError), left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink()


def last_words(stream: IO[bytes]) -> str:
    """The end of what a program complained of, on one line."""
    stream.seek(0)
    said = stream.read()[-4000:].decode(errors="replace").splitlines()
    return " / ".join(line.strip() for line in said[-3:] if line.strip()) or "it left no word"


@contextmanager
def _trouble_with_folder(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise BackupError("no_room", f"there is no room for the backup in {folder}") from error
        raise BackupError("folder", f"{folder} cannot be written: {error.strerror or error}") from error


@contextmanager
def _trouble_with_database() -> Iterator[None]:
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise BackupError("database", f"the database cannot be read: {error or type(error).__name__}") from error
