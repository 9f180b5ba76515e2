"""Whose turn it is: one thing at a time for a person, whether an update or a redraw in the background."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
