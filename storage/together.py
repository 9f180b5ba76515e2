"""Statements that a crowd shares: what comes while one is under way waits for it, and goes together in the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from storage.engine import is_outage

GivenT = TypeVar("GivenT")
ResultT = TypeVar("ResultT")

_PATIENCE: Final = 10.0  # seconds for one statement: whoever waits for it must hear of a database that hangs


class Together(Generic[GivenT, ResultT]):
    """Does one thing for many at once: `work` is given what has gathered and returns a result for each, in order.

    A lone call is made at once, but for one turn of the loop, in which what is ready too comes along. When the database
    refuses what has gathered each is tried alone, so that nobody fails for what somebody else has sent; when it is
    away, or hangs for ten seconds, all fail.
    """

    def __init__(self, work: Callable[[Sequence[GivenT]], Awaitable[Sequence[ResultT]]]) -> None:
        self._work = work
        self._under_way = False
        self._gathered: list[tuple[GivenT, asyncio.Future[ResultT]]] = []
        self._rest: asyncio.Task[None] | None = None

    async def __call__(self, given: GivenT) -> ResultT:
        if self._under_way:
            waiting: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
            self._gathered.append((given, waiting))
            return await waiting
        self._under_way = True
        along: asyncio.Future[ResultT] | None = None
        try:
            await asyncio.sleep(0)  # what is ready in this very moment goes along
            if not self._gathered:
                [result] = await self._made([given])
                return result
            along = asyncio.get_running_loop().create_future()
            self._gathered.insert(0, (given, along))
        finally:
            self._go_on()
        return await along

    def _go_on(self) -> None:
        if self._gathered:
            self._rest = asyncio.create_task(self._make_gathered())
        else:
            self._under_way = False

    async def _make_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        calls = [call for call in gathered if not call[1].done()]  # who has given up waiting needs nothing more
        try:
            await self._make(calls)
        finally:
            for _given, waiting in calls:
                waiting.cancel()
            self._go_on()

    async def _make(self, calls: Sequence[tuple[GivenT, "asyncio.Future[ResultT]"]]) -> None:
        if not calls:
            return
        try:
            results = await self._made([given for given, _waiting in calls])
        except Exception as error:  # noqa: BLE001 - those who wait for it get it
            if len(calls) > 1 and not is_outage(error):
                for call in calls:
                    await self._make([call])
                return
            for _given, waiting in calls:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_given, waiting), result in zip(calls, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)

    async def _made(self, given: Sequence[GivenT]) -> Sequence[ResultT]:
        async with asyncio.timeout(_PATIENCE):
            return await self._work(given)
