"""Who may do what: the actor, the declared policy of every service method, and the transaction it runs in.

A service method is either a `@command` (changes things; one transaction, an effect mark, commit before return) or a
`@query` (reads only). A public method with neither fails the import of its class: permissions deny by default.
"""

import functools
import hashlib
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from zoneinfo import ZoneInfo

from models.enums import Role
from models.scope import EVERYTHING, Scope
from services.errors import Forbidden
from services.ports import Clock
from services.stand_in import readdress
from storage.uow import Transaction, Transactions

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Service")


class Kept(Protocol):
    """What a seller keeps: a deal, a client."""

    @property
    def seller_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """The person on whose behalf a service is called; made from the database on each update, never from a button."""

    user_id: int
    roles: frozenset[Role]
    zone: ZoneInfo = field(default=ZoneInfo("Europe/Moscow"))
    language: str = "ru"
    name: str = ""

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    @property
    def scope(self) -> Scope:
        """What the actor may see: everything for an admin, otherwise the union of his roles' parts."""
        if self.is_admin:
            return EVERYTHING
        return Scope(
            user_id=self.user_id,
            as_seller=Role.SELLER in self.roles,
            as_executor=Role.EXECUTOR in self.roles,
        )

    def owns(self, kept: Kept) -> bool:
        """Whether a deal's (or a client's) money and decisions are this person's: its seller, or an admin.

        An executor works on somebody's deal and decides nothing about it.
        """
        return self.is_admin or (Role.SELLER in self.roles and kept.seller_id == self.user_id)

    def day(self, moment: datetime) -> date:
        """The day that a moment belongs to where this person is."""
        return moment.astimezone(self.zone).date()

    @property
    def sees_commission(self) -> bool:
        """Commission is shown to sellers (of their own deals) and admins, never to a mere executor."""
        return bool(self.roles & {Role.SELLER, Role.ADMIN})


# The clock as an actor: it sees everything, and audit records show no person.
SYSTEM = Actor(user_id=0, roles=frozenset({Role.ADMIN}), name="system")

ANYBODY = frozenset(Role)
SELLERS = frozenset({Role.SELLER, Role.ADMIN})
EXECUTORS = frozenset({Role.EXECUTOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


@dataclass(slots=True)
class Origin:
    """The update that is being handled: each command called under it leaves a mark, so a retry repeats nothing."""

    key: str
    retry: bool = False
    calls: Counter[str] = field(default_factory=Counter)

    def effect_key(self, method: str, *arguments: object) -> str:
        """Name one call of a command. Its plain arguments are part of the name: a retry that takes another path
        through the handler, because something has been done already, must not be handed a neighbour's result.
        """
        plain = [argument for argument in arguments if isinstance(argument, (int, str, date, Decimal, type(None)))]
        digest = hashlib.blake2b(repr(plain).encode(), digest_size=8).hexdigest()
        call = f"{method}/{digest}"
        self.calls[call] += 1
        return f"{self.key}/{call}/{self.calls[call]}"


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


@contextmanager
def origin(key: str, *, retry: bool) -> Iterator[None]:
    """Run a block as the handling of one update; `retry` when an earlier attempt may have had its effect."""
    token = _origin.set(Origin(key, retry))
    try:
        yield
    finally:
        _origin.reset(token)


class Service:
    """Base of all services: holds the transactions and the clock; refuses to be subclassed without policies."""

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self.clock = clock

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, member in vars(cls).items():
            if inspect.iscoroutinefunction(member) and not name.startswith("_") and not hasattr(member, "policy"):
                raise TypeError(f"{cls.__name__}.{name} has no declared policy: use @command or @query")


def _check(actor: Actor, policy: frozenset[Role], method: str) -> None:
    if not actor.roles & policy:
        raise Forbidden(f"{method} needs one of {sorted(policy)}, actor {actor.user_id} has {sorted(actor.roles)}")


def command(
    policy: frozenset[Role],
) -> Callable[
    [Callable[Concatenate[S, Transaction, Actor, P], Awaitable[R]]],
    Callable[Concatenate[S, Actor, P], Awaitable[R]],
]:
    """Declare a method that changes things: role check, one transaction, the effect mark, commit.

    The result must be made of JSON types: it is kept with the mark and handed back when the update is retried.
    """

    def wrap(
        method: Callable[Concatenate[S, Transaction, Actor, P], Awaitable[R]],
    ) -> Callable[Concatenate[S, Actor, P], Awaitable[R]]:
        name = method.__qualname__

        @functools.wraps(method)
        async def run(self: S, actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            current = _origin.get()
            key = None
            if current is not None:
                key = current.effect_key(name, *args, *kwargs.values())
            retried = current is not None and current.retry
            if not retried:
                _check(actor, policy, name)
            async with self._transactions.begin(actor.user_id or None, self.clock.now()) as tx:
                if key is not None and retried:
                    done, result = await tx.effect(key)
                    if done:
                        return result  # type: ignore[no-any-return]
                    # Not before: what was done may have been to give up the very role that it needed.
                    _check(actor, policy, name)
                outcome = await method(self, tx, actor, *args, **kwargs)
                if tx.messages:
                    await readdress(tx)
                if key is not None:
                    tx.mark_effect(key, outcome)
                await tx.commit()
                return outcome

        run.policy = policy  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return wrap


def query(
    policy: frozenset[Role],
) -> Callable[
    [Callable[Concatenate[S, Transaction, Actor, P], Awaitable[R]]],
    Callable[Concatenate[S, Actor, P], Awaitable[R]],
]:
    """Declare a method that only reads: role check, an autocommit session, nothing to commit."""

    def wrap(
        method: Callable[Concatenate[S, Transaction, Actor, P], Awaitable[R]],
    ) -> Callable[Concatenate[S, Actor, P], Awaitable[R]]:
        name = method.__qualname__

        @functools.wraps(method)
        async def run(self: S, actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            _check(actor, policy, name)
            async with self._transactions.read(actor.user_id or None, self.clock.now()) as tx:
                return await method(self, tx, actor, *args, **kwargs)

        run.policy = policy  # type: ignore[attr-defined]
        run.only_reads = True  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return wrap


def steps(
    policy: frozenset[Role],
) -> Callable[
    [Callable[Concatenate[S, Actor, P], Awaitable[R]]],
    Callable[Concatenate[S, Actor, P], Awaitable[R]],
]:
    """Declare a method made of several commands and queries with slow work (files) between their transactions.

    It checks the role before anything is done; each of its steps checks again what it touches.
    """

    def wrap(
        method: Callable[Concatenate[S, Actor, P], Awaitable[R]],
    ) -> Callable[Concatenate[S, Actor, P], Awaitable[R]]:
        name = method.__qualname__

        @functools.wraps(method)
        async def run(self: S, actor: Actor, *args: P.args, **kwargs: P.kwargs) -> R:
            _check(actor, policy, name)
            return await method(self, actor, *args, **kwargs)

        run.policy = policy  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return wrap


def before_roles(
    reason: str,
) -> Callable[[Callable[Concatenate[S, P], Awaitable[R]]], Callable[Concatenate[S, P], Awaitable[R]]]:
    """Declare a method that is called before anybody is known, and say why that is safe."""

    def wrap(method: Callable[Concatenate[S, P], Awaitable[R]]) -> Callable[Concatenate[S, P], Awaitable[R]]:
        method.policy = frozenset()  # type: ignore[attr-defined]
        method.reason = reason  # type: ignore[attr-defined]
        return method

    return wrap
