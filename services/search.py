"""Search: one line, whatever it is — a name, a phone, a number, a plate."""

import re

from services.access import ANYBODY, Actor, Service, query
from services.rules.reading import TO_CYRILLIC, TO_LATIN, Unreadable, clean_text, plain, policy_number
from storage.search import Hit, Query, Why
from storage.uow import Transaction

__all__ = ["Hit", "SearchService", "Why", "read_query"]

QUERY_LIMIT = 100


def read_query(text: str) -> Query:
    """Tell everything that a typed line may be. Raises Unreadable when it is empty or far too long."""
    typed = clean_text(text, QUERY_LIMIT)
    words = plain(typed)
    code = re.sub(r"[\s\-.]", "", words.upper())
    has_digit = bool(re.search(r"[0-9]", code))
    digits = re.sub(r"[^0-9]", "", words) if re.fullmatch(r"[+0-9() .\-]+", words) else ""
    number = re.fullmatch(r"(?:№|#|сделка)?\s*№?\s*([0-9]{1,9})", words)
    return Query(
        number=int(number[1]) if number else None,
        policy=_policy(typed) if has_digit and len(code) >= 4 else "",
        vin=_vin_part(code) if has_digit else "",
        plate=code.translate(TO_CYRILLIC) if has_digit and re.fullmatch(r"[А-ЯA-Z0-9]{3,9}", code) else "",
        inn=digits if len(digits) in (10, 12) else "",
        digits=digits if 4 <= len(digits) <= 15 else "",
        name=words if len(words) >= 2 and re.search(r"[a-zа-я]", words) else "",
    )


def _policy(typed: str) -> str:
    try:
        return policy_number(typed)
    except Unreadable:
        return ""  # a long line with a house number in it is still a name or an address


def _vin_part(code: str) -> str:
    """A VIN, or the beginning or the end of one: people dictate the last digits."""
    latin = code.translate(TO_LATIN).replace("O", "0").replace("I", "1")
    return latin if re.fullmatch(r"[A-HJ-NPR-Z0-9]{4,17}", latin) else ""


class SearchService(Service):
    """Finding a deal by whatever is remembered of it."""

    @query(ANYBODY)
    async def find(self, tx: Transaction, actor: Actor, text: str, offset: int, limit: int) -> tuple[list[Hit], int]:
        """A page of the deals that a line is about, the surest first, each with what was recognised; and the total."""
        return await tx.search.deals(actor.scope, read_query(text), offset, limit)
