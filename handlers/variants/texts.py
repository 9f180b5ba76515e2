"""What is said of variants: to the team with everything it may know, to the client with nothing of commission."""

from datetime import date

from markupsafe import Markup

from fsm import words
from fsm.i18n import _, ngettext
from fsm.text import html, lines, short
from fsm.words import NO_BREAK, VARIANT_STATUS, day, money
from models.enums import VariantStatus
from models.tables import Deal
from services.comparison_image import Cell, draw
from services.errors import N_
from services.rules.comparison import Cell as Value
from services.rules.comparison import Column
from services.rules.plans import PaymentPlan
from services.variants import Offered, VariantView

DRAWN = 20
ABREAST = 4
"""As many variants stand side by side on a phone; more go one under another."""
ROOM = 3500
"""Characters of a message that variants may fill: Telegram holds 4096, and a title and a hint come on top."""
COMMENT = 160
MARKS = {
    VariantStatus.DRAFT: "📝",
    VariantStatus.OFFERED: "📨",
    VariantStatus.CHOSEN: "🎯",
    VariantStatus.NOT_SELECTED: "▫️",
    VariantStatus.EXPIRED: "⌛️",
    VariantStatus.DECLINED_BY_INSURER: "🚫",
}
COLUMNS = {
    Column.INSURER: N_("Insurer"),
    Column.PRODUCT: N_("Product"),
    Column.PREMIUM: N_("Premium"),
    Column.DEDUCTIBLE: N_("Deductible"),
    Column.SUM_INSURED: N_("Sum insured"),
    Column.PLAN: N_("Payment"),
    Column.FIRST_PAYMENT: N_("First payment"),
    Column.VALID_UNTIL: N_("Valid until"),
    Column.COMMENT: N_("Note"),
}


def name(view: VariantView) -> str:
    """`В1 · РЕСО-Гарантия Премиум`."""
    return f"{view.label} · {view.insurer} {view.product}".rstrip()


def caption(view: VariantView) -> str:
    """One variant inside a button: its number, its insurer, its price."""
    return short(f"{view.label} · {view.insurer} · {money(view.premium)}", 45)


def button(view: VariantView) -> str:
    """One variant as a button of its own, with its status."""
    return f"{MARKS[view.status]} {caption(view)}"


def terms(view: VariantView) -> str:
    """What a price is for, in one line."""
    parts = [
        None if view.deductible is None else deductible(view),
        None if view.sum_insured is None else _("sum insured {sum}").format(sum=money(view.sum_insured)),
        words.plan(view.plan),
        None if view.valid_until is None else _("until {day}").format(day=day(view.valid_until)),
        None if view.commission_rate is None else rate(view),
    ]
    return " · ".join(part for part in parts if part)


def deductible(view: VariantView) -> str:
    if not view.deductible:
        return _("no deductible")
    return _("deductible {sum}").format(sum=money(view.deductible))


def rate(view: VariantView) -> str:
    """The commission of those whose it is."""
    shown = f"{view.commission_rate.normalize():f}" if view.commission_rate is not None else ""
    return _("commission {rate}%").format(rate=shown.replace(".", ","))


def block(view: VariantView) -> Markup:
    """A variant inside a longer message."""
    state = "" if view.status is VariantStatus.OFFERED else f" · {_(VARIANT_STATUS[view.status])}"
    title = html("{mark} <b>{name}</b>", mark=MARKS[view.status], name=name(view))
    return lines(
        html("{title} — <b>{premium}</b>{state}", title=title, premium=money(view.premium), state=state),
        html("    {terms}", terms=terms(view)),
        html("    <i>{comment}</i>", comment=short(view.comment, COMMENT)) if view.comment else None,
    )


def head(deal: Deal, title: str, mark: str = "📊") -> Markup:
    """The title with the deal's number, and whose and what it is."""
    place = " · ".join(part for part in (f"{deal.line.name} {deal.title}", deal.plate) if part)
    return lines(
        html("{mark} <b>{title} · №{number}</b>", mark=mark, title=title, number=deal.number),
        html("👤 {client}", client=deal.client.name),
        html("📂 {place}", place=place),
    )


def comparison(offered: Offered, title: str) -> Markup:
    """The comparison for the team: a block a variant, the cheapest first, as many as a message holds."""
    text = head(offered.deal, title)
    if not offered.rows:
        return lines(text, "", _("There is nothing to compare: no variant that is handed in is still in time."))
    for at, view in enumerate(offered.rows):
        longer = lines(text, "", block(view))
        if len(longer) > ROOM:
            hidden = len(offered.rows) - at
            return lines(text, "", more(hidden))
        text = longer
    return text


def more(hidden: int) -> str:
    return ngettext("…and {n} more variant", "…and {n} more variants", hidden).format(n=hidden)


# --- for the client -----------------------------------------------------------------------------------------------


def said(value: Value, column: Column) -> str:
    """A cell of the client's table in words."""
    if value is None or value == "":
        return "—"
    if isinstance(value, PaymentPlan):
        return words.plan(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, str):
        return value
    return money(value) if value or column is not Column.DEDUCTIBLE else _("no deductible")


def _insured(deal: Deal) -> str:
    return " ".join(part for part in (deal.line.name, deal.title, deal.plate) if part)


def client_texts(offered: Offered) -> list[str]:
    """Words that a seller forwards to the client as they are; only what the client's table holds is in them.

    One message, or several where there are more variants than one message holds.
    """
    table = offered.table
    texts = [_("{insured} — insurance variants").format(insured=_insured(offered.deal))]
    for row in table.rows:
        product = row.cells.get(Column.PRODUCT)
        title = f"В{row.number}. {row.cells[Column.INSURER]}{f', {product}' if product else ''}"
        price = said(row.cells[Column.PREMIUM], Column.PREMIUM)
        rest = [
            f"{_(COLUMNS[column])}: {said(row.cells[column], column)}"
            for column in table.columns
            if column not in (Column.INSURER, Column.PRODUCT, Column.PREMIUM) and row.cells[column] not in (None, "")
        ]
        part = "\n".join([f"{title} — {price}", *rest]).replace(NO_BREAK, " ")
        if len(texts[-1]) + len(part) > ROOM:
            texts.append(part)
        else:
            texts[-1] += f"\n\n{part}"
    return texts


def client_picture(offered: Offered, today: date) -> bytes:
    """The same table as a picture."""
    table = offered.table
    headers = [_("Variant"), *(_(COLUMNS[column]) for column in table.columns)]
    rows = [
        [
            Cell(f"В{row.number}"),
            *(Cell(said(row.cells[column], column), column in row.best) for column in table.columns),
        ]
        for row in table.rows[:DRAWN]
    ]
    hidden = len(table.rows) - len(rows)
    if len(rows) <= ABREAST:
        turned = [[Cell(name), *(row[at] for row in rows)] for at, name in enumerate(headers) if at]
        headers, rows = [headers[0], *(row[0].text for row in rows)], turned
    subtitle = f"{offered.deal.client.name} · {day(today)}"
    return draw(_insured(offered.deal), subtitle, headers, rows, more(hidden) if hidden else "")
