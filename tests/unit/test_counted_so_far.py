"""A number that was not counted to its end says so wherever it is written, and can be reckoned with."""

from types import SimpleNamespace
from typing import Any, cast

from aiogram_dialog import DialogManager

from fsm.navigation import pages
from models.values.at_least import AtLeast


def test_what_was_not_counted_to_its_end_is_written_with_a_plus() -> None:
    assert f"{AtLeast(1000)} · {AtLeast(1000):>6}" == "1000+ ·   1000+"
    assert str(AtLeast(7)) == "7+"
    assert AtLeast(1000) == 1000
    assert (AtLeast(1000) - 1) // 8 == 124
    assert f"{5 + AtLeast(1000)}" == "1005+"  # so many were looked at, and of the rest there are at least that many


def test_the_pager_of_a_list_without_a_known_end_says_so_and_goes_on() -> None:
    manager: Any = SimpleNamespace(dialog_data={"page": 2})
    shown = pages(AtLeast(1000), cast("DialogManager", manager))
    assert shown["page_at"] == "3 / 125+"
    assert pages(1000, cast("DialogManager", manager))["page_at"] == "3 / 125"
