"""Clients and their phones, seen through a scope."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from models.scope import Scope
from models.tables import Client, ClientPhone, Deal, Document, Policy, User
from storage.repository import Repository, may_see_deal

FAINT = 0.4
"""Word similarity at which a name may still be the one that was meant: looked for only when nothing better is found."""


def may_see_client(scope: Scope) -> ColumnElement[bool]:
    """The clients inside a scope: a seller's own and those of the deals that a person may see."""
    of_deal = exists().where(Deal.client_id == Client.id, may_see_deal(scope))
    return or_(Client.seller_id == scope.user_id, of_deal) if scope.as_seller else of_deal


def visible_clients(scope: Scope) -> Select[Client]:
    """The base of every statement about clients; merged and deleted ones do not exist."""
    statement = select(Client).where(Client.deleted_at.is_(None))
    return statement if scope.everything else statement.where(may_see_client(scope))


def resembles(column: InstrumentedAttribute[str], key: str) -> ColumnElement[bool]:
    """Texts that hold the words or resemble them (0.6); the operator is what the index serves, the function is not."""
    return or_(column.contains(key, autoescape=True), literal(key).op("<%")(column))


def resembles_faintly(column: InstrumentedAttribute[str], key: str) -> ColumnElement[bool]:
    """The same for a typo at the start of a word; walks the whole table."""
    return func.word_similarity(key, column) >= FAINT


def has_phone(digits: str) -> ColumnElement[bool]:
    return exists().where(
        ClientPhone.client_id == Client.id, or_(*(ClientPhone.e164.contains(part) for part in phone_parts(digits)))
    )


def phone_parts(digits: str) -> list[str]:
    """What typed digits may be a part of: 8 912 … is dialled at home, +7 912 … is stored."""
    return [digits, f"7{digits[1:]}"] if digits.startswith("8") and len(digits) > 4 else [digits]


class Clients(Repository):
    async def get(self, scope: Scope, client_id: int) -> Client | None:
        return await self.one(visible_clients(scope).where(Client.id == client_id).options(selectinload(Client.phones)))

    async def lock(self, scope: Scope, client_id: int) -> Client | None:
        """One client with phones, held until the transaction ends."""
        return await self.one(
            visible_clients(scope)
            .where(Client.id == client_id)
            .options(selectinload(Client.phones))
            .with_for_update(of=Client)
        )

    async def seller_name(self, client: Client) -> str | None:
        return await self.one(select(User.full_name).where(User.id == client.seller_id))

    async def page(self, scope: Scope, offset: int, limit: int) -> tuple[list[Client], int]:
        """Clients by name, a page, and how many there are."""
        base = visible_clients(scope)
        rows = await self.many(
            base.options(selectinload(Client.phones)).order_by(Client.name_key, Client.id).offset(offset).limit(limit)
        )
        return rows, await self.count(base.with_only_columns(Client.id))

    async def like(self, scope: Scope, key: str, limit: int) -> list[Client]:
        """The likeliest clients for a name, typos forgiven."""
        rank = case(
            (Client.name_key.startswith(key, autoescape=True), 1.0), else_=func.word_similarity(key, Client.name_key)
        )
        for condition in (resembles, resembles_faintly):
            found = await self.many(
                visible_clients(scope)
                .where(condition(Client.name_key, key))
                .options(selectinload(Client.phones))
                .order_by(rank.desc(), Client.name_key, Client.id)
                .limit(limit)
            )
            if found:
                return found
        return []

    async def with_digits(self, scope: Scope, digits: str, limit: int) -> list[Client]:
        """Clients with these digits in a phone, or with exactly this INN."""
        return await self.many(
            visible_clients(scope)
            .where(or_(has_phone(digits), Client.inn == digits))
            .options(selectinload(Client.phones))
            .order_by(Client.name_key, Client.id)
            .limit(limit)
        )

    async def with_phone_or_inn(self, phones: Iterable[str], inn: str | None) -> list[Client]:
        """Everybody's clients with one of these phones or this INN: to warn of a duplicate, never to show."""
        same: list[ColumnElement[bool]] = [
            exists().where(ClientPhone.client_id == Client.id, ClientPhone.e164.in_(list(phones)))
        ]
        if inn:
            same.append(Client.inn == inn)
        return await self.many(
            select(Client)
            .where(Client.deleted_at.is_(None), or_(*same))
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
