"""Clients: found by what is typed, duplicates said without telling another seller's secrets, two made one."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from models.enums import ClientKind, DocumentKind
from models.tables import AuditRecord, Client, ClientPhone, Deal, Document, Policy
from services.errors import Forbidden, Invalid, NotFound
from services.rules.deal_line import ClientDraft, read_new_client
from services.rules.duplicates import Reason
from services.rules.reading import Unreadable
from tests.services.conftest import Agency


async def names(agency: Agency, text: str, *, of: str = "anna") -> list[str]:
    return [client.name for client in await agency.services.clients.find_like(getattr(agency, of), text)]


@pytest.mark.parametrize(
    "typed", ["иванов", "Иваноф", "ИВАНОВА семена", "Ивонов Семён", "+7 912 345-67-89", "8912345", "345-67", "6789"]
)
async def test_a_client_is_found_by_a_name_with_typos_and_by_any_part_of_a_phone(agency: Agency, typed: str) -> None:
    await agency.client(agency.anna, "Иванов Семён Петрович")
    await agency.client(agency.anna, "Ромашка ООО", "+74951112233")
    assert await names(agency, typed) == ["Иванов Семён Петрович"]


@pytest.mark.parametrize("typed", ["Фёдор", "федор", "ФЕДОР", "Питров", "пётр", "петров фёдор"])
async def test_yo_and_a_typo_in_the_first_letters_are_forgiven(agency: Agency, typed: str) -> None:
    await agency.client(agency.anna, "Петров Федор" if "ё" in typed else "Петров Фёдор")
    assert len(await names(agency, typed)) == 1


async def test_percent_and_underscore_are_letters_and_not_wildcards(agency: Agency) -> None:
    await agency.client(agency.anna, "Иванов Иван")
    assert await names(agency, "%%") == []
    assert await names(agency, "__") == []


async def test_a_seller_does_not_find_and_cannot_open_another_sellers_client(agency: Agency) -> None:
    client_id = await agency.client(agency.anna, "Иванов Иван")
    assert await names(agency, "Иванов", of="boris") == []
    for work in (
        agency.services.clients.card(agency.boris, client_id),
        agency.services.clients.change(agency.boris, client_id, "name", "Мой"),
        agency.services.clients.merge(agency.boris, client_id, await agency.client(agency.boris)),
    ):
        with pytest.raises(NotFound):
            await work
    assert (await agency.services.clients.page(agency.boris, 0, 8))[1] == 1
    assert await names(agency, "Иванов", of="galina") != []


async def test_an_executor_sees_the_client_of_his_deal_and_changes_nothing(agency: Agency) -> None:
    client_id = await agency.client(agency.anna)
    await agency.deal(agency.anna, client_id=client_id, executor_id=agency.egor.user_id)
    card = await agency.services.clients.card(agency.egor, client_id)
    assert (card.client.name, card.own, len(card.deals)) == ("Иванов Иван", False, 1)
    with pytest.raises(NotFound):
        await agency.services.clients.card(agency.faina, client_id)
    with pytest.raises(Forbidden):
        await agency.services.clients.change(agency.egor, client_id, "name", "Мой")


async def test_a_typed_client_is_kept_with_normalised_phones_and_the_right_kind(agency: Agency) -> None:
    typed = read_new_client("ООО «Ромашка» 8 (495) 111-22-33, office@romashka.ru ИНН 7707083893")
    client_id = await agency.services.clients.create(agency.anna, typed)
    card = await agency.services.clients.card(agency.anna, client_id)
    client = card.client
    assert (client.name, client.kind, client.inn) == ("ООО «Ромашка»", ClientKind.COMPANY, "7707083893")
    assert (client.email, [phone.e164 for phone in client.phones]) == ("office@romashka.ru", ["+74951112233"])
    assert card.seller == "Анна Серова"


async def test_a_draft_with_a_wrong_phone_is_refused_whole(agency: Agency) -> None:
    with pytest.raises(Invalid, match="not a phone"):
        await agency.services.clients.create(agency.anna, ClientDraft("Иванов", phones=("12",)))
    assert await agency.rows(select(Client.id)) == []


async def test_a_likely_duplicate_is_named_with_its_reason(agency: Agency) -> None:
    same_phone = await agency.client(agency.anna, "Козлов Пётр", "+79990001122")
    same_name = await agency.client(agency.anna, "Иванов И. П.", "+79990003344")
    found = await agency.services.clients.duplicates(agency.anna, read_new_client("Иванов Иван Петрович 89990001122"))
    assert [(one.client.id if one.client else None, one.reason) for one in found] == [
        (same_phone, Reason.PHONE),
        (same_name, Reason.NAME),
    ]


@pytest.mark.parametrize("misspelt", ["Констонтинов", "Константинв", "Констаннтинов", "Коснтантинов"])
async def test_a_name_with_one_letter_wrong_is_known_beside_the_name_itself(agency: Agency, misspelt: str) -> None:
    same = await agency.client(agency.anna, "Константинов Пётр Ильич", "+79990001122")
    wrong = await agency.client(agency.anna, f"{misspelt} Пётр Ильич", "+79990003344")
    found = await agency.services.clients.duplicates(agency.anna, read_new_client("Константинов Пётр Ильич"))
    assert {one.client.id for one in found if one.client} == {same, wrong}


async def test_a_name_with_two_mistakes_side_by_side_is_known_though_others_bear_the_surname(agency: Agency) -> None:
    await agency.client(agency.anna, "Константинов Олег Юрьевич", "+79990001122")
    wrong = await agency.client(agency.anna, "Кастантинов Пётр Ильич", "+79990003344")
    found = await agency.services.clients.duplicates(agency.anna, read_new_client("Константинов Пётр Ильич"))
    assert [one.client.id for one in found if one.client] == [wrong]


async def test_of_another_sellers_client_only_the_fact_is_told(agency: Agency) -> None:
    await agency.client(agency.anna, "Иванов Иван", "+79990001122")
    found = await agency.services.clients.duplicates(agency.boris, read_new_client("Иванов Иван 89990001122"))
    assert [(one.client, one.reason) for one in found] == [(None, Reason.PHONE)]
    # A similar name alone would tell who Anna's clients are.
    assert await agency.services.clients.duplicates(agency.boris, read_new_client("Иванов Иван")) == []


async def test_fields_are_changed_by_typing_and_a_slip_changes_nothing(agency: Agency) -> None:
    client_id = await agency.client(agency.anna)
    change = agency.services.clients.change
    await change(agency.anna, client_id, "phones", "8 912 345 67 89, 8 495 111-22-33")
    await change(agency.anna, client_id, "email", " Ivan@Mail.RU ")
    await change(agency.anna, client_id, "birth_date", "17.05.1985")
    await change(agency.anna, client_id, "note", "звонить после шести")
    for field, typed in (
        ("email", "ivan@"),
        ("phones", "12"),
        ("inn", "123"),
        ("name", ""),
        ("name", "😀 1"),
        ("birth_date", "+14"),
    ):
        with pytest.raises((Invalid, Unreadable)):
            await change(agency.anna, client_id, field, typed)
    client = (await agency.services.clients.card(agency.anna, client_id)).client
    assert (client.name, client.email, client.birth_date) == ("Иванов Иван", "ivan@mail.ru", date(1985, 5, 17))
    assert [phone.e164 for phone in client.phones] == ["+79123456789", "+74951112233"]
    await change(agency.anna, client_id, "email", "")
    assert (await agency.services.clients.card(agency.anna, client_id)).client.email is None
    # The audit keeps that the note changed, not what it says.
    assert "шести" not in str([record.changes for record in await agency.rows(select(AuditRecord))])


async def test_merging_moves_everything_and_a_second_tap_finds_nobody(agency: Agency) -> None:
    kept = await agency.client(agency.anna, "Иванов Иван", "+79990001122")
    gone = await agency.client(agency.anna, "Иванов И.", "+79990003344")
    await agency.save(_phone(gone))
    await agency.services.clients.change(agency.anna, gone, "inn", "500100732259")
    deal_id = await agency.deal(agency.anna, client_id=gone)
    await agency.save(
        Policy(
            number="A1", deal_id=deal_id, client_id=gone, insurer_id=await agency.insurer(),
            line_id=await agency.line(),
            premium=Decimal(100), starts_on=date(2026, 1, 1), ends_on=date(2026, 12, 31),
            registered_by_id=agency.anna.user_id,
        ),
        Document(
            deal_id=deal_id, client_id=gone, name="a.pdf", kind=DocumentKind.OTHER, size=1, mime="x", sha256=b"1" * 32,
            path="a", sent_by_id=agency.anna.user_id,
        ),
    )  # fmt: skip
    assert await agency.services.clients.merge(agency.anna, gone, kept) == kept
    with pytest.raises(NotFound):
        await agency.services.clients.merge(agency.anna, gone, kept)
    card = await agency.services.clients.card(agency.anna, kept)
    assert [phone.e164 for phone in card.client.phones] == ["+79990001122", "+79990003344"]
    assert card.client.inn == "500100732259"
    for column in (Deal.client_id, Policy.client_id, Document.client_id):
        assert await agency.rows(select(column)) == [kept]
    assert await names(agency, "Иванов") == ["Иванов Иван"]


def _phone(client_id: int) -> ClientPhone:
    phone = ClientPhone(e164="+79990001122")
    phone.client_id = client_id
    return phone


async def test_clients_with_two_different_inns_are_merged_and_the_kept_one_keeps_his(agency: Agency) -> None:
    kept, gone = await agency.client(agency.anna, "Первый"), await agency.client(agency.anna, "Второй")
    await agency.services.clients.change(agency.anna, kept, "inn", "7707083893")
    await agency.services.clients.change(agency.anna, gone, "inn", "500100732259")
    await agency.services.clients.merge(agency.anna, gone, kept)
    assert (await agency.services.clients.card(agency.anna, kept)).client.inn == "7707083893"
