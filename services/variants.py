"""Variants: entered by the executor, handed in, compared, chosen by the client.

The deal is locked first, so numbers are given one after another and a choice is made once. A rate that an executor
types is kept, and shown only to those whose money it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from models.enums import DealStage, Role, TaskKind, VariantStatus
from models.tables import Deal, Insurer, Task, Variant
from services import touch
from services.access import ANYBODY, SELLERS, Actor, Service, command, query
from services.errors import N_, AlreadyDone, Forbidden, Invalid, NotFound
from services.rules.comparison import Comparison, Offer, compare
from services.rules.plans import PaymentPlan
from services.rules.reading import Unreadable, clean_text
from services.rules.stages import (
    ForbiddenMove,
    after_choice,
    after_task_cancelled,
    after_variants_handed_in,
    check_variant_move,
)
from services.rules.variant_lines import BadLine, VariantLine, read_variant_lines
from services.tasks import card_key, close_open_task, comparison_key, fall_back, refresh_comparison, take_up
from storage.uow import Transaction

LINES_LIMIT = 20
TEXT_LIMIT = 8000
NUMBER_LIMIT = 999
PAGE = 8
LIVE = frozenset({VariantStatus.DRAFT, VariantStatus.OFFERED, VariantStatus.NOT_SELECTED})
"""Statuses that a date can end; a chosen variant is the client's word, whatever its date."""
HANDED_IN = frozenset({VariantStatus.OFFERED, VariantStatus.CHOSEN, VariantStatus.NOT_SELECTED})
"""Statuses of what a seller compares and may show to the client."""
FIELDS = frozenset(
    {
        "insurer_id", "product", "premium", "sum_insured", "deductible", "plan", "commission_rate", "valid_until",
        "comment",
    }
)  # fmt: skip
PAST_DATE = N_("The date {day} has passed already: such a variant cannot be offered.")


@dataclass(frozen=True, slots=True)
class VariantView:
    """A variant as one person may see it: no rate where the deal's commission is not his, the status of today."""

    id: int
    deal_id: int
    number: int
    insurer_id: int
    insurer: str
    product: str
    premium: Decimal
    sum_insured: Decimal | None
    deductible: Decimal | None
    plan: PaymentPlan
    commission_rate: Decimal | None
    valid_until: date | None
    comment: str
    status: VariantStatus
    files: int
    edits: bool
    chooses: bool
    issued: bool

    @property
    def label(self) -> str:
        return f"В{self.number}"


@dataclass(frozen=True, slots=True)
class VariantPage:
    """A page of a deal's variants, newest first, and what this person may do with them."""

    deal: Deal
    rows: list[VariantView]
    total: int
    drafts: int
    offered: int
    handed_in: int
    edits: bool
    chooses: bool
    asked: bool

    @property
    def hands_in(self) -> bool:
        """Whether there is something to hand in: drafts, or a returned calculation whose offers were put right."""
        return self.edits and (self.drafts > 0 or (self.asked and self.offered > 0))


@dataclass(frozen=True, slots=True)
class Offered:
    """The variants of the present calculation: for the team (`rows`) and for the client (`table`)."""

    deal: Deal
    rows: list[VariantView]
    table: Comparison
    chooses: bool
    issuing: bool


# --- what other services and the steps share ----------------------------------------------------------------------


def status_on(variant: Variant, today: date) -> VariantStatus:
    """The status of a variant on a day: what its date has ended is not on offer any more."""
    past = variant.valid_until is not None and variant.valid_until < today
    return VariantStatus.EXPIRED if past and variant.status in LIVE else variant.status


async def may_edit(tx: Transaction, actor: Actor, deal: Deal) -> bool:
    """Tell whether the actor calculates this deal: its executor, somebody with an open task on it, or an admin."""
    if actor.is_admin:
        return True
    if Role.EXECUTOR not in actor.roles:
        return False
    return deal.executor_id == actor.user_id or await tx.tasks.has_open(deal.id, actor.user_id)


async def _locked(tx: Transaction, actor: Actor, deal_id: int) -> Deal:
    deal = await tx.deals.lock(actor.scope, deal_id)
    if deal is None:
        raise NotFound
    if deal.stage is DealStage.CLOSED:
        raise Invalid("The deal is closed. Reopen it first.")
    return deal


