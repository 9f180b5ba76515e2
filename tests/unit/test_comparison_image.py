"""The picture for the client: a PNG that Telegram takes as a photo, with every letter of the words it was given."""

from io import BytesIO

import pytest
from PIL import Image

from services.comparison_image import Cell, _font, draw

HEADERS = ["Вариант", "СК", "Премия", "Франшиза"]


def opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.mark.parametrize(("columns", "rows"), [(1, 0), (1, 1), (4, 3), (9, 20)])
def test_a_table_of_any_size_is_a_photo_for_telegram(columns: int, rows: int) -> None:
    table = [[Cell("слово " * 20, good=row == 0) for _ in range(columns)] for row in range(rows)]
    image = opened(draw("КАСКО Kia Rio", "Иванов Иван", ["Страховая сумма"] * columns, table, "…и ещё 2 варианта"))
    width, height = image.size
    assert image.format == "PNG"
    assert width + height <= 10_000
    assert max(width, height) <= 20 * min(width, height)


def test_a_word_longer_than_its_column_is_cut_and_does_not_widen_the_picture() -> None:
    short = opened(draw("КАСКО", "", HEADERS, [[Cell("В1"), Cell("РЕСО"), Cell("54 300 ₽"), Cell("—")]]))
    long = opened(draw("КАСКО", "", HEADERS, [[Cell("В1"), Cell("Р" * 300), Cell("54 300 ₽"), Cell("—")]]))
    assert long.size[0] - short.size[0] < 400
    assert long.size[1] > short.size[1]


def test_the_best_of_a_column_is_seen() -> None:
    plain = draw("КАСКО", "", HEADERS[:1], [[Cell("54 300 ₽")]])
    best = draw("КАСКО", "", HEADERS[:1], [[Cell("54 300 ₽", good=True)]])
    green = (0xDF, 0xF3, 0xE4)
    assert green not in set(opened(plain).convert("RGB").get_flattened_data())
    assert green in set(opened(best).convert("RGB").get_flattened_data())


@pytest.mark.parametrize("letter", "ЖщЁё₽№«»—·×%")
@pytest.mark.parametrize("bold", [False, True])
def test_the_font_has_every_letter_of_the_trade(letter: str, bold: bool) -> None:
    font = _font(30, bold=bold)
    assert bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
