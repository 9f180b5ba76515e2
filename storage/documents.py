"""Rows of documents and of parcels that wait for a deal; their bytes are in storage.files."""

from dataclasses import replace
from functools import cache
from typing import Final

from sqlalchemy import BigInteger, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from models.scope import Scope
from models.tables import Client, Deal, Document, LineOfBusiness, Parcel, ParcelItem
from storage.direct import Joined, Shape, given, ready
from storage.repository import OPEN_DEAL, Repository, may_see_deal, open_deals, up_to

_DEAL: Final = Joined(
    Shape(Deal, "id", "number", "title"), client=Shape(Client, "name"), line=Shape(LineOfBusiness, "name")
)


class Documents(Repository):
    async def get(self, scope: Scope, document_id: int) -> Document | None:
        return await self.one(
            select(Document)
            .join(Deal, Deal.id == Document.deal_id)
            .where(Document.id == document_id, Document.deleted_at.is_(None), may_see_deal(scope))
            .options(joinedload(Document.sent_by))
        )

    async def of_deal(self, scope: Scope, deal_id: int, offset: int, limit: int) -> tuple[list[Document], int]:
        """A page of a deal's papers, newest first, and how many there are."""
        found = (
            select(Document)
            .join(Deal, Deal.id == Document.deal_id)
            .where(Document.deal_id == deal_id, Document.deleted_at.is_(None), may_see_deal(scope))
        )
        total = await self.count(found.with_only_columns(Document.id))
        page = found.order_by(Document.id.desc()).offset(offset).limit(limit).options(joinedload(Document.sent_by))
        return await self.many(page), total

    async def same_content(self, deal_id: int, sha256: bytes) -> Document | None:
        return await self.one(
            select(Document).where(
                Document.deal_id == deal_id, Document.sha256 == sha256, Document.deleted_at.is_(None)
            )
        )

    async def known_paths(self, paths: list[str]) -> set[str]:
        """Which of these paths a row names: of a paper, put away or not, or of one that waits for its deal."""
        papers = select(Document.path).where(Document.path.in_(paths))
        waiting = select(ParcelItem.path).where(ParcelItem.path.in_(paths))
        return {path for (path,) in (await self.session.execute(papers.union_all(waiting))).all()}

    async def parcel(self, user_id: int, group_key: str, caption: str) -> Parcel:
        """The parcel of an album or a single message, made at its first file; held until the transaction ends."""
        await self.session.execute(
            insert(Parcel).values(user_id=user_id, group_key=group_key, caption=caption).on_conflict_do_nothing()
        )
        statement = select(Parcel).where(Parcel.user_id == user_id, Parcel.group_key == group_key).with_for_update()
        return (await self.session.execute(statement)).scalar_one()

    async def lock_parcel(self, user_id: int, parcel_id: int) -> Parcel | None:
        return await self.one(select(Parcel).where(Parcel.id == parcel_id, Parcel.user_id == user_id).with_for_update())

    async def items(self, parcel_id: int) -> list[ParcelItem]:
        return await self.many(select(ParcelItem).where(ParcelItem.parcel_id == parcel_id).order_by(ParcelItem.id))

    async def likely_deals(self, scope: Scope, user_id: int, limit: int) -> list[Deal]:
        """Open deals that papers are likeliest for: where this person has just worked, then the freshest."""
        rows = await self.direct(_likely_deals(replace(scope, user_id=0), limit), user_id)
        return [_DEAL.row(row) for row in rows]

    async def client_of(self, deal_id: int) -> Client:
        statement = select(Client).join(Deal, Deal.client_id == Client.id).where(Deal.id == deal_id)
        return (await self.session.execute(statement)).scalar_one()


@cache
def _likely_deals(scope: Scope, limit: int) -> str:
    """The statement for what such a person ($1) may see."""
    viewer = given(1, BigInteger())
    last = select(Document.deal_id.label("deal_id")).where(Document.sent_by_id == viewer).order_by(Document.id.desc())
    mine = last.limit(up_to(1)).scalar_subquery()
    deals = open_deals(scope, viewer)
    freshest = select(deals.c.id).order_by(deals.c.updated_at.desc(), deals.c.id.desc()).limit(up_to(limit))
    just_worked = select(Deal.id).where(Deal.id == mine, may_see_deal(scope, viewer), OPEN_DEAL)
    ids = union(just_worked, freshest.subquery().select())
    return ready(
        select(*_DEAL.columns)
        .select_from(Deal)
        .join(Client, Client.id == Deal.client_id)
        .join(LineOfBusiness, LineOfBusiness.id == Deal.line_id)
        .where(Deal.id.in_(ids))
        .order_by((Deal.id == mine).desc(), Deal.updated_at.desc(), Deal.id.desc())
        .limit(up_to(limit))
    )