async def _of_deal(tx: Transaction, actor: Actor, variant_id: int) -> tuple[Deal, Variant]:
    """Hold a variant and, before it, its deal. Raises NotFound."""
    seen = await tx.variants.get(actor.scope, variant_id)
    if seen is None:
        raise NotFound
    deal = await _locked(tx, actor, seen.deal_id)
    variant = await tx.variants.lock(variant_id)
    if variant is None:
        raise NotFound
    return deal, variant


async def _editable(tx: Transaction, actor: Actor, variant_id: int) -> tuple[Deal, Variant]:
    """Hold a variant that the actor may change. Raises NotFound, Forbidden, Invalid."""
    deal, variant = await _of_deal(tx, actor, variant_id)
    if not await may_edit(tx, actor, deal):
        raise Forbidden(f"deal {deal.id} is calculated by {deal.executor_id}")
    if variant_id in await tx.variants.with_policy(deal.id):
        raise Invalid("A policy has been registered from this variant, so it stays as it is. Copy it instead.")
    return deal, variant


def _move(tx: Transaction, variant: Variant, after: VariantStatus, today: date | None = None) -> None:
    """Move a variant where the table lets it go. Raises AlreadyDone where it is there or past it."""
    before = variant.status if today is None else status_on(variant, today)
    try:
        check_variant_move(before, after)
    except ForbiddenMove as move:
        raise AlreadyDone(str(move)) from move
    variant.status = after
    tx.audit(f"variant.{after}", "variant", variant.id, deal_id=variant.deal_id, status=[before, after])


