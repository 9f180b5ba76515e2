"""Users and invites."""

from collections.abc import Collection

from sqlalchemy import select, update

from models.enums import Role
from models.tables import Invite, User
from storage.repository import Repository


class People(Repository):
    async def by_telegram_id(self, telegram_id: int) -> User | None:
        return await self.one(select(User).where(User.telegram_id == telegram_id))

    async def get(self, user_id: int) -> User | None:
        return await self.one(select(User).where(User.id == user_id))

    async def by_ids(self, user_ids: Collection[int]) -> list[User]:
        return await self.many(select(User).where(User.id.in_(user_ids)))

    async def lock(self, user_id: int) -> User | None:
        return await self.one(select(User).where(User.id == user_id).with_for_update())

    async def with_role(self, role: Role) -> list[User]:
        """Active people who hold a role, by name."""
        return await self.many(
            select(User).where(User.roles.contains([role.value]), User.active).order_by(User.full_name, User.id)
        )

    async def set_reachable(self, user_id: int, *, reachable: bool) -> None:
        await self.session.execute(update(User).where(User.id == user_id).values(reachable=reachable))

    async def lock_invite(self, code_hash: bytes) -> Invite | None:
        return await self.one(select(Invite).where(Invite.code_hash == code_hash).with_for_update())
