"""Every table of the product, one class a noun of DOMAIN.md §3; column comments only where a rule hides in one."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Computed,
    Date,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, relationship
from sqlalchemy.sql.operators import OperatorType

from models import enums

Money = Numeric(14, 2)
Moment = DateTime(timezone=True)


def _spelt(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return literal_column(f"'{value.value}'", String())
    return [_spelt(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value


class _Word(Enum):
    """A column that is compared with a word of the code's own by the word itself and not by a parameter.

    A statement that is run often is planned once for all its parameters, and then no partial index (open deals, tasks
    to do, reminders planned) would answer it: at a million deals they were walked.
    """

    class Comparator(Enum.Comparator):
        def operate(self, op: OperatorType, *other: Any, **how: Any) -> ColumnElement[Any]:
            return super().operate(op, *map(_spelt, other), **how)

    comparator_factory = Comparator


def _enum(cls: type[Any]) -> Enum:
    """Enum kept as text with a length, so that a new member needs no ALTER TYPE."""
    return _Word(cls, native_enum=False, length=32, values_callable=lambda e: [m.value for m in e])


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Dataclass-style rows: a missing required column is a type error, not a NULL at flush."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Entity(Base):
    """What every noun has: a surrogate id and the moments (UTC) it was made and last changed."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True, init=False)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now(), init=False)
    updated_at: Mapped[datetime] = mapped_column(
        Moment, server_default=func.now(), onupdate=func.clock_timestamp(), init=False
    )


_NAME_KEY = "lower(translate({0}, 'ёЁ', 'ее'))"


class User(Entity):
    """Сотрудник. `active` is false while an admin blocks him; `reachable` is false while he blocks the bot."""

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_name", text("active DESC"), "name_key", "id"),
        Index(
            "ix_users_executors",
            "name_key",
            "id",
            postgresql_include=["full_name"],
            postgresql_where=text("active AND roles @> '{executor}'"),
        ),
        Index("ix_users_admins", "name_key", "id", postgresql_where=text("active AND roles @> '{admin}'")),
    )

    telegram_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    full_name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(
        String(200), Computed(_NAME_KEY.format("full_name"), persisted=True), init=False, repr=False, deferred=True
    )
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    username: Mapped[str | None] = mapped_column(String(64), default=None)
    time_zone: Mapped[str] = mapped_column(String(64), default="Europe/Moscow")
    language: Mapped[str] = mapped_column(String(8), default="ru")
    digest_hour: Mapped[int] = mapped_column(SmallInteger, default=9)
    quiet_from: Mapped[int] = mapped_column(SmallInteger, default=21)
    quiet_to: Mapped[int] = mapped_column(SmallInteger, default=8)
    active: Mapped[bool] = mapped_column(default=True)
    reachable: Mapped[bool] = mapped_column(default=True)
    last_seen_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


class Invite(Entity):
    """Приглашение: only the hash of the one-time code is kept."""

    __tablename__ = "invites"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(16)))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), default=None)
    used_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


_WORDS = f"string_to_array(btrim(regexp_replace({_NAME_KEY}, '[^[:alnum:]]+', ' ', 'g')), ' ')"
_OPEN_TASK = text("status NOT IN ('done', 'cancelled')")
_OPEN_DEAL = text("stage <> 'closed'")
_CLOSED_DEAL = text("stage = 'closed'")
_LIVE = text("deleted_at IS NULL")
_UNPAID = text("settled_on IS NULL AND waived_at IS NULL")
_UNDECIDED = text("outcome IS NULL AND deleted_at IS NULL")
_PLANNED = text("status = 'planned'")


