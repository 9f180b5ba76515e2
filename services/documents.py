"""Papers of a deal: filed at once, under names a person can read, recognised when they come twice."""

from services.access import Service
from services.ports import Clock, FileStore
from storage.uow import Transactions


class DocumentService(Service):
    """What people do with papers."""

    def __init__(self, transactions: Transactions, clock: Clock, files: FileStore) -> None:
        super().__init__(transactions, clock)
        self.files = files
