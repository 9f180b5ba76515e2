"""Clients and their phones, seen through a scope."""

from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from functools import cache
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    any_,
    case,
    delete,
    except_,
    exists,
    func,
    or_,
    select,
    true,
    union,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from models.scope import Scope
from models.tables import Client, ClientPhone, Deal, Document, Policy, User
from storage.direct import Joined, Several, Shape, given, ready
from storage.listing import VIEWER, listed, one_page
from storage.repository import Rows, among_first, far_enough, in_ways, may_see_deal, seen, up_to
from storage.words import FARTHEST, Reading, Words, bearers

LIVE = Client.deleted_at.is_(None)


def may_see_client(scope: Scope, viewer: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """The clients inside a scope: a seller's own and those of the deals that a person may see.

    `viewer` as in `ways_to_see`.
    """
    of_deal = exists().where(Deal.client_id == Client.id, may_see_deal(scope, viewer))
    own = Client.seller_id == (scope.user_id if viewer is None else viewer)
    return or_(own, of_deal) if scope.as_seller else of_deal


def visible_clients(scope: Scope, viewer: ColumnElement[int] | None = None) -> Select[Client]:
    """The base of every statement about clients; merged and deleted ones do not exist."""
    statement = select(Client).where(Client.deleted_at.is_(None))
    return statement if scope.everything else statement.where(may_see_client(scope, viewer))


def phone_parts(digits: str) -> list[str]:
    """What typed digits may be a part of: 8 912 … is dialled at home, +7 912 … is stored."""
    return [digits, f"7{digits[1:]}"] if digits.startswith("8") and len(digits) > 4 else [digits]


def among_clients(client_id: InstrumentedAttribute[int], scope: Scope) -> ColumnElement[bool]:
    """Rows of the clients inside a scope, for a list: looked up from the person's clients and deals."""
    if scope.everything:
        return true()
    ids = seen(scope, Deal.client_id)
    if scope.as_seller:
        ids = union(select(Client.id).where(Client.seller_id == scope.user_id, Client.deleted_at.is_(None)), ids)
    return client_id == any_(func.array(ids.scalar_subquery()))


def ways_to_see_client(scope: Scope, viewer: ColumnElement[int] | None = None) -> list[ColumnElement[bool]]:
    """Why a person sees a client, each a range of an index, for lists: his own, and those of the deals that he sees.

    `viewer` as in `ways_to_see`.
    """
    if scope.everything:
        return [true()]
    own = Client.seller_id == (scope.user_id if viewer is None else viewer)
    ids = seen(scope, Deal.client_id, viewer=viewer)
    if not scope.as_seller:
        return [Client.id == any_(func.array(ids.scalar_subquery()))]
    # His own come by an index that has their names; the others are few.
    others = except_(ids, select(Client.id).where(own, LIVE))
    return [own, ~own & (Client.id == any_(func.array(others.scalar_subquery())))]


def own_clients_words(scope: Scope) -> Rows:
    """The words of the names of the clients that a person sees, for `readings`."""
    return in_ways(ways_to_see_client(scope), Client.words, where=(LIVE,))


def with_digits_in_phone(digits: str) -> Select[int]:
    """The clients that have these digits in a phone."""
    matched = or_(*(ClientPhone.e164.contains(part) for part in phone_parts(digits)))
    return select(ClientPhone.client_id).where(matched)


_phones = Several(
    select(ClientPhone).where(ClientPhone.client_id == Client.id).order_by(ClientPhone.id), Shape(ClientPhone, "e164")
)
_CLIENT: Final = Joined(Shape(Client, without=("name_key", "words")), phones=_phones)
_LISTED: Final = Joined(Shape(Client, "id", "kind", "name"), phones=_phones)


@cache
def _one(scope: Scope) -> str:
    """The statement for a client ($2) of such a person ($1), and the name of his seller."""
    rows = visible_clients(scope, VIEWER).with_only_columns(*_CLIENT.columns, User.full_name)
    # Whoever sees everything is given as well, so that there is one way to call it.
    return ready(
        rows.join(User, User.id == Client.seller_id).where(Client.id == given(2, BigInteger()), VIEWER.is_not(None))
    )


@cache
def _page(scope: Scope, limit: int, ceiling: int) -> str:
    """The statement for a page of the clients of such a person by name (storage.listing)."""
    found = in_ways(ways_to_see_client(scope, VIEWER), Client.id, Client.name_key, where=(LIVE,))
    page = one_page(Client.id, found, ["name_key", "id"], limit, ceiling, everybodys=scope.everything)
    return ready(page.add_columns(*_LISTED.columns))


class Clients(Words):
    async def get(self, scope: Scope, client_id: int) -> tuple[Client, str] | None:
        """One client with phones, and the name of his seller: for reading, outside any session."""
        found = await self.direct(_one(replace(scope, user_id=0)), scope.user_id, client_id)
        return (_CLIENT.row(found[0][:-1]), found[0][-1]) if found else None

    async def lock(self, scope: Scope, client_id: int) -> Client | None:
        """One client with phones, held until the transaction ends."""
        return await self.one(
            visible_clients(scope)
            .where(Client.id == client_id)
            .options(selectinload(Client.phones))
            .with_for_update(of=Client)
        )

    async def page(self, scope: Scope, offset: int, limit: int) -> tuple[list[Client], int]:
        """Clients by name, a page, and how many there are."""
        text = _page(replace(scope, user_id=0), limit, far_enough(offset))
        return await listed(self, text, _LISTED, scope.user_id, offset)

    async def like(self, scope: Scope, key: str, limit: int, *, closely: bool = False) -> list[Client]:
        """The likeliest clients for a name, typos forgiven; `closely` as in `readings`."""
        own = None if scope.everything else own_clients_words(scope)
        async with aclosing(self.readings(key, own, closely=closely)) as readings:
            async for reading in readings:
                if found := await self._read_as(reading, scope, key, limit):
                    return found
        return []

    async def _read_as(self, reading: Reading, scope: Scope, key: str, limit: int) -> list[Client]:
        likeness = func.word_similarity(key, Client.name_key)
        rank = case((Client.name_key.startswith(key, autoescape=True), 1.0), else_=likeness)
        near = bearers(Client, reading, scope, ways_to_see_client(scope), LIVE)
        return await self.many(
            select(Client)
            .where(among_first(Client.id, near, FARTHEST), likeness >= reading.least)
            .options(selectinload(Client.phones))
            .order_by(rank.desc(), Client.name_key, Client.id)
            .limit(limit)
        )

    async def with_digits(self, scope: Scope, digits: str, limit: int) -> list[Client]:
        """Clients with these digits in a phone, or with exactly this INN."""
        phones = with_digits_in_phone(digits).where(among_clients(ClientPhone.client_id, scope)).limit(up_to(FARTHEST))
        same_inn = select(Client.id).where(Client.inn == digits, among_clients(Client.id, scope))
        return await self.many(
            select(Client)
            .where(Client.id.in_(union(phones.subquery().select(), same_inn)), Client.deleted_at.is_(None))
            .options(selectinload(Client.phones))
            .order_by(Client.name_key, Client.id)
            .limit(limit)
        )

    async def with_phone_or_inn(self, phones: Iterable[str], inn: str | None) -> list[Client]:
        """Everybody's clients with one of these phones or this INN: to warn of a duplicate, never to show."""
        same = [select(ClientPhone.client_id).where(ClientPhone.e164.in_(list(phones)))]
        if inn:
            same.append(select(Client.id).where(Client.inn == inn))
        return await self.many(
            select(Client)
            .where(Client.deleted_at.is_(None), Client.id.in_(union(*same)))
            .options(selectinload(Client.phones))
            .order_by(Client.id)
            .limit(20)
        )

    async def move_children(self, from_id: int, into_id: int) -> None:
        """Give all that belongs to one client to another: deals, policies, papers and the phones it lacks."""
        for table in (Deal, Policy, Document):
            await self.session.execute(update(table).where(table.client_id == from_id).values(client_id=into_id))
        known = select(ClientPhone.e164).where(ClientPhone.client_id == into_id)
        await self.session.execute(
            delete(ClientPhone).where(ClientPhone.client_id == from_id, ClientPhone.e164.in_(known))
        )
        await self.session.execute(
            update(ClientPhone).where(ClientPhone.client_id == from_id).values(client_id=into_id)
        )