class Client(Entity):
    """Клиент: a person or a company, kept by its seller."""

    __tablename__ = "clients"
    __table_args__ = (
        Index("ix_clients_words", "words", postgresql_using="gin"),
        Index("ix_clients_inn", "inn", postgresql_where=text("inn IS NOT NULL")),
        Index(
            "ix_clients_seller",
            "seller_id",
            "name_key",
            "id",
            postgresql_include=["words"],
            postgresql_where=_LIVE,
        ),
        Index("ix_clients_name", "name_key", "id", postgresql_where=_LIVE),
    )

    name: Mapped[str] = mapped_column(String(200))
    seller_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[enums.ClientKind] = mapped_column(_enum(enums.ClientKind), default=enums.ClientKind.PERSON)
    name_key: Mapped[str] = mapped_column(
        String(200), Computed(_NAME_KEY.format("name"), persisted=True), init=False, repr=False
    )
    words: Mapped[list[str]] = mapped_column(
        ARRAY(Text), Computed(_WORDS.format("name"), persisted=True), init=False, repr=False, deferred=True
    )
    email: Mapped[str | None] = mapped_column(String(254), default=None)
    birth_date: Mapped[date | None] = mapped_column(Date, default=None)
    inn: Mapped[str | None] = mapped_column(String(12), default=None)
    note: Mapped[str] = mapped_column(Text, default="")
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)

    phones: Mapped[list["ClientPhone"]] = relationship(
        lazy="raise", order_by="ClientPhone.id", default_factory=list, cascade="all, delete-orphan", repr=False
    )


class ClientPhone(Base):
    """One phone of a client, E.164."""

    __tablename__ = "client_phones"
    __table_args__ = (
        UniqueConstraint("client_id", "e164"),
        Index("ix_client_phones_e164", "e164"),
        Index("ix_client_phones_trgm", "e164", postgresql_using="gin", postgresql_ops={"e164": "gin_trgm_ops"}),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), init=False)
    e164: Mapped[str] = mapped_column(String(16))


