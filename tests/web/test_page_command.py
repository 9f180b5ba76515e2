"""`python -m sandbox` as a person at the terminal meets it: one line, an address, and a clean end."""

import asyncio
import json
import signal
import socket
from asyncio.subprocess import Process
from typing import Any

import aiohttp

from tests.web.page_stage import Start, address


async def end(process: Process) -> tuple[int | None, str]:
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


async def state(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/page/state") as answer:
        return await answer.json()


async def everybody_is_greeted(url: str) -> None:
    """Follow the page's own events until the bot has written to each person of the demo."""
    silent: set[int] = set()
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession(read_bufsize=1 << 24) as session,
        session.get(f"{url}/page/events") as events,
    ):
        async for line in events.content:
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line.removeprefix(b"data: "))
            if "people" in event:
                people = event["people"]
                silent = {one["id"] for one in people if not any(m["out"] for m in one["messages"])}
            elif event["kind"] == "message" and event["data"]["out"]:
                silent.discard(event["chat"])
            if not silent:
                return


async def test_another_address_than_loopback_is_refused_with_the_reason(start: Start) -> None:
    code, said = await end(await start("--host", "192.0.2.1"))
    assert code == 1
    assert "loopback only" in said
    assert said.count("\n") == 1


async def test_a_taken_port_is_one_line(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = await end(await start("--port", str(port)))
    assert code == 1
    assert said == f"Polisdesk sandbox: port {port} is taken; try --port 0, which takes a free one\n"


async def test_a_bot_that_does_not_start_ends_it(start: Start) -> None:
    code, said = await end(await start("--port", "0", LOCALE="klingon"))
    assert code == 1
    assert "LOCALE wants ru or en" in said
    assert said.splitlines()[-1] == "Polisdesk sandbox: the bot did not start (exit code 1); its own words are above"


async def test_it_opens_with_the_agency_and_remembers_its_chats(start: Start) -> None:
    first = await start("--port", "0")
    url = await address(first)
    await everybody_is_greeted(url)
    seen = await state(url)
    assert {person["role"] for person in seen["people"]} == {"продавец", "исполнитель", "главный админ"}
    assert seen["clock"]["can_next"]
    said = {person["id"]: person["messages"][0] for person in seen["people"]}
    first.send_signal(signal.SIGTERM)
    code, _ = await end(first)
    assert code == 0
    second = await start("--port", "0")
    again = await state(await address(second))
    assert {person["id"]: person["messages"][0] for person in again["people"]} == said
