"""For the admin: who did what, and the numbers of the day."""

from handlers.audit.audit import dialog as audit
from handlers.audit.stats import dialog as stats
from handlers.audit.stats import router

router.include_routers(audit, stats)

__all__ = ["router"]
