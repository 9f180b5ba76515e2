"""The screens: one package a feature, each with windows (what is seen), getters (what it needs), clicks (what a press
means). A feature exports `router`; features do not import each other, they start each other's states.
"""

from aiogram import Router
from aiogram_dialog import Dialog

from fsm import keys
from fsm.inbound import only_what_is_asked
from handlers import (
    audit,
    backup,
    clients,
    dates,
    deals,
    dictionaries,
    documents,
    find,
    menu,
    new_deal,
    payments,
    people,
    policies,
    reminders,
    settings,
    tasks,
    today,
    variants,
)

_FEATURES: list[Router] = [
    menu.commands,
    documents.router,
    tasks.router,
    variants.router,
    dates.router,
    deals.router,
    new_deal.router,
    clients.router,
    find.router,
    policies.router,
    payments.router,
    reminders.router,
    today.router,
    people.router,
    settings.router,
    dictionaries.router,
    audit.router,
    backup.router,
    menu.router,
]
"""In the order in which they are asked: commands first, the menu's catch-alls last."""

keys.make_quickly()
for _feature in _FEATURES:
    for _router in _feature.chain_tail:
        if isinstance(_router, Dialog):
            only_what_is_asked(_router)


def routers() -> list[Router]:
    """Every feature's router, free of the dispatcher that it may have been in before."""
    for feature in _FEATURES:
        feature._parent_router = None  # noqa: SLF001 aiogram gives a router one parent for life
    return list(_FEATURES)
