"""What every test may ask for: a real Postgres, a real Redis, a clock that obeys."""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import pytest

from storage import schema
from storage.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent

FAST_AND_FORGETFUL = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "256MB",
    "max_connections": "200",
}
"""For tests alone: nobody needs their rows after a power cut."""


class ManualClock:
    """A clock that stands until it is told otherwise."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._now += by


def free_port() -> int:
    """A loopback port that nobody listens on, below those that the system gives to whoever calls somebody."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def open_tempdir(prefix: str = "polisdesk-", within: str | None = None) -> Iterator[Path]:
    """A short-named folder that the database server's own user may walk through (pytest's is closed to it)."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


MEMORY_DISK = "/dev/shm"  # noqa: S108 - the folders in it get random names


def memory_disk() -> str | None:
    """Where files cost no disk, if there is room: a database copied there takes 15 ms, on a slow disk 300."""
    with suppress(OSError):
        room = os.statvfs(MEMORY_DISK)
        if room.f_bavail * room.f_frsize > 2 << 30 and not room.f_flag & os.ST_NOEXEC:
            return MEMORY_DISK
    return None


@contextmanager
def own_server(bindir: Path | None = None) -> Iterator[EmbeddedPostgres]:
    """A database server in memory that is nobody else's, with nothing in it."""
    with (
        open_tempdir(within=memory_disk()) as folder,
        EmbeddedPostgres(folder, bindir=bindir, options=FAST_AND_FORGETFUL) as server,
    ):
        yield server


@contextmanager
def own_agency() -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """What a command of the tests needs that is started by itself: a migrated database, and a folder."""
    with own_server() as server, open_tempdir() as folder:
        asyncio.run(schema.upgrade(server.url))
        yield server, folder


class Cluster:
    """The session's Postgres, with an event loop of its own, so that tests may use it from any loop or none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-cluster", daemon=True)
        self._thread.start()
        self._names = (f"test_{number}" for number in count(1))
        self._admin: asyncpg.Connection = self._run(asyncpg.connect(self._plain("postgres")))

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _plain(self, database: str) -> str:
        return self.url_of(database).replace("+asyncpg", "", 1)

    def url_of(self, database: str) -> str:
        return self.url.replace("@/polisdesk?", f"@/{database}?", 1)

    def execute(self, statement: str) -> None:
        self._run(self._admin.execute(statement))

    @contextmanager
    def database(self, template: str) -> Iterator[str]:
        """A fresh copy of the template: its URL, and nothing of it afterwards."""
        name = next(self._names)
        # Copying files beats copying through the log where nothing waits for the disk.
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        try:
            yield self.url_of(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        self._run(self._admin.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def forget_killed_runs() -> None:
    """A run that was killed could not tidy up, and what it left takes memory; no run lasts a day."""
    for left in Path(MEMORY_DISK).glob("polisdesk-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 24 * 60 * 60:
                shutil.rmtree(left)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One server per test process (xdist workers do not share, so that none can stop another's)."""
    forget_killed_runs()
    with own_server() as server:
        cluster = Cluster(server.url)
        yield cluster
        cluster.close()


@pytest.fixture(scope="session")
def migrated_template(postgres: Cluster) -> str:
    """The name of a database at the newest migration, which tests copy instead of migrating."""
    name = "migrated_template"
    postgres.execute(f"CREATE DATABASE {name}")
    if (ROOT / "migrations" / "env.py").exists():
        in_a_thread(lambda: asyncio.run(schema.upgrade(postgres.url_of(name))))
    return name


def in_a_thread(work: Callable[[], object]) -> None:
    """Run what calls `asyncio.run` itself away from the loop that pytest-asyncio keeps in this thread."""
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            failures.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def database_url(postgres: Cluster, migrated_template: str) -> Iterator[str]:
    """A migrated, empty database of one's own, as `postgresql+asyncpg://…`."""
    with postgres.database(migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: Cluster) -> Iterator[str]:
    """A database without a single table, for the tests of migrations."""
    with postgres.database("template1") as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[int]:
    """The port of a real Redis."""
    if shutil.which("redis-server") is None:
        not_run("redis-server is not installed")
    port = free_port()
    with open_redis(port):
        yield port


@contextmanager
def open_redis(port: int) -> Iterator[None]:
    """A real Redis on loopback that keeps nothing."""
    with open_tempdir("polisdesk-redis-") as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for_redis(server, port)
            yield
        finally:
            server.terminate()
            server.wait(10)


def redis_says(port: int, command: bytes) -> bytes:
    """What Redis answers."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(command + b"\r\n")
        return line.recv(100)


def _wait_for_redis(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError):
            if redis_says(port, b"PING") == b"+PONG\r\n":
                return
        time.sleep(0.01)
    raise RuntimeError("redis-server did not start")


@pytest.fixture
def redis_url(redis_server: int) -> str:
    """An empty Redis."""
    assert redis_says(redis_server, b"FLUSHALL") == b"+OK\r\n"
    return f"redis://127.0.0.1:{redis_server}/0"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return not_run("Chromium is not installed")


@pytest.fixture
def clock() -> ManualClock:
    """Monday, noon in Moscow."""
    return ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


def not_run(why: str) -> NoReturn:
    """Leave a test out and say so at the end of the run; where everything must be there, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{why}, and with CI set every test must run")
    pytest.skip(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests did not run, and why: a green run must not hide a hole."""
    reasons: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons.setdefault(why.removeprefix("Skipped: "), []).append(report.nodeid)
    if reasons:
        terminalreporter.section("tests that did not run")
    for why, tests in sorted(reasons.items()):
        terminalreporter.write_line(why)
        for test in tests:
            terminalreporter.write_line(f"  {test}")
