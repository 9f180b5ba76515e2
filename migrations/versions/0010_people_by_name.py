"""People in the order of their names, and those of a role that is looked for among all of them.

Revision: 0010, after 0009

Of a thousand colleagues a page shows eight; sorting them by an expression for that took twenty times the page itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME_KEY = "lower(translate(full_name, 'ёЁ', 'ее'))"


def upgrade() -> None:
    op.add_column("users", sa.Column("name_key", sa.String(200), sa.Computed(NAME_KEY, persisted=True), nullable=False))
    op.create_index("ix_users_name", "users", [sa.text("active DESC"), "name_key", "id"])
    _of_role("ix_users_executors", "executor", ["full_name"])
    _of_role("ix_users_admins", "admin")


def _of_role(name: str, role: str, carried: list[str] | None = None) -> None:
    op.create_index(
        name,
        "users",
        ["name_key", "id"],
        postgresql_include=carried,
        postgresql_where=sa.text(f"active AND roles @> '{{{role}}}'"),
    )


def downgrade() -> None:
    op.drop_column("users", "name_key")