def _checked(changes: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The fields as they are stored: cleaned words, sums above zero, a date ahead. Raises Invalid, Unreadable."""
    if unknown := changes.keys() - FIELDS:
        raise ValueError(f"A variant has no {sorted(unknown)}")
    values = dict(changes)
    for name, limit in (("product", 120), ("comment", 1000)):
        if name in values:
            values[name] = clean_text(values[name], limit) if (values[name] or "").strip() else ""
    if "premium" in values and not values["premium"] > 0:
        raise Invalid("The premium must be more than zero. For example: 54 300")
    if "plan" in values:
        values["plan"] = PaymentPlan.from_code(values["plan"] or "full").code
    until = values.get("valid_until")
    if until is not None and until < today:
        raise Invalid(PAST_DATE, day=f"{until:%d.%m.%Y}")
    return values


def _fields_of(line: VariantLine) -> dict[str, Any]:
    """What a line says; what it does not say is not in it."""
    told = {
        "insurer_id": line.insurer_id,
        "premium": line.premium,
        "product": line.product or None,
        "sum_insured": line.sum_insured,
        "deductible": line.deductible,
        "plan": None if line.plan is None else line.plan.code,
        "commission_rate": line.commission_rate,
        "valid_until": line.valid_until,
        "comment": line.comment or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _aliases(insurers: list[Insurer]) -> dict[str, int]:
    return {name: insurer.id for insurer in insurers for name in (insurer.name, *insurer.aliases)}


async def _enter(tx: Transaction, actor: Actor, deal: Deal, fields: Mapping[str, Any]) -> Variant:
    """Add a draft under the next number of a locked deal."""
    number = await tx.variants.last_number(deal.id) + 1
    if number > NUMBER_LIMIT:
        raise Invalid("There are too many variants on this deal.")
    variant = Variant(deal_id=deal.id, number=number, author_id=actor.user_id, **fields)
    await tx.add(variant)
    tx.audit("variant.added", "variant", variant.id, deal_id=deal.id, number=number, **fields)
    return variant


async def _tell_changed(tx: Transaction, deal: Deal, variant: Variant) -> None:
    """What the seller may be showing to the client must not differ from what there is."""
    if variant.status is not VariantStatus.DRAFT:
        await refresh_comparison(tx, deal)


class VariantService(Service):
    """What people do with the variants of a calculation."""

    # --- entering -----------------------------------------------------------------------------------------------

    @command(ANYBODY)
    async def add_lines(self, tx: Transaction, actor: Actor, deal_id: int, text: str) -> dict[str, Any]:
        """Enter every line that is a variant and say what is wrong with the others.

        Returns {"added": [ids], "bad": [{"line", "msgid", "params"}]}. Raises NotFound, Forbidden, Unreadable.
        """
        deal = await self._calculated(tx, actor, deal_id)
        today = actor.day(tx.now)
        read = read_variant_lines(clean_text(text, TEXT_LIMIT), _aliases(await tx.dictionaries.insurers()), today)
        if len(read) > LINES_LIMIT:
            raise Invalid("At most {limit} variants fit in one message.", limit=LINES_LIMIT)
        added: list[int] = []
        bad: list[dict[str, Any]] = []
        for line in read:
            try:
                if isinstance(line, BadLine):
                    raise line.error
                added.append((await _enter(tx, actor, deal, _checked(_fields_of(line), today))).id)
            except (Unreadable, Invalid) as error:
                bad.append({"line": line.line, "msgid": error.msgid, "params": dict(error.params)})
        if added:
            await take_up(tx, deal, actor.user_id)
            tx.event(deal.id, "variants_added", count=len(added))
        return {"added": added, "bad": bad}

    @command(ANYBODY)
    async def add(self, tx: Transaction, actor: Actor, deal_id: int, fields: Mapping[str, Any]) -> int:
        """Enter one variant from its fields (those of `FIELDS`; the insurer and the premium are a must)."""
        deal = await self._calculated(tx, actor, deal_id)
        values = _checked(fields, actor.day(tx.now))
        await self._known_insurer(tx, values)
        variant = await _enter(tx, actor, deal, values)
        await take_up(tx, deal, actor.user_id)
        tx.event(deal.id, "variants_added", count=1)
        return variant.id

    @command(ANYBODY)
    async def update(self, tx: Transaction, actor: Actor, variant_id: int, changes: Mapping[str, Any]) -> None:
        """Change some fields of a variant; an expired one with a new date is on offer again."""
        deal, variant = await _editable(tx, actor, variant_id)
        await self._change(tx, actor, deal, variant, changes)

    @command(ANYBODY)
    async def update_line(self, tx: Transaction, actor: Actor, variant_id: int, text: str) -> None:
        """Change a variant by typing its line anew; what the line does not say stays. Raises Unreadable."""
        deal, variant = await _editable(tx, actor, variant_id)
        today = actor.day(tx.now)
        read = read_variant_lines(clean_text(text, TEXT_LIMIT), _aliases(await tx.dictionaries.insurers()), today)
        if len(read) != 1:
            raise Invalid("One line is one variant. Write the line anew, for example: RESO 54300 ded15 50/50")
        line = read[0]
        if isinstance(line, BadLine):
            raise line.error
        await self._change(tx, actor, deal, variant, _fields_of(line))

    @command(ANYBODY)
    async def copy(self, tx: Transaction, actor: Actor, variant_id: int) -> int:
        """Make a draft with the same terms under a new number; the id of the copy."""
        deal, variant = await _of_deal(tx, actor, variant_id)
        if not await may_edit(tx, actor, deal):
            raise Forbidden(f"deal {deal.id} is calculated by {deal.executor_id}")
        fields = {name: getattr(variant, name) for name in FIELDS}
        today = actor.day(tx.now)
        if fields["valid_until"] is not None and fields["valid_until"] < today:
            fields["valid_until"] = None
        copied = await _enter(tx, actor, deal, fields)
        tx.event(deal.id, "variants_added", count=1)
        return copied.id

    @command(ANYBODY)
    async def delete(self, tx: Transaction, actor: Actor, variant_id: int) -> None:
        """Take a variant out; its number is not given again. The client's choice cannot be deleted."""
        deal, variant = await _editable(tx, actor, variant_id)
        if variant.status is VariantStatus.CHOSEN:
            raise Invalid("The client has chosen this variant. Mark another choice first.")
        variant.deleted_at = tx.now
        tx.audit("variant.deleted", "variant", variant.id, deal_id=deal.id, number=variant.number)
        tx.event(deal.id, "variant_deleted", number=variant.number)
        if deal.stage is DealStage.CHOOSING:
            await self._still_choosing(tx, deal)
        await _tell_changed(tx, deal, variant)

    @command(ANYBODY)
    async def attach(self, tx: Transaction, actor: Actor, variant_id: int, document_id: int) -> None:
        """File a paper of the deal with a variant."""
        deal, variant = await _editable(tx, actor, variant_id)
        document = await tx.variants.document(deal.id, document_id)
        if document is None:
            raise NotFound
        if document.variant_id == variant_id:
            raise AlreadyDone
        tx.audit(
            "document.variant", "document", document_id, deal_id=deal.id, variant_id=[document.variant_id, variant.id]
        )
        document.variant_id = variant.id

    # --- handing in and choosing --------------------------------------------------------------------------------

    @command(ANYBODY)
    async def hand_in(self, tx: Transaction, actor: Actor, deal_id: int) -> int:
        """Offer the drafts to the seller: the calculation is done, the deal waits for a choice. Returns how many."""
        deal = await _locked(tx, actor, deal_id)
        if not actor.owns(deal) and not await may_edit(tx, actor, deal):
            raise Forbidden(f"deal {deal.id} is calculated by {deal.executor_id}")
        today = actor.day(tx.now)
        everything = await tx.variants.lock_all(deal_id)
        drafts = [variant for variant in everything if status_on(variant, today) is VariantStatus.DRAFT]
        asked = await tx.tasks.open_of_kind(deal_id, TaskKind.CALCULATE)
        offered = any(status_on(variant, today) is VariantStatus.OFFERED for variant in everything)
        # A returned calculation may have been put right by changing what was offered, with no new draft at all.
        if not drafts and not (asked is not None and offered):
            if offered:
                raise AlreadyDone
            raise Invalid("There is nothing to hand in yet. Write a variant, for example: RESO 54300 ded15 50/50")
        for variant in drafts:
            _move(tx, variant, VariantStatus.OFFERED)
            variant.offered_at = tx.now
        await close_open_task(tx, deal_id, TaskKind.CALCULATE)
        if deal.stage is not DealStage.ISSUING:
            self._set_stage(tx, deal, after_variants_handed_in())
        await touch.recompute(tx, deal)
        tx.event(deal_id, "variants_handed_in", count=len(drafts))
        if deal.seller_id != actor.user_id:
            tx.notify(
                deal.seller_id, "variants_handed_in", card_key=comparison_key(deal_id), deal_id=deal_id, deal=deal_id
            )
        return len(drafts)

    @command(SELLERS)
    async def choose(self, tx: Transaction, actor: Actor, variant_id: int) -> None:
        """Mark the client's choice; the others are not selected. Another may be chosen until the policy is there."""
        deal, variant = await _of_deal(tx, actor, variant_id)
        if not actor.owns(deal):
            raise Forbidden(f"deal {deal.id} is of seller {deal.seller_id}")
        issued = await tx.variants.with_policy(deal.id)
        if variant_id in issued:
            raise Invalid("A policy has been registered from this variant already.")
        if variant.status is VariantStatus.CHOSEN:
            raise AlreadyDone
        if deal.stage is DealStage.IN_FORCE:
            raise Invalid("The policy has been registered already. A new choice needs a new calculation.")
        today = actor.day(tx.now)
        status = status_on(variant, today)
        if status is VariantStatus.DRAFT:
            raise Invalid("This variant has not been handed in yet.")
        if status is VariantStatus.EXPIRED:
            raise Invalid("This variant is no longer valid. Ask the executor to confirm it with the insurer.")
        if status is VariantStatus.DECLINED_BY_INSURER:
            raise Invalid("The insurer has declined this variant. Choose another one.")
        before = None
        for other in await tx.variants.lock_all(deal.id):
            if other.id == variant_id or other.id in issued:
                continue
            if other.status is VariantStatus.CHOSEN:
                before = other.number
            if other.status in {VariantStatus.CHOSEN, VariantStatus.OFFERED}:
                _move(tx, other, VariantStatus.NOT_SELECTED)
        _move(tx, variant, VariantStatus.CHOSEN)
        variant.chosen_at = tx.now
        self._set_stage(tx, deal, after_choice())
        insurer = await tx.dictionaries.insurer(variant.insurer_id)
        tx.event(
            deal.id,
            "variant_chosen",
            number=variant.number,
            insurer=insurer.name if insurer else "",
            premium=str(variant.premium),
            before=before,
        )
        await refresh_comparison(tx, deal)
        await self._tell_executor(tx, deal, variant, await tx.tasks.open_of_kind(deal.id, TaskKind.ISSUE))
        await touch.recompute(tx, deal)

    @command(ANYBODY)
    async def decline(self, tx: Transaction, actor: Actor, variant_id: int) -> None:
        """Note that the insurer will not do it after all; a choice that fell through is made again."""
        deal, variant = await _of_deal(tx, actor, variant_id)
        if not actor.owns(deal) and not await may_edit(tx, actor, deal):
            raise Forbidden(f"deal {deal.id} is calculated by {deal.executor_id}")
        if variant_id in await tx.variants.with_policy(deal.id):
            raise Invalid("A policy has been registered from this variant already.")
        was_chosen = variant.status is VariantStatus.CHOSEN
        _move(tx, variant, VariantStatus.DECLINED_BY_INSURER)
        if was_chosen:
            for other in await tx.variants.lock_all(deal.id):
                # What lost to a choice that is void is on offer again.
                if other.status is VariantStatus.NOT_SELECTED and other.chosen_at is None:
                    other.status = VariantStatus.OFFERED
            if deal.stage is DealStage.ISSUING:
                self._set_stage(tx, deal, DealStage.CHOOSING)
        tx.event(deal.id, "variant_declined", number=variant.number)
        await refresh_comparison(tx, deal)
        await touch.recompute(tx, deal)
        people = {deal.seller_id, deal.executor_id or deal.seller_id} - {actor.user_id}
        for user_id in sorted(people if variant.offered_at is not None else ()):
            tx.notify(user_id, "variant_declined", deal_id=deal.id, variant_id=variant.id)

    # --- looking ------------------------------------------------------------------------------------------------

    @query(ANYBODY)
    async def get(self, tx: Transaction, actor: Actor, variant_id: int) -> VariantView:
        """One variant. Raises NotFound."""
        variant = await tx.variants.get(actor.scope, variant_id)
        deal = None if variant is None else await tx.deals.get(actor.scope, variant.deal_id)
        if variant is None or deal is None:
            raise NotFound
        return (await self._views(tx, actor, deal, [variant]))[0]

    @query(ANYBODY)
    async def insurers(self, tx: Transaction, actor: Actor) -> list[Insurer]:  # noqa: ARG002
        """Insurers that a variant may be of, by name."""
        return await tx.dictionaries.insurers()

    @query(ANYBODY)
    async def of_deal(
        self, tx: Transaction, actor: Actor, deal_id: int, page: int = 0, size: int = PAGE
    ) -> VariantPage:
        """A page of a deal's variants, the newest first. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        rows = await tx.variants.page(deal_id, offset=page * size, limit=size)
        counts = await tx.variants.counts(deal_id)
        return VariantPage(
            deal=deal,
            rows=await self._views(tx, actor, deal, rows),
            total=sum(counts.values()),
            drafts=counts.get(VariantStatus.DRAFT, 0),
            offered=counts.get(VariantStatus.OFFERED, 0),
            handed_in=sum(counts.get(status, 0) for status in HANDED_IN),
            edits=await may_edit(tx, actor, deal),
            chooses=actor.owns(deal),
            asked=await tx.tasks.is_open(deal_id, TaskKind.CALCULATE),
        )

    @query(ANYBODY)
    async def edits(self, tx: Transaction, actor: Actor, deal_id: int) -> bool:
        """Whether the actor may enter variants of a deal. Raises NotFound."""
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        return await may_edit(tx, actor, deal)

    @query(ANYBODY)
    async def compare(self, tx: Transaction, actor: Actor, deal_id: int) -> Offered:
        """The handed in variants of the present calculation, the cheapest first; of the last one where none is present.

        The table is what the client may see: words of the team and figures of commission are not in it.
        """
        deal = await tx.deals.get(actor.scope, deal_id)
        if deal is None:
            raise NotFound
        today = actor.day(tx.now)
        since = await tx.variants.last_policy_at(deal_id)
        present = await tx.variants.since(deal_id, since) or await tx.variants.since(deal_id, None)
        shown = [variant for variant in present if status_on(variant, today) in HANDED_IN]
        offers = [
            Offer(
                number=variant.number,
                insurer=variant.insurer.name,
                premium=variant.premium,
                product=variant.product,
                sum_insured=variant.sum_insured,
                deductible=variant.deductible,
                plan=PaymentPlan.from_code(variant.plan),
                valid_until=variant.valid_until,
            )
            for variant in shown
        ]
        return Offered(
            deal=deal,
            rows=await self._views(tx, actor, deal, shown),
            table=compare(offers),
            chooses=actor.owns(deal),
            issuing=await tx.tasks.is_open(deal_id, TaskKind.ISSUE),
        )

    # --- inner steps --------------------------------------------------------------------------------------------

    @staticmethod
    async def _calculated(tx: Transaction, actor: Actor, deal_id: int) -> Deal:
        deal = await _locked(tx, actor, deal_id)
        if not await may_edit(tx, actor, deal):
            raise Forbidden(f"deal {deal_id} is calculated by {deal.executor_id}")
        return deal

    @staticmethod
    async def _still_choosing(tx: Transaction, deal: Deal) -> None:
        """With nothing left to choose from the deal is where it was before the variants were handed in."""
        await tx.session.flush()
        if not await tx.variants.any_handed_in(deal.id):
            has_policy = await tx.variants.last_policy_at(deal.id) is not None
            await fall_back(tx, deal, after_task_cancelled(TaskKind.CALCULATE, has_policy=has_policy))

    @staticmethod
    async def _known_insurer(tx: Transaction, values: Mapping[str, Any]) -> None:
        if "insurer_id" in values and await tx.dictionaries.insurer(values["insurer_id"]) is None:
            raise NotFound

    async def _change(
        self, tx: Transaction, actor: Actor, deal: Deal, variant: Variant, changes: Mapping[str, Any]
    ) -> None:
        if variant.status is VariantStatus.DECLINED_BY_INSURER:
            raise Invalid("The insurer has declined this variant. Copy it instead.")
        today = actor.day(tx.now)
        values = _checked(changes, today)
        await self._known_insurer(tx, values)
        changed = {name: [getattr(variant, name), value] for name, value in values.items()}
        changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
        if not changed:
            return
        for name, (_old, new) in changed.items():
            setattr(variant, name, new)
        if variant.status is VariantStatus.EXPIRED and status_on(variant, today) is not VariantStatus.EXPIRED:
            _move(tx, variant, VariantStatus.OFFERED)
        tx.audit("variant.changed", "variant", variant.id, deal_id=deal.id, **changed)
        if variant.status is not VariantStatus.DRAFT:
            tx.event(deal.id, "variant_changed", number=variant.number)
        await _tell_changed(tx, deal, variant)

    @staticmethod
    async def _tell_executor(tx: Transaction, deal: Deal, variant: Variant, task: Task | None) -> None:
        """An issue that has been asked for already is now of another variant."""
        if task is None:
            return
        tx.audit("task.variant", "task", task.id, deal_id=deal.id, variant_id=[task.variant_id, variant.id])
        task.variant_id = variant.id
        if task.assignee_id != tx.actor_id:
            tx.notify(task.assignee_id, "variant_chosen", card_key=card_key(task.id), deal_id=deal.id, task_id=task.id)

    @staticmethod
    def _set_stage(tx: Transaction, deal: Deal, stage: DealStage) -> None:
        if deal.stage is not stage:
            tx.audit("deal.stage", "deal", deal.id, deal_id=deal.id, stage=[deal.stage, stage])
            deal.stage = stage

    @staticmethod
    async def _views(tx: Transaction, actor: Actor, deal: Deal, variants: list[Variant]) -> list[VariantView]:
        today = actor.day(tx.now)
        files = await tx.variants.files([variant.id for variant in variants])
        issued = await tx.variants.with_policy(deal.id)
        edits, owner = await may_edit(tx, actor, deal), actor.owns(deal)
        return [
            VariantView(
                id=variant.id,
                deal_id=variant.deal_id,
                number=variant.number,
                insurer_id=variant.insurer_id,
                insurer=variant.insurer.name,
                product=variant.product,
                premium=variant.premium,
                sum_insured=variant.sum_insured,
                deductible=variant.deductible,
                plan=PaymentPlan.from_code(variant.plan),
                commission_rate=variant.commission_rate if owner else None,
                valid_until=variant.valid_until,
                comment=variant.comment,
                status=status_on(variant, today),
                files=files.get(variant.id, 0),
                edits=edits and variant.id not in issued,
                chooses=owner
                and variant.id not in issued
                and deal.stage not in {DealStage.IN_FORCE, DealStage.CLOSED}
                and status_on(variant, today) in {VariantStatus.OFFERED, VariantStatus.NOT_SELECTED},
                issued=variant.id in issued,
            )
            for variant in variants
        ]
