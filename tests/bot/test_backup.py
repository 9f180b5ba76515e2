"""/backup for the admin, and the backup that is made by itself: who is told what, and what lies in the folder."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.settings import BackupSettings
from models.enums import Role
from sandbox.people import VirtualUser
from services.access import SYSTEM
from services.errors import Forbidden
from storage.backup import Kept
from storage.files import DiskFiles
from storage.restore import Restore, inspect
from tests.bot.conftest import Agency
from tests.bot.steps import screen


class Office:
    """An admin and a seller, and the folder of backups."""

    def __init__(self, agency: Agency) -> None:
        self.agency = agency
        self.galina: VirtualUser
        self.anna: VirtualUser

    async def open(self) -> "Office":
        self.galina = await self.agency.person("Галина Маркова", Role.ADMIN)
        self.anna = await self.agency.person("Анна Серова", Role.SELLER)
        return self

    async def reopen(self, **settings: Any) -> None:
        """Start the bot again with other settings of backups."""
        await self.agency.close()
        self.agency.settings = replace(self.agency.settings, backup=BackupSettings(_env_file=None, **settings))
        await self.agency.open()

    @property
    def folder(self) -> Path:
        return self.agency.settings.backup_dir

    @property
    def kept(self) -> list[Kept]:
        plan = self.agency.app.services.backup._plan
        assert plan is not None
        return plan.backups.kept()

    async def look_at_the_clock(self) -> None:
        """Let the clock look for what is due, and a backup that it begins come to its end."""
        await self.begin()
        await self.ended()

    async def begin(self) -> None:
        before = self.agency.app._ticker.backing_up
        if before is not None:
            await before
        await self.agency.app.tick()

    async def ended(self) -> None:
        under_way = self.agency.app._ticker.backing_up
        assert under_way is not None
        await under_way
        await self.agency.quiet()

    async def state(self, key: str, **values: Any) -> None:
        """Say that a process left things so when it died."""
        await self.agency.execute(
            "INSERT INTO team_settings VALUES (:k, CAST(:v AS jsonb))"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            k=key,
            v=json.dumps(values),
        )

    async def actions(self) -> list[tuple[str, int | None]]:
        return await self.agency.rows(
            "SELECT action, actor_id FROM audit_records WHERE object_type = 'backup' ORDER BY id"
        )


@pytest.fixture
async def office(agency: Agency) -> Office:
    return await Office(agency).open()


async def test_an_admin_has_a_backup_made_and_one_message_tells_of_it_to_the_end(office: Office) -> None:
    await office.galina.say("/backup")
    assert screen(office.galina) == "⏳ Резервная копия: сейчас начну…"
    card = office.galina.last
    await office.look_at_the_clock()
    (kept,) = office.kept
    told = screen(office.galina)
    assert "✅ Резервная копия готова и перечитана: " in told
    assert "КБ, без шифрования." in told
    assert str(kept.path) in told
    assert "Клиенты: 0 · Сделки: 0 · Полисы: 0 · Взносы: 0" in told
    assert "Хранится 1 копия:" in told
    assert "📦 02.03 12:00" in told
    assert "Сами копии не делаются: задайте BACKUP_AT." in told
    assert office.galina.last.id == card.id, "the message is edited"
    assert inspect(kept.path, None)["facts"]["users"]["rows"] == 2
    admin = await office.agency.user_id(office.galina)
    assert await office.actions() == [("backup.ordered", admin), ("backup.made", None)]


class Gate(DiskFiles):
    """Papers that are given out when the test says so."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.open = asyncio.Event(), asyncio.Event()

    async def get(self, path: str) -> bytes:
        self.asked.set()
        await self.open.wait()
        return await super().get(path)


@pytest.fixture
async def gate(office: Office) -> AsyncIterator[Gate]:
    """A paper in the agency, and a gate before it."""
    await office.anna.send_file("паспорт.pdf", b"%PDF-1.4 passport")
    plan = office.agency.app.services.backup._plan
    assert plan is not None
    gate = Gate(office.agency.settings.storage.documents_dir)
    object.__setattr__(plan.backups, "files", gate)
    yield gate
    gate.open.set()


async def test_while_it_goes_on_the_message_says_how_far_it_is_and_a_second_order_is_refused(
    office: Office, gate: Gate
) -> None:
    await office.galina.say("/backup")
    await office.begin()
    await gate.asked.wait()
    await office.agency.quiet()
    assert screen(office.galina) == "⏳ Резервная копия: копирую документы · 0 из 1"
    await office.galina.say("/backup")
    assert screen(office.galina) == "⚠️ Резервная копия уже делается: ход виден в её сообщении."
    gate.open.set()
    await office.ended()
    assert "Резервная копия готова" in office.galina.transcript
    assert len(office.kept) == 1


async def test_the_bot_stops_in_the_middle_of_a_backup_and_makes_it_when_it_is_back(office: Office, gate: Gate) -> None:
    await office.galina.say("/backup")
    await office.begin()
    await gate.asked.wait()
    await office.agency.close()
    assert list(office.folder.iterdir()) == [], "nothing half-made is left"
    await office.agency.open()
    await office.look_at_the_clock()
    assert len(office.kept) == 1
    assert "Резервная копия готова" in office.galina.transcript


async def test_for_a_seller_there_is_no_backup(office: Office) -> None:
    await office.anna.say("/backup")
    await office.look_at_the_clock()
    assert office.kept == []
    assert await office.actions() == []
    actor = await office.agency.app.services.people.identify(office.anna.id)
    assert actor is not None
    for refused in (office.agency.app.services.backup.order, office.agency.app.services.backup.recent):
        with pytest.raises(Forbidden):
            await refused(actor)
    with pytest.raises(Forbidden):
        await office.agency.app.services.backup.work(actor)


