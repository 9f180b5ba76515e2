"""Search: a deal is found by whatever is remembered of it, and nobody finds what is not his."""

from datetime import date
from decimal import Decimal

import pytest

from models.tables import Policy
from services.rules.reading import Unreadable
from services.search import Why
from storage import search, words
from tests.services.conftest import Agency


@pytest.fixture
async def deal_id(agency: Agency) -> int:
    """№1001, a Kia of Сёмин with plate, VIN and policy; and some noise around it."""
    client_id = await agency.client(agency.anna, "Сёмин Пётр Ильич", "+79161234567")
    made = await agency.deal(
        agency.anna, client_id=client_id, title="Kia Sportage 2021", plate="О777ОО199", vin="XWEPH81ABM0012345"
    )
    await agency.save(
        Policy(
            number="ХХХ0312345678",
            deal_id=made,
            client_id=client_id,
            insurer_id=await agency.insurer(),
            line_id=await agency.line(),
            premium=Decimal(100),
            starts_on=date(2026, 1, 1),
            ends_on=date(2026, 12, 31),
            registered_by_id=agency.anna.user_id,
        )
    )
    other = await agency.client(agency.anna, "Григорян Ашот", "+74950009988")
    await agency.deal(agency.anna, client_id=other, title="Квартира на Лесной", line="home")
    return made


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("1001", Why.NUMBER),
        ("№1001", Why.NUMBER),
        ("сделка № 1001", Why.NUMBER),
        ("семин", Why.CLIENT),
        ("Сёмен Петр", Why.CLIENT),
        ("123-45-67", Why.PHONE),
        ("8 916 123", Why.PHONE),
        ("+7 916 123-45-67", Why.PHONE),
        ("о777оо", Why.PLATE),
        ("o777oo199", Why.PLATE),
        ("777", Why.PLATE),
        ("XWEPH81ABM0012345", Why.VIN),
        ("xweph81", Why.VIN),
        ("0012345", Why.VIN),
        ("ххх 0312345678", Why.POLICY),
        ("XXX0312345678", Why.POLICY),
        ("0312345", Why.POLICY),
        ("sportage", Why.TITLE),
        ("kia sportege", Why.TITLE),
        ("срочно каско kia sportage", Why.TITLE),
    ],
)
async def test_a_deal_is_found_by(agency: Agency, deal_id: int, typed: str, why: Why) -> None:
    hits, total = await agency.services.search.find(agency.anna, typed, 0, 8)
    assert [(hit.deal.id, hit.why) for hit in hits] == [(deal_id, why)]
    assert total == 1
    assert hits[0].text
    assert hits[0].deal.client.name == "Сёмин Пётр Ильич"
    assert (await agency.services.search.find(agency.boris, typed, 0, 8)) == ([], 0)
    assert (await agency.services.search.find(agency.galina, typed, 0, 8))[1] == 1


async def test_one_deal_is_found_once_by_its_surest_mark(agency: Agency, deal_id: int) -> None:
    client_id = await agency.client(agency.anna, "Киа Кирилл", "+79000001001")
    await agency.deal(agency.anna, client_id=client_id, title="Kia")
    hits, total = await agency.services.search.find(agency.anna, "1001", 0, 8)
    assert [hit.why for hit in hits] == [Why.NUMBER, Why.PHONE]
    assert total == 2


async def test_results_are_read_a_page_at_a_time(agency: Agency) -> None:
    client_id = await agency.client(agency.anna, "Иванов Иван")
    deals = [await agency.deal(agency.anna, client_id=client_id, title=f"Объект {n}") for n in range(5)]
    pages = [await agency.services.search.find(agency.anna, "иванов", offset, 2) for offset in (0, 2, 4)]
    assert [hit.deal.id for hits, _total in pages for hit in hits] == deals
    assert {total for _hits, total in pages} == {5}


def alike(first: str) -> list[str]:
    """Forty surnames that begin so: more than one word is taken to stand for."""
    return [f"{first}{middle}{last}ов" for middle in "абвгд" for last in "клмнрстф"]