class NameWord(Base):
    """A word of some client's name or deal's title, remembered by triggers: a typed word is compared with these, which
    are few, and not with every name. A word that nobody bears any more does no harm.
    """

    __tablename__ = "name_words"
    __table_args__ = (
        Index("ix_name_words_trgm", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )

    word: Mapped[str] = mapped_column(Text, primary_key=True)


class Insurer(Entity):
    """Страховая компания with the short names people type."""

    __tablename__ = "insurers"

    name: Mapped[str] = mapped_column(String(120), unique=True)
    aliases: Mapped[list[str]] = mapped_column(ARRAY(String(60)), default_factory=list)
    active: Mapped[bool] = mapped_column(default=True)


class LineOfBusiness(Entity):
    """Вид страхования. `steps` (days before the end) overrides the ladder's own when set."""

    __tablename__ = "lines_of_business"

    code: Mapped[str] = mapped_column(String(24), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    ladder: Mapped[enums.Ladder] = mapped_column(_enum(enums.Ladder))
    aliases: Mapped[list[str]] = mapped_column(ARRAY(String(60)), default_factory=list)
    steps: Mapped[list[int] | None] = mapped_column(ARRAY(Integer), default=None)
    position: Mapped[int] = mapped_column(SmallInteger, default=100)
    active: Mapped[bool] = mapped_column(default=True)


class CommissionRate(Entity):
    """Ставка КВ: insurer × line × scope × valid from; NULL line means every line. The most specific wins."""

    __tablename__ = "commission_rates"
    __table_args__ = (
        UniqueConstraint("insurer_id", "line_id", "scope", "valid_from", postgresql_nulls_not_distinct=True),
        CheckConstraint("value >= 0", name="value"),
    )

    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurers.id"))
    line_id: Mapped[int | None] = mapped_column(ForeignKey("lines_of_business.id"))
    scope: Mapped[enums.RateScope] = mapped_column(_enum(enums.RateScope))
    kind: Mapped[enums.RateKind] = mapped_column(_enum(enums.RateKind))
    value: Mapped[Decimal] = mapped_column(Money)
    valid_from: Mapped[date] = mapped_column(Date)


deal_number = Sequence("deal_number", start=1001)


class Deal(Entity):
    """Сделка: one insured object of one client, kept for years; stages move by what people do."""

    __tablename__ = "deals"
    __table_args__ = (
        # My deals by next touch: the list, its pages, its filters and the count are read from the index alone.
        Index(
            "ix_deals_seller_touch",
            "seller_id",
            "review_on",
            "id",
            postgresql_include=["stage", "updated_at"],
            postgresql_where=_OPEN_DEAL,
        ),
        Index(
            "ix_deals_executor",
            "executor_id",
            "review_on",
            "id",
            postgresql_include=["stage", "updated_at"],
            postgresql_where=_OPEN_DEAL,
        ),
        Index("ix_deals_touch", "review_on", "id", postgresql_include=["stage"], postgresql_where=_OPEN_DEAL),
        Index("ix_deals_fresh", "updated_at", "id", postgresql_where=_OPEN_DEAL),
        # Searches, policies and payments of a person go through his deals, closed ones too.
        Index("ix_deals_seller", "seller_id", "id", postgresql_include=["client_id", "words"]),
        Index("ix_deals_executor_all", "executor_id", "id", postgresql_include=["client_id", "words"]),
        Index("ix_deals_closed", "closed_at", "id", postgresql_where=_CLOSED_DEAL),
        Index("ix_deals_seller_closed", "seller_id", "closed_at", "id", postgresql_where=_CLOSED_DEAL),
        Index("ix_deals_executor_closed", "executor_id", "closed_at", "id", postgresql_where=_CLOSED_DEAL),
        Index("ix_deals_created", "created_at"),
        Index("ix_deals_client", "client_id"),
        Index("ix_deals_words", "words", postgresql_using="gin"),
        # People remember the end of a VIN and the middle of a plate.
        Index("ix_deals_vin_trgm", "vin", postgresql_using="gin", postgresql_ops={"vin": "gin_trgm_ops"}),
        Index("ix_deals_plate_trgm", "plate", postgresql_using="gin", postgresql_ops={"plate": "gin_trgm_ops"}),
        CheckConstraint("(stage = 'closed') = (outcome IS NOT NULL)", name="closed_has_outcome"),
    )

    number: Mapped[int] = mapped_column(
        BigInteger, deal_number, unique=True, server_default=deal_number.next_value(), init=False
    )
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("lines_of_business.id"))
    title: Mapped[str] = mapped_column(String(200))
    seller_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    review_on: Mapped[date] = mapped_column(Date)
    review_reason: Mapped[enums.ReviewReason] = mapped_column(_enum(enums.ReviewReason))
    review_object_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    review_note: Mapped[str] = mapped_column(String(200), default="")
    # A date set by a person stands until it comes or a nearer event appears (DOMAIN.md §5).
    review_by_hand: Mapped[date | None] = mapped_column(Date, default=None)
    review_set_on: Mapped[date | None] = mapped_column(Date, default=None)
    title_key: Mapped[str] = mapped_column(
        String(200), Computed(_NAME_KEY.format("title"), persisted=True), init=False, repr=False
    )
    words: Mapped[list[str]] = mapped_column(
        ARRAY(Text), Computed(_WORDS.format("title"), persisted=True), init=False, repr=False, deferred=True
    )
    vin: Mapped[str | None] = mapped_column(String(17), default=None)
    plate: Mapped[str | None] = mapped_column(String(12), default=None)
    address: Mapped[str | None] = mapped_column(String(300), default=None)
    executor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), default=None)
    stage: Mapped[enums.DealStage] = mapped_column(_enum(enums.DealStage), default=enums.DealStage.COLLECTING)
    outcome: Mapped[enums.DealOutcome | None] = mapped_column(_enum(enums.DealOutcome), default=None)
    close_reason: Mapped[enums.CloseReason | None] = mapped_column(_enum(enums.CloseReason), default=None)
    close_note: Mapped[str] = mapped_column(String(500), default="")
    closed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    # The policy whose end this deal is being recalculated for, while it is.
    renewal_of_id: Mapped[int | None] = mapped_column(
        ForeignKey("policies.id", use_alter=True, name="fk_deals_renewal_of_id"), default=None
    )

    client: Mapped[Client] = relationship(lazy="raise", init=False, repr=False)
    line: Mapped[LineOfBusiness] = relationship(lazy="raise", init=False, repr=False)
    seller: Mapped[User] = relationship(lazy="raise", init=False, repr=False, foreign_keys=[seller_id])
    executor: Mapped[User | None] = relationship(lazy="raise", init=False, repr=False, foreign_keys=[executor_id])


class DealExpense(Entity):
    """An expense agreed on the deal before any policy: copied onto each payment when a policy is registered.

    Exactly one of `percent` (of the payment) and `amount` (on the first payment) is set.
    """

    __tablename__ = "deal_expenses"
    __table_args__ = (CheckConstraint("num_nonnulls(percent, amount) = 1", name="percent_or_amount"),)

    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"), index=True)
    kind: Mapped[enums.ExpenseKind] = mapped_column(_enum(enums.ExpenseKind))
    payee: Mapped[str] = mapped_column(String(200), default="")
    percent: Mapped[Decimal | None] = mapped_column(Money, default=None)
    amount: Mapped[Decimal | None] = mapped_column(Money, default=None)


