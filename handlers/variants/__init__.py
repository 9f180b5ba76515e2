"""Variants: typed or asked for, handed in, shown to the client, chosen."""

from aiogram import Router

from handlers.variants import buttons, wizard
from handlers.variants.windows import variants

router = Router(name="variants")
router.include_routers(buttons.router, variants, wizard.dialog)

__all__ = ["router"]
