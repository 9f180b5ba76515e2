"""The lines of business and the insurers that a Russian broker meets; an admin edits them with /settings.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LINES = [
    ("osago", "ОСАГО", "osago", ["осаго", "osago", "автогражданка"]),
    ("kasko", "КАСКО", "kasko", ["каско", "kasko"]),
    ("dgo", "ДГО", "kasko", ["дго", "дсаго", "dgo"]),
    ("green_card", "Зелёная карта", "personal", ["зеленая карта", "зелёная карта", "зк", "green card"]),
    ("gap", "GAP", "kasko", ["gap", "гэп"]),
    ("accident", "НС", "personal", ["нс", "несчастный случай", "accident"]),
    ("dms", "ДМС", "corporate", ["дмс", "dms"]),
    ("travel", "ВЗР", "personal", ["взр", "туризм", "travel"]),
    ("mortgage", "Ипотека", "kasko", ["ипотека", "ипотека жизнь", "титул", "mortgage"]),
    ("home", "ИФЛ", "personal", ["ифл", "квартира", "дом", "home"]),
    ("property", "ИЮЛ", "corporate", ["июл", "имущество юл", "property"]),
    ("liability", "ГО", "corporate", ["го", "ответственность", "liability"]),
    ("cargo", "Грузы", "corporate", ["грузы", "груз", "cargo"]),
    ("construction", "СМР", "corporate", ["смр", "строймонтаж", "construction"]),
    ("life", "Жизнь", "personal", ["жизнь", "life"]),
]
INSURERS = [
    ("РЕСО-Гарантия", ["ресо", "reso", "ресо гарантия"]),
    ("Ингосстрах", ["ингос", "ингосстрах", "ingos", "ingosstrakh"]),
    ("АльфаСтрахование", ["альфа", "альфастрахование", "альфа страхование", "alfa"]),
    ("СОГАЗ", ["согаз", "sogaz"]),
    ("Росгосстрах", ["ргс", "росгосстрах", "rgs"]),
    ("ВСК", ["вск", "vsk"]),
    ("Ренессанс", ["ренессанс", "ренес", "renessans", "renaissance"]),
    ("Согласие", ["согласие", "soglasie"]),
    ("МАКС", ["макс", "maks"]),
    ("Т-Страхование", ["т страхование", "т-страхование", "тинькофф", "тинек", "tinkoff"]),
    ("Югория", ["югория", "ugoria"]),
    ("Абсолют Страхование", ["абсолют", "absolut"]),
    ("Зетта", ["зетта", "zetta"]),
    ("СберСтрахование", ["сбер", "сберстрахование", "sber"]),
    ("Совкомбанк Страхование", ["совком", "совкомбанк", "sovcom"]),
]


def upgrade() -> None:
    aliases = sa.ARRAY(sa.String(60))
    lines = sa.table(
        "lines_of_business",
        *(sa.column(name) for name in ("code", "name", "ladder", "position")),
        sa.column("aliases", aliases),
        sa.column("active", sa.Boolean),
    )
    insurers = sa.table("insurers", sa.column("name"), sa.column("aliases", aliases), sa.column("active", sa.Boolean))
    op.bulk_insert(
        lines,
        [
            {"code": code, "name": name, "ladder": ladder, "aliases": short, "position": place, "active": True}
            for place, (code, name, ladder, short) in enumerate(LINES, start=1)
        ],
    )
    op.bulk_insert(insurers, [{"name": name, "aliases": short, "active": True} for name, short in INSURERS])


def downgrade() -> None:
    op.execute("DELETE FROM lines_of_business")
    op.execute("DELETE FROM insurers")
