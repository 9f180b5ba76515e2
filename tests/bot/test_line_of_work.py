"""The line of work of DOMAIN.md §2, from a new deal to the day it comes back, walked by three people."""

from tests.bot import by_buttons, by_typing
from tests.bot.conftest import OpenAgency
from tests.bot.steps import Office


async def test_it_is_walked_by_buttons(open_agency: OpenAgency) -> None:
    """Long polling, the state of screens in Postgres."""
    office = await Office(await open_agency(intake="polling")).open()
    await by_buttons.the_first_days_work(office)
    await by_buttons.the_next_years_work(office)
    await office.nothing_went_wrong()


async def test_it_is_walked_mostly_by_typing(open_agency: OpenAgency, redis_url: str) -> None:
    """Webhook, the state of screens in Redis."""
    office = await Office(await open_agency(intake="webhook", redis=redis_url)).open()
    await by_typing.the_first_days_work(office)
    await by_typing.the_next_years_work(office)
    await office.nothing_went_wrong()
    assert await office.value("SELECT count(*) FROM dialog_state") == 0
