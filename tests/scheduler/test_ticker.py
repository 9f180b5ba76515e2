"""The clock's hand: it looks for what is due until nothing is left, and no failure stops it."""

import asyncio
from zoneinfo import ZoneInfo

from scheduler.ticker import BATCH, Ticker

ZONE = ZoneInfo("Europe/Moscow")


async def nothing() -> None:
    """Nothing to tidy up."""


async def test_a_tick_goes_on_until_nothing_is_due() -> None:
    left = [BATCH, BATCH, 3]
    fired: list[int] = []

    async def fire_due(limit: int) -> int:
        assert limit == BATCH
        return left.pop(0)

    ticker = Ticker(fire_due, nothing, seconds=60, zone=ZONE, fired=fired.append, failed=lambda _job: None)
    await ticker.tick()
    assert fired == [BATCH, BATCH, 3]
    assert left == []


async def test_a_tick_that_fails_is_counted_and_the_next_one_comes() -> None:
    ticks = 0
    twice = asyncio.Event()
    failures: list[str] = []

    async def fire_due(_limit: int) -> int:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            raise RuntimeError("the database is away")
        twice.set()
        return 0

    ticker = Ticker(fire_due, nothing, seconds=0.01, zone=ZONE, fired=lambda _n: None, failed=failures.append)
    ticker.start()
    async with asyncio.timeout(30):
        await twice.wait()
    await ticker.stop()
    assert failures == ["tick"]


async def test_a_slow_tick_is_not_overtaken_by_the_next() -> None:
    at_once, most, ticks = 0, 0, 0
    enough = asyncio.Event()

    async def fire_due(_limit: int) -> int:
        nonlocal at_once, most, ticks
        at_once, ticks = at_once + 1, ticks + 1
        most = max(most, at_once)
        await asyncio.sleep(0.03)
        at_once -= 1
        if ticks == 3:
            enough.set()
        return 0

    ticker = Ticker(fire_due, nothing, seconds=0.01, zone=ZONE, fired=lambda _n: None, failed=lambda _job: None)
    ticker.start()
    async with asyncio.timeout(30):
        await enough.wait()
    await ticker.stop()
    assert most == 1
