"""How far a list is counted: a number is exact, or says that there are more."""

import pytest

from storage import repository
from tests.services.conftest import Agency


async def test_counting_ends_so_many_rows_past_the_page(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "MANY", 3)
    client_id = await agency.client(agency.anna)

    async def told(offset: int) -> set[str]:
        deals = await agency.services.deals.page(agency.anna, "mine", offset, 1)
        clients = await agency.services.clients.page(agency.anna, offset, 1)
        return {str(deals.total), str(clients[1])}

    for _ in range(3):
        await agency.deal(agency.anna, client_id=client_id)
    for _ in range(2):
        await agency.client(agency.anna)
    assert await told(0) == {"3"}
    await agency.deal(agency.anna)
    assert await told(0) == {"3+"}
    assert await told(1) == {"4"}
    await agency.deal(agency.anna)
    assert (await told(1), await told(2)) == ({"4+"}, {"5"})


async def test_of_an_agency_that_has_grown_everybodys_are_counted_less_far_and_ones_own_as_ever(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "MANY", 900)  # no other test has kept a statement that counts so far
    monkeypatch.setattr(repository, "CROWD", 2)
    monkeypatch.setattr(repository, "GROWN", 4)
    for _ in range(4):
        await agency.deal(agency.anna)

    async def told() -> list[str]:
        seen = []
        for actor in (agency.anna, agency.galina):
            desk = await agency.services.deals.desk(actor)
            page = await agency.services.deals.page(actor, "mine" if actor is agency.anna else "all", 0, 8)
            assert str(desk.open) == str(page.total)
            assert len(page.rows) == 4
            seen.append(str(desk.open))
        return seen

    assert await told() == ["4", "4"]  # nobody has looked at how many they are
    await agency.execute("ANALYZE deals")
    assert await told() == ["4", "2+"]