async def test_whoever_is_no_admin_any_more_is_told_nothing_of_it(office: Office) -> None:
    await office.galina.say("/backup")
    await office.agency.execute("UPDATE users SET roles = '{seller}' WHERE telegram_id = :t", t=office.galina.id)
    await office.look_at_the_clock()
    assert "готова" not in office.galina.transcript


async def test_the_days_backup_is_made_by_itself_once_and_old_ones_go(office: Office) -> None:
    await office.reopen(backup_at=3, backup_keep=2, backup_passphrase="a long enough passphrase")
    for day in range(4):
        for _ in range(3):
            await office.look_at_the_clock()
        assert len(office.kept) == min(day + 1, 2)
        office.agency.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    assert all(kept.encrypted for kept in office.kept)
    assert office.kept[0].at.day == 5
    assert office.galina.received == [], "that all is well is no news"
    await office.galina.say("/backup")
    await office.look_at_the_clock()
    assert "зашифрована" in screen(office.galina)
    assert "🔒 06.03 12:00" in screen(office.galina)
    assert "каждый день после 3:00" in screen(office.galina)


async def test_before_its_hour_the_day_has_no_backup_of_its_own(office: Office) -> None:
    await office.reopen(backup_at=15)
    await office.look_at_the_clock()
    assert len(office.kept) == 1, "yesterday's is made up for"
    office.agency.clock.advance(timedelta(hours=2))  # type: ignore[attr-defined]
    await office.look_at_the_clock()
    assert len(office.kept) == 1
    office.agency.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    await office.look_at_the_clock()
    assert len(office.kept) == 2


async def test_of_several_replicas_one_makes_it(office: Office) -> None:
    await office.reopen(backup_at=3)
    work = office.agency.app.services.backup.work
    assert sorted(await asyncio.gather(*(work(SYSTEM) for _ in range(5)))) == [False, False, False, False, True]
    assert await work(SYSTEM) is False
    assert len(office.kept) == 1


async def test_admins_hear_once_of_a_backup_that_fails_and_of_its_success_later(office: Office, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("in the way")
    await office.reopen(backup_at=3, backup_dir=nowhere)
    await office.look_at_the_clock()
    assert "🚨 Резервная копия за 02.03.2026 не сделана." in screen(office.galina)
    assert "В папку для копий нельзя писать" in screen(office.galina)
    for _ in range(3):
        await office.look_at_the_clock()
    office.agency.clock.advance(timedelta(minutes=31))  # type: ignore[attr-defined]
    await office.look_at_the_clock()
    assert len(office.galina.received) == 1
    assert [action for action, _who in await office.actions()] == ["backup.failed", "backup.failed"]
    nowhere.unlink()
    office.agency.clock.advance(timedelta(minutes=31))  # type: ignore[attr-defined]
    await office.look_at_the_clock()
    assert "Резервная копия готова" in screen(office.galina)
    assert office.anna.received == []


async def test_after_three_failures_a_day_rests_and_the_next_one_tries_again(office: Office, tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("in the way")
    await office.reopen(backup_at=3, backup_dir=nowhere)
    for _ in range(6):
        await office.look_at_the_clock()
        office.agency.clock.advance(timedelta(minutes=31))  # type: ignore[attr-defined]
    assert len(await office.actions()) == 3
    office.agency.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    await office.look_at_the_clock()
    assert len(await office.actions()) == 4
    assert len(office.galina.received) == 2


async def test_a_backup_over_which_a_process_died_is_made_by_the_next(office: Office) -> None:
    await office.reopen(backup_at=3)
    await office.state("backup.schedule", day="2026-03-02", status="running", tries=1)
    await office.look_at_the_clock()
    assert len(office.kept) == 1


async def test_a_backup_over_which_every_process_dies_is_given_up(office: Office) -> None:
    await office.reopen(backup_at=3)
    await office.state("backup.schedule", day="2026-03-02", status="running", tries=3)
    for _ in range(3):
        await office.look_at_the_clock()
    assert office.kept == []
    assert "Бот каждый раз останавливался раньше" in screen(office.galina)
    assert len(office.galina.received) == 1


async def test_an_admin_hears_of_papers_without_a_file(office: Office) -> None:
    await office.anna.send_file("паспорт.pdf", b"%PDF-1.4 passport")
    documents = office.agency.settings.storage.documents_dir
    for path in documents.rglob("*.pdf"):
        path.unlink()
    await office.reopen(backup_at=3)
    await office.look_at_the_clock()
    assert "⚠️ Документов без файла: 1." in screen(office.galina)


async def test_a_command_and_its_help_are_the_admins(office: Office) -> None:
    await office.galina.say("/help")
    assert "/backup" in screen(office.galina)
    await office.anna.say("/help")
    assert "/backup" not in screen(office.anna)


async def test_a_bot_that_starts_on_a_restored_backup_does_not_go_on_making_it(
    office: Office, empty_database_url: str, tmp_path: Path
) -> None:
    await office.galina.say("/backup")
    await office.look_at_the_clock()
    path = office.kept[0].path
    files = DiskFiles(tmp_path / "elsewhere")
    await Restore(path, inspect(path, None), empty_database_url, files).run()
    await office.agency.close()
    storage = office.agency.settings.storage.model_copy(update={"database_url": SecretStr(empty_database_url)})
    office.agency.settings = replace(office.agency.settings, storage=storage)
    await office.agency.open()
    await office.look_at_the_clock()
    assert [kept.path for kept in office.kept] == [path]
    await office.galina.say("/menu")
    assert "Меню" in screen(office.galina)
