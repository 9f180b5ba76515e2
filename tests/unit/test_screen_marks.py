"""The marks of screens: the same for each attempt of an update, different for everything else."""

from typing import Any

from aiogram_dialog.api.entities import Stack

from fsm import states
from fsm.storage import StateStorage
from storage.dialog_state import KeptState


class Nothing:
    """A store that keeps nothing."""

    reads_with_updates = False

    async def load(self, _bot_id: int, _chat_id: int) -> KeptState:
        return KeptState()

    async def save(self, *_given: Any) -> None: ...

    async def close(self) -> None: ...


async def opened(update: str | None) -> list[str]:
    """The marks of two dialogs that an update opens."""
    async with StateStorage(Nothing()).during(1, 2, update):
        stack = Stack(_id="")
        return [stack.push(state, None).id for state in (states.Menu.main, states.Deals.list)]


async def test_each_attempt_of_an_update_opens_its_screens_under_the_same_marks() -> None:
    assert await opened("7:1") == await opened("7:1")


async def test_no_two_screens_share_a_mark() -> None:
    marks = [mark for number in range(2000) for mark in await opened(f"7:{number}")]
    assert len(set(marks)) == len(marks)
    assert max(map(len, marks)) <= 6  # 64 bytes of callback data hold it and an id


async def test_what_comes_past_the_inbox_gets_a_mark_by_chance() -> None:
    assert await opened(None) != await opened(None)
