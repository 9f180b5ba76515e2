"""What the front door promises about updates: each has its effect once, in the person's order, whatever happens."""

from models.enums import Role
from tests.bot.conftest import OpenAgency
from tests.bot.front_desk import Desk

LINES = "SELECT changes->>'line' FROM audit_records WHERE action = 'test.line' ORDER BY id"


async def test_a_person_walks_through_a_dialog(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.start()
    assert anna.screen == "Page one\n[Stay]"
    await anna.say("hello")
    assert anna.screen == "Page two: hello\n[Press]\n[Later]"
    assert await agency.rows(LINES) == [("1 hello",)]
