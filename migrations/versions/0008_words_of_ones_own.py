"""The words of a person's own deals and clients, in the indexes that lead to them: a name is looked for there.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES: tuple[tuple[str, str, list[str], list[str], str | None], ...] = (
    ("ix_deals_seller", "deals", ["seller_id", "id"], ["client_id"], None),
    ("ix_deals_executor_all", "deals", ["executor_id", "id"], ["client_id"], None),
    ("ix_clients_seller", "clients", ["seller_id", "name_key", "id"], [], "deleted_at IS NULL"),
)


def upgrade() -> None:
    for name, table, columns, carried, condition in INDEXES:
        _again(name, table, columns, [*carried, "words"], condition)


def downgrade() -> None:
    for name, table, columns, carried, condition in INDEXES:
        _again(name, table, columns, carried, condition)


def _again(name: str, table: str, columns: list[str], carried: list[str], condition: str | None) -> None:
    where = None if condition is None else sa.text(condition)
    op.drop_index(name, table_name=table)
    op.create_index(name, table, columns, postgresql_include=carried or None, postgresql_where=where)
