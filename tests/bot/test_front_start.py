"""How the bot starts and fails to start, and what it tells a supervisor about itself."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from bot.app import App
from bot.pace import AT_ONCE
from models.enums import Role
from sandbox.api import LocalTelegram
from tests.bot.conftest import Cable, OpenAgency, settings_for
from tests.bot.front_desk import Desk
from tests.conftest import ROOT, free_port

RUN = "import sys; from bot.app import main; from bot.settings import load; sys.exit(main(load(None)))"


async def start(telegram: LocalTelegram, database_url: str, folder: Path, **changes: str) -> asyncio.subprocess.Process:
    """Start the bot as a process, with the environment and nothing else."""
    environment = {
        "PATH": os.environ["PATH"],
        "BOT_TOKEN": telegram.token,
        "TELEGRAM_API_URL": telegram.url,
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder),
        "HEALTH_PORT": "0",
        "LOG_LEVEL": "ERROR",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, env=environment | changes, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )


async def last_words(process: asyncio.subprocess.Process) -> tuple[int | None, list[str]]:
    _out, err = await process.communicate()
    return process.returncode, err.decode().splitlines()


async def test_a_wrong_token_is_one_line_and_a_code(database_url: str, tmp_path: Path) -> None:
    async with LocalTelegram() as telegram:
        code, lines = await last_words(await start(telegram, database_url, tmp_path, BOT_TOKEN=f"1:{'x' * 35}"))
    assert code == 1
    assert lines == ["BOT_TOKEN is refused by Telegram: ask @BotFather for the right one"]


async def test_no_database_is_one_line_and_a_code(tmp_path: Path) -> None:
    async with LocalTelegram() as telegram:
        nowhere = f"postgresql://user:secret-password@127.0.0.1:{free_port()}/nothing"
        code, lines = await last_words(await start(telegram, nowhere, tmp_path))
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("database: cannot connect")
    assert "secret-password" not in lines[0]


@pytest.mark.parametrize("variable", ["HEALTH_PORT", "HTTP_PORT"])
async def test_a_taken_port_is_one_line_and_a_code(database_url: str, tmp_path: Path, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        changes = {variable: str(port), "WEBHOOK_URL": f"http://127.0.0.1:{port}/", "WEBHOOK_SECRET": "s"}
        async with LocalTelegram() as telegram:
            code, lines = await last_words(await start(telegram, database_url, tmp_path, **changes))
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{variable}: cannot listen on 127.0.0.1:{port}")


async def test_a_database_of_a_newer_version_is_one_line_and_a_code(empty_database_url: str, tmp_path: Path) -> None:
    import asyncpg

    connection = await asyncpg.connect(empty_database_url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE alembic_version (version_num varchar(32)); ")
    await connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    await connection.close()
    async with LocalTelegram() as telegram:
        code, lines = await last_words(await start(telegram, empty_database_url, tmp_path))
    assert code == 1
    assert len(lines) == 1
    assert "newer version" in lines[0]


async def test_asked_to_stop_the_bot_ends_well_and_an_empty_database_was_migrated(
    empty_database_url: str, tmp_path: Path
) -> None:
    async with LocalTelegram() as telegram:
        with telegram.world.subscribe() as events:
            process = await start(telegram, empty_database_url, tmp_path)
            async for event in events:
                if event.kind == "call" and event.data["method"] == "deleteWebhook":
                    break
        process.send_signal(signal.SIGTERM)
        code, lines = await last_words(process)
    assert (code, lines) == (0, [])


async def get(app: App, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{app.health_port}{path}") as response:
        return response.status, await response.text()


async def test_the_bot_says_that_it_is_ready_and_counts_what_it_does(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    assert await get(agency.app, "/healthz") == (200, '{"status": "alive"}')
    assert await get(agency.app, "/readyz") == (200, '{"status":"ready","reasons":{},"warnings":{}}')
    _status, page = await get(agency.app, "/metrics")
    assert 'polisdesk_updates_total{kind="message",result="handled"} 1.0' in page
    assert 'polisdesk_queue_depth{queue="inbox",state="waiting"} 0.0' in page


async def test_a_bot_whose_messages_wait_for_telegram_says_so_and_stays_ready(
    open_agency: OpenAgency, desk: Desk
) -> None:
    """All replicas would be taken out of the balancer at once, and no update would come in any more."""
    agency = await open_agency(screens=desk.routers)
    await agency.person("Анна", Role.SELLER)
    await agency.execute(
        "INSERT INTO outbox (recipient_id, kind, params, edits_card, status, attempts, not_before, leased_until)"
        " SELECT id, 'test_line', '{}', false, 'pending', 1, now() - interval '3 minutes', now() + interval '1 hour'"
        " FROM users"
    )
    status, text = await get(agency.app, "/readyz")
    assert status == 200
    assert '"warnings":{"outbox":"the oldest message has waited for 18' in text
    assert "polisdesk_outbox_lag_seconds 18" in (await get(agency.app, "/metrics"))[1]
    await agency.execute("DELETE FROM outbox")


async def test_a_bot_that_cannot_work_says_why(open_agency: OpenAgency, desk: Desk, cable: Cable) -> None:
    agency = await open_agency(screens=desk.routers, database=cable.url)
    await cable.cut()
    status, text = await get(agency.app, "/readyz")
    assert status == 503
    assert '"database":"the database does not answer"' in text
    assert (await get(agency.app, "/healthz"))[0] == 200
    assert (await get(agency.app, "/metrics"))[0] == 200
    await cable.mend()


async def test_until_telegram_knows_the_webhook_the_bot_asks_again_and_is_not_ready(
    database_url: str, tmp_path: Path
) -> None:
    async with LocalTelegram() as telegram:
        settings = settings_for(telegram, database_url, tmp_path, intake="webhook", webhook_port=free_port())
        telegram.world.faults.set(methods=["setWebhook"], error_rate=1)
        app = App(settings, pace=AT_ONCE)
        starting = asyncio.create_task(app.__aenter__())
        async with asyncio.timeout(30):
            while not any(call.method == "setWebhook" for call in telegram.world.calls):  # noqa: ASYNC110 - the bot's part
                await asyncio.sleep(0.01)
        status, text = await get(app, "/readyz")
        assert (status, '"intake":"not started"' in text) == (503, True)
        telegram.world.faults.clear()
        await starting
        assert (await get(app, "/readyz"))[0] == 200
        await app.__aexit__(None, None, None)