class JournalEntry(Entity):
    """Запись журнала, append-only. A system event has no author and keeps `event` + `params` instead of a text,
    so that each reader sees it in his own language.
    """

    __tablename__ = "journal_entries"
    __table_args__ = (Index("ix_journal_deal", "deal_id", "id"),)

    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    event: Mapped[str | None] = mapped_column(String(64), default=None)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"), default=None)

    author: Mapped[User | None] = relationship(lazy="raise", init=False, repr=False)


class Document(Entity):
    """Документ: bytes live under the documents root at `path`; the Telegram file id is only a cache."""

    __tablename__ = "documents"
    __table_args__ = (
        Index("uq_documents_deal_sha", "deal_id", "sha256", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("ix_documents_deal", "deal_id", "id", postgresql_where=text("deleted_at IS NULL")),
        Index("ix_documents_sender", "sent_by_id", "id"),
        Index("ix_documents_client", "client_id", postgresql_where=text("client_id IS NOT NULL")),
        Index("ix_documents_policy", "policy_id", postgresql_where=text("policy_id IS NOT NULL")),
        Index("ix_documents_variant", "variant_id", postgresql_where=text("variant_id IS NOT NULL")),
    )

    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[enums.DocumentKind] = mapped_column(_enum(enums.DocumentKind))
    size: Mapped[int] = mapped_column(BigInteger)
    mime: Mapped[str] = mapped_column(String(127))
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    path: Mapped[str] = mapped_column(String(1000), unique=True)
    sent_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), default=None)
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("policies.id"), default=None)
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id"), default=None)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"), default=None)
    telegram_file_id: Mapped[str | None] = mapped_column(String(255), default=None)
    # How Telegram holds the cached file (photo, document, voice …): an id is only good for the same method.
    telegram_type: Mapped[str] = mapped_column(String(16), default="document")
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)

    sent_by: Mapped[User] = relationship(lazy="raise", init=False, repr=False)


