"""Papers: filed at once under readable names, recognised when they come twice, never seen by the wrong person."""

from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore
from sqlalchemy import select

from models.enums import DocumentKind
from models.tables import Document, JournalEntry
from services.access import SYSTEM, origin
from services.documents import Incoming
from services.errors import AlreadyDone, Invalid, NotFound
from services.ports import FileStore
from storage.bucket import ObjectFiles
from storage.files import DiskFiles
from tests.services.conftest import Agency

PDF = b"%PDF-1.7 passport"


def paper(name: str = "паспорт.pdf", content: bytes = PDF, caption: str = "") -> Incoming:
    return Incoming(name, content, "application/pdf", "telegram-id", "document", caption)


async def documents(agency: Agency) -> list[Document]:
    return await agency.rows(select(Document).order_by(Document.id))


async def test_a_paper_lies_under_its_client_and_deal_with_its_own_name(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    filed = await agency.services.documents.file(agency.anna, deal_id, paper())
    (row,) = await documents(agency)
    assert (row.id, row.name, row.kind) == (filed.document_id, "паспорт.pdf", DocumentKind.PASSPORT)
    client, deal, name = row.path.split("/")
    assert client.startswith("Иванов Иван")
    assert "КАСКО Kia Rio" in deal
    assert name == "2026-03-02 паспорт.pdf"
    assert agency.files.kept == {row.path: PDF}


async def test_the_same_content_twice_is_one_paper_and_leaves_no_second_file(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    first = await agency.services.documents.file(agency.anna, deal_id, paper())
    again = await agency.services.documents.file(agency.anna, deal_id, paper("скан.pdf"))
    assert (again.duplicate, again.document_id) == (True, first.document_id)
    assert len(agency.files.kept) == 1


async def test_a_retried_update_files_its_paper_once(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    for attempt in range(3):
        with origin("7:1", retry=attempt > 0):
            filed = await agency.services.documents.file(agency.anna, deal_id, paper())
            assert not filed.duplicate
    assert len(await documents(agency)) == 1
    assert len(agency.files.kept) == 1


async def test_two_papers_of_one_name_both_stay(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    for content in (b"one", b"two"):
        await agency.services.documents.file(agency.anna, deal_id, paper(content=content))
    assert sorted(path.rpartition("/")[2] for path in agency.files.kept) == [
        "2026-03-02 паспорт (2).pdf",
        "2026-03-02 паспорт.pdf",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("пусто.pdf", b""),
        ("setup.exe", b"data"),
        ("скан.pdf", b"MZ\x90"),
        ("скан.pdf", b"\x7fELF"),
        ("run.pdf", b"#!/bin/sh"),
    ],
)
async def test_what_is_empty_or_can_be_executed_is_refused_and_leaves_nothing(
    agency: Agency, name: str, content: bytes
) -> None:
    deal_id = await agency.deal(agency.anna)
    with pytest.raises(Invalid):
        await agency.services.documents.file(agency.anna, deal_id, paper(name, content))
    assert agency.files.kept == {}


async def test_another_sellers_deal_takes_no_paper_and_shows_none(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    filed = await agency.services.documents.file(agency.anna, deal_id, paper())
    for stranger in (agency.boris, agency.egor):
        with pytest.raises(NotFound):
            await agency.services.documents.file(stranger, deal_id, paper(content=b"other"))
        with pytest.raises(NotFound):
            await agency.services.documents.content(stranger, filed.document_id)
        with pytest.raises(NotFound):
            await agency.services.documents.of_deal(stranger, deal_id, 0)
    assert len(agency.files.kept) == 1


async def test_an_album_sent_with_no_deal_open_is_one_parcel_that_goes_into_the_named_deal(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    for number in range(3):
        waiting = await agency.services.documents.keep(
            agency.anna, "album", paper(f"{number}.pdf", b"%d" % number, "для каско" if number == 0 else "")
        )
        assert waiting.files == number + 1
    filed = await agency.services.documents.settle(agency.anna, waiting.parcel_id, deal_id)
    assert [row.name for row in await documents(agency)] == ["0.pdf", "1.pdf", "2.pdf"]
    assert len(filed) == len(agency.files.kept) == 3
    assert not any(path.startswith("_без сделки") for path in agency.files.kept)
    notes = await agency.rows(select(JournalEntry.text).where(JournalEntry.author_id == agency.anna.user_id))
    assert "для каско" in notes


async def test_a_file_of_an_album_that_comes_after_the_answer_joins_the_others(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    waiting = await agency.services.documents.keep(agency.anna, "album", paper("1.pdf", b"1"))
    await agency.services.documents.settle(agency.anna, waiting.parcel_id, deal_id)
    late = await agency.services.documents.keep(agency.anna, "album", paper("2.pdf", b"2"))
    assert late.deal_id == deal_id
    assert [row.name for row in await documents(agency)] == ["1.pdf", "2.pdf"]


async def test_a_parcel_is_settled_once_and_only_by_who_sent_it(agency: Agency) -> None:
    mine, other = await agency.deal(agency.anna), await agency.deal(agency.anna, title="Kia Ceed")
    waiting = await agency.services.documents.keep(agency.anna, "album", paper())
    with pytest.raises(NotFound):
        await agency.services.documents.settle(agency.boris, waiting.parcel_id, await agency.deal(agency.boris))
    await agency.services.documents.settle(agency.anna, waiting.parcel_id, mine)
    await agency.services.documents.settle(agency.anna, waiting.parcel_id, mine)
    with pytest.raises(AlreadyDone):
        await agency.services.documents.settle(agency.anna, waiting.parcel_id, other)
    assert [row.deal_id for row in await documents(agency)] == [mine]


async def test_a_deleted_paper_leaves_the_list_and_the_same_file_can_come_again(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    filed = await agency.services.documents.file(agency.anna, deal_id, paper())
    await agency.services.documents.delete(agency.anna, filed.document_id)
    rows, total = await agency.services.documents.of_deal(agency.anna, deal_id, 0)
    assert (rows, total) == ([], 0)
    assert not (await agency.services.documents.file(agency.anna, deal_id, paper())).duplicate


HOSTILE = [
    "../../../etc/passwd", "..\\..\\boot.ini", "/etc/shadow", "a/b/c.pdf", "con.pdf", "NUL", "....", " . ", "",
    "\u202egnp.exe.pdf", "имя\x00.pdf", "x" * 500 + ".pdf", "ы" * 300 + ".pdf", "a:b*c?.pdf", "\n\r\t.pdf", "😀.pdf",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_names_stay_inside_the_documents_root(agency: Agency, tmp_path: Path, name: str) -> None:
    agency.services.documents.files = DiskFiles(tmp_path / "root")
    deal_id = await agency.deal(agency.anna)
    await agency.services.documents.file(agency.anna, deal_id, paper(name))
    found = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) == 1
    assert found[0].parts[0] == "root"
    assert len(found[0].parts) == 4


async def test_a_path_out_of_the_root_is_refused_by_the_disk_itself(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path / "root")
    for path in ("../outside", "/etc/passwd", "a/../../b", "."):
        with pytest.raises(ValueError, match="outside"):
            await files.put(path, b"x")


@pytest.fixture(params=["disk", "object store"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    return DiskFiles(tmp_path) if request.param == "disk" else ObjectFiles(MemoryStore())


async def test_a_name_that_is_taken_is_never_overwritten(files: FileStore) -> None:
    await files.put("Иванов/б.pdf", b"first")
    with pytest.raises(FileExistsError):
        await files.put("Иванов/б.pdf", b"second")
    assert await files.get("Иванов/б.pdf") == b"first"
    assert [name async for name in files.names()] == ["Иванов/б.pdf"]


async def test_what_is_not_there_is_said_to_be_missing_and_can_be_deleted_again(files: FileStore) -> None:
    await files.put("a.pdf", b"x")
    await files.delete("a.pdf")
    await files.delete("a.pdf")
    with pytest.raises(FileNotFoundError):
        await files.get("a.pdf")


async def test_bytes_that_no_row_names_are_swept_away_when_they_have_lain_long_enough(
    agency: Agency, tmp_path: Path
) -> None:
    files = agency.services.documents.files = DiskFiles(tmp_path)
    await agency.services.documents.file(agency.anna, await agency.deal(agency.anna), paper("Паспорт.pdf"))
    await agency.services.documents.keep(agency.anna, "1", paper("СТС.pdf", b"%PDF waits for its deal"))
    kept = {name async for name in files.names()}
    await files.put("Иванов/из прерванной попытки.pdf", b"x")
    (tmp_path / "Иванов" / ".part-half").write_bytes(b"x")
    assert await agency.services.documents.sweep(SYSTEM) == 0
    assert await agency.services.documents.sweep(SYSTEM, older_than=0) == 2
    assert {name async for name in files.names(older_than=0)} == kept
    assert len(kept) == 2


async def test_when_it_is_not_known_whether_the_row_was_written_the_bytes_stay(agency: Agency) -> None:
    """The connection may go just after the commit: a row without its file would be the worse loss."""
    documents = agency.services.documents
    deal_id = await agency.deal(agency.anna)
    written = documents._record

    async def cut_off(*given: Any, **more: Any) -> Any:
        await written(*given, **more)
        raise ConnectionResetError

    documents._record = cut_off  # type: ignore[method-assign]
    with pytest.raises(ConnectionResetError):
        await documents.file(agency.anna, deal_id, paper("Паспорт.pdf"))
    [path] = await agency.rows_of("SELECT path FROM documents")
    assert await documents.files.get(path)
