"""Takes updates from the inbox and sees each through: one at a time a person, many people at once, none forgotten."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog
from aiogram.exceptions import (
    RestartingTelegram,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from sqlalchemy.exc import DBAPIError

from bot.floods import Floods
from bot.metrics import Metrics
from bot.pace import Pace
from bot.turns import Activity, Places, Turns
from storage.engine import Database, is_outage
from storage.inbox import Inbox, RawUpdate, TakenUpdate
from storage.together import Together

_log = structlog.get_logger(__name__)

TELEGRAM_AWAY = (TelegramNetworkError, TelegramServerError, RestartingTelegram, TelegramRetryAfter)
"""What says nothing about the update: it is tried again for as long as it takes."""


class HangsError(Exception):
    """A handler did not come to its end."""


class Troubles(Protocol):
    """Whom the worker tells of an update that fails."""

    async def failed(self, update: TakenUpdate, error: Exception) -> str:
        """Tell the person when this is the first failure; returns the reference that finds it in the log."""
        ...

    def away(self, update: TakenUpdate) -> None:
        """Tell the person that the database is away."""
        ...

    async def flooding(self, person_id: int) -> None:
        """Tell a person that he sends faster than he is served, and that nothing of it is lost."""
        ...

    async def died(self, update: TakenUpdate, reference: str) -> None:
        """Tell the admins that an update was given up."""
        ...


class Handled(NamedTuple):
    """What became of an update, in a word, and whether more of its person waits.

    `more` is None while the inbox has not heard that the update is done.
    """

    result: str
    more: bool | None = None


Handle = Callable[[TakenUpdate, bool], Awaitable[Handled]]
"""Handles an update, given whether an earlier attempt may have had its effect."""


class Worker:
    """Serves people: at once whom an update is brought of, and everybody else in a loop over the inbox.

    `wake` makes it look there now, otherwise it looks each second.
    """

    def __init__(
        self,
        bot_id: int,
        database: Database,
        handle: Handle,
        troubles: Troubles,
        *,
        turns: Turns,
        places: Places,
        pace: Pace,
        metrics: Metrics,
        activity: Activity,
    ) -> None:
        self._bot_id, self._database, self._inbox = bot_id, database, Inbox(database)
        self._handle, self._troubles, self._turns, self._at_work = handle, troubles, turns, places
        self._pace, self._metrics, self._activity = pace, metrics, activity
        self._floods = Floods(pace.burst, pace.steady)
        self._held_back = 0
        self._wake = asyncio.Event()
        self._under_way: dict[asyncio.Task[bool], TakenUpdate] = {}
        self._taking = True
        self._promised = 0
        """Places that were promised to what is being written or taken."""
        self._queue = True
        """Whether somebody may be waiting for a place: then nobody is let in before him."""
        self._behind: set[int] = set()
        """People of whom more came while they were being served."""
        self._bring = Together(self._bring_all)

    def wake(self) -> None:
        self._wake.set()

    async def bring(self, updates: Sequence[RawUpdate], now: datetime) -> set[int]:
        """Write updates down, durable on return, and begin with those of people who have nothing else waiting.

        Returns the ids of the people who may come in. One query, whoever they come from; what is brought while it is
        under way goes in the next.
        """
        return await self._bring((updates, now))

    async def _bring_all(self, brought: Sequence[tuple[Sequence[RawUpdate], datetime]]) -> list[set[int]]:
        updates, now = [update for some, _at in brought for update in some], brought[-1][1]
        people = dict.fromkeys(update.person_id for update in updates)  # who came first has the first place
        places = 0 if self._queue or not self._taking else self._places()
        at_once = list(people)[:places]
        ended = self._turns.ended
        self._promised += len(at_once)
        try:
            welcome, taken = await self._inbox.add(
                self._bot_id, updates, now, at_once=at_once, lease_seconds=self._pace.lease
            )
        finally:
            self._promised -= len(at_once)
        for first in taken:
            if self._taking:
                self._begin(first, ended)
            else:
                await self._release(first)
        begun = {first.update_id for first in taken}
        busy = {update.person_id for update in self._under_way.values()}
        for update in updates:
            if update.person_id not in welcome or update.update_id in begun:
                continue
            if update.person_id in busy:
                self._behind.add(update.person_id)
            else:
                self.wake()
        return [welcome] * len(brought)

    def _places(self) -> int:
        return max(0, self._pace.people_at_once - (len(self._under_way) - self._held_back) - self._promised)

    @property
    def idle(self) -> bool:
        return not self._under_way

    async def run(self) -> None:
        """Work until cancelled, or until `drain` was called."""
        renewing = asyncio.create_task(self._renew())
        try:
            while self._taking:
                self._wake.clear()
                try:
                    more = await self._take()
                except Exception as error:  # noqa: BLE001 - the queue is still there; look again
                    self._complain("take", error)
                    more = False
                if not more:
                    await self._called(self._pace.look_again)
        finally:
            renewing.cancel()

    async def drain(self) -> None:
        """Take nothing more and let what is under way finish; what does not is left for the next attempt."""
        self._taking = False
        self.wake()
        if not self._under_way:
            return
        _done, left = await asyncio.wait(self._under_way, timeout=self._pace.drain)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _take(self) -> bool:
        """Begin with the updates of people who have none under way; returns whether there may be more to take."""
        self._queue = True
        free = self._places()
        if not free:
            return False
        ended = self._turns.ended
        self._promised += free
        try:
            taken = await self._inbox.take(
                self._bot_id,
                free,
                lease_seconds=self._pace.lease,
                but=[update.update_id for update in self._under_way.values()],
            )
        finally:
            self._promised -= free
        for update in taken:
            self._begin(update, ended)
        self._queue = len(taken) == free
        return self._queue

    def _begin(self, update: TakenUpdate, ended: int) -> None:
        task = asyncio.create_task(self._see_through(update, ended), name=f"update-{update.update_id}")
        self._under_way[task] = update
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[bool]) -> None:
        person_id = self._under_way.pop(task).person_id
        more = True
        if not task.cancelled():
            if (error := task.exception()) is None:
                more = task.result()
            else:
                # Only bookkeeping can fail here (the database went away after the handling): the lease runs out.
                self._complain("bookkeeping", error)
        if more or self._queue or person_id in self._behind:
            self._behind.discard(person_id)
            self.wake()
        self._activity.ring()

    async def _called(self, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _see_through(self, update: TakenUpdate, ended: int) -> bool:
        """Returns whether more of the person waits, as far as is known."""
        kind = next((name for name in update.payload if name != "update_id"), "nothing")
        again, lost = update.attempts > 1, 0
        self._metrics.waiting.observe(max(0.0, time.time() - update.received_at.timestamp()))
        structlog.contextvars.bind_contextvars(update_id=update.update_id, attempt=update.attempts)  # of this task
        while True:
            began = time.monotonic()
            try:
                held = not again and await self._hold_back(update)
                async with self._turns.of(update.person_id), self._at_work.one():
                    if again or held or not self._turns.none_since(update.person_id, ended):
                        update = replace(update, seen=None)
                    result, more = await self._in_time(update, again)
                if more is None:
                    more = await self._inbox.done(update)
            except asyncio.CancelledError:
                await asyncio.shield(self._release(update))
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, the update is kept and counted
                again, lost = True, lost + 1
                if lost <= self._pace.update_attempts and await self._was_away(update, error):
                    if not await self._inbox.renew(self._bot_id, [update], lease_seconds=self._pace.lease):
                        return True  # another replica has it by now
                    continue
                result, more = await self._put_back(update, error), True
            break
        self._metrics.updates.labels(kind, result).inc()
        self._metrics.handling.labels(kind).observe(time.monotonic() - began)
        return more

    async def _hold_back(self, update: TakenUpdate) -> bool:
        """Let an update of a flood wait for its time. It waits under its lease, and takes nobody else's place.

        Returns whether it had to wait.
        """
        wait, begins = self._floods.take(update.person_id)
        if begins:
            try:
                await self._troubles.flooding(update.person_id)
            except Exception as error:  # noqa: BLE001 - a courtesy
                _log.warning("a flood could not be spoken of", error=repr(error))
        if wait:
            self._held_back += 1
            self.wake()
            try:
                await asyncio.sleep(wait)
            finally:
                self._held_back -= 1
        return wait > 0

    async def _in_time(self, update: TakenUpdate, again: bool) -> Handled:
        limit = asyncio.timeout(self._pace.longest)
        try:
            async with limit:
                return await self._handle(update, again)
        except TimeoutError as error:
            if limit.expired():
                raise HangsError(f"handled for more than {self._pace.longest} s") from error
            raise

    async def _put_back(self, update: TakenUpdate, error: Exception) -> str:
        """Keep a failed update for its next attempt, or give it up."""
        if isinstance(error, TELEGRAM_AWAY):
            _log.warning("Telegram is away, the update is tried again", error=repr(error))
            most, text = self._pace.telegram_attempts, repr(error)
            wait = max(self._pace.telegram_wait(update.attempts), getattr(error, "retry_after", 0))
        else:
            reference = await self._troubles.failed(update, error)
            most, text = self._pace.update_attempts, f"{reference}: {error!r}"
            wait = self._pace.update_wait(update.attempts)
        if not await self._inbox.failed(update, text, wait_seconds=wait, most=most):
            return "failed"
        await self._troubles.died(update, text.partition(":")[0])
        return "dead"

    async def _was_away(self, update: TakenUpdate, error: Exception) -> bool:
        """Whether the database failed us, not the update: then wait until it is back, and count no attempt."""
        if not is_outage(error):
            return False
        # An error that looks like an outage while the database answers: its connection was cut, or it is none (a file
        # that is not there looks like a socket that is not there).
        wait, away = 0.1, isinstance(error, DBAPIError)
        while not await self._database.answers():
            _log.warning("the database is away, updates wait", error=repr(error))
            self._troubles.away(update)
            away, wait = True, min(wait * 2, 5.0)
            await asyncio.sleep(wait)
        return away

    async def _release(self, update: TakenUpdate) -> None:
        try:
            await self._inbox.release(update)
        except Exception as error:  # noqa: BLE001 - the lease runs out by itself
            self._complain("release", error)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._pace.lease / 3)
            if updates := list(self._under_way.values()):
                try:
                    await self._inbox.renew(self._bot_id, updates, lease_seconds=self._pace.lease)
                except Exception as error:  # noqa: BLE001 - tried again in a while
                    self._complain("renew", error)

    def _complain(self, place: str, error: BaseException) -> None:
        self._metrics.errors.labels(place).inc()
        _log.error("the inbox cannot be worked on", place=place, error=repr(error))
