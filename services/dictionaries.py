"""Insurers, lines of business with their ladders, commission rates."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from models.enums import Ladder, RateKind, RateScope, ReminderKind
from models.scope import EVERYTHING
from models.tables import CommissionRate, Insurer, LineOfBusiness, Policy
from models.values.money import quantise
from services import planning, touch
from services.access import ADMINS, Actor, Service, command, query, steps
from services.errors import AlreadyDone, Invalid, NotFound
from services.rules.calendar import not_later_working_day
from services.rules.ladders import LadderSettings, last_safe_day
from services.rules.reading import Unreadable, clean_text, echo, plain, read_date, read_percent, read_sum
from services.rules.variant_lines import alias_key
from storage.uow import Transaction

INSURER_NAME, LINE_NAME, ALIAS = 120, 80, 60
MOST_ALIASES = 30
BATCH = 50
"""Policies planned anew in one transaction: other people's taps wait for no more than that."""


@dataclass(frozen=True, slots=True)
class InsurerCard:
    """An insurer with how much hangs on it."""

    insurer: Insurer
    policies: int
    rates: int


@dataclass(frozen=True, slots=True)
class LineCard:
    """A line of business with the steps that are in force for it."""

    line: LineOfBusiness
    policies: int
    steps: Sequence[int]


@dataclass(frozen=True, slots=True)
class RateRow:
    """A rate as it is shown: what it is for, and whether it is yet to come, in force or history."""

    rate: CommissionRate
    line: str | None
    ahead: bool
    replaced: bool


@dataclass(frozen=True, slots=True)
class RateDraft:
    """A rate as typed: `КАСКО 15% с 01.12 новые`. What was not said is for every line, every sale, from today."""

    kind: RateKind
    value: Decimal
    valid_from: date
    scope: RateScope = RateScope.ANY
    line_id: int | None = None


_SCOPE = (
    (RateScope.NEW, re.compile(r"(?<!\w)(?:нов(?:ые|ых|ый|ая|ое)?|new)(?!\w)\.?")),
    (RateScope.RENEWAL, re.compile(r"(?<!\w)(?:прол(?:онгац\w*|онгир\w*)?|продлен\w*|renewals?)(?!\w)\.?")),
    (RateScope.ANY, re.compile(r"(?<!\w)(?:все|любые|any|all)(?!\w)")),
)
_SINCE = re.compile(r"(?<!\w)(?:с|c|со|from|since)\s+(?P<day>.+)$")
_CURRENCY = re.compile(r"(?:₽|(?<![а-я])р(?:уб\w*)?\.?|rub)$")


def read_rate(text: str, lines: Iterable[LineOfBusiness], today: date) -> RateDraft:
    """Read a commission rate typed in one line; a bare number up to 100 is a percentage. Raises Unreadable."""
    rest, line_id = _take_line(plain(text), lines)
    scope = RateScope.ANY
    for candidate, pattern in _SCOPE:
        found = pattern.search(rest)
        if found:
            scope, rest = candidate, f"{rest[: found.start()]} {rest[found.end() :]}".strip()
            break
    valid_from = today
    since = _SINCE.search(rest)
    if since:
        valid_from, rest = read_date(since["day"], today), rest[: since.start()].strip()
    rest = " ".join(rest.split())
    if _CURRENCY.search(rest):
        return RateDraft(RateKind.FIXED, read_sum(rest), valid_from, scope, line_id)
    try:
        return RateDraft(RateKind.PERCENT, read_percent(rest), valid_from, scope, line_id)
    except Unreadable:
        raise Unreadable(
            "«{text}» is not a commission rate. For example: 15% from 01.12 new, or 1500 ₽", text=echo(text)
        ) from None


def _take_line(typed: str, lines: Iterable[LineOfBusiness]) -> tuple[str, int | None]:
    """Cut the line of business off the beginning, by its name or the longest of its aliases."""
    known = {alias_key(name): line.id for line in lines for name in (line.name, *line.aliases)}
    words = typed.split()
    for count in range(min(4, len(words) - 1), 0, -1):
        line_id = known.get(alias_key("".join(words[:count])))
        if line_id is not None:
            return " ".join(words[count:]), line_id
    return typed, None


