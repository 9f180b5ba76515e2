"""The agency of the service tests, for those who try to get at what is not theirs; and the bot in front of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.conftest import OpenAgency, cable, desk, open_agency, plain_logs
from tests.conftest import Cluster
from tests.services.conftest import agency

pytest.register_assert_rewrite("tests.security.house")

from tests.security.house import House, open_house  # noqa: E402 - its assertions are to be rewritten

__all__ = ["OpenAgency", "agency", "cable", "desk", "open_agency", "plain_logs"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    postgres: Cluster, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """One story for all tests of a module: they may try whatever they like, for nothing of it may have an effect."""
    folder: Path = tmp_path_factory.mktemp("house")
    with postgres.database(migrated_template) as url:
        async with open_house(url, folder) as made:
            yield made
