"""People of the agency: who they are, how they come in, what roles they hold, who takes over what they leave."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.enums import Role
from models.tables import Deal, Invite, User
from services import planning
from services.access import ADMINS, ANYBODY, SELLERS, Actor, Service, before_roles, command, query, steps
from services.deals import own_open_deal
from services.errors import AlreadyDone, Invalid, NotFound
from services.ports import Clock
from services.rules.guesses import Guesses
from services.rules.reading import read_name
from services.settings import TIME_ZONE, team_settings
from services.tasks import hand_on
from storage.people import Load
from storage.uow import Transaction, Transactions

INVITE_LIFE = timedelta(hours=72)
PAGE = 8
NAME_LIMIT = 200
SEEN_EACH = timedelta(minutes=15)
"""How exactly it is known when a person was here last: a write on every tap would say no more."""


@dataclass(frozen=True, slots=True)
class NewInvite:
    """An invite just made. The code is nowhere but here: only its hash is kept."""

    id: int
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PendingInvite:
    """An invite that still lets somebody in."""

    invite: Invite
    author: str


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person with the open work that hangs on him, and what may not be done to him."""

    user: User
    load: Load
    is_me: bool
    last_admin: bool


@dataclass(frozen=True, slots=True)
class Successor:
    """Somebody who can take over in a role, and how much of that he has already: a seller deals, an executor tasks."""

    user: User
    role: Role
    has: int


def as_actor(user: User) -> Actor:
    """The actor that a user is at this moment; a blocked one has no roles at all."""
    return Actor(
        user_id=user.id,
        roles=frozenset(Role(role) for role in user.roles) if user.active else frozenset(),
        zone=ZoneInfo(user.time_zone),
        language=user.language,
        name=user.full_name,
    )


def active_actor(user: User | None) -> Actor | None:
    """Who may act as this user now: nobody for a stranger and for a blocked one."""
    return as_actor(user) if user is not None and user.active else None


def code_hash(code: str) -> bytes:
    """What is kept of an invite's code."""
    return hashlib.sha256(code.encode()).digest()


def in_order(roles: Collection[str]) -> list[str]:
    """Roles as they are stored. Raises Invalid for none and for what is no role."""
    ordered: list[str] = [role.value for role in Role if role.value in roles]
    if len(ordered) != len(set(roles)):
        raise Invalid("This cannot be done.")
    if not ordered:
        raise Invalid("Choose at least one role.")
    return ordered


