"""How a deal is written where it is one of many."""

from datetime import date

from fsm.text import short
from fsm.words import day
from models.enums import ClientKind, DealStage
from models.tables import Client, Deal

LINE_ICONS = {
    "osago": "🚗",
    "kasko": "🚗",
    "dgo": "🚗",
    "gap": "🚗",
    "green_card": "🌍",
    "travel": "✈️",
    "mortgage": "🏠",
    "home": "🏠",
    "property": "🏢",
    "dms": "🏥",
    "accident": "🩹",
    "life": "❤️",
    "cargo": "📦",
    "construction": "🏗",
}
BUTTON = 60


def icon(deal: Deal) -> str:
    """The picture of the deal's line of business."""
    return LINE_ICONS.get(deal.line.code, "🛡")


def short_name(client: Client) -> str:
    """A client in few letters: surname with initials, or the company's name."""
    words = client.name.split()
    if client.kind is ClientKind.COMPANY or len(words) < 2:
        return client.name
    return f"{words[0]} {' '.join(f'{word[0]}.' for word in words[1:3])}"


def object_of(deal: Deal) -> str:
    """Line of business and insured object, said once where the object is named after the line."""
    return deal.title if deal.title == deal.line.name else f"{deal.line.name} {deal.title}"


def caption(deal: Deal, today: date) -> str:
    """One line of a list: when to touch it, whose it is, what it is."""
    if deal.stage is DealStage.CLOSED:
        when = "🔒"
    elif deal.review_on < today:
        when = f"⚠️ {day(deal.review_on, today)} ·"
    elif deal.review_on == today:
        when = "🔔"
    else:
        when = f"{day(deal.review_on, today)} ·"
    return short(f"{when} {short_name(deal.client)} · {object_of(deal)}", BUTTON)
