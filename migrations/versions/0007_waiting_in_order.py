"""What waits, in the order of its days, told from indexes alone.

Revision: 0007, after 0006

A closed deal leaves nothing undecided or unpaid, so an admin's lists need no look at the deals, and with what they ask
carried in the index no look at the rows either. Which deals an executor sees for his tasks is told by the tasks' index.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES: tuple[tuple[str, str, list[str], list[str], list[str], str], ...] = (
    # name, table, columns, carried before, carried now, condition
    (
        "ix_policies_ending",
        "policies",
        ["ends_on", "id"],
        [],
        ["deal_id", "starts_on"],
        "outcome IS NULL AND deleted_at IS NULL",
    ),
    (
        "ix_payments_unpaid",
        "payments",
        ["due_on", "id"],
        ["policy_id", "deal_id"],
        ["policy_id", "deal_id", "promised_on"],
        "settled_on IS NULL AND waived_at IS NULL",
    ),
    (
        "ix_tasks_assignee_open",
        "tasks",
        ["assignee_id", "due_at", "id"],
        [],
        ["deal_id", "status"],
        "status NOT IN ('done', 'cancelled')",
    ),
)


def upgrade() -> None:
    for name, table, columns, _before, now, condition in INDEXES:
        _again(name, table, columns, now, condition)


def downgrade() -> None:
    for name, table, columns, before, _now, condition in INDEXES:
        _again(name, table, columns, before, condition)


def _again(name: str, table: str, columns: list[str], carried: list[str], condition: str) -> None:
    op.drop_index(name, table_name=table)
    op.create_index(name, table, columns, postgresql_include=carried or None, postgresql_where=sa.text(condition))
