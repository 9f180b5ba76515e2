"""The journal: people's words and system events in one order, newest first."""

import pytest
from sqlalchemy import select

from models.tables import JournalEntry
from services.errors import NotFound
from services.rules.reading import Unreadable
from tests.services.conftest import Agency


async def test_words_are_kept_as_written_with_their_author(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna, executor_id=agency.egor.user_id)
    await agency.services.journal.add(agency.anna, deal_id, "Первая <b>строка</b>\nвторая")
    await agency.services.journal.add(agency.egor, deal_id, "Ответ")
    page = await agency.services.journal.page(agency.anna, deal_id, 0, 10)
    assert [(row.author.full_name if row.author else "", row.text) for row in page.rows] == [
        ("Егор Лисин", "Ответ"),
        ("Анна Серова", "Первая <b>строка</b>\nвторая"),
    ]


async def test_the_journal_is_read_a_page_at_a_time(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    for number in range(5):
        await agency.services.journal.add(agency.anna, deal_id, f"запись {number}")
    page = await agency.services.journal.page(agency.anna, deal_id, 2, 2)
    assert ([row.text for row in page.rows], page.total) == (["запись 2", "запись 1"], 5)


async def test_nobody_writes_into_or_reads_anothers_deal(agency: Agency) -> None:
    deal_id = await agency.deal(agency.anna)
    for stranger in (agency.boris, agency.faina):
        with pytest.raises(NotFound):
            await agency.services.journal.add(stranger, deal_id, "привет")
        with pytest.raises(NotFound):
            await agency.services.journal.page(stranger, deal_id, 0, 8)
    assert await agency.rows(select(JournalEntry.id)) == []


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b", "я" * 4001])
async def test_empty_and_endless_texts_are_refused(agency: Agency, text: str) -> None:
    deal_id = await agency.deal(agency.anna)
    with pytest.raises(Unreadable):
        await agency.services.journal.add(agency.anna, deal_id, text)
    await agency.services.journal.add(agency.anna, deal_id, "я" * 4000)
