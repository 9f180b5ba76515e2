"""The comparison of variants as a picture that a client reads on a phone.

It draws the strings that it is given and knows nothing of where they come from, so nothing can come in by itself.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the first picture, so that a bot that draws none does not carry it
    from PIL import ImageDraw, ImageFont

TEXT, SMALL, TITLE = 30, 24, 40
PAD, GAP, MARGIN = 22, 10, 48
CELL_WIDTH, TITLE_WIDTH = 330, 900
INK, GREY, LINE = "#1d2733", "#6b7785", "#dfe5ec"
PAPER, STRIPE, HEAD, HEAD_INK = "#ffffff", "#f5f8fb", "#20507a", "#ffffff"
GOOD, GOOD_INK = "#dff3e4", "#146b34"


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a place of the table; a good one is the best of its column."""

    text: str
    good: bool = False


@lru_cache(maxsize=8)
def _font(size: int, *, bold: bool = False) -> "ImageFont.FreeTypeFont":
    """DejaVu Sans: it has Cyrillic and the rouble sign, and comes with matplotlib (found, not imported: 1 s)."""
    from PIL import ImageFont  # noqa: PLC0415 - with the first picture

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    library = find_spec("matplotlib")
    if library is None or library.origin is None:
        raise FileNotFoundError(name)
    return ImageFont.truetype(Path(library.origin).parent / "mpl-data" / "fonts" / "ttf" / name, size)


def _wrap(text: str, font: "ImageFont.FreeTypeFont", width: int) -> list[str]:
    """Break a text into lines that fit; a word that is too long for a line is cut."""
    lines: list[str] = []
    line = ""
    for word in text.replace("\n", " ").split(" "):
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while font.getlength(line) > width:
            cut = _fitting(line, font, width)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line else lines or [""]


def _fitting(word: str, font: "ImageFont.FreeTypeFont", width: int) -> int:
    """How many of its letters fit, at least one; found by halves, for a word may be as long as a comment."""
    return max(1, bisect_right(range(len(word)), width, key=lambda count: ceil(font.getlength(word[:count]))) - 1)


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells cut into lines, and how high the row is."""

    cells: list[list[str]]
    good: list[bool]
    height: int


def _height(lines: int, size: int) -> int:
    return lines * (size + GAP) - GAP + 2 * PAD


def draw(title: str, subtitle: str, headers: Sequence[str], rows: Sequence[Sequence[Cell]], footer: str = "") -> bytes:
    """Draw the table; the PNG's bytes."""
    fonts = {True: _font(TEXT, bold=True), False: _font(TEXT)}
    head_font, title_font, small = _font(SMALL, bold=True), _font(TITLE, bold=True), _font(SMALL)
    head = [_wrap(text, head_font, CELL_WIDTH) for text in headers]
    body = []
    for cells in rows:
        cut = [_wrap(cell.text, fonts[cell.good], CELL_WIDTH) for cell in cells]
        body.append(_Row(cut, [cell.good for cell in cells], _height(max(map(len, cut), default=1), TEXT)))
    widths = [
        2 * PAD
        + int(
            max(
                [head_font.getlength(line) for line in head[n]]
                + [fonts[row.good[n]].getlength(line) for row in body for line in row.cells[n]],
                default=0,
            )
        )
        for n in range(len(headers))
    ]
    table = sum(widths)
    titles = _wrap(title, title_font, max(table, TITLE_WIDTH))
    notes = _wrap(subtitle, small, max(table, TITLE_WIDTH)) if subtitle else []
    feet = _wrap(footer, small, max(table, TITLE_WIDTH)) if footer else []
    wide = max(
        [table, *(int(title_font.getlength(line)) for line in titles), *(int(small.getlength(n)) for n in notes)]
    )
    top = MARGIN + len(titles) * (TITLE + GAP) + len(notes) * (SMALL + GAP) + GAP
    head_height = _height(max(map(len, head), default=1), SMALL)
    under = (len(feet) * (SMALL + GAP) + GAP) if feet else 0
    height = top + head_height + sum(row.height for row in body) + under + MARGIN
    from PIL import Image, ImageDraw  # noqa: PLC0415 - with the first picture

    image = Image.new("RGB", (wide + 2 * MARGIN, height), PAPER)
    pen = ImageDraw.Draw(image)
    y = _lines(pen, (MARGIN, MARGIN), titles, title_font, INK, TITLE)
    _lines(pen, (MARGIN, y), notes, small, GREY, SMALL)
    y = top
    pen.rounded_rectangle(
        (MARGIN, y, MARGIN + table, y + head_height), 14, fill=HEAD, corners=(True, True, False, False)
    )
    _cells(pen, y, widths, head, [head_font] * len(head), [HEAD_INK] * len(head), SMALL)
    y += head_height
    for at, row in enumerate(body):
        if at % 2:
            pen.rectangle((MARGIN, y, MARGIN + table, y + row.height), fill=STRIPE)
        _shades(pen, y, widths, row)
        inks = [GOOD_INK if good else INK for good in row.good]
        _cells(pen, y, widths, row.cells, [fonts[good] for good in row.good], inks, TEXT)
        y += row.height
        pen.line((MARGIN, y, MARGIN + table, y), fill=LINE, width=2)
    _lines(pen, (MARGIN, y + GAP * 2), feet, small, GREY, SMALL)
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _lines(
    pen: "ImageDraw.ImageDraw",
    at: tuple[int, int],
    lines: Sequence[str],
    font: "ImageFont.FreeTypeFont",
    ink: str,
    size: int,
) -> int:
    x, y = at
    for line in lines:
        pen.text((x, y), line, font=font, fill=ink)
        y += size + GAP
    return y


def _cells(
    pen: "ImageDraw.ImageDraw",
    y: int,
    widths: Sequence[int],
    cells: Sequence[Sequence[str]],
    fonts: "Sequence[ImageFont.FreeTypeFont]",
    inks: Sequence[str],
    size: int,
) -> None:
    x = MARGIN
    for width, lines, font, ink in zip(widths, cells, fonts, inks, strict=True):
        _lines(pen, (x + PAD, y + PAD - 2), lines, font, ink, size)
        x += width


def _shades(pen: "ImageDraw.ImageDraw", y: int, widths: Sequence[int], row: _Row) -> None:
    x = MARGIN
    for width, good in zip(widths, row.good, strict=True):
        if good:
            pen.rounded_rectangle((x + 6, y + 8, x + width - 6, y + row.height - 8), 12, fill=GOOD)
        x += width
