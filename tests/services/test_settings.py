"""What people set for themselves, and what an admin sets for all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from models.enums import ReminderKind
from models.tables import AuditRecord, Reminder, User
from services.errors import AlreadyDone, Forbidden, Invalid
from services.rules.reading import Unreadable
from services.settings import TeamSettings, read_hours, read_zone

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def due(agency: Any, kind: ReminderKind) -> list[str]:
    found = select(Reminder.due_at).where(Reminder.recipient_id == agency.anna.user_id, Reminder.kind == kind)
    return [f"{moment:%d %H:%M}" for moment in await agency.rows(found)]


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Екатеринбург", "Asia/Yekaterinburg"),
        ("мск", "Europe/Moscow"),
        ("мск+2", "Asia/Yekaterinburg"),
        ("UTC+3", "Europe/Moscow"),
        ("+7", "Asia/Novosibirsk"),
        ("Asia/Omsk", "Asia/Omsk"),
        ("Europe/London", "Europe/London"),
    ],
)
def test_a_time_zone_is_read_as_people_say_it(typed: str, zone: str) -> None:
    assert read_zone(typed, NOW) == zone


@pytest.mark.parametrize("typed", ["", "Атлантида", "мск+20", "../etc/passwd", "Europe/Nowhere", "Europe", "а" * 500])
def test_what_is_no_time_zone_is_refused(typed: str) -> None:
    with pytest.raises(Unreadable):
        read_zone(typed, NOW)


def test_hours_are_read_as_people_write_them() -> None:
    assert [read_hours(text) for text in ("9-18", "с 9 до 18", "22:00–8:00", "10 19")] == [
        (9, 18),
        (9, 18),
        (22, 8),
        (10, 19),
    ]
    for text in ("9", "девять", "9-25", ""):
        with pytest.raises(Unreadable):
            read_hours(text)


async def test_a_person_sets_his_language_and_hears_it(agency: Any) -> None:
    await agency.services.settings.set_language(agency.anna, "en")
    assert (await agency.services.people.identify(101)).language == "en"
    with pytest.raises(AlreadyDone):
        await agency.services.settings.set_language(agency.anna, "en")
    with pytest.raises(Invalid):
        await agency.services.settings.set_language(agency.anna, "de")


async def test_another_zone_moves_the_digest_and_keeps_the_hours_of_reminders(agency: Any) -> None:
    deal_id = await agency.deal(agency.anna)
    await agency.services.deals.postpone(agency.anna, deal_id, "2026-03-05")
    await agency.services.settings.set_digest_hour(agency.anna, 8)
    assert await due(agency, ReminderKind.DIGEST) == ["03 05:00"]
    assert await due(agency, ReminderKind.REVIEW) == ["05 06:00"]
    await agency.services.settings.set_zone(agency.anna, "Екатеринбург")
    assert await due(agency, ReminderKind.DIGEST) == ["03 03:00"]
    assert await due(agency, ReminderKind.REVIEW) == ["05 04:00"]
    assert (await agency.services.people.identify(101)).zone.key == "Asia/Yekaterinburg"


async def test_quiet_hours_leave_room_for_reminders(agency: Any) -> None:
    settings = agency.services.settings
    await settings.set_quiet(agency.anna, 22, 7)
    mine = await settings.mine(agency.anna)
    assert (mine.quiet_from, mine.quiet_to) == (22, 7)
    await settings.set_quiet(agency.anna, 24, 0)
    with pytest.raises(Invalid):
        await settings.set_quiet(agency.anna, 9, 8)
    with pytest.raises(Invalid):
        await settings.set_digest_hour(agency.anna, 24)


async def test_newcomers_start_in_the_zone_of_the_agency(agency: Any) -> None:
    settings = agency.services.settings
    assert await settings.team(agency.galina) == TeamSettings("Europe/Moscow", (9, 18))
    await settings.set_team_zone(agency.galina, "Омск")
    await settings.set_work_hours(agency.galina, "10-19")
    assert await settings.team(agency.galina) == TeamSettings("Asia/Omsk", (10, 19))
    made = await agency.services.people.invite(agency.galina, ["seller"])
    came = await agency.services.people.admit(900, "Олег", None, made.code)
    assert came.zone.key == "Asia/Omsk"
    changed = [r.changes for r in await agency.rows(select(AuditRecord)) if r.action == "team.settings"]
    assert changed == [{"time_zone": ["Europe/Moscow", "Asia/Omsk"]}, {"work_hours": [[9, 18], [10, 19]]}]
    with pytest.raises(AlreadyDone):
        await settings.set_work_hours(agency.galina, "с 10 до 19")
    with pytest.raises(Invalid):
        await settings.set_work_hours(agency.galina, "19-10")


async def test_the_agencys_settings_are_the_admins_alone(agency: Any) -> None:
    settings = agency.services.settings
    for actor in (agency.anna, agency.egor):
        for attempt in (
            settings.team(actor),
            settings.set_team_zone(actor, "Омск"),
            settings.set_work_hours(actor, "1-2"),
        ):
            with pytest.raises(Forbidden):
                await attempt
    assert await agency.sql("SELECT * FROM team_settings") == []


async def test_what_one_sets_is_ones_own(agency: Any) -> None:
    await agency.services.settings.set_digest_hour(agency.egor, 7)
    hours = await agency.rows(select(User.digest_hour).order_by(User.id))
    assert sorted(hours) == [7, 9, 9, 9, 9]