class PeopleService(Service):
    """Who is who. `admin_ids` are the telegram ids that become admins on their first /start (setting ADMIN_IDS)."""

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        admin_ids: frozenset[int] = frozenset(),
        time_zone: str = TIME_ZONE,
    ) -> None:
        super().__init__(transactions, clock)
        self.admin_ids = admin_ids
        self.time_zone = time_zone
        self.guesses = Guesses()
        self._seen: dict[int, datetime] = {}

    # --- coming in ------------------------------------------------------------------------------------------------

    @before_roles("tells only who the sender of an update is, to the dispatcher")
    async def identify(self, telegram_id: int) -> Actor | None:
        """The active person behind a Telegram account, or None for a stranger and for a blocked one."""
        async with self._transactions.read(None, self.clock.now()) as tx:
            return active_actor(await tx.people.by_telegram_id(telegram_id))

    @before_roles("lets in only the owner's own ids and bearers of a valid one-time code")
    async def admit(self, telegram_id: int, full_name: str, username: str | None, code: str | None) -> Actor | None:
        """Take a person's /start: an id of ADMIN_IDS becomes an admin, a valid invite gives its roles.

        Returns who the person is now; None for a stranger. A known person keeps his roles and an invite adds to them;
        one that adds nothing, or that is his own, is not spent. A blocked person stays out whatever he brings.
        After too many wrong codes none is looked at for a while.
        """
        if code and not self.guesses.look(telegram_id, self.clock.now()):
            code = None
        async with self._transactions.begin(None, self.clock.now()) as tx:
            user = await tx.people.by_telegram_id(telegram_id)
            if user is not None and not user.active:
                return None
            roles: set[str] = set(user.roles) if user is not None else set()
            if telegram_id in self.admin_ids and not roles:
                roles.add(Role.ADMIN.value)
            invite = await self._valid_invite(tx, code) if code else None
            if invite is not None:
                self.guesses.right(telegram_id)
                if set(invite.roles) <= roles or (user is not None and user.id == invite.author_id):
                    invite = None
            if invite is not None:
                roles |= set(invite.roles)
            if not roles:
                return None
            ordered = in_order(roles)
            if user is None:
                user = await self._join(tx, telegram_id, full_name, username, ordered)
            elif user.roles != ordered:
                await self._change_roles(tx, user, ordered)
            user.username = username
            _reached(tx, user)
            user.last_seen_at = tx.now
            if invite is not None:
                invite.used_by_id, invite.used_at = user.id, tx.now
                tx.audit("invite.used", "invite", invite.id, roles=invite.roles)
            actor = as_actor(user)
            await tx.commit()
        return actor

    @staticmethod
    async def _valid_invite(tx: Transaction, code: str) -> Invite | None:
        """The invite behind a code, held, while it still lets somebody in."""
        invite = await tx.people.lock_invite(code_hash(code))
        if invite is None or invite.used_by_id is not None or invite.revoked_at is not None:
            return None
        return invite if invite.expires_at > tx.now else None

    async def _join(
        self, tx: Transaction, telegram_id: int, full_name: str, username: str | None, roles: list[str]
    ) -> User:
        user = User(
            telegram_id=telegram_id,
            full_name=full_name[:NAME_LIMIT],
            username=username,
            roles=roles,
            time_zone=(await team_settings(tx, self.time_zone)).time_zone,
        )
        await tx.add(user)
        tx.actor_id = user.id
        tx.audit("person.joined", "user", user.id, roles=roles)
        await planning.plan_digests(tx, user)
        if Role.ADMIN.value in roles:
            await tx.reminders.plan_admin_steps(user.id)
        for admin in await tx.people.with_role(Role.ADMIN):
            if admin.id != user.id:
                tx.notify(admin.id, "person_joined", user_id=user.id)
        return user

    @staticmethod
    async def _change_roles(tx: Transaction, user: User, roles: list[str]) -> None:
        """Set a person's roles with everything that follows from it; the person must be held or be the actor."""
        tx.actor_id = tx.actor_id or user.id
        tx.audit("person.roles", "user", user.id, roles=[list(user.roles), roles])
        was, user.roles = Role.ADMIN.value in user.roles, roles
        await tx.session.flush()
        if Role.ADMIN.value in roles and not was and user.active:
            await tx.reminders.plan_admin_steps(user.id)
        if was and Role.ADMIN.value not in roles:
            await tx.reminders.forget_admin_steps(user.id)
            await _withdraw_invites(tx, user.id)
        await planning.plan_digests(tx, user)

    @before_roles("only notes that a known person was here")
    async def seen(self, actor: Actor) -> None:
        """Note when a person was here last, and that he can be written to: whoever writes has not blocked the bot."""
        now = self.clock.now()
        before = self._seen.get(actor.user_id)
        if before is not None and timedelta() <= now - before < SEEN_EACH:
            return
        self._seen[actor.user_id] = now
        async with self._transactions.begin(None, now) as tx:
            user = await tx.people.lock(actor.user_id)
            if user is not None:
                _reached(tx, user)
                user.last_seen_at = now
            await tx.commit()

    # --- invites --------------------------------------------------------------------------------------------------

    @steps(ADMINS)
    async def invite(self, actor: Actor, roles: list[str]) -> NewInvite:
        """Make a one-time code that gives these roles for 72 hours. Raises Invalid."""
        # The code is made outside of the command: what a command returns is kept in the database.
        code = secrets.token_urlsafe(16)
        invite_id = await self.keep_invite(actor, in_order(roles), code_hash(code).hex())
        return NewInvite(invite_id, code, self.clock.now() + INVITE_LIFE)

    @command(ADMINS)
    async def keep_invite(self, tx: Transaction, actor: Actor, roles: list[str], code_hash_hex: str) -> int:
        """Keep an invite by the hash of its code."""
        invite = Invite(
            code_hash=bytes.fromhex(code_hash_hex),
            roles=in_order(roles),
            author_id=actor.user_id,
            expires_at=tx.now + INVITE_LIFE,
        )
        await tx.add(invite)
        tx.audit("invite.made", "invite", invite.id, roles=invite.roles)
        return invite.id

    @query(ADMINS)
    async def invites(self, tx: Transaction, actor: Actor, limit: int = 20) -> list[PendingInvite]:  # noqa: ARG002
        """Invites that still let somebody in, the newest first."""
        return [PendingInvite(*row) for row in await tx.people.pending_invites(tx.now, limit)]

    @command(ADMINS)
    async def revoke(self, tx: Transaction, actor: Actor, invite_id: int) -> None:  # noqa: ARG002
        """Withdraw an invite that nobody has used. Raises NotFound, AlreadyDone."""
        invite = await tx.people.invite(invite_id)
        if invite is None:
            raise NotFound
        if invite.used_by_id is not None or invite.revoked_at is not None:
            raise AlreadyDone
        invite.revoked_at = tx.now
        tx.audit("invite.revoked", "invite", invite.id, roles=invite.roles)

    # --- looking --------------------------------------------------------------------------------------------------

    @query(ADMINS)
    async def page(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        page: int = 0,
        *,
        size: int = PAGE,
    ) -> tuple[list[User], int]:
        """A page of everybody by name, the blocked last; and how many there are."""
        return await tx.people.page(page * size, size)

    @query(ADMINS)
    async def card(self, tx: Transaction, actor: Actor, user_id: int) -> PersonCard:
        """A person with the work that hangs on him. Raises NotFound."""
        user = await tx.people.get(user_id)
        if user is None:
            raise NotFound
        admins = [admin.id for admin in await tx.people.with_role(Role.ADMIN)]
        return PersonCard(user, await tx.people.load(user_id), user_id == actor.user_id, admins == [user_id])

    @query(ANYBODY)
    async def reload(self, tx: Transaction, actor: Actor) -> Actor:
        """The actor as he is after what he has just changed about himself. Raises NotFound."""
        user = await tx.people.get(actor.user_id)
        if user is None:
            raise NotFound
        return as_actor(user)

    @query(ANYBODY)
    async def colleague(self, tx: Transaction, actor: Actor, user_id: int) -> str:  # noqa: ARG002
        """What a person is called, for whoever works with him; nothing for nobody."""
        user = await tx.people.get(user_id)
        return user.full_name if user is not None else ""

    @query(SELLERS)
    async def successors(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        roles: list[str],
        *,
        besides: int | None = None,
        page: int = 0,
        size: int = PAGE,
    ) -> tuple[list[Successor], int]:
        """A page of the active people who can take work over in these roles, by name in each; and how many they are."""
        counts = {Role(role): await tx.people.how_many(Role(role), besides=besides) for role in roles}
        total = sum(counts.values())
        at = page * size
        shown: list[tuple[Role, User]] = []
        for role, count in counts.items():
            if 0 <= at < count and len(shown) < size:
                found = await tx.people.colleagues(role, size - len(shown), offset=at, besides=besides)
                shown += [(role, user) for user in found]
            at = max(at - count, 0)
        sellers, executors = ([user.id for role, user in shown if role is one] for one in (Role.SELLER, Role.EXECUTOR))
        has = {
            Role.SELLER: await tx.people.sell(sellers) if sellers else {},
            Role.EXECUTOR: await tx.tasks.load(executors) if executors else {},
        }
        return [Successor(user, role, has[role].get(user.id, 0)) for role, user in shown], total

    # --- rights ---------------------------------------------------------------------------------------------------

    @command(ADMINS)
    async def set_roles(self, tx: Transaction, actor: Actor, user_id: int, roles: list[str]) -> None:
        """Give a person exactly these roles. The last admin keeps his. Raises NotFound, AlreadyDone, Invalid."""
        ordered = in_order(roles)
        user, admins = await tx.people.lock_with_admins(user_id)
        if user is None:
            raise NotFound
        if user.roles == ordered:
            raise AlreadyDone
        if Role.ADMIN.value not in ordered and [admin.id for admin in admins] == [user_id]:
            raise Invalid("This is the only administrator. Make somebody else one first.")
        await self._change_roles(tx, user, ordered)
        if user_id != actor.user_id and user.active:
            tx.notify(user_id, "roles_changed")

    @command(ADMINS)
    async def block(self, tx: Transaction, actor: Actor, user_id: int) -> None:
        """Shut a person out at once; his deals wait for somebody to take them over.

        Raises NotFound, AlreadyDone, Invalid (oneself, the last admin).
        """
        user, admins = await tx.people.lock_with_admins(user_id)
        if user is None:
            raise NotFound
        if user_id == actor.user_id:
            raise Invalid("Nobody blocks himself. Ask another administrator.")
        if not user.active:
            raise AlreadyDone
        if [admin.id for admin in admins] == [user_id]:
            raise Invalid("This is the only administrator. Make somebody else one first.")
        user.active = False
        tx.audit("person.blocked", "user", user_id)
        await tx.session.flush()
        await tx.reminders.forget_admin_steps(user_id)
        await _withdraw_invites(tx, user_id)
        await planning.plan_digests(tx, user)

    @command(ADMINS)
    async def unblock(self, tx: Transaction, actor: Actor, user_id: int) -> None:  # noqa: ARG002
        """Let a person in again, with the roles he had. Raises NotFound, AlreadyDone."""
        user = await tx.people.lock(user_id)
        if user is None:
            raise NotFound
        if user.active:
            raise AlreadyDone
        user.active = True
        tx.audit("person.unblocked", "user", user_id)
        await planning.plan_digests(tx, user)
        if Role.ADMIN.value in user.roles:
            await tx.reminders.plan_admin_steps(user_id)

    @command(ADMINS)
    async def rename(self, tx: Transaction, actor: Actor, user_id: int, name: str) -> None:  # noqa: ARG002
        """Call a person by the name that the agency knows. Raises NotFound, AlreadyDone, Unreadable."""
        user = await tx.people.lock(user_id)
        if user is None:
            raise NotFound
        name = read_name(name, NAME_LIMIT)
        if user.full_name == name:
            raise AlreadyDone
        tx.audit("person.renamed", "user", user_id, name=[user.full_name, name])
        user.full_name = name

    @command(ADMINS)
    async def unreachable(self, tx: Transaction, actor: Actor, user_id: int) -> None:  # noqa: ARG002
        """Note that a person has blocked the bot, and tell the admins."""
        await self._lost(tx, user_id)

    @command(ANYBODY)
    async def blocked_bot(self, tx: Transaction, actor: Actor) -> None:
        """A person has stopped the bot: nothing can be sent to him until he starts it again."""
        await self._lost(tx, actor.user_id)

    async def _lost(self, tx: Transaction, user_id: int) -> None:
        self._seen.pop(user_id, None)
        user = await tx.people.lock(user_id)
        if user is None or not user.reachable:
            return
        user.reachable = False
        tx.audit("person.unreachable", "user", user_id)
        for admin in await tx.people.with_role(Role.ADMIN):
            if admin.id != user_id:
                tx.notify(admin.id, "person_unreachable", user_id=user_id)

    # --- handing over ---------------------------------------------------------------------------------------------

    @command(ADMINS)
    async def hand_over(self, tx: Transaction, actor: Actor, from_id: int, to_id: int, role: str) -> dict[str, int]:
        """Give all that a person does in one of his roles to another who holds it; returns how much it was.

        A seller's open deals and all his clients; an executor's open tasks and the deals he works on. Every deal
        keeps its next touch. The new person gets one message. Raises NotFound, Invalid, AlreadyDone (nothing left).
        """
        people = {user_id: await tx.people.lock(user_id) for user_id in sorted({from_id, to_id})}
        giver, taker = people.get(from_id), people.get(to_id)
        if giver is None or taker is None:
            raise NotFound
        wanted = Role.SELLER if role == Role.SELLER.value else Role.EXECUTOR
        _may_take(taker, wanted, from_id)
        counts = await (_give_deals if wanted is Role.SELLER else _give_tasks)(tx, giver, taker)
        if not any(counts.values()):
            raise AlreadyDone
        tx.audit("person.handed_over", "user", from_id, to=to_id, role=wanted.value, **counts)
        if to_id != actor.user_id:
            tx.notify(to_id, "deals_handed_over", from_id=from_id, to_id=to_id, role=wanted.value, counts=counts)
        return counts

    @command(SELLERS)
    async def hand_over_deal(self, tx: Transaction, actor: Actor, deal_id: int, to_user_id: int) -> None:
        """Give one deal to another seller: an admin's right, and its own seller's.

        The client goes along unless the seller has more open deals with him. Raises NotFound, Forbidden, AlreadyDone,
        Invalid.
        """
        deal = await own_open_deal(tx, actor, deal_id)
        taker = await tx.people.lock(to_user_id)
        if taker is None:
            raise NotFound
        if deal.seller_id == to_user_id:
            raise AlreadyDone
        before = deal.seller_id
        _may_take(taker, Role.SELLER, before)
        await _change_seller(tx, [deal], before, taker)
        await tx.people.move_lonely_client(deal.client_id, before, to_user_id)
        for user_id in sorted({before, to_user_id} - {actor.user_id}):
            tx.notify(
                user_id, "deals_handed_over", deal_id=deal.id, deal=deal.id, number=deal.number, from_id=before,
                to_id=to_user_id,
            )  # fmt: skip


