"""Looking for deals by whatever a person remembers of them."""

from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, Text, case, func, literal, or_, select, union_all
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import distinct_on

from models.enums import DealStage
from models.scope import Scope
from models.tables import Client, ClientPhone, Deal, LineOfBusiness, Policy
from models.values.at_least import AtLeast
from storage.clients import LIVE, among_clients, own_clients_words, ways_to_see_client, with_digits_in_phone
from storage.direct import Shape
from storage.repository import among, among_first, may_see_deal, seen, up_to, ways_to_see
from storage.words import FARTHEST, Reading, Words, bearers


class Why(StrEnum):
    """What of a deal was recognised, in the order of certainty."""

    NUMBER = "number"
    POLICY = "policy"
    VIN = "vin"
    PLATE = "plate"
    INN = "inn"
    PHONE = "phone"
    CLIENT = "client"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Query:
    """What a typed line may be, each in the form it is stored in; an empty one is not looked for."""

    number: int | None = None
    policy: str = ""
    vin: str = ""
    plate: str = ""
    inn: str = ""
    digits: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A found deal with its client and line (what is shown of them), what was recognised, and the text in which."""

    deal: Deal
    why: Why
    text: str


_Part = Select[Any]
_deal = Shape(Deal, "id", "number", "stage", "title")
_client, _line = Shape(Client, "name"), Shape(LineOfBusiness, "name")
_SHOWN = (*_deal.columns, *_client.columns, *_line.columns)


class Search(Words):
    async def deals(self, scope: Scope, query: Query, offset: int, limit: int) -> tuple[list[Hit], int]:
        """A page of found deals, the surest first, each once with its best reason; and how many there are."""
        parts = [*_marks(scope, query)]
        own = None if scope.everything else union_all(own_clients_words(scope), seen(scope, Deal.words))
        async with aclosing(self.readings(query.name, own)) as readings:
            async for reading in readings:
                found, total = await self._find([*parts, *_names(scope, query.name, reading)], offset, limit)
                if total:
                    return found, total
                parts = []  # marks that have found nothing
        return await self._find(parts, offset, limit)

    async def _find(self, parts: list[_Part], offset: int, limit: int) -> tuple[list[Hit], int]:
        if not parts:
            return [], 0
        matches = union_all(*parts).subquery()
        best = (
            select(matches.c.deal_id, matches.c.why, matches.c.text, matches.c.rank)
            .ext(distinct_on(matches.c.deal_id))
            .order_by(matches.c.deal_id, matches.c.rank.desc())
            .subquery()
        )
        # Hundreds are ranked and eight are shown: only of these is the rest read.
        closed, touch = (Deal.stage == DealStage.CLOSED).label("closed"), Deal.review_on
        page = (
            select(best, closed, touch, func.count().over().label("total"))
            .join(Deal, Deal.id == best.c.deal_id)
            .order_by(best.c.rank.desc(), closed, touch, best.c.deal_id)
            .offset(offset)
            .limit(limit)
            .subquery()
        )
        rows = await self.session.execute(
            select(page.c.why, page.c.text, page.c.total, *_SHOWN)
            .select_from(page)
            .join(Deal, Deal.id == page.c.deal_id)
            .join(Client, Client.id == Deal.client_id)
            .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
            .order_by(page.c.rank.desc(), page.c.closed, page.c.review_on, page.c.deal_id)
        )
        found = list(rows)
        if not found and offset:
            return [], await self.count(select(best.c.deal_id))
        total = found[0].total if found else 0
        hits = [Hit(_deal.joined(shown, client=_client, line=_line), Why(why), text) for why, text, _n, *shown in found]
        return hits, total if total < FARTHEST else AtLeast(FARTHEST)


def _marks(scope: Scope, query: Query) -> Iterable[_Part]:
    """One statement (deal, reason, text, rank) for each mark that the line may be, of what a person may see."""
    if query.number is not None:
        yield _part(Why.NUMBER, sql_cast(Deal.number, Text), 10).where(Deal.number == query.number, may_see_deal(scope))
    if query.policy:
        held = Policy.number.contains(query.policy, autoescape=True)
        near = select(Policy.id).where(held, Policy.deleted_at.is_(None), among(Policy.deal_id, scope)).correlate(None)
        yield (
            _part(Why.POLICY, Policy.number, case((Policy.number == query.policy, 9.5), else_=9.0))
            .join(Policy, Policy.deal_id == Deal.id)
            .where(among_first(Policy.id, near, FARTHEST))
        )
    if query.vin:
        matched = or_(Deal.vin.startswith(query.vin, autoescape=True), Deal.vin.endswith(query.vin, autoescape=True))
        yield _part(Why.VIN, Deal.vin, 8).where(_near(scope, matched))
    if query.plate:
        yield _part(Why.PLATE, Deal.plate, 8).where(_near(scope, Deal.plate.contains(query.plate, autoescape=True)))
    if query.inn:
        yield _clients(Why.INN, Client.inn, 7).where(Client.inn == query.inn, among(Deal.id, scope))
    if query.digits:
        phones = with_digits_in_phone(query.digits).add_columns(ClientPhone.e164)
        matches = phones.where(among_clients(ClientPhone.client_id, scope)).limit(up_to(FARTHEST)).subquery()
        yield (
            _part(Why.PHONE, matches.c.e164, 6)
            .join(matches, matches.c.client_id == Deal.client_id)
            .where(among(Deal.id, scope))
        )


def _names(scope: Scope, typed: str, reading: Reading) -> Iterable[_Part]:
    """The same for a name: of the client, of the insured object."""
    near = bearers(Client, reading, scope, ways_to_see_client(scope), LIVE)
    yield _clients(Why.CLIENT, Client.name, _rank(4, typed, Client.name_key)).where(
        among_first(Client.id, near, FARTHEST), among(Deal.id, scope), *_like(typed, Client.name_key, reading)
    )
    yield _part(Why.TITLE, Deal.title, _rank(2, typed, Deal.title_key)).where(
        among_first(Deal.id, bearers(Deal, reading, scope, ways_to_see(scope)), FARTHEST),
        *_like(typed, Deal.title_key, reading),
    )


def _near(scope: Scope, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Deals that a person may see and that fulfil conditions, as many as are ranked."""
    return among_first(Deal.id, select(Deal.id).where(*conditions, among(Deal.id, scope)).correlate(None), FARTHEST)


def _like(typed: str, column: Any, reading: Reading) -> list[ColumnElement[bool]]:
    return [func.word_similarity(typed, column) >= reading.least] if reading.least else []


def _rank(weight: int, typed: str, column: Any) -> Any:
    """What holds the whole line comes before what only resembles it."""
    whole = case((column.contains(typed, autoescape=True), 1.0), else_=0.0)
    return weight + whole + func.word_similarity(typed, column)


def _part(why: Why, text: Any, rank: Any) -> _Part:
    return select(
        Deal.id.label("deal_id"),
        literal(why.value).label("why"),
        sql_cast(text, Text).label("text"),
        sql_cast(rank, Float).label("rank"),
    ).select_from(Deal)


def _clients(why: Why, text: Any, rank: Any) -> _Part:
    return _part(why, text, rank).join(Client, Client.id == Deal.client_id)
