from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.enums import ClientKind
from services.rules.deal_line import ClientDraft, read_new_client, read_new_deal
from services.rules.reading import Unreadable

TODAY = date(2026, 11, 20)
LINES = {"каско": 1, "kasko": 1, "осаго": 2, "ифл": 3, "ипотека жизнь": 4, "ипотека": 5, "дмс": 6, "зелёная карта": 7}
IVAN = "+79123456789"


def test_a_person_is_read_with_everything_in_one_line() -> None:
    typed = "Иванов Иван Петрович +7 912 345-67-89 Ivan@X.ru 12.03.1985 ИНН 500100732259"
    assert read_new_client(typed) == ClientDraft(
        name="Иванов Иван Петрович",
        phones=(IVAN,),
        email="ivan@x.ru",
        birth_date=date(1985, 3, 12),
        inn="500100732259",
    )


def test_a_company_is_read_with_its_inn() -> None:
    found = read_new_client("ООО «Ромашка» 7707083893 8(495)123-45-67\nоплата по счёту")
    assert found == ClientDraft(
        "ООО «Ромашка»", ClientKind.COMPANY, ("+74951234567",), inn="7707083893", note="оплата по счёту"
    )


@pytest.mark.parametrize(
    ("typed", "name", "note"),
    [
        ("иванов иван 89123456789", "Иванов Иван", ""),
        ("ИВАНОВ ИВАН 89123456789", "Иванов Иван", ""),
        ("89123456789 Мария", "Мария", ""),
        ("Иванов И.И. 8-912-345-67-89", "Иванов И.И.", ""),
        ("Петрова-Водкина Анна, 9123456789, звонить после 18", "Петрова-Водкина Анна", "звонить после 18"),
        ("Мамедов Али Гасан оглы 79123456789", "Мамедов Али Гасан оглы", ""),
        ("Иванов Иван от Петрова 89123456789", "Иванов Иван", "от Петрова"),
        ("ИП Сидоров Пётр 8 912 345 67 89", "ИП Сидоров Пётр", ""),
    ],
)
def test_a_name_is_told_from_the_words_around_it(typed: str, name: str, note: str) -> None:
    found = read_new_client(typed)
    assert (found.name, found.note, found.phones) == (name, note, (IVAN,))


def test_every_phone_is_kept_once() -> None:
    found = read_new_client("Иванов Иван 89123456789, +7 912 345-67-89 и 8 (912) 345 67 80")
    assert found.phones == (IVAN, "+79123456780")


def test_a_date_that_is_nobodys_birthday_stays_in_words() -> None:
    assert read_new_client("Иванов Иван 01.03.2027", TODAY).birth_date is None
    assert read_new_client("Иванов Иван 01.03.2027", TODAY).note == "01.03.2027"
    assert read_new_client("Иванов Иван 12.03.1985 г.р.", TODAY).birth_date == date(1985, 3, 12)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("+7 912 345-67-89", "no name"),
        ("", "nothing to read"),
        ("ООО «Ромашка» 7701234567", "check digit"),
        ("Иванов ИНН 123456789012", "check digit"),
        ("Иванов Иван 31.02.1985", "no such day"),
    ],
)
def test_a_mistake_in_a_client_is_named(typed: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read_new_client(typed)


def test_a_deal_is_read_with_its_client_and_its_car() -> None:
    found = read_new_deal("Иванов Иван 89123456789 каско Kia Rio А123ВС77 VIN XTA210990Y2696785\nсрочно", LINES)
    assert found.client == ClientDraft("Иванов Иван", phones=(IVAN,))
    assert (found.line_id, found.title, found.note) == (1, "Kia Rio", "срочно")
    assert (found.plate, found.vin) == ("А123ВС77", "XTA210990Y2696785")


@pytest.mark.parametrize(
    ("typed", "client", "line", "title"),
    [
        ("каско Иванов Иван 89123456789 Kia Rio", "Иванов Иван", 1, "Kia Rio"),
        ("Иванов Иван осаго Киа Рио", "Иванов Иван", 2, "Киа Рио"),
        ("Иванов Иван Петрович квартира", "Иванов Иван Петрович", None, "квартира"),
        ("Петрова Анна 89123456789 ипотека жизнь Сбер", "Петрова Анна", 4, "Сбер"),
        ("Петрова Анна зеленая карта", "Петрова Анна", 7, ""),
        ("ООО «Ромашка» 7707083893 ДМС 25 человек", "ООО «Ромашка»", 6, "25 человек"),
        ("ООО Ромашка ДМС 25 человек", "ООО Ромашка", 6, "25 человек"),
        ("ООО Строительная компания Север ДМС 25 человек", "ООО Строительная компания Север", 6, "25 человек"),
        ("ООО Строительная компания Север 89123456789", "ООО Строительная компания Север", None, ""),
        ("ДМС ООО Ромашка 25 человек", "ООО Ромашка", 6, "25 человек"),
        ("ООО «Ромашка» 25 человек", "ООО «Ромашка»", None, "25 человек"),
        ("Жук О'Нил осаго Киа Рио", "Жук О'Нил", 2, "Киа Рио"),
        ("ИП Сидоров Пётр ифл квартира на Ленина 5", "ИП Сидоров Пётр", 3, "квартира на Ленина 5"),
        ("89123456789 каско Рио", "", 1, "Рио"),
        ("осаго Камри а123вс777", None, 2, "Камри"),
        ("Камри 2020 A123BC77 каско", None, 1, "Камри 2020"),
        ("каско", None, 1, ""),
    ],
)
def test_what_is_not_sure_stays_in_the_title(typed: str, client: str | None, line: int | None, title: str) -> None:
    found = read_new_deal(typed, LINES)
    assert (found.client and found.client.name, found.line_id, found.title) == (client, line, title)


def test_a_plate_is_one_whatever_the_keyboard() -> None:
    assert read_new_deal("осаго Камри a123bc77", LINES).plate == "А123ВС77"


PIECES = st.sampled_from(
    [
        "Иванов",
        "Иван",
        "ООО",
        "«Ромашка»",
        "89123456789",
        "+7",
        "7707083893",
        "каско",
        "ипотека",
        "жизнь",
        "А123ВС77",
        "VIN",
        "XTA210990Y2696785",
        "31.02.1985",
        "12.03.1985",
        "ИНН",
        "a@b.ru",
        "\n",
        ",",
        "оглы",
        "\u200b",
        "\x1f",
        "\x1e",
    ]
)


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=10).map(" ".join)))
def test_any_text_gives_a_draft_or_an_explanation(text: str) -> None:
    with suppress(Unreadable):
        client = read_new_client(text, TODAY)
        assert client.name
        assert client.kind in ClientKind
    with suppress(Unreadable):
        deal = read_new_deal(text, LINES, TODAY)
        assert len(deal.title) <= 200
        assert not set(deal.title + deal.note) & {"\x1e", "\x1f", "\u200b"}
