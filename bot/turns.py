"""Whose turn it is: one thing at a time for a person, whether an update or a redraw in the background."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from bot.pace import Pace
from bot.recent import Recent


class Turns:
    """A lock a person, kept only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[int, tuple[asyncio.Lock, int]] = {}
        self._ended: Recent[int, int] = Recent(10_000)
        self.ended = 0

    @asynccontextmanager
    async def of(self, person_id: int) -> AsyncIterator[None]:
        """Wait for the person's turn and hold it inside the block; first come, first served."""
        lock, users = self._locks.get(person_id, (asyncio.Lock(), 0))
        self._locks[person_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            self.ended += 1
            self._ended[person_id] = self.ended
            lock, users = self._locks.pop(person_id)
            if users > 1:
                self._locks[person_id] = (lock, users - 1)

    def none_since(self, person_id: int, ended: int) -> bool:
        """Whether no turn of the person has ended since `ended` was so many: what was read then is still so."""
        return self._ended.get(person_id, 0) <= ended

    @property
    def busy(self) -> bool:
        return bool(self._locks)


class Places:
    """Places for those who are being served and do not wait for Telegram yet: taken in the order of coming.

    A crowd begun all together goes every step together, and all are answered at its end; then they all look at their
    screens, and the core is idle until the first of them presses.
    """

    def __init__(self, pace: Pace) -> None:
        self._free = asyncio.Semaphore(pace.working_at_once)
        self._patience = pace.working
        self._mine: ContextVar[_Place | None] = ContextVar("place", default=None)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place and hold it inside the block, or until it is left."""
        await self._free.acquire()
        place = _Place(self._free)
        timer = asyncio.get_running_loop().call_later(self._patience, place.leave)
        token = self._mine.set(place)
        try:
            yield
        finally:
            self._mine.reset(token)
            timer.cancel()
            place.leave()

    def leave(self) -> None:
        """Let somebody else have the place of this update, if it has one: what follows is waiting."""
        if (place := self._mine.get()) is not None:
            place.leave()


class _Place:
    def __init__(self, among: asyncio.Semaphore) -> None:
        self._among, self._held = among, True

    def leave(self) -> None:
        if self._held:
            self._held = False
            self._among.release()


class Activity:
    """A bell that rings whenever something was begun or finished; `quiet` waits by it."""

    def __init__(self) -> None:
        self.rings = 0
        self._bell = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._bell.set()
        self._bell = asyncio.Event()

    async def next(self, patience: float) -> None:
        """Wait for the next ring, but not longer than this."""
        bell = self._bell
        try:
            async with asyncio.timeout(patience):
                await bell.wait()
        except TimeoutError:
            return
