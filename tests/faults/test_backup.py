"""Backups of a small agency: what is restored is what was there, and what is damaged changes nothing."""

import asyncio
import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from alembic import command
from obstore.store import MemoryStore
from sqlalchemy import select

from bot.app import App
from bot.pace import AT_ONCE
from bot.settings import variables
from models.enums import TaskKind
from models.tables import Payment
from sandbox.api import LocalTelegram
from sandbox.people import VirtualUser
from sandbox.world import World
from services.access import SYSTEM
from services.deals import DealDraft
from services.documents import Incoming
from services.registry import Services
from services.rules.deal_line import ClientDraft
from storage import archive, embedded, schema
from storage.backup import BackupError, Backups, Made, Retention
from storage.bucket import ObjectFiles
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from storage.files import ASIDE, DiskFiles
from storage.restore import Restore, Restored, RestoreError, inspect
from tests.bot.conftest import settings_for
from tests.conftest import ManualClock, memory_disk, open_tempdir, own_server
from tests.security.hostile import NASTY
from tests.services.conftest import Agency

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSPHRASE = "трава у дома, зелёная трава"
D = Decimal
WORDS = "\n".join((r"\N", r"\.", r"\t", "a\tb", *NASTY))[:500]
"""What a copy of a table could take for more than words."""
SERVERS = embedded._candidates(None)


