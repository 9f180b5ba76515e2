"""What an agency of a million deals is read by: indexes that answer its lists alone, and the words of its names.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN_DEAL, CLOSED_DEAL = "stage <> 'closed'", "stage = 'closed'"
OPEN_TASK = "status NOT IN ('done', 'cancelled')"
LIVE = "deleted_at IS NULL"
UNPAID = "settled_on IS NULL AND waived_at IS NULL"

REPLACED: tuple[tuple[str, str, list[str], str | None, list[str], list[str], str | None], ...] = (
    # name, table, columns before, condition before, columns now, what it carries now, condition now
    ("ix_clients_seller", "clients", ["seller_id", "name_key"], None, ["seller_id", "name_key", "id"], [], LIVE),
    ("ix_clients_name", "clients", ["name_key", "id"], None, ["name_key", "id"], [], LIVE),
    (
        "ix_deals_seller_touch",
        "deals",
        ["seller_id", "review_on", "id"],
        OPEN_DEAL,
        ["seller_id", "review_on", "id"],
        ["stage", "updated_at"],
        OPEN_DEAL,
    ),
    (
        "ix_deals_executor",
        "deals",
        ["executor_id", "review_on", "id"],
        OPEN_DEAL,
        ["executor_id", "review_on", "id"],
        ["stage", "updated_at"],
        OPEN_DEAL,
    ),
    ("ix_deals_touch", "deals", ["review_on", "id"], OPEN_DEAL, ["review_on", "id"], ["stage"], OPEN_DEAL),
    ("ix_deals_seller", "deals", ["seller_id"], None, ["seller_id", "id"], ["client_id"], None),
    ("ix_deals_executor_all", "deals", ["executor_id"], None, ["executor_id", "id"], ["client_id"], None),
    ("ix_payments_unpaid", "payments", ["due_on", "id"], UNPAID, ["due_on", "id"], ["policy_id", "deal_id"], UNPAID),
    (
        "ix_money_moves_day",
        "money_moves",
        ["on_date", "kind"],
        None,
        ["on_date", "kind"],
        ["amount", "undone_at"],
        None,
    ),
    ("ix_audit_deal", "audit_records", ["deal_id", "id"], None, ["deal_id", "at", "id"], [], None),
    ("ix_audit_actor", "audit_records", ["actor_id", "id"], None, ["actor_id", "at", "id"], [], None),
    ("ix_audit_at", "audit_records", ["at"], None, ["at", "id"], [], None),
)
ADDED: tuple[tuple[str, str, list[str], list[str], str | None], ...] = (
    ("ix_deals_fresh", "deals", ["updated_at", "id"], [], OPEN_DEAL),
    ("ix_deals_seller_closed", "deals", ["seller_id", "closed_at", "id"], [], CLOSED_DEAL),
    ("ix_deals_executor_closed", "deals", ["executor_id", "closed_at", "id"], [], CLOSED_DEAL),
    ("ix_tasks_question", "tasks", ["due_at", "id"], [], "status = 'question'"),
    ("ix_tasks_author_open", "tasks", ["author_id", "due_at", "id"], [], OPEN_TASK),
    ("ix_tasks_deal_open", "tasks", ["deal_id", "due_at", "id"], ["assignee_id", "status"], OPEN_TASK),
    (
        "ix_policies_deal_undecided",
        "policies",
        ["deal_id", "ends_on", "id"],
        ["starts_on"],
        "outcome IS NULL AND deleted_at IS NULL",
    ),
    ("ix_policies_deleted", "policies", ["deal_id", "id"], [], "deleted_at IS NOT NULL"),
    ("ix_policies_insurer", "policies", ["insurer_id"], [], LIVE),
    ("ix_policies_line", "policies", ["line_id", "id"], [], LIVE),
    ("ix_payments_deal_unpaid", "payments", ["deal_id", "due_on", "id"], ["policy_id", "promised_on"], UNPAID),
    ("ix_payments_promised", "payments", ["promised_on"], [], f"promised_on IS NOT NULL AND {UNPAID}"),
    ("ix_reminders_recipient", "reminders", ["recipient_id", "due_at"], [], "status = 'planned'"),
    ("ix_reminders_said", "reminders", ["recipient_id", "sent_at"], [], "status = 'sent'"),
)

WORDS = "string_to_array(btrim(regexp_replace(lower(translate({0}, 'ёЁ', 'ее')), '[^[:alnum:]]+', ' ', 'g')), ' ')"
NAMED = (("clients", "name"), ("deals", "title"))
# What has figures in it (a plate, a year) is no word: there would be as many as deals. Always in one order: two who
# bring the same two words at once must not wait for each other.
REMEMBER = """
CREATE FUNCTION remember_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO name_words (word) SELECT DISTINCT word FROM unnest(NEW.words) AS word
    WHERE word !~ '[0-9]' ORDER BY word ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    for name, table, _columns, _condition, columns, carried, condition in REPLACED:
        op.drop_index(name, table_name=table)
        _index(name, table, columns, carried, condition)
    for name, table, columns, carried, condition in ADDED:
        _index(name, table, columns, carried, condition)
    op.create_table("name_words", sa.Column("word", sa.Text(), primary_key=True))
    for table, column in NAMED:
        op.drop_index(f"ix_{table}_{column}_trgm", table_name=table)
        words: sa.Column[list[str]] = sa.Column(
            "words", sa.ARRAY(sa.Text()), sa.Computed(WORDS.format(column), persisted=True), nullable=False
        )
        op.add_column(table, words)
        op.create_index(f"ix_{table}_words", table, ["words"], postgresql_using="gin")
    op.execute(
        "INSERT INTO name_words (word) SELECT word FROM (SELECT unnest(words) AS word FROM clients"
        " UNION SELECT unnest(words) FROM deals) AS known WHERE word !~ '[0-9]'"
    )
    op.create_index(
        "ix_name_words_trgm", "name_words", ["word"], postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}
    )
    op.execute(REMEMBER)
    for table, column in NAMED:
        op.execute(
            f"CREATE TRIGGER remember_words AFTER INSERT OR UPDATE OF {column} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION remember_words()"
        )


def _index(name: str, table: str, columns: list[str], carried: list[str], condition: str | None) -> None:
    where = None if condition is None else sa.text(condition)
    op.create_index(name, table, columns, postgresql_include=carried or None, postgresql_where=where)


def downgrade() -> None:
    for table, column in NAMED:
        op.execute(f"DROP TRIGGER remember_words ON {table}")
        op.drop_column(table, "words")
        key = f"{column}_key"
        op.create_index(
            f"ix_{table}_{column}_trgm", table, [key], postgresql_using="gin", postgresql_ops={key: "gin_trgm_ops"}
        )
    op.execute("DROP FUNCTION remember_words()")
    op.drop_table("name_words")
    for name, table, _columns, _carried, _condition in ADDED:
        op.drop_index(name, table_name=table)
    for name, table, columns, condition, *_now in REPLACED:
        op.drop_index(name, table_name=table)
        _index(name, table, columns, [], condition)
