"""What the bot stands on goes away and comes back: people hear of it, and nothing of theirs is lost."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import text

from bot.intake import SECRET_HEADER
from models.enums import Role
from models.tables import User
from services.people import as_actor
from storage.engine import Database
from tests.bot.conftest import Cable, cable
from tests.conftest import free_port
from tests.faults.crew import Crew, Seller
from tests.faults.fleet import HASTY, SECRET, open_fleet
from tests.faults.outages import Supply, small_files, without_database, without_redis, without_room

__all__ = ["cable"]


@pytest.mark.parametrize("webhook", [False, True], ids=["polling", "webhook"])
async def test_while_the_database_is_away_people_get_one_sentence_and_afterwards_everything_is_done(
    database_url: str, cable: Cable, tmp_path: Path, *, webhook: bool
) -> None:
    supply = Supply(cable.url, cable.cut, cable.mend)
    outcome = await without_database(supply, database_url, tmp_path, webhook=webhook)
    assert outcome.told == [1] * 4
    assert set(outcome.broken.values()) == {0}, str(outcome)
    if webhook:
        assert outcome.refusal is not None
        assert outcome.refusal[0] == 503
        assert int(outcome.refusal[1]) > 0


async def test_redis_may_be_emptied_and_taken_away_and_no_data_goes_with_it(
    database_url: str, tmp_path: Path, redis_server: int
) -> None:
    assert redis_server
    outcome = await without_redis(database_url, tmp_path)
    assert set(outcome.broken.values()) == {0}, str(outcome)


async def test_with_no_room_for_a_paper_there_is_neither_row_nor_file_and_later_there_are_both(
    database_url: str, tmp_path: Path
) -> None:
    outcome = await without_room(database_url, tmp_path, small_files, 1 << 17)
    assert outcome.told == [1, 1]
    assert set(outcome.broken.values()) == {0}, str(outcome)


async def test_a_poisonous_update_holds_up_nobody_and_the_admin_runs_it_again(
    database_url: str, tmp_path: Path
) -> None:
    database, port = Database(database_url), free_port()
    async with open_fleet(database_url, tmp_path) as fleet:
        crew = Crew(fleet.telegram.world, database, tmp_path)
        await crew.hire(2)
        anna, boris = crew.sellers
        admin = User(telegram_id=9001, full_name="Галина", roles=[Role.ADMIN], quiet_from=0, quiet_to=0)
        await crew.agency.save(admin)
        crew.world.person(9001, "Галина").started = True
        galina = Seller(crew, as_actor(admin), 9001, 0, 0)
        await (await fleet.start(HASTY, **fleet.webhook(port, port))).ready()
        chat = {"id": anna.id, "type": "private", "first_name": "Анна"}
        poison = {"message_id": 1, "date": "никогда", "chat": chat, "from": chat | {"is_bot": False}, "text": "/menu"}
        with crew.watch.open():
            async with (
                aiohttp.ClientSession(headers={SECRET_HEADER: SECRET}) as http,
                http.post(f"http://127.0.0.1:{port}/telegram", json={"update_id": 7, "message": poison}) as answer,
            ):
                assert answer.status == 200
            await asyncio.gather(anna.home(), boris.home())
            await galina.until(
                lambda: any("Необработанное действие" in one.text for one in galina.received), "news of it"
            )
            await asyncio.gather(anna.note(), boris.note())
            assert await crew.agency.sql("SELECT update_id, attempts FROM inbox WHERE status = 'dead'") == [(7, 5)]
            # A newer version understands it:
            async with database.writing() as session:
                await session.execute(
                    text("UPDATE inbox SET payload = jsonb_set(payload, '{message,date}', '1') WHERE update_id = 7")
                )
                await session.commit()
            heard = len(anna.received)
            await galina.say("/stats")
            await galina.tap("⚠️ Необработанные действия · 1")
            await galina.tap("🔁")
            await anna.until(lambda: len(anna.received) > heard, "what the poisonous words had asked for")
            await crew.settled()
        assert await crew.broken() == {}, crew.score
    await database.close()
