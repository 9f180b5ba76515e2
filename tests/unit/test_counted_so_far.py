"""A number that was not counted to its end says so wherever it is written, and can be reckoned with."""

from types import SimpleNamespace
from typing import Any, cast

from aiogram_dialog import DialogManager

from fsm.navigation import pages
from models.values.at_least import AtLeast
from storage.repository import MANY, different, number


def test_what_was_not_counted_to_its_end_is_written_with_a_plus() -> None:
    assert f"{AtLeast(1000)} · {AtLeast(1000):>6}" == "1000+ ·   1000+"
    assert str(AtLeast(7)) == "7+"
    assert AtLeast(1000) == 1000
    assert (AtLeast(1000) - 1) // 8 == 124
    assert f"{5 + AtLeast(1000)}" == "1005+"  # so many were looked at, and of the rest there are at least that many


def test_counting_ends_a_thousand_rows_past_the_page() -> None:
    assert not isinstance(number(MANY), AtLeast)
    assert str(number(MANY + 1)) == f"{MANY}+"
    assert not isinstance(number(MANY + 792, past=792), AtLeast)
    assert str(number(MANY + 793, past=792)) == f"{MANY + 792}+"


def test_of_rows_that_repeat_each_other_only_so_many_are_looked_at() -> None:
    assert (str(different(3, 10, 10)), str(different(3, 11, 10)), str(different(11, 11, 10))) == ("3", "3+", "10+")


def test_the_pager_of_a_list_without_a_known_end_says_so_and_goes_on() -> None:
    manager: Any = SimpleNamespace(dialog_data={"page": 2})
    shown = pages(AtLeast(1000), cast("DialogManager", manager))
    assert shown["page_at"] == "3 / 125+"
    assert pages(1000, cast("DialogManager", manager))["page_at"] == "3 / 125"
