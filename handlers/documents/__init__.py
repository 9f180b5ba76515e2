"""Papers: filed as they come, found and sent back as files."""

from handlers.documents.receive import router
from handlers.documents.windows import dialog, pick

router.include_routers(dialog, pick)

__all__ = ["router"]
