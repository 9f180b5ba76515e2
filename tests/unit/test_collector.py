"""What only the collector can free does not stay for hours."""

import asyncio
import gc
import weakref
from contextlib import suppress

from bot import collector


class Knot:
    """Something that leads to itself, as an update does to its answer."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_has_grown_old_and_is_left_is_freed_between_two_updates() -> None:
    freed, being_served = asyncio.Event(), True
    knot = Knot()
    gc.collect()  # it is old now
    left = weakref.ref(knot, lambda _knot: freed.set())
    del knot
    collecting = asyncio.create_task(collector.collect(lambda: not being_served, each=0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert left() is not None, "somebody was being served"
    being_served = False
    async with asyncio.timeout(10):
        await freed.wait()
    collecting.cancel()
    with suppress(asyncio.CancelledError):
        await collecting
