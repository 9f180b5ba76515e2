"""What the bot counts about itself, for Prometheus; a registry of its own, so that two bots fit in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Taps are answered within a second: most buckets lie below it.
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 2, 5, 15)


class Metrics:
    """Counters are kept as things happen; depths are set when somebody asks for the page."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.updates = Counter(
            "polisdesk_updates", "Updates by kind and what became of them.", ("kind", "result"), registry=self.registry
        )
        self.handling = Histogram(
            "polisdesk_handling_seconds",
            "From taking an update to its last answer.",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.waiting = Histogram(
            "polisdesk_waiting_seconds",
            "From receiving an update to taking it.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.messages = Counter(
            "polisdesk_messages",
            "Messages of the outbox by kind and result.",
            ("kind", "result"),
            registry=self.registry,
        )
        self.reminders = Counter("polisdesk_reminders", "Reminders that were fired.", registry=self.registry)
        self.errors = Counter("polisdesk_errors", "Unexpected errors by place.", ("place",), registry=self.registry)
        self.refusals = Counter(
            "polisdesk_webhook_refusals", "Webhook requests by status.", ("status",), registry=self.registry
        )
        self.depth = Gauge(
            "polisdesk_queue_depth", "Rows that wait or are dead.", ("queue", "state"), registry=self.registry
        )
        self.outbox_lag = Gauge(
            "polisdesk_outbox_lag_seconds", "Age of the oldest message that could go.", registry=self.registry
        )

    def page(self) -> bytes:
        return generate_latest(self.registry)
