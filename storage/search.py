"""Looking for deals by whatever a person remembers of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, Select, Text, case, func, literal, or_, select, union_all
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import joinedload

from models.enums import DealStage
from models.scope import Scope
from models.tables import Client, ClientPhone, Deal, Policy
from storage.clients import phone_parts, resembles, resembles_faintly
from storage.repository import Repository, may_see_deal


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
    """A found deal (with client, phones and line), what was recognised, and the text in which it was."""

    deal: Deal
    why: Why
    text: str


_Part = Select[Any]


class Search(Repository):
    async def deals(self, scope: Scope, query: Query, offset: int, limit: int) -> tuple[list[Hit], int]:
        """A page of found deals, the surest first, each once with its best reason; and how many there are."""
        found, total = await self._find(scope, _parts(query, faint=False), offset, limit)
        # Three digits in a row are no name, and a walk over all names would find nothing but noise.
        if not total and query.name and not re.search(r"[0-9]{3}", query.name):
            found, total = await self._find(scope, _parts(query, faint=True), offset, limit)
        return found, total

    async def _find(self, scope: Scope, parts: Iterable[_Part], offset: int, limit: int) -> tuple[list[Hit], int]:
        # What a person may see is asked in each part, so that a seller's search walks his own clients only.
        every = [part.where(may_see_deal(scope)) for part in parts]
        if not every:
            return [], 0
        matches = union_all(*every).subquery()
        best = (
            select(matches.c.deal_id, matches.c.why, matches.c.text, matches.c.rank)
            .ext(distinct_on(matches.c.deal_id))
            .order_by(matches.c.deal_id, matches.c.rank.desc())
            .subquery()
        )
        rows = await self.session.execute(
            select(Deal, best.c.why, best.c.text, func.count().over())
            .join(best, best.c.deal_id == Deal.id)
            .options(joinedload(Deal.client).selectinload(Client.phones), joinedload(Deal.line))
            .order_by(best.c.rank.desc(), Deal.stage == DealStage.CLOSED, Deal.review_on, Deal.id)
            .offset(offset)
            .limit(limit)
        )
        found = list(rows)
        if not found and offset:
            return [], await self.count(select(best.c.deal_id))
        return [Hit(deal, Why(why), text) for deal, why, text, _total in found], found[0][3] if found else 0


def _parts(query: Query, *, faint: bool) -> Iterable[_Part]:
    """One statement (deal, reason, text, rank) for each way in which the line may be meant."""
    if query.number is not None:
        yield _part(Why.NUMBER, sql_cast(Deal.number, Text), 10).where(Deal.number == query.number)
    if query.policy:
        yield _policies(query.policy)
    if query.vin:
        matched = or_(Deal.vin.startswith(query.vin, autoescape=True), Deal.vin.endswith(query.vin, autoescape=True))
        yield _part(Why.VIN, Deal.vin, 8).where(matched)
    if query.plate:
        yield _part(Why.PLATE, Deal.plate, 8).where(Deal.plate.contains(query.plate, autoescape=True))
    if query.inn:
        yield _clients(Why.INN, Client.inn, 7).where(Client.inn == query.inn)
    if query.digits:
        matched = or_(*(ClientPhone.e164.contains(part) for part in phone_parts(query.digits)))
        yield (
            _clients(Why.PHONE, ClientPhone.e164, 6)
            .join(ClientPhone, ClientPhone.client_id == Client.id)
            .where(matched)
        )
    if query.name:
        like = resembles_faintly if faint else resembles
        for why, column, weight in ((Why.CLIENT, Client.name_key, 4), (Why.TITLE, Deal.title_key, 2)):
            whole = case((column.contains(query.name, autoescape=True), 1.0), else_=0.0)
            rank = weight + whole + func.word_similarity(query.name, column)
            shown = Client.name if why is Why.CLIENT else Deal.title
            yield _clients(why, shown, rank).where(like(column, query.name))


def _part(why: Why, text: Any, rank: Any) -> _Part:
    return select(
        Deal.id.label("deal_id"),
        literal(why.value).label("why"),
        sql_cast(text, Text).label("text"),
        sql_cast(rank, Float).label("rank"),
    ).select_from(Deal)


def _clients(why: Why, text: Any, rank: Any) -> _Part:
    return _part(why, text, rank).join(Client, Client.id == Deal.client_id)


def _policies(number: str) -> _Part:
    return (
        _part(Why.POLICY, Policy.number, case((Policy.number == number, 9.5), else_=9.0))
        .join(Policy, Policy.deal_id == Deal.id)
        .where(Policy.number.contains(number, autoescape=True), Policy.deleted_at.is_(None))
    )
