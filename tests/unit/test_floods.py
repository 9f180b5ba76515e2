"""How many updates of a person are served at once, and how fast those beyond."""

from datetime import UTC, datetime, timedelta

from bot.floods import Floods
from services.rules.guesses import Guesses

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_sixty_at_once_then_five_a_second_and_a_flood_is_announced_by_its_first() -> None:
    now = 1000.0
    floods = Floods(60, 5, lambda: now)
    assert [floods.take(1) for _ in range(60)] == [(0, False)] * 60
    wait, begins = floods.take(1)
    assert (round(wait, 6), begins) == (0.2, True)
    assert floods.take(2) == (0, False)
    for _ in range(100):
        now += wait  # whoever waits is followed by the next
        wait, begins = floods.take(1)
        assert (round(wait, 6), begins) == (0.2, False)


def test_a_pause_gives_back_what_was_used_up_and_only_a_full_one_makes_the_next_flood_another() -> None:
    now = 1000.0
    floods = Floods(60, 5, lambda: now)
    for _ in range(61):
        floods.take(1)
    now += 6
    assert [floods.take(1)[0] for _ in range(29)] == [0] * 29
    assert [begins for _, begins in (floods.take(1) for _ in range(9))] == [False] * 9
    now += 60
    assert [begins for _, begins in (floods.take(1) for _ in range(61))] == [False] * 60 + [True]


def test_a_wrong_code_counts_for_an_hour_against_its_person_and_for_a_minute_against_all() -> None:
    guesses = Guesses()
    assert [guesses.look(1, NOON + timedelta(minutes=minute)) for minute in range(6)] == [True] * 5 + [False]
    assert not guesses.look(1, NOON + timedelta(minutes=59))
    assert guesses.look(2, NOON + timedelta(minutes=59))
    assert guesses.look(1, NOON + timedelta(minutes=60))
    later = NOON + timedelta(hours=2)
    assert [guesses.look(person, later) for person in range(100, 161)] == [True] * 60 + [False]
    assert not guesses.look(3, later + timedelta(seconds=59))
    assert guesses.look(3, later + timedelta(seconds=60))


def test_a_right_code_is_no_guess() -> None:
    guesses = Guesses()
    for _ in range(100):
        assert guesses.look(1, NOON)
        guesses.right(1)
    assert [guesses.look(1, NOON) for _ in range(6)] == [True] * 5 + [False]
