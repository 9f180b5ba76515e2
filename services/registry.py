"""All services in one typed place: what a screen, a job or a test may ask the business to do."""

from dataclasses import dataclass
from typing import Self

from services.audit import AuditService
from services.backup import BackupPlan, BackupService
from services.clients import ClientService
from services.deals import DealService
from services.dictionaries import DictionaryService
from services.digest import DigestService
from services.documents import DocumentService
from services.journal import JournalService
from services.money import MoneyService
from services.people import PeopleService
from services.policies import PolicyService
from services.ports import Clock, FileStore
from services.reminders import ReminderService
from services.search import SearchService
from services.settings import TIME_ZONE, SettingsService
from services.stats import StatsService
from services.tasks import TaskService
from services.variants import VariantService
from storage.uow import Transactions


@dataclass(frozen=True, slots=True)
class Services:
    """One field a service."""

    people: PeopleService
    settings: SettingsService
    dictionaries: DictionaryService
    clients: ClientService
    deals: DealService
    journal: JournalService
    documents: DocumentService
    search: SearchService
    tasks: TaskService
    variants: VariantService
    policies: PolicyService
    money: MoneyService
    reminders: ReminderService
    digest: DigestService
    audit: AuditService
    stats: StatsService
    backup: BackupService

    @classmethod
    def build(
        cls,
        transactions: Transactions,
        clock: Clock,
        files: FileStore,
        *,
        admin_ids: frozenset[int] = frozenset(),
        time_zone: str = TIME_ZONE,
        backup: BackupPlan | None = None,
    ) -> Self:
        """Make every service over the same database, clock and documents."""
        return cls(
            people=PeopleService(transactions, clock, admin_ids, time_zone),
            settings=SettingsService(transactions, clock, time_zone),
            dictionaries=DictionaryService(transactions, clock),
            clients=ClientService(transactions, clock),
            deals=DealService(transactions, clock),
            journal=JournalService(transactions, clock),
            documents=DocumentService(transactions, clock, files),
            search=SearchService(transactions, clock),
            tasks=TaskService(transactions, clock),
            variants=VariantService(transactions, clock),
            policies=PolicyService(transactions, clock),
            money=MoneyService(transactions, clock),
            reminders=ReminderService(transactions, clock),
            digest=DigestService(transactions, clock),
            audit=AuditService(transactions, clock),
            stats=StatsService(transactions, clock),
            backup=BackupService(transactions, clock, backup),
        )
