"""A bot at DEBUG among people, with network and database failing: it says nothing of them, and no secret."""

from pathlib import Path

from tests.security.eavesdropper import MORNING, listen


async def test_at_debug_nothing_of_people_and_no_secret_is_said_whatever_goes_wrong(
    database_url: str, tmp_path: Path
) -> None:
    heard = await listen(database_url, tmp_path, MORNING)
    assert heard.failures > 2
    assert heard.debug > 20  # the level is on: how much others say at it is theirs
    assert heard.secrets > 50
    assert heard.leaks == []
