"""People of the agency: who they are, how they come in, what roles they hold."""

import hashlib
from zoneinfo import ZoneInfo

from models.enums import Role
from models.tables import User
from services.access import ADMINS, Actor, Service, before_roles, command
from services.ports import Clock
from storage.uow import Transaction, Transactions


def as_actor(user: User) -> Actor:
    """The actor that a user is at this moment; a blocked one has no roles at all."""
    return Actor(
        user_id=user.id,
        roles=frozenset(Role(role) for role in user.roles) if user.active else frozenset(),
        zone=ZoneInfo(user.time_zone),
        language=user.language,
        name=user.full_name,
    )


def code_hash(code: str) -> bytes:
    """What is kept of an invite's code."""
    return hashlib.sha256(code.encode()).digest()


class PeopleService(Service):
    """Who is who. `admin_ids` are the telegram ids that become admins on their first /start (setting ADMIN_IDS)."""

    def __init__(self, transactions: Transactions, clock: Clock, admin_ids: frozenset[int] = frozenset()) -> None:
        super().__init__(transactions, clock)
        self.admin_ids = admin_ids

    @before_roles("tells only who the sender of an update is, to the dispatcher")
    async def identify(self, telegram_id: int) -> Actor | None:
        """The active person behind a Telegram account, or None for a stranger and for a blocked one."""
        async with self._transactions.read(None, self.clock.now()) as tx:
            user = await tx.people.by_telegram_id(telegram_id)
        return as_actor(user) if user is not None and user.active else None

    @before_roles("lets in only the owner's own ids and bearers of a valid one-time code")
    async def admit(self, telegram_id: int, full_name: str, username: str | None, code: str | None) -> Actor | None:
        """Take a person's /start: an id of ADMIN_IDS becomes an admin, a valid invite gives its roles.

        Returns who the person is now; None for a stranger. A known person's name is refreshed, his roles are kept
        (an invite adds to them); a blocked one stays out whatever he brings.
        """
        async with self._transactions.begin(None, self.clock.now()) as tx:
            user = await tx.people.by_telegram_id(telegram_id)
            if user is not None and not user.active:
                return None
            roles: set[str] = set(user.roles) if user is not None else set()
            if telegram_id in self.admin_ids and not roles:
                roles.add(Role.ADMIN.value)
            invite = await tx.people.lock_invite(code_hash(code)) if code else None
            if (
                invite is not None
                and invite.used_by_id is None
                and invite.revoked_at is None
                and invite.expires_at > tx.now
            ):
                roles |= set(invite.roles)
            else:
                invite = None
            if not roles:
                return None
            ordered: list[str] = [role.value for role in Role if role.value in roles]
            if user is None:
                user = User(telegram_id=telegram_id, full_name=full_name, username=username, roles=ordered)
                await tx.add(user)
                tx.audit("person.joined", "user", user.id, roles=ordered)
            elif user.roles != ordered:
                tx.audit("person.roles", "user", user.id, roles=[list(user.roles), ordered])
                user.roles = ordered
            user.username = username
            user.reachable = True
            user.last_seen_at = tx.now
            if invite is not None:
                invite.used_by_id, invite.used_at = user.id, tx.now
                tx.audit("invite.used", "invite", invite.id)
            actor = as_actor(user)
            await tx.commit()
        return actor

    @command(ADMINS)
    async def unreachable(self, tx: Transaction, actor: Actor, user_id: int) -> None:  # noqa: ARG002
        """Note that a person has blocked the bot, and tell the admins."""
        user = await tx.people.lock(user_id)
        if user is None or not user.reachable:
            return
        user.reachable = False
        tx.audit("person.unreachable", "user", user_id)
        for admin in await tx.people.with_role(Role.ADMIN):
            if admin.id != user_id:
                tx.notify(admin.id, "person_unreachable", user_id=user_id)