class Parcel(Entity):
    """What a person sent with no deal open: an album, a file or a forwarded text that waits for its deal.

    `group_key` is the album or the single message, so that the person is asked once for the whole album.
    """

    __tablename__ = "parcels"
    __table_args__ = (UniqueConstraint("user_id", "group_key"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    group_key: Mapped[str] = mapped_column(String(64))
    caption: Mapped[str] = mapped_column(Text, default="")
    question_message_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id"), default=None)
    settled_at: Mapped[datetime | None] = mapped_column(Moment, default=None)


class ParcelItem(Entity):
    """One file of a parcel, its bytes kept already; `text` for a forwarded message without a file."""

    __tablename__ = "parcel_items"

    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcels.id"), index=True)
    name: Mapped[str] = mapped_column(String(255), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    path: Mapped[str | None] = mapped_column(String(1000), default=None)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    mime: Mapped[str] = mapped_column(String(127), default="")
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32), default=None)
    telegram_file_id: Mapped[str | None] = mapped_column(String(255), default=None)
    telegram_type: Mapped[str] = mapped_column(String(16), default="document")


class Task(Entity):
    """Задача: what one person asks of another on a deal; the clock stands in `question` and `waiting_insurer`."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "ix_tasks_assignee_open",
            "assignee_id",
            "due_at",
            "id",
            postgresql_include=["deal_id", "status"],
            postgresql_where=_OPEN_TASK,
        ),
        Index("ix_tasks_question", "due_at", "id", postgresql_where=text("status = 'question'")),
        Index("ix_tasks_open", "due_at", "id", postgresql_where=text("status NOT IN ('done', 'cancelled')")),
        Index("ix_tasks_author_open", "author_id", "due_at", "id", postgresql_where=_OPEN_TASK),
        Index(
            "ix_tasks_deal_open",
            "deal_id",
            "due_at",
            "id",
            postgresql_include=["assignee_id", "status"],
            postgresql_where=_OPEN_TASK,
        ),
        Index("ix_tasks_deal", "deal_id", "id"),
        Index("ix_tasks_author", "author_id", "id"),
        Index("ix_tasks_created", "created_at"),
        # One open calculation and one open issue task a deal: a second is always a mistake of two taps.
        Index(
            "uq_tasks_open_kind",
            "deal_id",
            "kind",
            unique=True,
            postgresql_where=text("status NOT IN ('done', 'cancelled') AND kind IN ('calculate', 'issue')"),
        ),
    )

    kind: Mapped[enums.TaskKind] = mapped_column(_enum(enums.TaskKind))
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    assignee_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    due_at: Mapped[datetime] = mapped_column(Moment)
    comment: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[enums.TaskStatus] = mapped_column(_enum(enums.TaskStatus), default=enums.TaskStatus.QUEUED)
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id"), default=None)
    accepted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    finished_at: Mapped[datetime | None] = mapped_column(Moment, default=None)

    deal: Mapped[Deal] = relationship(lazy="raise", init=False, repr=False)
    author: Mapped[User] = relationship(lazy="raise", init=False, repr=False, foreign_keys=[author_id])
    assignee: Mapped[User] = relationship(lazy="raise", init=False, repr=False, foreign_keys=[assignee_id])
    moves: Mapped[list["TaskMove"]] = relationship(
        lazy="raise", init=False, repr=False, order_by="TaskMove.id", viewonly=True
    )


class TaskMove(Entity):
    """One step of a task's history; a question, an answer or a reason is its comment."""

    __tablename__ = "task_moves"
    __table_args__ = (Index("ix_task_moves_at", "at"),)

    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    status: Mapped[enums.TaskStatus] = mapped_column(_enum(enums.TaskStatus))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    comment: Mapped[str] = mapped_column(Text, default="")

    by: Mapped[User | None] = relationship(lazy="raise", init=False, repr=False)


class Variant(Entity):
    """Вариант расчёта (quote). `plan` is a payment plan code of services.rules.plans; rate in percent."""

    __tablename__ = "variants"
    __table_args__ = (
        UniqueConstraint("deal_id", "number"),
        CheckConstraint("premium > 0", name="premium"),
        Index("ix_variants_offered", "offered_at", postgresql_where=text("offered_at IS NOT NULL")),
    )

    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurers.id"))
    premium: Mapped[Decimal] = mapped_column(Money)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    product: Mapped[str] = mapped_column(String(120), default="")
    sum_insured: Mapped[Decimal | None] = mapped_column(Money, default=None)
    deductible: Mapped[Decimal | None] = mapped_column(Money, default=None)
    plan: Mapped[str] = mapped_column(String(500), default="full")
    commission_rate: Mapped[Decimal | None] = mapped_column(Numeric(5, 2), default=None)
    valid_until: Mapped[date | None] = mapped_column(Date, default=None)
    comment: Mapped[str] = mapped_column(String(1000), default="")
    status: Mapped[enums.VariantStatus] = mapped_column(_enum(enums.VariantStatus), default=enums.VariantStatus.DRAFT)
    offered_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    chosen_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)

    insurer: Mapped[Insurer] = relationship(lazy="raise", init=False, repr=False)
    deal: Mapped[Deal] = relationship(lazy="raise", init=False, repr=False)


