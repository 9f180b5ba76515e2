"""The clock's own hand: looks for what is due, again and again, and tidies up at night.

APScheduler only ticks. What is due are rows in Postgres, claimed under locks: a job store would fire twice with two
replicas and silently drop what is late.
"""

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
    ) -> None:
        self._fire_due, self._tidy_up = fire_due, tidy_up
        self._seconds, self._zone, self._fired, self._failed = seconds, zone, fired, failed
        self._scheduler: Any = AsyncIOScheduler(
            timezone=zone,
            # A tick that was missed is made up for by one tick, however late: the default drops it.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        self._scheduler.add_job(self._guarded, "interval", seconds=self._seconds, args=["tick", self.tick])
        self._scheduler.add_job(self._guarded, "cron", hour=3, minute=30, args=["night", self._tidy_up])
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def tick(self) -> None:
        """Fire everything that is due now."""
        while True:
            fired = await self._fire_due(BATCH)
            if fired:
                self._fired(fired)
            if fired < BATCH:
                return

    async def _guarded(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - the rows are still due at the next tick
            self._failed(name)
            _log.error("a job of the clock failed", job=name, exc_info=error)
