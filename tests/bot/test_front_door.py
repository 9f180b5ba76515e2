"""Who may come in, what a stranger sees, and in what language the bot speaks."""

from datetime import timedelta

from bot.menu import COMMANDS
from models.enums import Role
from tests.bot.conftest import Agency, OpenAgency
from tests.bot.front_desk import Desk
from tests.conftest import ManualClock

LINE = "Это рабочий бот страхового агентства. Войти можно по приглашению администратора."


async def test_a_stranger_gets_one_polite_line_an_hour_and_nothing_else(
    open_agency: OpenAgency, desk: Desk, clock: ManualClock
) -> None:
    agency = await open_agency(screens=desk.routers)
    eve = agency.stranger("Ева")
    await eve.start()
    assert eve.screen == LINE
    await eve.say("let me in")
    await eve.say("please")
    assert len(eve.received) == 1
    clock.advance(timedelta(hours=1))
    await eve.say("an hour later")
    assert len(eve.received) == 2
    assert desk.heard == {}


async def test_a_stranger_hears_it_in_his_own_language(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    eve = agency.stranger("Eve", language="en")
    await eve.start()
    assert eve.screen.startswith("This is the desk of an insurance agency.")


async def test_a_stranger_with_an_invitation_reaches_the_start_and_only_the_start(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    owner, eve = await agency.person("Ольга", Role.ADMIN), agency.stranger("Ева")
    admin = await agency.app.services.people.identify(owner.id)
    assert admin is not None
    made = await agency.app.services.people.invite(admin, ["seller"])
    await eve.start("some-code")
    assert "больше не действует" in eve.screen
    await eve.start(made.code)
    assert eve.screen == "no invitation"  # the door has opened; what is behind it is the screens' business
    await eve.say("/buttons")
    assert eve.screen == LINE


async def test_an_owner_named_in_the_settings_may_start(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers, admin_ids=(1001,))
    owner = agency.stranger("Ольга")
    await owner.start()
    assert owner.screen == "no invitation"  # the door has opened; what is behind it is the screens' business


async def test_somebody_who_was_blocked_is_a_stranger_from_that_moment_and_his_old_buttons_are_dead(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    anna = await agency.person("Анна", Role.SELLER)
    await anna.say("/buttons")
    await agency.execute("UPDATE users SET active = false")
    await anna.tap("Plain")
    assert anna.alert == LINE
    await anna.tap("Plain")
    assert anna.alert is None


async def test_a_strangers_inline_query_finds_nothing(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    agency.world.delivery.allow(["message", "callback_query", "inline_query", "my_chat_member"])
    eve = agency.stranger("Ева")
    answer = await eve.inline("clients")
    assert answer.results == []


async def test_who_stops_the_bot_is_known_to_be_out_of_reach_until_he_is_back(
    open_agency: OpenAgency, desk: Desk
) -> None:
    agency = await open_agency(screens=desk.routers)
    anna, owner = await agency.person("Анна", Role.SELLER), await agency.person("Ольга", Role.ADMIN)
    await anna.block()
    assert await agency.value("SELECT reachable FROM users WHERE telegram_id = :t", t=anna.id) is False
    await anna.unblock()
    assert await agency.value("SELECT reachable FROM users WHERE telegram_id = :t", t=anna.id) is True
    assert owner.received == [] or "Анна" in owner.screen


async def test_the_command_menu_follows_roles_and_strangers_have_none(open_agency: OpenAgency, desk: Desk) -> None:
    agency = await open_agency(screens=desk.routers)
    anna, eve = await agency.person("Анна", Role.SELLER), agency.stranger("Ева")
    await anna.start()
    await eve.start()
    assert [one["command"] for one in agency.world.commands_for(anna.id)][:3] == ["menu", "new", "today"]
    assert agency.world.commands_for(eve.id) == []


async def test_every_command_of_the_menu_opens_something(agency: Agency) -> None:
    anna = await agency.person("Анна", Role.SELLER, Role.EXECUTOR, Role.ADMIN)
    await anna.start()
    for name, _text, _who in COMMANDS:
        before = len(anna.received)
        await anna.say(f"/{name}")
        assert len(anna.received) > before
        assert "Такой команды нет" not in anna.screen, name
