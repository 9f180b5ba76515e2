"""The clock's own hand: looks for what is due, again and again, and tidies up at night.

APScheduler only ticks. What is due are rows in Postgres, claimed under locks: a job store would fire twice with two
replicas and silently drop what is late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

_log = structlog.get_logger(__name__)

BATCH = 100

FireDue = Callable[[int], Awaitable[int]]
"""Fires up to so many reminders that are due; returns how many it has fired."""


class Ticker:
    """Ticks while it is started; `tick` may be called by hand, too."""

    def __init__(
        self,
        fire_due: FireDue,
        tidy_up: Callable[[], Awaitable[None]],
        *,
        seconds: float,
        zone: ZoneInfo,
        fired: Callable[[int], None],
        failed: Callable[[str], None],
        back_up: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._fire_due, self._tidy_up, self._back_up = fire_due, tidy_up, back_up
        self.backing_up: asyncio.Task[None] | None = None
        self._seconds, self._zone, self._fired, self._failed = seconds, zone, fired, failed
        self._under_way: set[asyncio.Task[Any]] = set()
        self._scheduler: Any = AsyncIOScheduler(
            timezone=zone,
            # A tick that was missed is made up for by one tick, however late: the default drops it.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        self._scheduler.add_job(self._guarded, "interval", seconds=self._seconds, args=["tick", self.tick])
        self._scheduler.add_job(self._guarded, "cron", hour=3, minute=30, args=["night", self._tidy_up])
        self._scheduler.start()

    async def stop(self) -> None:
        """Tick no more; what is under way gets a moment to come to its end rather than be cut off in the middle."""
        if self._scheduler.running:
            self._scheduler.pause()
            if self.backing_up is not None:
                self.backing_up.cancel()  # whoever runs next begins it anew
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=2)
            self._scheduler.shutdown(wait=False)

    async def tick(self) -> None:
        """Fire everything that is due now. A backup takes minutes and is only begun: no reminder waits for it."""
        if self._back_up is not None and (self.backing_up is None or self.backing_up.done()):
            self.backing_up = asyncio.create_task(self._guarded("backup", self._back_up))
        while True:
            fired = await self._fire_due(BATCH)
            if fired:
                self._fired(fired)
            if fired < BATCH:
                return

    async def _guarded(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the scheduler runs coroutines as tasks
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await job()
        except asyncio.CancelledError:
            _log.warning("a job of the clock was cut off", job=name)
        except Exception as error:  # noqa: BLE001 - the rows are still due at the next tick
            self._failed(name)
            _log.error("a job of the clock failed", job=name, exc_info=error)