def _reached(tx: Transaction, user: User) -> None:
    """Whoever writes to the bot can be written to again."""
    if not user.reachable:
        user.reachable = True
        tx.actor_id = tx.actor_id or user.id
        tx.audit("person.reachable", "user", user.id)


def _may_take(taker: User, role: Role, from_id: int) -> None:
    if taker.id == from_id or not taker.active or role.value not in taker.roles:
        raise Invalid("This person cannot take it over. Choose somebody who works in the same role.")


async def _withdraw_invites(tx: Transaction, user_id: int) -> None:
    """Whoever is no admin any more lets nobody in, neither with a link he made before."""
    for invite_id in await tx.people.revoke_invites_of(user_id, tx.now):
        tx.audit("invite.revoked", "invite", invite_id)


async def _give_deals(tx: Transaction, giver: User, taker: User) -> dict[str, int]:
    deals = await tx.people.lock_sold(giver.id)
    await _change_seller(tx, deals, giver.id, taker)
    return {"deals": len(deals), "clients": await tx.people.move_clients(giver.id, taker.id)}


async def _give_tasks(tx: Transaction, giver: User, taker: User) -> dict[str, int]:
    deals = {deal.id: deal for deal in await tx.people.lock_executed(giver.id)}
    tasks = [task for task in await tx.people.lock_tasks(deals) if task.assignee_id == giver.id]
    for task in tasks:
        await hand_on(tx, deals[task.deal_id], task, taker)
    given = [deal for deal in deals.values() if deal.executor_id == giver.id]
    for deal in given:
        deal.executor_id = taker.id
        tx.audit("deal.executor", "deal", deal.id, deal_id=deal.id, executor=[giver.id, taker.id])
        tx.event(deal.id, "executor_set", name=taker.full_name)
    return {"tasks": len(tasks), "deals": len({task.deal_id for task in tasks} | {deal.id for deal in given})}


async def _change_seller(tx: Transaction, deals: Collection[Deal], from_id: int, taker: User) -> None:
    """Make somebody the seller of deals that are held: with their reminders, and the tasks the giver has given.

    When a deal is to be touched and why stays as it was.
    """
    giver = await tx.people.get(from_id)
    ids = [deal.id for deal in deals]
    for deal in deals:
        deal.seller_id = taker.id
        tx.audit("deal.seller", "deal", deal.id, deal_id=deal.id, seller=[from_id, taker.id])
        tx.event(deal.id, "deal_handed_over", name=taker.full_name)
    tasks = await tx.people.lock_tasks(ids)
    for task in tasks:
        if task.author_id == from_id:
            task.author_id = taker.id
    await tx.session.flush()
    await tx.reminders.hand_over(ids, from_id, taker.id)
    for task in tasks:
        if task.assignee_id == from_id:
            await planning.plan_task(tx, task)  # what he himself is to do is still his
    if giver is not None and giver.active and Role.ADMIN.value in giver.roles:
        await tx.reminders.plan_admin_steps(giver.id)  # and he hears of late payments as before
