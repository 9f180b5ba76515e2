"""`python -m sandbox`: a local Telegram with the demo agency in it, its page in the browser, and the bot behind it."""

import argparse
import asyncio
import contextlib
import ctypes
import errno
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

from sandbox import keep
from sandbox.api import LocalTelegram, loopback
from sandbox.demo import ADMIN_IDS, PEOPLE, ZONE, Agency, AgencyError
from sandbox.page import Page, SandboxClock
from sandbox.world import World

ROOT: Final = Path(__file__).resolve().parent.parent
FAILED: Final = 1
DEFAULT_PORT: Final = 8080
STARTING: Final = 90.0
"""Seconds within which the bot has to ask for its first updates."""

STOPPING: Final = 15.0
SAVE_EVERY: Final = 3.0
# What changes the memory; taps, typing and the inspector's lines do not.
LASTING: Final = frozenset({"message", "edited", "deleted", "reaction", "pinned", "person", "commands", "reset"})


class Trouble(Exception):
    """Why the sandbox cannot run, in one line for the person at the terminal."""


class BotProcess:
    """The product itself, as `./run` would run it, with our address in place of Telegram's."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        environment = os.environ | self._environment
        # In a session of its own, so that Ctrl+C reaches it through us and it can say goodbye in order.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "bot"),
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )

    async def ended(self) -> int:
        """Wait for its end; for ever where there is no process."""
        process = self._process
        while process is None or process is not self._process:
            await asyncio.sleep(0.2)
            process = self._process
        code = await process.wait()
        if process is not self._process:  # it was told to stop
            return await self.ended()
        return code

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOPPING):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Sandbox:
    """Everything that runs: the database, the local Telegram, the page, the bot."""

    def __init__(
        self, folder: Path, *, host: str, port: int, anew: bool, with_bot: bool, begins: datetime | None = None
    ) -> None:
        self.folder = folder
        self.anew = anew
        self.clock = SandboxClock(folder / "clock-offset", begins)
        self.world = self._world()
        labels = {person.telegram_id: person.label for person in PEOPLE}
        self.page = Page(self.world, clock=self.clock, labels=labels, next_due=self._next_due, on_reset=self.reset)
        self.telegram = LocalTelegram(host=host, port=port, world=self.world, extra_routes=self.page.setup)
        self.agency = Agency(folder, self.clock.now)
        self.with_bot = with_bot
        self.bot: BotProcess | None = None

    def _world(self) -> World:
        """The world of the last run; a new one, with a demo told anew, where there is none."""
        remembered = None if self.anew else keep.load(self.folder / "telegram")
        self.anew = remembered is None
        world = remembered or World(now=self.clock.now)
        keep.continue_update_ids(world)
        return world

    async def _next_due(self) -> datetime | None:
        return await self.agency.next_due(self.clock.now())

    async def run(self, stop: asyncio.Event) -> None:
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.telegram)
            except OSError as error:
                why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
                raise Trouble(f"port {self.telegram.port} {why}; try --port 0, which takes a free one") from error
            if self.anew:
                self.clock.home()
            if self.anew:
                _tell("making the demo agency, this takes some seconds", sys.stderr)
            stack.push_async_callback(self.agency.close)
            await self.agency.open(anew=self.anew)
            await self._welcome()
            saving = asyncio.create_task(self._remember())
            stack.push_async_callback(_cancelled, saving)
            await self._work(stop, stack)

    async def _work(self, stop: asyncio.Event, stack: contextlib.AsyncExitStack) -> None:
        if not self.with_bot:
            variables = " ".join(f"{name}={value}" for name, value in self.environment().items() if value)
            _tell(f"{self.telegram.url} - without its bot. Start one with:")
            sys.stdout.write(f"{variables} python -m bot bot\n")
            sys.stdout.flush()
            await stop.wait()
            return
        self.bot = BotProcess(self.environment())
        stack.push_async_callback(self.bot.stop)
        stopped = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(self.bot.ended())
        listens = asyncio.create_task(self._bot_listens())
        for task in (stopped, ended, listens):
            stack.push_async_callback(_cancelled, task)
        await self.bot.start()
        await asyncio.wait({stopped, ended, listens}, return_when=asyncio.FIRST_COMPLETED)
        if listens.done() and not ended.done() and not stopped.done():
            _tell(f"{self.telegram.url} - open it in a browser; Ctrl+C stops it")
            await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stopped.done():
            when = "stopped" if listens.done() else "did not start"
            raise Trouble(f"the bot {when} (exit code {ended.result()}); its own words are above")

    async def _bot_listens(self) -> None:
        """Wait until the bot asks for updates: only then has everything else in it started."""
        async with asyncio.timeout(STARTING):
            while not self.world.delivery.polled:  # noqa: ASYNC110 - asked a few times in a life
                await asyncio.sleep(0.05)

    async def _welcome(self) -> None:
        """People of the demo have their phones in hand; on the first day each has pressed Start."""
        for person in PEOPLE:
            self.world.person(person.telegram_id, person.first_name, person.last_name)
        for person in PEOPLE:
            if not self.world.people[person.telegram_id].started:
                await self.world.start(person.telegram_id)

    async def reset(self) -> None:
        """The page's "start the demo afresh": the bot rests while its world is made anew."""
        if self.bot is not None:
            await self.bot.stop()
        self.world.reset()
        shutil.rmtree(self.folder / "telegram", ignore_errors=True)
        await self.agency.retell()
        await self._welcome()
        if self.bot is not None:
            await self.bot.start()

    async def _remember(self) -> None:
        """Write the world down a moment after it has changed, and once more at the end."""
        changed = asyncio.Event()
        with self.world.subscribe() as events:

            async def watch() -> None:
                async for event in events:
                    if event.kind in LASTING:
                        changed.set()

            watching = asyncio.create_task(watch())
            try:
                while True:
                    keep.save(self.world, self.folder / "telegram")
                    await changed.wait()
                    await asyncio.sleep(SAVE_EVERY)
                    changed.clear()
            finally:
                keep.save(self.world, self.folder / "telegram")
                await _cancelled(watching)

    def environment(self) -> dict[str, str]:
        """What the bot is told; the empty ones keep it from what the shell may have set for the real one."""
        return {
            "BOT_TOKEN": self.world.token,
            "TELEGRAM_API_URL": self.telegram.url,
            "DATABASE_URL": self.agency.url,
            "DATA_DIR": str(self.folder),
            "ADMIN_IDS": ",".join(map(str, ADMIN_IDS)),
            "CLOCK_OFFSET_FILE": str(self.folder / "clock-offset"),
            "HEALTH_PORT": os.environ.get("HEALTH_PORT", "0"),
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
            "WEBHOOK_URL": "",
            "REDIS_URL": "",
            "DOCUMENTS_URL": "",
        }


