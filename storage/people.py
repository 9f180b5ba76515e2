"""Users and invites, and what hangs on a person: deals, tasks, clients."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal_column, select, update

from models.enums import Role
from models.tables import Client, Deal, Invite, Task, User
from storage.direct import Shape, given, ready
from storage.repository import OPEN_DEAL, OPEN_TASK, Repository, counted_each, number, up_to_many

WHO = Shape(User, "id", "full_name", "roles", "active", "time_zone", "language")
"""A person as far as it takes to act as him (services.people.as_actor)."""
COLLEAGUE = Shape(User, "id", "full_name")
"""A person as far as it takes to choose him from a list."""
BY_NAME = (User.name_key, User.id)


def holds(role: Role) -> ColumnElement[bool]:
    """Whether an active person holds a role; the role stands in the text, as in the condition of an index."""
    return and_(User.active, User.roles.contains(literal_column(f"'{{{role.value}}}'", User.roles.type)))


@dataclass(frozen=True, slots=True)
class Load:
    """How much open work hangs on a person."""

    deals: int = 0
    clients: int = 0
    executed: int = 0
    tasks: int = 0

    @property
    def any(self) -> bool:
        return bool(self.deals or self.clients or self.executed or self.tasks)


class People(Repository):
    async def by_telegram_id(self, telegram_id: int) -> User | None:
        return await self.one(select(User).where(User.telegram_id == telegram_id))

    async def get(self, user_id: int) -> User | None:
        return await self.one(select(User).where(User.id == user_id))

    async def by_ids(self, user_ids: Collection[int]) -> list[User]:
        return await self.many(select(User).where(User.id.in_(user_ids)))

    async def lock(self, user_id: int) -> User | None:
        """One person, held; rows that only point at him may still be written by others."""
        return await self.one(select(User).where(User.id == user_id).with_for_update(key_share=True))

    async def lock_with_admins(self, user_id: int) -> tuple[User | None, list[User]]:
        """A person and every active admin, all held in one order: two admins cannot remove each other at once."""
        rows = await self.many(
            select(User)
            .where((User.id == user_id) | (User.roles.contains([Role.ADMIN.value]) & User.active))
            .order_by(User.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        admins = [user for user in rows if user.active and Role.ADMIN.value in user.roles]
        return next((user for user in rows if user.id == user_id), None), admins

    async def with_role(self, role: Role) -> list[User]:
        """Active people who hold a role, by name."""
        return await self.many(select(User).where(holds(role)).order_by(*BY_NAME))

    async def colleagues(
        self, role: Role, most: int | None = None, *, offset: int = 0, besides: int | None = None
    ) -> list[User]:
        """Active people who hold a role, by name, with nothing but their names; `most` of them, without this one."""
        found = await self.direct(_COLLEAGUES[role], most, offset, besides or 0)
        return [COLLEAGUE.row(row) for row in found]

    async def how_many(self, role: Role, *, besides: int | None = None) -> int:
        """How many active people hold a role, without this one."""
        return int((await self.direct(_HOW_MANY[role], besides or 0))[0][0])

    async def colleague(self, role: Role, user_id: int) -> User | None:
        """An active person who holds a role, with nothing but his name."""
        found = await self.direct(_COLLEAGUE[role], user_id)
        return COLLEAGUE.row(found[0]) if found else None

    async def page(self, offset: int, limit: int) -> tuple[list[User], int]:
        """Everybody, the blocked last, by name; and how many there are."""
        rows = await self.many(select(User).order_by(User.active.desc(), *BY_NAME).offset(offset).limit(limit))
        return rows, await self.count(select(User.id), offset, everybodys=True)

    async def names(self, user_ids: Collection[int]) -> dict[int, str]:
        """What people are called; an id that is nobody's is left out."""
        rows = await self.direct("SELECT id, full_name FROM users WHERE id = any($1::bigint[])", list(user_ids))
        return {row["id"]: row["full_name"] for row in rows}

    async def set_reachable(self, user_id: int, *, reachable: bool) -> None:
        await self.session.execute(update(User).where(User.id == user_id).values(reachable=reachable))

    async def load(self, user_id: int) -> Load:
        """How much open work hangs on a person."""
        work = (
            select(Deal.id).where(Deal.seller_id == user_id, OPEN_DEAL),
            select(Client.id).where(_OWN_CLIENT, Client.seller_id == user_id),
            select(Deal.id).where(Deal.executor_id == user_id, OPEN_DEAL),
            select(Task.id).where(Task.assignee_id == user_id, OPEN_TASK),
        )
        row = await self.session.execute(select(*map(up_to_many, work)))
        return Load(*map(number, row.one()))

    async def sell(self, user_ids: Collection[int]) -> dict[int, int]:
        """How many open deals each of these people sells."""
        return await self.each(_sold, user_ids)

    # --- handing over ---------------------------------------------------------------------------------------------

    async def lock_sold(self, user_id: int) -> list[Deal]:
        """The open deals that a person sells, held in the order of their ids."""
        return await self.many(
            select(Deal).where(Deal.seller_id == user_id, OPEN_DEAL).order_by(Deal.id).with_for_update(of=Deal)
        )

    async def lock_executed(self, user_id: int) -> list[Deal]:
        """The open deals that a person executes or has an open task on, held in the order of their ids."""
        tasks = select(Task.deal_id).where(Task.assignee_id == user_id, OPEN_TASK)
        return await self.many(
            select(Deal)
            .where((Deal.executor_id == user_id) & OPEN_DEAL | Deal.id.in_(tasks))
            .order_by(Deal.id)
            .with_for_update(of=Deal)
        )

    async def lock_tasks(self, deal_ids: Collection[int]) -> list[Task]:
        """The open tasks of deals that are held already."""
        return await self.many(
            select(Task).where(Task.deal_id.in_(deal_ids), OPEN_TASK).order_by(Task.id).with_for_update(of=Task)
        )

    async def move_clients(self, from_id: int, to_id: int) -> int:
        """Give all of a person's clients to another; returns how many they were."""
        moved = await self.session.execute(
            update(Client).where(_OWN_CLIENT, Client.seller_id == from_id).values(seller_id=to_id).returning(Client.id)
        )
        return len(moved.all())

    async def move_lonely_client(self, client_id: int, from_id: int, to_id: int) -> None:
        """Give a client to another seller, unless the first one has more open deals with him."""
        others = select(Deal.id).where(Deal.client_id == client_id, Deal.seller_id == from_id, OPEN_DEAL)
        await self.session.execute(
            update(Client)
            .where(Client.id == client_id, Client.seller_id == from_id, ~others.exists())
            .values(seller_id=to_id)
        )

    # --- invites --------------------------------------------------------------------------------------------------

    async def lock_invite(self, code_hash: bytes) -> Invite | None:
        return await self.one(select(Invite).where(Invite.code_hash == code_hash).with_for_update(key_share=True))

    async def invite(self, invite_id: int) -> Invite | None:
        """One invite, held."""
        return await self.one(select(Invite).where(Invite.id == invite_id).with_for_update(key_share=True))

    async def pending_invites(self, now: datetime, limit: int) -> list[tuple[Invite, str]]:
        """Invites that still let somebody in, the newest first, with the names of their authors."""
        rows = await self.session.execute(
            select(Invite, User.full_name)
            .join(User, User.id == Invite.author_id)
            .where(_PENDING, Invite.expires_at > now)
            .order_by(Invite.id.desc())
            .limit(limit)
        )
        return [(invite, name) for invite, name in rows.all()]

    async def revoke_invites_of(self, author_id: int, now: datetime) -> list[int]:
        """Withdraw what a person has invited with: he may let nobody in any more."""
        rows = await self.session.execute(
            update(Invite).where(_PENDING, Invite.author_id == author_id).values(revoked_at=now).returning(Invite.id)
        )
        return list(rows.scalars())


_PENDING = Invite.used_by_id.is_(None) & Invite.revoked_at.is_(None)
_OWN_CLIENT = Client.deleted_at.is_(None)
_COLLEAGUES = {
    role: ready(
        select(*COLLEAGUE.columns)
        .where(holds(role), User.id != given(3, BigInteger()))
        .order_by(*BY_NAME)
        .limit(given(1, BigInteger()))
        .offset(given(2, BigInteger()))
    )
    for role in Role
}
_HOW_MANY = {
    role: ready(select(func.count()).select_from(User).where(holds(role), User.id != given(1, BigInteger())))
    for role in Role
}
_COLLEAGUE = {
    role: ready(select(*COLLEAGUE.columns).where(holds(role), User.id == given(1, BigInteger()))) for role in Role
}


@cache
def _sold(most: int) -> str:
    return counted_each(lambda person: select(Deal.id).where(Deal.seller_id == person, OPEN_DEAL), most)