class Policy(Entity):
    """Полис. Status is computed (services.rules.statuses); only the outcome a person gave is stored.

    `rate_kind`/`rate_value` are the commission rate frozen at registration; both NULL means «ставка не задана».
    """

    __tablename__ = "policies"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="period"),
        CheckConstraint("premium > 0", name="premium"),
        CheckConstraint("(rate_kind IS NULL) = (rate_value IS NULL)", name="rate"),
        Index("ix_policies_deal", "deal_id"),
        # What ends among a person's deals, told from the index alone.
        Index(
            "ix_policies_deal_undecided",
            "deal_id",
            "ends_on",
            "id",
            postgresql_include=["starts_on"],
            postgresql_where=_UNDECIDED,
        ),
        Index("ix_policies_deleted", "deal_id", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        Index("ix_policies_insurer", "insurer_id", postgresql_where=_LIVE),
        Index("ix_policies_line", "line_id", "id", postgresql_where=_LIVE),
        Index("ix_policies_client", "client_id"),
        Index("ix_policies_variant", "variant_id", postgresql_where=text("variant_id IS NOT NULL")),
        Index("ix_policies_previous", "previous_policy_id", postgresql_where=text("previous_policy_id IS NOT NULL")),
        Index("ix_policies_created", "created_at"),
        Index(
            "ix_policies_ending",
            "ends_on",
            "id",
            postgresql_include=["deal_id", "starts_on"],
            postgresql_where=_UNDECIDED,
        ),
        Index("ix_policies_number_trgm", "number", postgresql_using="gin", postgresql_ops={"number": "gin_trgm_ops"}),
        Index("uq_policies_number", "number", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )

    number: Mapped[str] = mapped_column(String(40))
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id"))
    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurers.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("lines_of_business.id"))
    premium: Mapped[Decimal] = mapped_column(Money)
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    registered_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    plan: Mapped[str] = mapped_column(String(500), default="full")
    variant_id: Mapped[int | None] = mapped_column(ForeignKey("variants.id"), default=None)
    sum_insured: Mapped[Decimal | None] = mapped_column(Money, default=None)
    previous_policy_id: Mapped[int | None] = mapped_column(ForeignKey("policies.id"), default=None)
    rate_kind: Mapped[enums.RateKind | None] = mapped_column(_enum(enums.RateKind), default=None)
    rate_value: Mapped[Decimal | None] = mapped_column(Money, default=None)
    outcome: Mapped[enums.PolicyOutcome | None] = mapped_column(_enum(enums.PolicyOutcome), default=None)
    outcome_reason: Mapped[enums.CloseReason | None] = mapped_column(_enum(enums.CloseReason), default=None)
    outcome_on: Mapped[date | None] = mapped_column(Date, default=None)
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)

    deal: Mapped[Deal] = relationship(lazy="raise", init=False, repr=False, foreign_keys=[deal_id])
    insurer: Mapped[Insurer] = relationship(lazy="raise", init=False, repr=False)
    line: Mapped[LineOfBusiness] = relationship(lazy="raise", init=False, repr=False)
    payments: Mapped[list["Payment"]] = relationship(
        lazy="raise", init=False, repr=False, order_by="Payment.seq", viewonly=True
    )