def _tell(line: str, where: TextIO | None = None) -> None:
    """One line for the person at the terminal."""
    out = where or sys.stdout
    out.write(f"Polisdesk sandbox: {' '.join(line.split())}\n")
    out.flush()


async def _cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, TimeoutError):
        await task


def _die_with_parent() -> None:
    """Ask the kernel to end this process when the sandbox is gone, however it went."""
    pr_set_pdeathsig = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _refuse_real_settings() -> None:
    """A `.env` for the real Telegram is read by the bot as well, and its webhook would get the demo's updates."""
    with contextlib.suppress(OSError):
        for line in (ROOT / ".env").read_text(encoding="utf-8").splitlines():
            name, _, value = line.strip().partition("=")
            if name.strip() == "WEBHOOK_URL" and value.split("#")[0].strip(" \t'\""):
                raise Trouble("the sandbox does not start beside a .env with WEBHOOK_URL: it is the real bot's address")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run sandbox", description="A local Telegram with a demo agency, in the browser. On this machine only."
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="default: %(default)s; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address; nothing else is accepted")
    parser.add_argument("--reset", action="store_true", help="begin the demo afresh: chats and data are made anew")
    parser.add_argument(
        "--begin", type=_moment, metavar="YYYY-MM-DDTHH:MM", help="when the demo's today is; default: now"
    )
    parser.add_argument("--no-bot", action="store_true", help="the page and Telegram only; says how to start a bot")
    return parser.parse_args(arguments)


async def _main(given: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    folder = (ROOT / os.environ.get("DATA_DIR", "var")).expanduser() / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(
        folder, host=given.host, port=given.port, anew=given.reset, with_bot=not given.no_bot, begins=given.begin
    )
    await sandbox.run(stop)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; one line and a code other than 0 when it cannot run."""
    given = _parse(arguments)
    try:
        loopback(given.host)
        _refuse_real_settings()
        asyncio.run(_main(given))
    except (Trouble, AgencyError, ValueError) as error:
        _tell(str(error), sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