def read_aliases(text: str) -> list[str]:
    """Read short names from one message, one a line or with commas; `-` means none. Raises Unreadable."""
    if text.strip() in {"-", "–", "—"}:
        return []
    found: dict[str, str] = {}
    for part in re.split(r"[,;\n]", clean_text(text, 2000)):
        alias = plain(part)
        if not alias:
            continue
        if not alias_key(alias):
            raise Unreadable("«{text}» has neither letters nor digits: nobody could type it.", text=echo(part))
        found.setdefault(alias_key(alias), clean_text(alias, ALIAS))
    if len(found) > MOST_ALIASES:
        raise Unreadable("That is too many short names, at most {most} fit.", most=str(MOST_ALIASES))
    return list(found.values())


def _is_free(name: str, others: Iterable[Insurer | LineOfBusiness]) -> None:
    """Refuse a name that already means something else. Raises Invalid."""
    for other in others:
        if alias_key(name) in {alias_key(known) for known in (other.name, *other.aliases)}:
            raise Invalid("«{name}» already means {other}. Take it away there first.", name=name, other=other.name)


def _name(text: str, limit: int) -> str:
    name = " ".join(clean_text(text, limit).split())
    if not alias_key(name):
        raise Unreadable("«{text}» has neither letters nor digits: nobody could type it.", text=echo(text))
    return name


