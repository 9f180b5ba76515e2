"""Restoring a backup: all of it, proved equal to what was backed up, or nothing at all.

Tables are emptied, filled and compared with the manifest in one transaction of the database: it is committed only when
the rows, sums and digests are those of the backup. Papers are put before it and taken away again should it fail.
"""

import asyncio
import hashlib
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol

import asyncpg

from storage import archive, facts, schema
from storage.archive import ArchiveError
from storage.backup import DATABASE, DOCUMENTS, ORDER, SCHEDULE, Tell, audit_state, last_words, tell_nobody
from storage.files import ASIDE
from storage.pg_tools import NoToolsError, Tools, environment, find_tools

# pg_dump of 17 and later writes it, servers before 17 do not know it, and it says what is so anyway.
_UNKNOWN_BEFORE_17: Final = b"SET transaction_timeout = 0;\n"

# The backup saw itself being made: nobody is to finish it after the restore.
_NOT_UNDER_WAY: Final = """
    UPDATE team_settings SET value = value || '{"status": "done"}'
    WHERE key = ANY($1) AND value ->> 'status' IN ('waiting', 'running')
"""


class RestoreError(Exception):
    """Nothing was restored, and nothing changed unless the text says so; one line for the operator."""


class Papers(Protocol):
    """What restoring asks of the documents."""

    async def put(self, path: str, content: bytes) -> None: ...
    async def get(self, path: str) -> bytes: ...
    async def delete(self, path: str) -> None: ...
    def names(self) -> AsyncIterator[str]: ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there again."""

    rows: int
    tables: dict[str, int]
    documents: int
    audit_records: int
    created_at: str
    migration: str
    aside: list[str]


def inspect(path: Path, passphrase: str | None) -> dict[str, Any]:
    """Read an archive through and return its manifest, if this code can restore it. Raises RestoreError."""
    try:
        manifest = archive.check(path, passphrase)
    except (ArchiveError, OSError) as error:
        raise RestoreError(f"{path}: {error.strerror if isinstance(error, OSError) else error}") from error
    if manifest["migration"] not in schema.revisions():
        raise RestoreError(
            f"{path} was made by a newer version of Polisdesk ({manifest['version']}, migration "
            f"{manifest['migration']}): update this one first"
        )
    return manifest


@dataclass
class Restore:
    """One archive, inspected, and the place it goes to."""

    path: Path
    manifest: dict[str, Any]
    url: str
    files: Papers
    passphrase: str | None = None
    bindir: Path | None = None
    force: bool = False
    _placed: list[str] = field(default_factory=list)
    _aside: list[tuple[str, str]] = field(default_factory=list)

    async def run(self, tell: Tell = tell_nobody) -> Restored:
        """Raises RestoreError; then database and papers are as they were."""
        tools = await self._look_around()
        try:
            documents = await self._put_papers(tell)
            await tell("database", 0, 0)
            await self._in_thread(tools)
        except BaseException:
            await asyncio.shield(self._take_papers_back())
            raise
        await self._finish()
        tables = {name: int(told["rows"]) for name, told in self.manifest["facts"].items()}
        return Restored(
            rows=sum(tables.values()),
            tables=tables,
            documents=documents,
            audit_records=self.manifest["audit"]["records"],
            created_at=self.manifest["created_at"],
            migration=self.manifest["migration"],
            aside=[aside for _path, aside in self._aside],
        )

    # --- the place ------------------------------------------------------------------------------------------------

    async def _look_around(self) -> Tools:
        """Refuse a place where something would be lost. What is already there is told before anything is touched."""
        with _trouble("the database cannot be asked"):
            connection = await asyncpg.connect(schema.dsn(self.url))
            try:
                server = int(await connection.fetchval("SHOW server_version_num")) // 10_000
                empty = await connection.fetchval(facts.IS_EMPTY)
                busy = await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            finally:
                await connection.close(timeout=5)
        if not empty and not self.force:
            raise RestoreError("the database is not empty: choose an empty one, or --force to replace what is in it")
        if not self.force and await self._has_papers():
            raise RestoreError(
                "there are documents already: choose an empty place, or --force to put these beside them"
            )
        if busy:
            raise RestoreError("somebody works with the database: stop the bot first")
        try:
            # An archive of a newer pg_dump is not read by an older pg_restore.
            major = max(server, int(self.manifest["postgres"]["pg_dump"]))
            return await asyncio.to_thread(find_tools, major, self.bindir)
        except NoToolsError as error:
            raise RestoreError(str(error)) from error

    async def _has_papers(self) -> bool:
        async for _name in self.files.names():
            return True
        return False

    # --- papers ---------------------------------------------------------------------------------------------------

    async def _put_papers(self, tell: Tell) -> int:
        """Put every paper and read it back; what was there and is not of the backup is moved aside, never lost."""
        wanted = sum(name.startswith(DOCUMENTS) for name in self.manifest["files"])
        moment = f"{datetime.now(UTC):%Y-%m-%d %H%M%S}"
        done = 0
        members = archive.members(self.path, self.passphrase)
        with _trouble("the documents cannot be written"):
            while (member := await asyncio.to_thread(next, members, None)) is not None:
                name, content = member
                if name.startswith(DOCUMENTS):
                    await self._put(name.removeprefix(DOCUMENTS), content, moment)
                    done += 1
                    await tell("documents", done, wanted)
            for path in [path async for path in self.files.names()]:
                if f"{DOCUMENTS}{path}" not in self.manifest["files"] and not path.startswith(f"{ASIDE}/"):
                    await self._move_aside(path, await self.files.get(path), moment)
        return done

    async def _put(self, path: str, content: bytes, moment: str) -> None:
        try:
            await self.files.put(path, content)
        except FileExistsError:
            there = await self.files.get(path)
            if there == content:
                return
            await self._move_aside(path, there, moment)
            await self.files.put(path, content)
        self._placed.append(path)
        kept = hashlib.sha256(await self.files.get(path)).hexdigest()
        if kept != self.manifest["files"][f"{DOCUMENTS}{path}"]["sha256"]:
            raise RestoreError(f"the document {path} was not kept as it was written")

    async def _move_aside(self, path: str, content: bytes, moment: str) -> None:
        aside = f"{ASIDE}/{moment}/{path}"
        await self.files.put(aside, content)
        self._aside.append((path, aside))
        await self.files.delete(path)

    async def _take_papers_back(self) -> None:
        for path in self._placed:
            with suppress(Exception):
                await self.files.delete(path)
        for path, aside in self._aside:
            with suppress(Exception):
                content = await self.files.get(aside)
                await self.files.delete(path)
                await self.files.put(path, content)
                await self.files.delete(aside)

    # --- the database ---------------------------------------------------------------------------------------------

    async def _in_thread(self, tools: Tools) -> None:
        """Fill the database away from the loop; a caller that gives up gets its transaction rolled back first."""
        stop = threading.Event()
        filling = asyncio.create_task(asyncio.to_thread(self._fill, tools, stop))
        try:
            await asyncio.shield(filling)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([filling])
            raise

    def _fill(self, tools: Tools, stop: threading.Event) -> None:
        """Archive → pg_restore, which makes a script of it → psql: one transaction, with the comparison at its end."""
        env = environment(self.url)
        options = ["--file=-", "--format=custom", "--no-owner", "--no-privileges", "--no-comments"]
        with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as complaints:
            script = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [tools["pg_restore"], *options],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
            psql = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [tools["psql"], "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse"],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=words,
            )
            feeder = _Feeder(self._pieces(stop), script)
            try:
                whole = self._talk(script, psql, feeder)
            finally:
                for process in (script, psql):
                    for pipe in (process.stdin, process.stdout):
                        if pipe is not None:
                            with suppress(OSError):
                                pipe.close()
                script.wait()
                psql.wait()
                feeder.join()
            if feeder.failure is not None:
                raise RestoreError(f"{self.path} cannot be read: {feeder.failure}") from feeder.failure
            if psql.returncode != 0:
                raise RestoreError(f"the database did not take the backup: {_error(words)}")
            if not whole or script.returncode != 0:
                raise RestoreError(f"pg_restore failed: {last_words(complaints)}")

    def _talk(self, script: "subprocess.Popen[bytes]", psql: "subprocess.Popen[bytes]", feeder: "_Feeder") -> bool:
        """Say everything to psql; without the last word, COMMIT, all of it is undone. Returns whether that was said."""
        assert script.stdout is not None  # noqa: S101 - it was asked for
        assert psql.stdin is not None  # noqa: S101 - it was asked for
        feeder.start()
        try:
            psql.stdin.write(b"BEGIN; SET LOCAL lock_timeout = '10s';\n" + facts.MAKE_EMPTY.encode())
            head = True
            while text := script.stdout.read(1024 * 1024):
                psql.stdin.write(text.replace(_UNKNOWN_BEFORE_17, b"", 1) if head else text)
                head = False
            feeder.join()
            if script.wait() != 0 or feeder.failure is not None:
                return False
            psql.stdin.write(facts.check_block(self.manifest["facts"]).encode() + b"\nCOMMIT;\n")
            psql.stdin.flush()
        except BrokenPipeError:  # psql has met an error and gone; its words say which
            return False
        return True

    def _pieces(self, stop: threading.Event) -> Iterator[bytes]:
        for name, content in archive.members(self.path, self.passphrase, stop):
            if not name.startswith(DATABASE):
                return
            yield content

    async def _finish(self) -> None:
        """See that the chain of audit records is the one of the backup, and bring the tables to this version."""
        with _trouble("the restored database cannot be asked"):
            connection = await asyncpg.connect(schema.dsn(self.url))
            try:
                found = await audit_state(connection)
                if any(found[name] != told for name, told in self.manifest["audit"].items()):
                    raise RestoreError(
                        "the data are restored, but the chain of audit records is not that of the backup"
                    )
                try:
                    await schema.upgrade(self.url)
                except schema.SchemaError as error:
                    raise RestoreError(f"the data are restored, but not brought to this version: {error}") from error
                await connection.execute(_NOT_UNDER_WAY, [ORDER, SCHEDULE])
                await connection.execute("ANALYZE")
            finally:
                await connection.close(timeout=5)


class _Feeder(threading.Thread):
    """Pushes the dump into pg_restore while somebody else reads what comes out of it."""

    def __init__(self, pieces: Iterator[bytes], process: "subprocess.Popen[bytes]") -> None:
        super().__init__(name="restore-feeder", daemon=True)
        self._pieces, self._process = pieces, process
        self.failure: Exception | None = None

    def run(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        try:
            for piece in self._pieces:
                self._process.stdin.write(piece)
        except BrokenPipeError:
            pass  # it has gone, and its own words say why
        except Exception as error:  # noqa: BLE001 - whoever waits for the thread raises it
            self.failure = error
        finally:
            with suppress(OSError):
                self._process.stdin.close()


def _error(stream: IO[bytes]) -> str:
    """The error that psql stopped at: the details of the lines after it quote rows, and rows are people."""
    stream.seek(0)
    said = stream.read().decode(errors="replace").splitlines()
    errors = [line.partition("ERROR:")[2].strip() for line in said if "ERROR:" in line]
    return errors[0] if errors else (said[-1] if said else "it left no word")


@contextmanager
def _trouble(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise RestoreError(f"{what}: {error or type(error).__name__}") from error
