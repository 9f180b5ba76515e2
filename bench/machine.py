"""The machine of a run: two cores, a Postgres that waits for its disk, a Redis, and bots as processes of their own.

Each bot has one core and everything else has the other: where the scheduler may choose, the choice is what is measured.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg

from bench import data, peer
from bench.telegram import SECRET, TOKEN, Telegram
from storage import schema
from storage.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent
_CORES = sorted(os.sched_getaffinity(0))
BOT_CORE, OTHER_CORE = _CORES[-1], _CORES[0]


class BenchError(Exception):
    """The run cannot be made, or does not count."""


def take_other_core() -> None:
    """This process and what it starts (servers, load) leave the bots' core alone."""
    os.sched_setaffinity(0, {OTHER_CORE})


@contextmanager
def held_to(pid: int, share: float) -> Iterator[None]:
    """Let a process have so much of a core and no more, in slices of ten milliseconds.

    Raises BenchError where the kernel's control groups are not ours to make.
    """
    old, new = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    root, period = (old if old.is_dir() else new), 10_000
    group, quota = root / f"polisdesk-bench-{pid}", int(share * period)
    try:
        if root is new:
            (root / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir()
        if root is new:
            (group / "cpu.max").write_text(f"{quota} {period}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(period))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise BenchError(f"a process cannot be held to a share of a core here: {error}") from error
    try:
        yield
    finally:
        (root / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder on the disk (not in memory) that the database's own user may walk through."""
    path = Path(tempfile.mkdtemp(prefix="polisdesk-bench-", dir="/var/tmp"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Databases:
    """A server with everything that keeps what was committed switched on, and copies of one filled database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = iter(range(1, 1 << 30))

    def url_of(self, name: str) -> str:
        return self.url.replace("@/polisdesk?", f"@/{name}?", 1)

    async def connect(self, name: str = "postgres") -> asyncpg.Connection:
        return await asyncpg.connect(schema.dsn(self.url_of(name)))

    async def fill(self, sizes: data.Sizes) -> None:
        connection = await self.connect()
        await connection.execute("CREATE DATABASE filled")
        await schema.upgrade(self.url_of("filled"))
        await data.fill(self.url_of("filled"), sizes)
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if await connection.fetchval(f"SHOW {name}") != "on":
                raise BenchError(f"{name} is off: such a run does not count")
        await connection.close()

    async def copy(self) -> str:
        """The name of a fresh copy."""
        name = f"bench_{next(self._numbers)}"
        connection = await self.connect()
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE filled STRATEGY FILE_COPY")
        await connection.execute("CHECKPOINT")
        await connection.close()
        return name


@contextmanager
def open_databases(folder: Path) -> Iterator[Databases]:
    with EmbeddedPostgres(folder, options={"max_connections": "300", "shared_buffers": "512MB"}) as server:
        yield Databases(server.url)


@contextmanager
def open_redis(folder: Path) -> Iterator[str | None]:
    """The address of a Redis, or None where there is no redis-server."""
    binary = shutil.which("redis-server")
    if binary is None:
        yield None
        return
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


class Bot:
    """A bot's process, its Telegram, and (ours) the name of its database."""

    def __init__(self, name: str, telegram: Telegram, database: asyncpg.Pool | None = None) -> None:
        self.name, self.telegram, self.database = name, telegram, database
        self.process: subprocess.Popen[bytes]
        self.seconds_to_start = 0.0

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu(self) -> float:
        """Seconds of CPU that the process has used, all its threads."""
        # What the scheduler has counted is exact; utime + stime are counted in ticks of 10 ms.
        total = 0
        try:
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return total / 1e9

    def memory(self) -> float:
        """Resident megabytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise BenchError(f"{self.name} is not there any more")

    async def settled(self) -> None:
        """Return when nothing waits in the inbox: what follows the last call belongs to the update too."""
        if self.database is None:
            return
        until = time.monotonic() + 30
        while await self.database.fetchval("SELECT EXISTS (SELECT FROM inbox WHERE status = 'pending')"):
            if time.monotonic() > until:
                raise BenchError("the inbox does not empty")
            await asyncio.sleep(0.002)

    async def errors(self) -> int:
        """Updates that failed at least once, and messages given up."""
        if self.database is None:
            return 0
        found = await self.database.fetchval(
            "SELECT (SELECT count(*) FROM inbox WHERE attempts > 1 OR status = 'dead')"
            " + (SELECT count(*) FROM outbox WHERE status = 'dead')"
        )
        return int(found)

    async def failed_none(self, before: int = 0) -> None:
        """Raise when more has failed than had `before`: such a run does not count."""
        if failed := await self.errors() - before:
            raise BenchError(f"{failed} updates or messages failed")


@asynccontextmanager
async def running(
    name: str, arguments: Sequence[str], *, environment: dict[str, str], telegram: Telegram, database: str | None = None
) -> AsyncIterator[Bot]:
    """Start a bot and wait until it takes updates; it is stopped at the end, and must stop in order."""
    pool = None if database is None else await asyncpg.create_pool(schema.dsn(database), min_size=1, max_size=2)
    bot = Bot(name, telegram, pool)
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "PYTHONPATH") if key in os.environ}
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        bot.process = subprocess.Popen(  # noqa: ASYNC220 - a fork takes a moment, and nothing is measured yet
            [sys.executable, *arguments],
            cwd=ROOT,
            env=kept | environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        os.sched_setaffinity(bot.pid, {BOT_CORE})
        try:
            while telegram.webhook is None and not telegram.polled:
                if bot.process.poll() is not None or time.monotonic() - began > 300:
                    said.seek(0)
                    raise BenchError(f"{name} did not start: {said.read()[-2000:].decode(errors='replace')}")
                await asyncio.sleep(0.005)
            bot.seconds_to_start = time.monotonic() - began
            yield bot
            if bot.process.poll() is not None:
                said.seek(0)
                raise BenchError(f"{name} died: {said.read()[-2000:].decode(errors='replace')}")
        finally:
            if bot.process.poll() is None:
                bot.process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.to_thread(bot.process.wait, 120)
                except subprocess.TimeoutExpired:
                    bot.process.kill()
            telegram.forget_bot()
            if pool is not None:
                await pool.close()
            if os.environ.get("BENCH_SHOW"):
                said.seek(0)
                sys.stderr.write(said.read().decode(errors="replace")[-6000:])


@asynccontextmanager
async def open_telegram() -> AsyncIterator[Telegram]:
    telegram = Telegram()
    await telegram.start()
    try:
        yield telegram
    finally:
        await telegram.stop()


@asynccontextmanager
async def ours(
    databases: Databases,
    folder: Path,
    *,
    name: str = "polisdesk",
    webhook: bool = True,
    redis: str | None = None,
    database: str | None = None,
    extra: Sequence[str] = (),
    plain: bool = False,
    telegram: Telegram | None = None,
) -> AsyncIterator[Bot]:
    """The product on a database of its own, with the words of bench.bots.ours, or `plain`, as `./run` starts it."""
    if telegram is None:
        async with (
            open_telegram() as made,
            ours(
                databases,
                folder,
                name=name,
                webhook=webhook,
                redis=redis,
                database=database,
                extra=extra,
                plain=plain,
                telegram=made,
            ) as bot,
        ):
            yield bot
        return
    url = databases.url_of(database or await databases.copy())
    environment = {
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": telegram.url,
        "DATABASE_URL": url,
        "DATA_DIR": str(folder / "data"),
        "HEALTH_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }
    if webhook:
        port = free_port()
        environment |= {
            "WEBHOOK_URL": f"http://127.0.0.1:{port}/telegram",
            "WEBHOOK_SECRET": SECRET,
            "HTTP_PORT": str(port),
        }
    if redis is not None:
        environment["REDIS_URL"] = redis
    words = ["-m", "bot", "bot"] if plain else ["-m", "bench.bots.ours", *extra]
    async with running(name, words, environment=environment, telegram=telegram, database=url) as bot:
        yield bot


@asynccontextmanager
async def bare(*, webhook: bool = True) -> AsyncIterator[Bot]:
    """The aiogram floor."""
    async with open_telegram() as telegram:
        words = ["-m", "bench.bots.bare", telegram.url, str(free_port() if webhook else 0)]
        async with running("bare aiogram", words, environment={}, telegram=telegram) as bot:
            yield bot


@asynccontextmanager
async def ptb() -> AsyncIterator[Bot | None]:
    """python-telegram-bot, or None where it cannot be installed."""
    place = peer.installed()
    if place is None:
        yield None
        return
    async with open_telegram() as telegram:
        words = ["-m", "bench.bots.ptb", telegram.url, str(free_port())]
        async with running(
            "python-telegram-bot", words, environment={"PYTHONPATH": str(place)}, telegram=telegram
        ) as bot:
            yield bot
