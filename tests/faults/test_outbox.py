"""Messages on a bad day of Telegram, sent by bots that die: none is lost, and none overtakes another."""

from pathlib import Path

from tests.faults.storm import storm


async def test_hundreds_of_messages_arrive_through_errors_resets_refusals_and_deaths(
    database_url: str, tmp_path: Path
) -> None:
    outcome = await storm(database_url, tmp_path, messages=500, kills=3)
    assert outcome.kills == 3
    assert outcome.refused > 10
    assert (outcome.lost, outcome.out_of_order, outcome.too_early, outcome.unsettled) == (0, 0, 0, 0), str(outcome)
    assert outcome.repeated <= outcome.ambiguous, str(outcome)
    assert sorted(outcome.answers)[len(outcome.answers) // 2] < 3, str(outcome)
