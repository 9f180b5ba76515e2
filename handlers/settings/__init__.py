"""Settings: a person's own, and the agency's for an admin."""

from handlers.settings.mine import dialog as mine
from handlers.settings.mine import router
from handlers.settings.team import dialog as team

router.include_routers(mine, team)

__all__ = ["router"]