class Payment(Entity):
    """Взнос: the client's premium money, never ours. `paid_amount` sums the money moves that stand."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("policy_id", "seq"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("paid_amount >= 0", name="paid_amount"),
        Index(
            "ix_payments_unpaid",
            "due_on",
            "id",
            postgresql_include=["policy_id", "deal_id", "promised_on"],
            postgresql_where=_UNPAID,
        ),
        Index(
            "ix_payments_deal_unpaid",
            "deal_id",
            "due_on",
            "id",
            postgresql_include=["policy_id", "promised_on"],
            postgresql_where=_UNPAID,
        ),
        Index(
            "ix_payments_promised",
            "promised_on",
            postgresql_where=text("promised_on IS NOT NULL AND settled_on IS NULL AND waived_at IS NULL"),
        ),
        Index("ix_payments_deal", "deal_id", "due_on"),
    )

    policy_id: Mapped[int] = mapped_column(ForeignKey("policies.id"))
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"))
    seq: Mapped[int] = mapped_column(SmallInteger)
    due_on: Mapped[date] = mapped_column(Date)
    amount: Mapped[Decimal] = mapped_column(Money)
    paid_amount: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    # The date of the move that made paid_amount reach amount; NULL while anything is owed.
    settled_on: Mapped[date | None] = mapped_column(Date, default=None)
    confirmed_on: Mapped[date | None] = mapped_column(Date, default=None)
    promised_on: Mapped[date | None] = mapped_column(Date, default=None)
    waived_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    waived_reason: Mapped[str] = mapped_column(String(300), default="")

    policy: Mapped[Policy] = relationship(lazy="raise", init=False, repr=False)
    incomes: Mapped[list["Income"]] = relationship(lazy="raise", init=False, repr=False, viewonly=True)
    expenses: Mapped[list["Expense"]] = relationship(lazy="raise", init=False, repr=False, viewonly=True)


class Income(Entity):
    """Доход (КВ): our money. `expected_amount` NULL means the rate was not set when the policy was registered."""

    __tablename__ = "incomes"
    __table_args__ = (
        Index("ix_incomes_payment", "payment_id"),
        Index(
            "ix_incomes_unknown",
            "payment_id",
            postgresql_where=text("expected_amount IS NULL AND status = 'expected'"),
        ),
        Index("ix_incomes_open", "expected_on", "id", postgresql_where=text("status = 'expected'")),
    )

    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"), index=True)
    expected_on: Mapped[date] = mapped_column(Date)
    expected_amount: Mapped[Decimal | None] = mapped_column(Money)
    kind: Mapped[enums.IncomeKind] = mapped_column(_enum(enums.IncomeKind), default=enums.IncomeKind.COMMISSION)
    received_on: Mapped[date | None] = mapped_column(Date, default=None)
    received_amount: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    status: Mapped[enums.IncomeStatus] = mapped_column(_enum(enums.IncomeStatus), default=enums.IncomeStatus.EXPECTED)
    status_reason: Mapped[str] = mapped_column(String(300), default="", server_default="")


class Expense(Entity):
    """Расход: what we give away of our commission."""

    __tablename__ = "expenses"
    __table_args__ = (Index("ix_expenses_payment", "payment_id"),)

    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id"), index=True)
    kind: Mapped[enums.ExpenseKind] = mapped_column(_enum(enums.ExpenseKind))
    expected_on: Mapped[date] = mapped_column(Date)
    expected_amount: Mapped[Decimal] = mapped_column(Money)
    payee: Mapped[str] = mapped_column(String(200), default="")
    paid_on: Mapped[date | None] = mapped_column(Date, default=None)
    paid_amount: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    status: Mapped[enums.ExpenseStatus] = mapped_column(
        _enum(enums.ExpenseStatus), default=enums.ExpenseStatus.EXPECTED
    )


class MoneyMove(Entity):
    """One fact about money that somebody entered: who, when, how much, of what; undone rather than deleted."""

    __tablename__ = "money_moves"
    __table_args__ = (
        CheckConstraint("num_nonnulls(payment_id, income_id, expense_id) = 1", name="one_object"),
        Index("ix_money_moves_day", "on_date", "kind", postgresql_include=["amount", "undone_at"]),
        Index("ix_money_moves_payment", "payment_id"),
        Index("ix_money_moves_income", "income_id"),
        Index("ix_money_moves_expense", "expense_id"),
    )

    kind: Mapped[enums.MoneyMoveKind] = mapped_column(_enum(enums.MoneyMoveKind))
    on_date: Mapped[date] = mapped_column(Date)
    amount: Mapped[Decimal] = mapped_column(Money)
    by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), default=None)
    income_id: Mapped[int | None] = mapped_column(ForeignKey("incomes.id"), default=None)
    expense_id: Mapped[int | None] = mapped_column(ForeignKey("expenses.id"), default=None)
    undone_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    undone_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), default=None)


class Reminder(Entity):
    """A due row: unique by (kind, object, step, recipient, local date), so two schedulers cannot send it twice."""

    __tablename__ = "reminders"
    __table_args__ = (
        UniqueConstraint("kind", "object_id", "step", "recipient_id", "local_date"),
        Index("ix_reminders_due", "due_at", "id", postgresql_where=text("status = 'planned'")),
        Index("ix_reminders_object", "kind", "object_id"),
        Index("ix_reminders_deal", "deal_id"),
        Index("ix_reminders_failing", "id", postgresql_where=text("error IS NOT NULL")),
        Index("ix_reminders_recipient", "recipient_id", "due_at", postgresql_where=_PLANNED),
        Index("ix_reminders_said", "recipient_id", "sent_at", postgresql_where=text("status = 'sent'")),
        Index(
            "ix_reminders_admin",
            "kind",
            "object_id",
            "step",
            "due_at",
            postgresql_where=text("status = 'planned' AND (kind = 'payment' AND step >= 7 OR kind = 'task_question')"),
        ),
    )

    kind: Mapped[enums.ReminderKind] = mapped_column(_enum(enums.ReminderKind))
    # Policy, payment, deal, task or user, by kind.
    object_id: Mapped[int] = mapped_column(BigInteger)
    step: Mapped[int] = mapped_column(Integer)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    local_date: Mapped[date] = mapped_column(Date)
    due_at: Mapped[datetime] = mapped_column(Moment)
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id"), default=None)
    # The day that the step counts from: once it has moved, what was said of the old one is not said of the new one.
    event_on: Mapped[date | None] = mapped_column(Date, default=None)
    status: Mapped[enums.ReminderStatus] = mapped_column(
        _enum(enums.ReminderStatus), default=enums.ReminderStatus.PLANNED
    )
    sent_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    answered_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    answer: Mapped[str | None] = mapped_column(String(40), default=None)
    # Of a planned row that could not be fired: how often it was tried, and why it failed the last time.
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text, default=None)


class AuditRecord(Base):
    """Запись аудита: append-only; a trigger chains each row to the one before by SHA-256 (migration 0001)."""

    __tablename__ = "audit_records"
    __table_args__ = (
        Index("ix_audit_deal", "deal_id", "at", "id"),
        Index("ix_audit_actor", "actor_id", "at", "id"),
        Index("ix_audit_at", "at", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    at: Mapped[datetime] = mapped_column(Moment)
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(64))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    deal_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB, default_factory=dict)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), init=False, default=None)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), init=False, default=None)


class TeamSetting(Base):
    """A setting of the whole agency, one JSON value a key (services.settings knows the keys)."""

    __tablename__ = "team_settings"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)


class InboxUpdate(Base):
    """A raw update as Telegram gave it; taken one at a time per person, in order of update_id."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index("ix_inbox_pending", "person_id", "update_id", postgresql_where=text("status = 'pending'")),
        Index("ix_inbox_dead", "received_at", postgresql_where=text("status = 'dead'")),
        Index("ix_inbox_done_at", "done_at", postgresql_using="brin"),
        # The fence under "one person's updates never run at the same time": two replicas cannot lease two of them.
        Index("uq_inbox_leased", "bot_id", "person_id", unique=True, postgresql_where=text("leased_until IS NOT NULL")),
    )

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    update_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    person_id: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(Moment, server_default=func.clock_timestamp(), init=False)
    status: Mapped[enums.DeliveryStatus] = mapped_column(
        _enum(enums.DeliveryStatus), default=enums.DeliveryStatus.PENDING
    )
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    not_before: Mapped[datetime] = mapped_column(Moment, server_default=func.clock_timestamp(), init=False)
    leased_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    done_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)