class DictionaryService(Service):
    """What an admin keeps in order for everybody."""

    # --- insurers -------------------------------------------------------------------------------------------------

    @query(ADMINS)
    async def insurers(self, tx: Transaction, actor: Actor) -> list[Insurer]:  # noqa: ARG002
        """Every insurer by name, those switched off last. There are dozens of them, not thousands."""
        return await tx.dictionaries.insurers(switched_off=True)

    @query(ADMINS)
    async def insurer(self, tx: Transaction, actor: Actor, insurer_id: int) -> InsurerCard:  # noqa: ARG002
        """One insurer with how much hangs on it. Raises NotFound."""
        insurer = await tx.dictionaries.insurer(insurer_id)
        if insurer is None:
            raise NotFound
        usage = await tx.dictionaries.usage(insurer_id=insurer_id)
        return InsurerCard(insurer, usage, len(await tx.dictionaries.rates(insurer_id)))

    @command(ADMINS)
    async def add_insurer(self, tx: Transaction, actor: Actor, text: str) -> int:  # noqa: ARG002
        """Add an insurer: its name, then short names after a comma. Raises Invalid, Unreadable."""
        name, _mark, short = text.partition(",")
        name = _name(name, INSURER_NAME)
        aliases = read_aliases(short) if short.strip() else []
        await tx.dictionaries.lock_names()
        others = await tx.dictionaries.insurers(switched_off=True)
        for one in (name, *aliases):
            _is_free(one, others)
        insurer = Insurer(name=name, aliases=aliases)
        await tx.add(insurer)
        tx.audit("insurer.added", "insurer", insurer.id, name=name, aliases=aliases)
        return insurer.id

    @command(ADMINS)
    async def rename_insurer(self, tx: Transaction, actor: Actor, insurer_id: int, text: str) -> None:  # noqa: ARG002
        """Correct an insurer's name. Raises NotFound, AlreadyDone, Invalid, Unreadable."""
        insurer, others = await self._insurer(tx, insurer_id)
        self._rename(tx, "insurer", insurer, _name(text, INSURER_NAME), others)

    @command(ADMINS)
    async def set_insurer_aliases(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        insurer_id: int,
        text: str,
    ) -> None:
        """Set what people call an insurer. An alias of another one is refused. Raises as `rename_insurer`."""
        insurer, others = await self._insurer(tx, insurer_id)
        self._set_aliases(tx, "insurer", insurer, read_aliases(text), others)

    @command(ADMINS)
    async def switch_insurer(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        insurer_id: int,
        active: bool,
    ) -> None:
        """Offer an insurer in new deals, or no more; what is sold stays. Raises NotFound, AlreadyDone."""
        insurer, _others = await self._insurer(tx, insurer_id)
        self._switch(tx, "insurer", insurer, active)

    @staticmethod
    async def _insurer(tx: Transaction, insurer_id: int) -> tuple[Insurer, list[Insurer]]:
        await tx.dictionaries.lock_names()
        insurer = await tx.dictionaries.lock_insurer(insurer_id)
        if insurer is None:
            raise NotFound
        every = await tx.dictionaries.insurers(switched_off=True)
        return insurer, [other for other in every if other.id != insurer_id]

    # --- what insurers and lines have in common --------------------------------------------------------------------

    @staticmethod
    def _rename(
        tx: Transaction,
        kind: str,
        row: Insurer | LineOfBusiness,
        name: str,
        others: Iterable[Insurer | LineOfBusiness],
    ) -> None:
        if row.name == name:
            raise AlreadyDone
        _is_free(name, others)
        tx.audit(f"{kind}.renamed", kind, row.id, name=[row.name, name])
        row.name = name

    @staticmethod
    def _set_aliases(
        tx: Transaction,
        kind: str,
        row: Insurer | LineOfBusiness,
        aliases: list[str],
        others: Sequence[Insurer | LineOfBusiness],
    ) -> None:
        if row.aliases == aliases:
            raise AlreadyDone
        for alias in aliases:
            _is_free(alias, others)
        tx.audit(f"{kind}.aliases", kind, row.id, name=row.name, aliases=[list(row.aliases), aliases])
        row.aliases = aliases

    @staticmethod
    def _switch(tx: Transaction, kind: str, row: Insurer | LineOfBusiness, active: bool) -> None:
        if row.active == active:
            raise AlreadyDone
        tx.audit(f"{kind}.switched", kind, row.id, name=row.name, active=[row.active, active])
        row.active = active

    # --- lines of business ----------------------------------------------------------------------------------------

    @query(ADMINS)
    async def lines(self, tx: Transaction, actor: Actor) -> list[LineOfBusiness]:  # noqa: ARG002
        """Every line in the order it is offered in, those switched off last."""
        return await tx.dictionaries.lines(switched_off=True)

    @query(ADMINS)
    async def line(self, tx: Transaction, actor: Actor, line_id: int) -> LineCard:  # noqa: ARG002
        """One line with the steps of its ladder. Raises NotFound."""
        line = await tx.dictionaries.line(line_id)
        if line is None:
            raise NotFound
        return LineCard(line, await tx.dictionaries.usage(line_id=line_id), planning.ladder_of(line))

    @command(ADMINS)
    async def add_line(self, tx: Transaction, actor: Actor, text: str, ladder: str) -> int:  # noqa: ARG002
        """Add a line: its name, then short names after a comma; its ladder is that of a family. Raises as others."""
        name, _mark, short = text.partition(",")
        name = _name(name, LINE_NAME)
        aliases = read_aliases(short) if short.strip() else [plain(name)[:ALIAS]]
        await tx.dictionaries.lock_names()
        others = await tx.dictionaries.lines(switched_off=True)
        for one in (name, *aliases):
            _is_free(one, others)
        position = await tx.dictionaries.last_position() + 1
        line = LineOfBusiness(
            code=f"own_{position}", name=name, ladder=Ladder(ladder), aliases=aliases, position=position
        )
        await tx.add(line)
        tx.audit("line.added", "line", line.id, name=name, aliases=aliases)
        return line.id

    @command(ADMINS)
    async def rename_line(self, tx: Transaction, actor: Actor, line_id: int, text: str) -> None:  # noqa: ARG002
        """Correct a line's name. Raises NotFound, AlreadyDone, Invalid, Unreadable."""
        line, others = await self._line(tx, line_id)
        self._rename(tx, "line", line, _name(text, LINE_NAME), others)

    @command(ADMINS)
    async def set_line_aliases(self, tx: Transaction, actor: Actor, line_id: int, text: str) -> None:  # noqa: ARG002
        """Set what people call a line. Raises as `rename_line`."""
        line, others = await self._line(tx, line_id)
        self._set_aliases(tx, "line", line, read_aliases(text), others)

    @command(ADMINS)
    async def switch_line(self, tx: Transaction, actor: Actor, line_id: int, active: bool) -> None:  # noqa: ARG002
        """Offer a line in new deals, or no more. Raises NotFound, AlreadyDone."""
        line, _others = await self._line(tx, line_id)
        self._switch(tx, "line", line, active)

    @staticmethod
    async def _line(tx: Transaction, line_id: int) -> tuple[LineOfBusiness, list[LineOfBusiness]]:
        await tx.dictionaries.lock_names()
        line = await tx.dictionaries.lock_line(line_id)
        if line is None:
            raise NotFound
        every = await tx.dictionaries.lines(switched_off=True)
        return line, [other for other in every if other.id != line_id]

    # --- ladders --------------------------------------------------------------------------------------------------

    @steps(ADMINS)
    async def set_ladder(
        self, actor: Actor, line_id: int, text: str | None, progress: Callable[[], Awaitable[None]] | None = None
    ) -> int:
        """Set the days before the end on which a line is reminded of; None gives back its family's own.

        The policies of the line that nobody has decided about are planned anew, a batch a transaction (`progress` is
        called before each: a thousand take some seconds); returns how many. Raises NotFound, AlreadyDone, Unreadable.
        """
        wanted = None if text is None else LadderSettings.parse(text).format()
        before = await self.keep_ladder(actor, line_id, wanted)
        count, last = 0, 0
        while True:
            if progress is not None:
                await progress()
            done, last = await self.replan(actor, line_id, before, last)
            count += done
            if done < BATCH:
                return count

    @command(ADMINS)
    async def keep_ladder(
        self,
        tx: Transaction,
        actor: Actor,  # noqa: ARG002
        line_id: int,
        wanted: str | None,
    ) -> str:
        """Keep a line's steps; returns those that were in force. Planning anew is `replan`'s, batch by batch."""
        line = await tx.dictionaries.lock_line(line_id)
        if line is None:
            raise NotFound
        before = planning.ladder_of(line)
        chosen = None if wanted is None else list(LadderSettings.parse(wanted).steps)
        if line.steps == chosen:
            raise AlreadyDone
        line.steps = chosen
        after = planning.ladder_of(line)
        tx.audit("line.ladder", "line", line.id, name=line.name, days=[list(before), list(after)])
        return LadderSettings(before).format()

    @command(ADMINS)
    async def replan(
        self,
        tx: Transaction,
        actor: Actor,
        line_id: int,
        before: str,
        after_id: int,
    ) -> list[int]:
        """Plan the next batch of a line's policies by its new steps; returns how many, and the last one's id."""
        line = await tx.dictionaries.line(line_id)
        if line is None:
            raise NotFound
        old = LadderSettings.parse(before).steps
        today = actor.day(tx.now)
        rows = await tx.dictionaries.undecided(line_id, after_id, today, BATCH)
        # Deals in the order of their ids, as everybody locks them.
        for policy_id, deal_id in sorted(rows, key=lambda row: row[1]):
            deal = await tx.deals.lock(EVERYTHING, deal_id)
            policy = await tx.policies.lock(policy_id)
            if deal is None or policy is None:
                continue
            await planning.plan_policy(tx, policy, not_before=await _resume_on(tx, policy, line, old, today))
            await touch.recompute(tx, deal)
        return [len(rows), max((policy_id for policy_id, _deal_id in rows), default=after_id)]

    # --- rates ----------------------------------------------------------------------------------------------------

    @query(ADMINS)
    async def rate_counts(self, tx: Transaction, actor: Actor) -> dict[int, int]:  # noqa: ARG002
        """How many rates each insurer has."""
        return await tx.dictionaries.rate_counts()

    @query(ADMINS)
    async def rates(self, tx: Transaction, actor: Actor, insurer_id: int) -> list[RateRow]:
        """The rates of an insurer, by line and from the newest; every line first."""
        today = actor.day(tx.now)
        names = {line.id: line.name for line in await tx.dictionaries.lines(switched_off=True)}
        rates = sorted(
            await tx.dictionaries.rates(insurer_id),
            key=lambda r: (
                r.line_id is not None,
                names.get(r.line_id or 0, ""),
                r.scope.value,
                -r.valid_from.toordinal(),
            ),
        )
        in_force: set[tuple[int | None, RateScope]] = set()
        rows = []
        for rate in rates:
            ahead, sales = rate.valid_from > today, (rate.line_id, rate.scope)
            rows.append(RateRow(rate, names.get(rate.line_id or 0), ahead, not ahead and sales in in_force))
            if not ahead:
                in_force.add(sales)
        return rows

    @query(ADMINS)
    async def rate(self, tx: Transaction, actor: Actor, rate_id: int) -> CommissionRate:  # noqa: ARG002
        """One rate. Raises NotFound."""
        rate = await tx.session.get(CommissionRate, rate_id)
        if rate is None:
            raise NotFound
        return rate

    @query(ADMINS)
    async def read_rate(self, tx: Transaction, actor: Actor, text: str) -> RateDraft:
        """What a typed rate means, to be shown before it counts. Raises Unreadable."""
        return read_rate(text, await tx.dictionaries.lines(), actor.day(tx.now))

    @command(ADMINS)
    async def set_rate(
        self,
        tx: Transaction,
        actor: Actor,
        insurer_id: int,
        line_id: int | None,
        scope: str,
        kind: str,
        value: Decimal,
        valid_from: date,
    ) -> int:
        """Set what an insurer pays for some sales from a day on; what was before stays as history.

        A rate from today or later is corrected in place, an older one is not: it has been counted by. Returns its id.
        Raises NotFound, AlreadyDone, Invalid.
        """
        if await tx.dictionaries.insurer(insurer_id) is None:
            raise NotFound
        if line_id is not None and await tx.dictionaries.line(line_id) is None:
            raise NotFound
        price, value = RateKind(kind), quantise(value)
        if value < 0 or (price is RateKind.PERCENT and value > 100):
            raise Invalid("A commission rate is from 0 to 100 percent.")
        rate = await tx.dictionaries.same_rate(insurer_id, line_id, RateScope(scope), valid_from)
        if rate is not None:
            return self._correct(tx, rate, price, value, actor.day(tx.now))
        rate = CommissionRate(
            insurer_id=insurer_id, line_id=line_id, scope=RateScope(scope), kind=price, value=value,
            valid_from=valid_from,
        )  # fmt: skip
        await tx.add(rate)
        tx.audit(
            "rate.added", "rate", rate.id, insurer_id=insurer_id, line_id=line_id, scope=scope, kind=kind, value=value,
            valid_from=valid_from,
        )  # fmt: skip
        return rate.id

    @staticmethod
    def _correct(tx: Transaction, rate: CommissionRate, kind: RateKind, value: Decimal, today: date) -> int:
        if (rate.kind, rate.value) == (kind, value):
            raise AlreadyDone
        if rate.valid_from < today:
            raise Invalid("A rate from that day has been counted by already. Set the new one from another day.")
        tx.audit(
            "rate.changed", "rate", rate.id, insurer_id=rate.insurer_id, line_id=rate.line_id,
            kind=[rate.kind, kind], value=[rate.value, value],
        )  # fmt: skip
        rate.kind, rate.value = kind, value
        return rate.id

    @command(ADMINS)
    async def delete_rate(self, tx: Transaction, actor: Actor, rate_id: int) -> None:
        """Take back a rate that has not been counted by: from today or later. Raises AlreadyDone, Invalid."""
        rate = await tx.dictionaries.lock_rate(rate_id)
        if rate is None:
            raise AlreadyDone
        if rate.valid_from < actor.day(tx.now):
            raise Invalid("This rate has been counted by already. Set a new one instead.")
        tx.audit(
            "rate.deleted", "rate", rate.id, insurer_id=rate.insurer_id, line_id=rate.line_id, scope=rate.scope,
            kind=rate.kind, value=rate.value, valid_from=rate.valid_from,
        )  # fmt: skip
        await tx.session.delete(rate)


async def _resume_on(
    tx: Transaction, policy: Policy, line: LineOfBusiness, old: Sequence[int], today: date
) -> date | None:
    """The day before which a policy that is planned anew must not be spoken of.

    Somebody may have said that its client thinks, or begun its renewal: the plan then starts later than the old ladder
    would, and stays so. Otherwise it starts with the next step of the new one: changing a ladder floods nobody with
    the steps that were missed before it was changed.
    """
    first = await tx.reminders.first_planned(ReminderKind.POLICY_END, policy.id)
    before, after = _next_step(policy.ends_on, old, today), _next_step(policy.ends_on, planning.ladder_of(line), today)
    if first is not None and before is not None and first > before:
        return first
    if after is None:
        return first or last_safe_day(policy.ends_on, line.ladder)
    return after if first is None else min(first, after)


def _next_step(end: date, steps_before: Iterable[int], today: date) -> date | None:
    """The nearest day after today on which a ladder speaks."""
    days = [not_later_working_day(end - timedelta(days=step)) for step in steps_before]
    return min((day for day in days if day > today), default=None)
