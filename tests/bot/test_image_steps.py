"""The steps of the Dockerfile, taken one by one where there is no Docker."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

from sandbox.api import LocalTelegram
from sandbox.people import VirtualUser
from tests.conftest import ROOT, free_port

STEPS = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8")))
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def steps(word: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in STEPS.splitlines() if line.startswith(f"{word} ")]


def program(line: str) -> list[str]:
    """The words of an exec form: `["python", "-m", …]`."""
    return re.findall(r'"((?:[^"\\]|\\.)*)"', line)


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in steps("ENV") for pair in shlex.split(line))


def copy_what_the_image_takes(to: Path) -> None:
    """`COPY . .`, with a .dockerignore that leaves out everything but the names after `!`."""
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in rules
    for name in [rule[1:] for rule in rules if rule.startswith("!")]:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, to / name)


def listing(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


async def test_what_the_image_holds_starts_answers_is_healthy_and_writes_only_where_its_data_lies(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    app, data = tmp_path / "app", tmp_path / "data"
    app.mkdir()
    data.mkdir()
    copy_what_the_image_takes(app)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    compiling = re.search(r"python -m compileall [\w -]+", " ".join(steps("RUN")))
    assert compiling is not None
    compiled = await asyncio.create_subprocess_exec(*shlex.split(compiling[0]), cwd=app, env={"PATH": path})
    assert await compiled.wait() == 0
    before = listing(app)

    async with LocalTelegram() as telegram:
        environment = image_environment() | {
            "PATH": path,
            "DATA_DIR": str(data),
            "BOT_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.url,
            "DATABASE_URL": database_url.replace("+asyncpg", ""),
            "REDIS_URL": redis_url,
            "HEALTH_PORT": str(free_port()),
            "ADMIN_IDS": "77",
        }
        bot = await asyncio.create_subprocess_exec(
            *program(steps("CMD")[0]), cwd=app, env=environment, stderr=asyncio.subprocess.PIPE
        )
        galina = VirtualUser(telegram, id=77, first_name="Галина", patience=60)
        await telegram.world.say(galina.id, "/start")
        await galina.wait_for("Галина")

        [check] = [line for line in STEPS.splitlines() if "CMD [" in line and not line.startswith("CMD")]
        health = program(check.partition("CMD")[2])
        asked = await asyncio.create_subprocess_exec(*health, cwd=app, env=environment)
        assert await asked.wait() == 0

        bot.send_signal(signal.SIGTERM)
        _, said = await bot.communicate()
        assert bot.returncode == 0, said.decode()
        asked = await asyncio.create_subprocess_exec(
            *health, cwd=app, env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        assert await asked.wait() != 0
    assert listing(app) == before


def test_the_image_runs_as_somebody_without_rights() -> None:
    assert steps("USER")[-1].partition(":")[0].isdigit()
    assert int(steps("USER")[-1].partition(":")[0]) > 0


def test_compose_and_the_image_set_only_variables_that_the_bot_reads() -> None:
    known = set(re.findall(r"(?m)^#?\s?([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8")))
    bot = COMPOSE.partition("  postgres:\n")[0]
    given = set(re.findall(r"(?m)^ {6}([A-Z_]+):", bot)) | set(image_environment())
    python_s_own = {name for name in given if name.startswith(("PYTHON", "PIP_"))}
    assert given - python_s_own <= known
    assert {"DATABASE_URL", "REDIS_URL", "DATA_DIR"} <= given
