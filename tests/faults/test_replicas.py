"""Bots that are stopped, replaced and run three at a time: the people notice nothing."""

import asyncio
import random
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from bot.intake import SECRET_HEADER
from bot.pace import Pace
from sandbox.world import JSON, World
from storage.engine import Database
from tests.conftest import Cluster, free_port, not_run
from tests.faults.balancer import Balancer
from tests.faults.crew import Crew
from tests.faults.fleet import HASTY, SECRET, Fleet, open_fleet
from tests.faults.nginx import Nginx

UNHURRIED = replace(HASTY, lease=Pace().lease)
"""Nobody is killed here: a lease of a second would run out under a replica that a busy machine only keeps waiting."""


async def test_asked_to_stop_with_two_hundred_updates_in_flight_the_bot_loses_none_and_is_gone_soon(
    database_url: str, tmp_path: Path
) -> None:
    database = Database(database_url)
    async with open_fleet(database_url, tmp_path) as fleet:
        crew = Crew(fleet.telegram.world, database, tmp_path)
        await crew.hire(50)
        with crew.watch.open():
            bot = await (await fleet.start()).ready()
            await asyncio.gather(*(seller.home() for seller in crew.sellers))
            fleet.telegram.world.faults.set(latency=0.2)
            sending = [asyncio.create_task(seller.forward(4)) for seller in crew.sellers]
            while await crew.agency.number("SELECT count(*) FROM inbox") < 50 * 2 + 200:  # noqa: ASYNC110 - not ours
                await asyncio.sleep(0.01)
            in_flight = await crew.agency.number("SELECT count(*) FROM inbox WHERE status = 'pending'")
            began = time.monotonic()
            bot.terminate()
            assert await bot.code() == 0
            assert time.monotonic() - began < 20
            assert in_flight > 150
            fleet.telegram.world.faults.clear()
            await fleet.start()
            await asyncio.gather(*sending)
        await crew.settled()
        assert await crew.broken() == {}, crew.score
    await database.close()


async def test_three_replicas_behind_nginx_are_replaced_one_after_the_other_and_nobody_notices(
    database_url: str, tmp_path: Path
) -> None:
    if shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") is None:
        not_run("nginx is not installed")
    database = Database(database_url)
    ports = [free_port() for _ in range(3)]
    async with open_fleet(database_url, tmp_path) as fleet, Nginx(ports, tmp_path / "nginx").open() as balancer:
        crew = Crew(fleet.telegram.world, database, tmp_path)
        await crew.hire(12)
        replaced = asyncio.Event()

        async def replica(port: int) -> Any:
            return await (await fleet.start(UNHURRIED, **fleet.webhook(balancer.port, port))).ready()

        replicas = [await replica(port) for port in ports]
        working = asyncio.create_task(crew.work(replaced.is_set))
        for place, port in enumerate(ports):
            before = crew.score.updates
            while crew.score.updates < before + 40 and not working.done():  # noqa: ASYNC110 - people are at work
                await asyncio.sleep(0.02)
            replicas[place].terminate()
            assert await replicas[place].code() == 0
            replicas[place] = await replica(port)
        replaced.set()
        await working
        await crew.settled()
        assert await crew.broken() == {}, crew.score
        assert crew.score.asked_again == []
        assert crew.score.updates > 100
        assert set(balancer.answers) == {200}
        assert balancer.answers[200] >= crew.score.updates
        assert await crew.agency.number("SELECT count(*) FROM inbox WHERE error IS NOT NULL") == 0
    await database.close()


# --- brought many times, in any order -----------------------------------------------------------------------------


async def opened(fleet: Fleet, crew: Crew, replicas: list[int], public: int) -> None:
    """Replicas at work, everybody's deal open."""
    await crew.hire(10)
    for port in replicas:
        await (await fleet.start(UNHURRIED, **fleet.webhook(public, port))).ready()
    with crew.watch.open():
        await asyncio.gather(*(seller.home() for seller in crew.sellers))


async def bring(updates: list[tuple[int, dict[str, Any]]]) -> None:
    """Post updates to the ports they are meant for, as quickly as they are taken."""
    at_once = asyncio.Semaphore(20)
    async with aiohttp.ClientSession(headers={SECRET_HEADER: SECRET}) as http:

        async def post(port: int, update: dict[str, Any]) -> None:
            async with at_once, http.post(f"http://127.0.0.1:{port}/telegram", json=update) as answer:
                assert answer.status == 200

        await asyncio.gather(*(post(port, update) for port, update in updates))


async def remains(crew: Crew) -> dict[str, Counter[Any]]:
    """Everything that came of it, without ids and moments."""
    questions = {
        "journal": "SELECT deal_id, author_id, text, event FROM journal_entries",
        "documents": "SELECT deal_id, sha256, name, kind, sent_by_id FROM documents",
        "audit": "SELECT actor_id, action, deal_id FROM audit_records",
        "outbox": "SELECT recipient_id, kind, status FROM outbox",
        "deals": "SELECT id, stage, review_on, review_reason FROM deals",
        "inbox": "SELECT person_id, status FROM inbox",
    }
    found = {name: Counter(await crew.agency.sql(question)) for name, question in questions.items()}
    files = [name async for name in crew.files.names(older_than=0)]
    return found | {"files": Counter([len(files)])}


async def outcome(
    url: str, folder: Path, world: World, replicas: int, brought: Callable[[Crew], Awaitable[list[JSON]]]
) -> dict[str, Counter[Any]]:
    """What comes of updates that are brought by hand to replicas chosen by chance, while everybody's deal is open."""
    folder.mkdir()
    chance = random.Random(7)  # noqa: S311
    database = Database(url)
    ports = [free_port() for _ in range(replicas)]
    async with open_fleet(url, folder, world=world) as fleet, Balancer(ports).open() as balancer:
        crew = Crew(world, database, folder)
        await opened(fleet, crew, ports, balancer.port)
        world.delivery.set_webhook(None)
        updates = await brought(crew)
        world.delivery.drop_pending()
        await bring([(chance.choice(ports), update) for update in updates])
        await crew.settled()
        found = await remains(crew)
    await database.close()
    return found


async def test_updates_brought_up_to_five_times_in_any_order_to_three_replicas_come_to_the_same_as_once_in_order(
    postgres: Cluster, migrated_template: str, tmp_path: Path
) -> None:
    world, chance = World(), random.Random(7)  # noqa: S311
    updates: list[JSON] = []

    async def in_order(crew: Crew) -> list[JSON]:
        for seller in crew.sellers:
            await seller.send(12)
        for number, queued in enumerate(world.delivery.pending.values()):
            updates.append(queued.update | {"update_id": 900_000_000 + number})
        return updates

    async def shuffled(_crew: Crew) -> list[JSON]:
        copies = [update for update in updates for _ in range(chance.randint(1, 5))]
        chance.shuffle(copies)
        return copies

    with postgres.database(migrated_template) as url:
        once = await outcome(url, tmp_path / "once", world, 1, in_order)
    with postgres.database(migrated_template) as url:
        many = await outcome(url, tmp_path / "many", world, 3, shuffled)
    assert len(updates) == 120
    assert sum(once["journal"].values()) > 120
    assert many == once