class Effect(Base):
    """The mark that an update has had an effect, written in the effect's own transaction, with what it returned."""

    __tablename__ = "effects"

    key: Mapped[str] = mapped_column(String(160), primary_key=True)
    result: Mapped[Any] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.clock_timestamp(), init=False, index=True)


class OutboxMessage(Base):
    """A message to a person that is not the direct answer to his tap: what kind and about which ids, never its text.

    The text is rendered when it is sent, in the recipient's language and from the facts of that moment.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_pending", "recipient_id", "id", postgresql_where=text("status = 'pending'")),
        Index("ix_outbox_dead", "id", postgresql_where=text("status = 'dead'")),
        Index("ix_outbox_sent", "recipient_id", "message_id"),
        Index("ix_outbox_card", "recipient_id", "card_key", postgresql_where=text("card_key IS NOT NULL")),
        Index("uq_outbox_leased", "recipient_id", unique=True, postgresql_where=text("leased_until IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(40))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    dedup_key: Mapped[str | None] = mapped_column(String(160), unique=True, default=None)
    # Messages about one object share a card: a later one may edit the earlier instead of adding to the chat.
    card_key: Mapped[str | None] = mapped_column(String(80), default=None)
    edits_card: Mapped[bool] = mapped_column(default=False)
    deal_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id"), default=None)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.clock_timestamp(), init=False)
    status: Mapped[enums.DeliveryStatus] = mapped_column(
        _enum(enums.DeliveryStatus), default=enums.DeliveryStatus.PENDING
    )
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    not_before: Mapped[datetime] = mapped_column(Moment, server_default=func.clock_timestamp(), init=False)
    leased_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    sent_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    message_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    error: Mapped[str | None] = mapped_column(Text, default=None)


class DialogState(Base):
    """The half-typed screens of a chat, kept here when there is no Redis: one row, read and written once an update."""

    __tablename__ = "dialog_state"

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    records: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # The update that wrote last: when it comes again after a crash it must not act on what it has itself advanced.
    written_by: Mapped[str | None] = mapped_column(String(64), default=None)
    updated_at: Mapped[datetime] = mapped_column(
        Moment, server_default=func.now(), onupdate=func.clock_timestamp(), init=False
    )