def paper(name: str, size: int = 3000) -> Incoming:
    """A paper whose bytes are its own."""
    seed = hashlib.sha256(name.encode()).digest()
    return Incoming(name, b"%PDF-1.4 " + (seed * (size // 32 + 1))[:size], "application/pdf")


@dataclass
class House:
    """An agency with its papers on a disk, and a folder of backups."""

    agency: Agency
    files: DiskFiles
    backups: Backups
    folder: Path

    @property
    def url(self) -> str:
        return self.backups.url

    async def live(self) -> None:
        """Two deals, of one of them a policy, money and papers; a task; a paper that has no deal yet."""
        services, anna = self.agency.services, self.agency.anna
        sold = await self.deal("Иванов Иван")
        policy = await services.policies.register(
            anna,
            sold,
            number="A1",
            insurer_id=await self.agency.insurer(),
            premium=D(60000),
            starts_on=date(2026, 3, 2),
            ends_on=date(2027, 3, 1),
            plan="halves",
        )
        await services.money.set_rate(anna, policy, D(10))
        first = (await self.agency.rows(select(Payment.id).order_by(Payment.seq)))[0]
        await services.money.client_paid(anna, first, D("12345.67"))
        for name in ("Паспорт.pdf", "ПТС на очень красивый автомобиль «Жигули».pdf"):
            await services.documents.file(anna, sold, paper(name))
        asked = await self.deal("Петрова \u202e<b>Ольга</b> {name} \\N ⁞'; DROP TABLE deals; --")
        due = NOW + timedelta(days=2)
        await services.tasks.give(anna, asked, TaskKind.CALCULATE, self.agency.egor.user_id, due, WORDS)
        await services.documents.keep(anna, "album", paper("Без сделки.pdf"))

    async def deal(self, name: str) -> int:
        line = await self.agency.line()
        return await self.agency.services.deals.open_with_client(
            self.agency.anna, ClientDraft(name=name), DealDraft(line_id=line, title="Kia Rio")
        )

    async def back_up(self, **changes: Any) -> Made:
        return await replace(self.backups, **changes).make(NOW)


@pytest.fixture
async def house(database_url: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[House]:
    database = Database(database_url)
    agency = Agency(database, clock)
    files = DiskFiles(tmp_path / "documents")
    agency.services = Services.build(agency.transactions, clock, files)
    await agency.staff()
    made = House(agency, files, Backups(database_url, files, tmp_path / "backups"), tmp_path)
    await made.live()
    yield made
    await database.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> DiskFiles:
    """An empty place for papers."""
    return DiskFiles(tmp_path / "restored")


async def restore(path: Path, url: str, files: DiskFiles, passphrase: str | None = None, **more: Any) -> Restored:
    manifest = await asyncio.to_thread(inspect, path, passphrase)
    return await Restore(path, manifest, url, files, passphrase, **more).run()


async def everything(url: str) -> dict[str, list[str]]:
    """Every row of every table, as the database writes it."""
    connection = await asyncpg.connect(schema.dsn(url))
    try:
        await connection.execute("SET timezone = 'UTC'")
        tables = [
            row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        return {
            table: sorted(row[0] for row in await connection.fetch(f'SELECT t::text FROM "{table}" t'))  # noqa: S608
            for table in sorted(tables)
        }
    finally:
        await connection.close()


async def value(url: str, query: str) -> Any:
    connection = await asyncpg.connect(schema.dsn(url))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def papers(files: DiskFiles) -> dict[str, str]:
    """Every paper with its hash."""
    return {
        path.relative_to(files.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files.root.rglob("*")
        if path.is_file()
    }


# --- the drill ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh_cluster() -> Iterator[str]:
    with own_server() as server:
        yield server.url


async def test_a_backup_restored_into_a_fresh_cluster_is_the_agency_and_the_bot_works_on_it(
    house: House, fresh_cluster: str, elsewhere: DiskFiles, clock: ManualClock, tmp_path: Path
) -> None:
    before = await everything(house.url)
    made = await house.back_up()
    assert (made.tables["deals"], made.tables["payments"], made.documents) == (2, 2, 3)
    assert (made.missing, made.damaged, made.broken_audit, made.encrypted) == ([], [], None, False)

    restored = await restore(made.path, fresh_cluster, elsewhere)

    assert await everything(fresh_cluster) == before
    assert await value(fresh_cluster, "SELECT sum(paid_amount) FROM payments") == D("12345.67")
    assert papers(elsewhere) == papers(house.files)
    assert restored.audit_records == len(before["audit_records"]) > 5
    database = Database(fresh_cluster)
    again = Services.build(Agency(database, clock).transactions, clock, elsewhere)
    check = await again.audit.verify(house.agency.galina)
    assert (check.records, check.first_bad) == (restored.audit_records, None)
    documents, _total = await again.documents.of_deal(house.agency.anna, 1, 0)
    for document in documents:
        content = await again.documents.content(house.agency.anna, document.id)
        assert hashlib.sha256(content).digest() == document.sha256
    await database.close()

    async with LocalTelegram(world=World(now=clock.now)) as telegram:
        settings = settings_for(telegram, fresh_cluster, tmp_path / "data")
        async with App(settings, clock=clock, pace=AT_ONCE) as app:
            anna = VirtualUser(telegram, id=101, first_name="Анна", quiet=app.quiet)
            anna.person.started = True
            await anna.say("/menu")
            assert "Меню" in anna.screen
            await anna.say("/deals")
            assert "Иванов И. · КАСКО Kia Rio" in anna.screen


async def test_numbers_go_on_where_they_were(house: House, empty_database_url: str, elsewhere: DiskFiles) -> None:
    made = await house.back_up()
    await restore(made.path, empty_database_url, elsewhere)
    assert await value(empty_database_url, "SELECT nextval('deal_number')") == await value(
        house.url, "SELECT nextval('deal_number')"
    )
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await value(empty_database_url, "DELETE FROM audit_records")


# --- under a passphrase -------------------------------------------------------------------------------------------


async def test_an_encrypted_backup_comes_back_and_shows_nothing_on_the_way(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    made = await house.back_up(passphrase=PASSPHRASE)
    assert made.path.name.endswith(".tar.enc")
    raw = made.path.read_bytes()
    assert not [word for word in ("manifest", "documents", "Паспорт", "%PDF", "PGDMP") if word.encode() in raw]
    await restore(made.path, empty_database_url, elsewhere, PASSPHRASE)
    assert await everything(empty_database_url) == await everything(house.url)
    assert papers(elsewhere) == papers(house.files)


async def test_a_wrong_passphrase_and_none_are_told_from_damage(house: House) -> None:
    made = await house.back_up(passphrase=PASSPHRASE)
    with pytest.raises(RestoreError, match="the passphrase is not the one of this archive"):
        inspect(made.path, "трава у дома")
    with pytest.raises(RestoreError, match="the archive is encrypted: set BACKUP_PASSPHRASE"):
        inspect(made.path, None)


async def test_the_same_agency_is_never_encrypted_alike(house: House) -> None:
    one, two = [await house.back_up(passphrase=PASSPHRASE) for _ in range(2)]
    assert one.path != two.path
    assert one.path.read_bytes()[200:4200] != two.path.read_bytes()[200:4200]


# --- damage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
async def test_an_archive_with_one_other_byte_is_refused_wherever_it_is(house: House, passphrase: str | None) -> None:
    made = await house.back_up(passphrase=passphrase)
    size, whole = made.size, made.path.read_bytes()
    places = [0, 5, 100, 257, 520, size // 4, size // 2, size * 3 // 4, size - 5000, size - 90, size - 70, size - 1]
    for place in places:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1
        made.path.write_bytes(spoilt)
        with pytest.raises(RestoreError, match=r"damaged|cut short") as refused:
            inspect(made.path, passphrase)
        assert "\n" not in str(refused.value)
    made.path.write_bytes(whole)
    assert inspect(made.path, passphrase)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
async def test_an_archive_cut_short_or_prolonged_is_refused(house: House, passphrase: str | None) -> None:
    made = await house.back_up(passphrase=passphrase)
    whole = made.path.read_bytes()
    for content in (b"", whole[:10], whole[:83], whole[: len(whole) // 2], whole[:-1], whole[:-83], whole + b"\0"):
        made.path.write_bytes(content)
        with pytest.raises(RestoreError, match=r"damaged|cut short|beginning"):
            inspect(made.path, passphrase)


async def test_frames_of_an_encrypted_archive_cannot_be_swapped_left_out_or_cut_off_with_a_fresh_seal(
    house: House,
) -> None:
    await house.agency.services.documents.file(house.agency.anna, 1, paper("Большой.pdf", 1_500_000))
    made = await house.back_up(passphrase=PASSPHRASE)
    payload = made.path.read_bytes()[: -archive._SEAL_SIZE]
    head = payload.index(b"\n", len(archive._MAGIC)) + 1
    frame = archive._FRAME + archive._TAG
    frames = [payload[at : at + frame] for at in range(head, len(payload), frame)]
    assert len(frames) > 4
    swapped = [frames[0], frames[2], frames[1], *frames[3:]]
    for forged in (swapped, frames[:1] + frames[2:], frames[:-1], [*frames, frames[-1]]):
        content = payload[:head] + b"".join(forged)
        made.path.write_bytes(content + archive._SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n")
        with pytest.raises(RestoreError, match="altered after it was encrypted"):
            inspect(made.path, PASSPHRASE)


async def test_a_dump_that_pg_restore_cannot_read_changes_nothing(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    made = await house.back_up()
    forged = made.path.with_name("forged.tar")
    reseal(
        made.path, forged, lambda name, content: content[: len(content) // 2] if name.startswith("data") else content
    )
    with pytest.raises(RestoreError, match="pg_restore failed"):
        await restore(forged, empty_database_url, elsewhere)
    assert await everything(empty_database_url) == {}
    assert papers(elsewhere) == {}


async def test_a_dump_with_another_sum_than_the_manifest_changes_nothing(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    made = await house.back_up()
    forged = made.path.with_name("forged.tar")

    def richer(manifest: dict[str, Any]) -> None:
        manifest["facts"]["payments"]["sums"]["amount"] = "70000.00"

    reseal(made.path, forged, change=richer)
    with pytest.raises(RestoreError, match="what was restored is not what was backed up: payments"):
        await restore(forged, empty_database_url, elsewhere)
    assert await everything(empty_database_url) == {}
    assert papers(elsewhere) == {}


def reseal(
    source: Path,
    target: Path,
    alter: Any = lambda _name, content: content,
    change: Any = lambda _manifest: None,
) -> None:
    """Write an archive anew, with something else in it and every checksum right."""
    writer = archive.Writer(target, None)
    for name, content in archive.members(source, None):
        if name == archive.MANIFEST:
            manifest = orjson.loads(content)
            change(manifest)
            writer.finish(manifest)
        else:
            writer.add(name, alter(name, content))


# --- where something is already -----------------------------------------------------------------------------------


async def test_a_place_where_something_is_stays_as_it_is(
    house: House, empty_database_url: str, elsewhere: DiskFiles, tmp_path: Path
) -> None:
    made = await house.back_up()
    await asyncio.to_thread(asyncio.run, schema.upgrade(empty_database_url))
    before = await everything(empty_database_url)
    with pytest.raises(RestoreError, match="the database is not empty"):
        await restore(made.path, empty_database_url, elsewhere)
    assert await everything(empty_database_url) == before
    assert papers(elsewhere) == {}


async def test_papers_that_are_there_already_are_not_touched(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    made = await house.back_up()
    await elsewhere.put("Чужое.pdf", b"%PDF")
    with pytest.raises(RestoreError, match="there are documents already"):
        await restore(made.path, empty_database_url, elsewhere)
    assert list(papers(elsewhere)) == ["Чужое.pdf"]
    assert await everything(empty_database_url) == {}


async def test_with_force_the_database_is_replaced_and_no_paper_that_was_there_is_lost(
    house: House, empty_database_url: str, elsewhere: DiskFiles, clock: ManualClock
) -> None:
    made = await house.back_up()
    await asyncio.to_thread(asyncio.run, schema.upgrade(empty_database_url))
    await value(empty_database_url, "CREATE TABLE of_the_old_one (id int)")
    same, differs = sorted(papers(house.files))[:2]
    await elsewhere.put(same, await house.files.get(same))
    await elsewhere.put(differs, b"older")
    await elsewhere.put("Клиент/после копии.pdf", b"newer")
    restored = await restore(made.path, empty_database_url, elsewhere, force=True)
    assert await everything(empty_database_url) == await everything(house.url)
    assert sorted([await elsewhere.get(path) for path in restored.aside]) == [b"newer", b"older"]
    assert all(path.startswith(f"{ASIDE}/") for path in restored.aside)
    everywhere = papers(elsewhere)
    assert {path: everywhere[path] for path in everywhere.keys() - {*restored.aside}} == papers(house.files)
    database = Database(empty_database_url)
    night = Services.build(Agency(database, clock).transactions, clock, elsewhere).documents
    assert await night.sweep(SYSTEM, older_than=-60) == 0
    assert papers(elsewhere) == everywhere
    await database.close()


async def test_a_forced_restore_that_fails_gives_everything_back(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    made = await house.back_up()
    forged = made.path.with_name("forged.tar")
    reseal(made.path, forged, lambda name, content: content[:-5000] if name.startswith("data") else content)
    await asyncio.to_thread(asyncio.run, schema.upgrade(empty_database_url))
    differs = min(papers(house.files))
    await elsewhere.put(differs, b"older")
    await elsewhere.put("Клиент/после копии.pdf", b"newer")
    before, lay = await everything(empty_database_url), papers(elsewhere)
    with pytest.raises(RestoreError):
        await restore(forged, empty_database_url, elsewhere, force=True)
    assert await everything(empty_database_url) == before
    assert papers(elsewhere) == lay


async def test_a_database_that_somebody_works_with_is_not_replaced_even_by_force(
    house: House, elsewhere: DiskFiles
) -> None:
    made = await house.back_up()
    with pytest.raises(RestoreError, match="stop the bot first"):
        await restore(made.path, house.url, elsewhere, force=True)


# --- versions -----------------------------------------------------------------------------------------------------


async def test_a_backup_of_an_older_version_is_brought_to_this_one(
    empty_database_url: str, postgres: Any, elsewhere: DiskFiles, tmp_path: Path
) -> None:
    oldest = "0001"
    await asyncio.to_thread(command.upgrade, schema.config(empty_database_url), oldest)
    made = await Backups(empty_database_url, elsewhere, tmp_path / "backups").make(NOW)
    with postgres.database("template1") as url:
        restored = await restore(made.path, url, elsewhere)
        assert restored.migration == oldest
        connection = await asyncpg.connect(schema.dsn(url))
        assert await schema.at_head(connection)
        await connection.close()


async def test_a_backup_of_a_newer_version_is_refused(house: House) -> None:
    await value(house.url, "UPDATE alembic_version SET version_num = '9999'")
    made = await house.back_up()
    with pytest.raises(RestoreError, match="made by a newer version of Polisdesk"):
        inspect(made.path, None)


@pytest.mark.parametrize("source", SERVERS, ids=lambda found: f"from-{found.major}")
@pytest.mark.parametrize("target", SERVERS, ids=lambda found: f"to-{found.major}")
def test_a_backup_goes_from_any_server_at_hand_to_any_other(
    source: embedded.Binaries, target: embedded.Binaries, tmp_path: Path
) -> None:
    async def go(old: str, new: str) -> Restored:
        database, files = Database(old), DiskFiles(tmp_path / "documents")
        await asyncio.to_thread(asyncio.run, schema.upgrade(old))
        house = House(Agency(database, ManualClock(NOW)), files, Backups(old, files, tmp_path / "backups"), tmp_path)
        house.agency.services = Services.build(house.agency.transactions, house.agency.clock, files)
        await house.agency.staff()
        await house.live()
        await database.close()
        made = await house.back_up()
        return await restore(made.path, new, DiskFiles(tmp_path / "restored"))

    with own_server(source.bindir) as old, own_server(target.bindir) as new:
        assert asyncio.run(go(old.url, new.url)).tables["deals"] == 2


# --- in an object store -------------------------------------------------------------------------------------------


async def test_papers_go_from_an_object_store_to_another(house: House, empty_database_url: str) -> None:
    source, target = ObjectFiles(MemoryStore()), ObjectFiles(MemoryStore())
    for path in papers(house.files):
        await source.put(path, await house.files.get(path))
    made = await house.back_up(files=source)
    assert (made.documents, made.missing) == (3, [])
    await restore(made.path, empty_database_url, target)  # type: ignore[arg-type]
    for path, sha256 in papers(house.files).items():
        assert hashlib.sha256(await target.get(path)).hexdigest() == sha256


async def test_a_paper_that_the_object_store_has_lost_is_named(house: House) -> None:
    made = await house.back_up(files=ObjectFiles(MemoryStore()))
    assert len(made.missing) == 3


# --- while people work --------------------------------------------------------------------------------------------


async def test_a_backup_taken_while_deals_are_written_is_the_agency_at_one_moment(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    done = asyncio.Event()

    async def work(number: int) -> None:
        while not done.is_set():
            deal = await house.deal(f"Клиент {number}")
            await house.agency.services.documents.file(house.agency.anna, deal, paper(f"{number} {deal}.pdf"))

    people = [asyncio.create_task(work(number)) for number in range(4)]
    await house.deal("Первый")
    made = await house.back_up()
    done.set()
    await asyncio.gather(*people)
    restored = await restore(made.path, empty_database_url, elsewhere)
    # A deal is opened together with its journal event and its audit record; a paper with its file.
    lonely = "SELECT count(*) FROM deals d WHERE NOT EXISTS (SELECT FROM {} x WHERE x.deal_id = d.id)"
    for companion in ("journal_entries", "audit_records"):
        assert await value(empty_database_url, lonely.format(companion)) == 0
    assert restored.documents == len(papers(elsewhere))
    connection = await asyncpg.connect(schema.dsn(empty_database_url))
    rows = await connection.fetch("SELECT path, encode(sha256, 'hex') FROM documents")
    await connection.close()
    kept = papers(elsewhere)
    assert all(kept[path] == sha256 for path, sha256 in rows)
    assert await value(house.url, "SELECT count(*) FROM deals") > restored.tables["deals"] > 2


class Nimble(DiskFiles):
    """Papers that are moved and added in the very moment in which the first is copied."""

    def __init__(self, root: Path, act: Any) -> None:
        super().__init__(root)
        self._act = act

    async def get(self, path: str) -> bytes:
        act, self._act = self._act, None
        if act is not None:
            await act()
        return await super().get(path)


async def test_papers_filed_and_moved_during_the_backup_do_not_break_it(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    async def act() -> None:
        services, anna = house.agency.services, house.agency.anna
        await services.documents.file(anna, 1, paper("Новый.pdf"))
        await services.documents.settle(anna, 1, 2)

    before = papers(house.files)
    made = await house.back_up(files=Nimble(house.files.root, act))
    assert made.missing == []
    assert papers(house.files).keys() != before.keys()
    await restore(made.path, empty_database_url, elsewhere)
    assert papers(elsewhere) == before


async def test_papers_that_are_lost_or_damaged_are_named_and_stop_nobody(
    house: House, empty_database_url: str, elsewhere: DiskFiles
) -> None:
    lost, spoilt = sorted(path for path in papers(house.files) if "Иванов" in path)
    (house.files.root / lost).unlink()
    (house.files.root / spoilt).write_bytes(b"scribble")
    made = await house.back_up()
    assert (made.missing, made.damaged, made.documents) == ([lost], [spoilt], 2)
    await restore(made.path, empty_database_url, elsewhere)
    assert papers(elsewhere) == papers(house.files)


# --- the folder ---------------------------------------------------------------------------------------------------


async def test_old_backups_go_by_number_and_by_age_and_nothing_else_goes(house: House) -> None:
    folder = house.backups.folder
    folder.mkdir()
    keep = folder / "polisdesk-important.txt"
    keep.write_text("not a backup")
    for days in (1, 2, 5, 40, 41):
        (folder / f"polisdesk-{NOW - timedelta(days=days):%Y-%m-%dT%H%M%S}Z.tar").touch()
    made = await house.back_up(retention=Retention(count=4, days=30))
    assert [(NOW - one.at).days for one in house.backups.kept()] == [0, 1, 2, 5]
    assert made.forgotten == 2
    made = await house.back_up(retention=Retention(count=2))
    assert [(NOW - one.at).days for one in house.backups.kept()] == [0, 0]
    made = await replace(house.backups, retention=Retention(days=3)).make(NOW + timedelta(days=400))
    assert [one.path for one in house.backups.kept()] == [made.path]
    assert keep.exists()


async def test_a_backup_that_fails_leaves_nothing_and_deletes_nothing(house: House, tmp_path: Path) -> None:
    folder = house.backups.folder
    old = (await house.back_up()).path

    class Away(DiskFiles):
        async def get(self, path: str) -> bytes:
            raise PermissionError(13, "Permission denied")

    with pytest.raises(BackupError, match="cannot be read") as failed:
        await house.back_up(files=Away(tmp_path), retention=Retention(count=1))
    assert failed.value.code == "documents"
    assert list(folder.iterdir()) == [old]


async def test_a_disk_that_gives_back_other_bytes_is_noticed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = archive.check_seal

    def after_a_while(path: Path, *more: Any) -> None:
        with path.open("r+b") as file:
            file.seek(5000)
            file.write(b"\xff\xfe")
        seal(path, *more)

    monkeypatch.setattr(archive, "check_seal", after_a_while)
    with pytest.raises(BackupError, match="does not read back as it was written") as failed:
        await house.back_up()
    assert failed.value.code == "unsound"
    assert list(house.backups.folder.iterdir()) == []


async def test_what_a_killed_backup_left_is_cleared_and_what_a_living_one_writes_is_not(house: House) -> None:
    folder = house.backups.folder
    folder.mkdir()
    left = folder / ".part-polisdesk-2026-03-01T000000Z.tar"
    left.write_bytes(b"half")
    living = folder / ".part-polisdesk-2026-03-01T000001Z.tar"
    writer = archive.Writer(living, None)
    await house.back_up()
    assert (left.exists(), living.exists()) == (False, True)
    writer.abandon()


async def test_one_backup_at_a_time(house: House) -> None:
    async with house.backups.alone() as first, house.backups.alone() as second:
        assert (first, second) == (True, False)
    async with house.backups.alone() as again:
        assert again


async def test_only_the_owner_may_read_a_backup_and_any_tar_can(house: House) -> None:
    made = await house.back_up()
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    listed = await asyncio.to_thread(
        subprocess.run, ["tar", "tf", str(made.path)], capture_output=True, text=True, check=True
    )
    assert listed.stderr == ""
    with tarfile.open(made.path) as tar:
        names = tar.getnames()
    assert names[0] == "database/000000"
    assert names[-1] == "manifest.json"
    assert sum(name.startswith("documents/") for name in names) == 3


# --- at the terminal ----------------------------------------------------------------------------------------------


def bot(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | dict.fromkeys(variables(), "") | settings
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=120,
    )  # fmt: skip


async def test_at_the_terminal_a_backup_goes_from_one_place_to_another(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSPHRASE + "\n")
    source = {"DATABASE_URL": house.url, "DATA_DIR": str(house.folder)}
    made = await asyncio.to_thread(bot, "backup", "--passphrase-file", str(secret), **source)
    assert (made.returncode, made.stderr) == (0, "")
    assert "2 deals, 1 policies, 2 payments, 3 documents, encrypted, read back" in made.stdout
    path = made.stdout.partition(":")[0]
    assert Path(path).parent == house.folder / "backups"

    with open_tempdir(within=memory_disk()) as folder:
        fresh = str(folder / "fresh")
        wrong = await asyncio.to_thread(bot, "restore", path, "--into", fresh, BACKUP_PASSPHRASE="not this one at all")
        assert wrong.returncode == 1
        assert wrong.stderr == f"restore: {path}: the passphrase is not the one of this archive\n"
        assert not Path(fresh).exists(), "a bad archive changes nothing"
        done = await asyncio.to_thread(bot, "restore", path, "--into", fresh, BACKUP_PASSPHRASE=PASSPHRASE)
        assert (done.returncode, done.stderr) == (0, "")
        assert "2 deals" in done.stdout
        with EmbeddedPostgres(Path(fresh)) as server:
            assert await everything(server.url) == await everything(house.url)
        assert papers(DiskFiles(Path(fresh) / "documents")) == papers(house.files)
        again = await asyncio.to_thread(bot, "restore", path, "--into", fresh, BACKUP_PASSPHRASE=PASSPHRASE)
        assert again.returncode == 1
        assert again.stderr.startswith("restore: the database is not empty")


async def test_at_the_terminal_a_bad_archive_is_one_line(house: House, tmp_path: Path) -> None:
    made = await house.back_up()
    made.path.write_bytes(made.path.read_bytes()[:-500])
    refused = await asyncio.to_thread(bot, "restore", str(made.path), DATA_DIR=str(tmp_path / "fresh"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("restore: ")
    assert refused.stderr.count("\n") == 1
    missing = await asyncio.to_thread(bot, "restore", "/nowhere.tar", DATA_DIR=str(tmp_path / "fresh"))
    assert missing.stderr == "restore: /nowhere.tar: No such file or directory\n"
    assert not (tmp_path / "fresh").exists()
