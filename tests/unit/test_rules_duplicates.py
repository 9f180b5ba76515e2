from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.deal_line import ClientDraft
from services.rules.duplicates import LikelyDuplicate, Reason, duplicate_reasons, similar_names


@dataclass(frozen=True)
class Client:
    id: int
    name: str
    phones: tuple[str, ...] = ()
    inn: str | None = None


DRAFT = ClientDraft("Иванов Пётр Сергеевич", phones=("+79123456789",), inn="500100732259")


def test_every_reason_is_told_and_the_surest_comes_first() -> None:
    clients = [
        Client(1, "Иванов Петр Сергеевич"),
        Client(2, "Кто-то Другой", inn="500100732259"),
        Client(3, "Иванова Ольга", phones=("+79000000000", "+79123456789")),
        Client(4, "Сидоров Пётр"),
        Client(5, "Иванов П. С.", phones=("+79123456789",)),
    ]
    assert duplicate_reasons(DRAFT, clients) == [
        LikelyDuplicate(5, (Reason.PHONE, Reason.NAME)),
        LikelyDuplicate(3, (Reason.PHONE,)),
        LikelyDuplicate(2, (Reason.INN,)),
        LikelyDuplicate(1, (Reason.NAME,)),
    ]


def test_two_clients_with_no_inn_do_not_have_the_same_one() -> None:
    assert duplicate_reasons(ClientDraft("Анна"), [Client(1, "Борис")]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Иванов Пётр", "иванов петр"),
        ("Пётр Иванов", "Иванов Пётр"),
        ("Иванов Пётр Сергеевич", "Ивонов Пётр Сергеевич"),
        ("Иванов П. С.", "Иванов Пётр Сергеевич"),
        ("Иванов Пётр", "Иванов Пётр Сергеевич"),
        ("ООО «Ромашка»", "Ромашка, ООО"),
        ('АО "Ромашка Плюс"', "ООО «Ромашка-Плюс»"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert similar_names(one, other)
    assert similar_names(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Иванов Пётр", "Иванов Олег"),
        ("Иванов", "Иванов Пётр"),
        ("ООО «Ромашка»", "ООО «Василёк»"),
        ("", ""),
        ("ООО", "ООО"),
        ("Иванов А. Б.", "Иванов Пётр Сергеевич"),
    ],
)
def test_two_names_are_two_names(one: str, other: str) -> None:
    assert not similar_names(one, other)


@given(st.text(max_size=40), st.text(max_size=40))
def test_likeness_goes_both_ways(one: str, other: str) -> None:
    if similar_names(one, one):
        assert similar_names(one, one.upper()) or one.upper().lower() != one.lower()
    similar_names(one, other)