async def test_of_many_surnames_that_begin_as_typed_ones_own_is_found_and_not_only_the_first_of_all(
    agency: Agency,
) -> None:
    for name in alike("Евдо"):
        await agency.deal(agency.boris, client_id=await agency.client(agency.boris, f"{name} Марк"), title="Дом")
    own = await agency.deal(agency.anna, client_id=await agency.client(agency.anna, "Евдоямов Яков"), title="Дача")
    for typed in ("ев", "евд", "евдо яков"):
        hits, total = await agency.services.search.find(agency.anna, typed, 0, 8)
        assert ([hit.deal.id for hit in hits], total) == ([own], 1), typed
        assert [one.name for one in await agency.services.clients.find_like(agency.anna, typed)] == ["Евдоямов Яков"]


async def test_one_mistake_anywhere_in_a_surname_is_forgiven_to_whoever_looks(agency: Agency) -> None:
    name = "Евдокимчук"
    own = await agency.deal(agency.anna, client_id=await agency.client(agency.anna, f"{name} Марк"), title="Дача")
    wrong = {name[:at] + "ы" + name[at + 1 :] for at in range(len(name))}
    missing = {name[:at] + name[at + 1 :] for at in range(len(name))}
    too_many = {name[:at] + "ы" + name[at:] for at in range(len(name) + 1)}
    swapped = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
    for typed in sorted(wrong | missing | too_many | swapped):
        for actor in (agency.anna, agency.galina):
            hits, _total = await agency.services.search.find(actor, typed, 0, 8)
            assert [hit.deal.id for hit in hits] == [own], typed


@pytest.mark.parametrize("typed", ["ро", "родо", "одо"])
async def test_all_names_that_hold_what_is_typed_are_counted_though_no_word_stands_for_so_many(
    agency: Agency, typed: str
) -> None:
    for name in alike("Родо"):
        await agency.deal(agency.anna, client_id=await agency.client(agency.anna, f"{name} Марк"), title="Дача")
    await agency.deal(agency.anna, client_id=await agency.client(agency.anna, "Жаров Марк"), title="Дача")
    for actor in (agency.anna, agency.galina):
        assert (await agency.services.search.find(actor, typed, 0, 8))[1] == 40, actor.name


@pytest.mark.parametrize("looked_through", [10, 2])
async def test_of_a_word_that_everybody_writes_the_latest_deals_are_found(
    agency: Agency, monkeypatch: pytest.MonkeyPatch, looked_through: int
) -> None:
    client_id = await agency.client(agency.anna)
    made = [await agency.deal(agency.anna, client_id=client_id, title=f"Осаго {n}") for n in range(20)]
    await agency.execute("ANALYZE deals")
    monkeypatch.setattr(words, "FARTHEST", 3)
    monkeypatch.setattr(search, "FARTHEST", 3)
    monkeypatch.setattr(words, "LATEST", looked_through)
    hits, total = await agency.services.search.find(agency.galina, "осаго", 0, 8)
    assert str(total) == "3+"
    found = {hit.deal.id for hit in hits}
    assert len(found) == 3
    # Where so few of the latest have it that there must be others, these are found as well.
    assert found == set(made[-3:]) if looked_through > 3 else found >= set(made[-2:])


@pytest.mark.parametrize("typed", ["%", "___", "\\", "'; --", "😀", "а", "1"])
async def test_odd_lines_find_nothing_and_break_nothing(agency: Agency, deal_id: int, typed: str) -> None:
    for actor in (agency.anna, agency.galina):
        assert await agency.services.search.find(actor, typed, 0, 8) == ([], 0)


@pytest.mark.parametrize(
    "typed", ["Сёмин Пётр Ильич, Санкт-Петербург, улица Маршала Говорова, дом 35, корпус 4", "семин 1 ٣٤"]
)
async def test_a_line_with_a_digit_that_can_be_no_policy_number_is_searched_for_all_the_same(
    agency: Agency, deal_id: int, typed: str
) -> None:
    hits, _total = await agency.services.search.find(agency.anna, typed, 0, 8)
    assert {hit.deal.id for hit in hits} <= {deal_id}


async def test_an_empty_or_endless_line_is_said_to_be_one(agency: Agency) -> None:
    for typed in ("", "  ", "я" * 101):
        with pytest.raises(Unreadable):
            await agency.services.search.find(agency.anna, typed, 0, 8)
