"""What runs in the three accounts: recurring batch workloads, each with its model, its pace and its troubles."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """What becomes of a job."""

    COMPLETED = "completed"
    FAILED = "failed"
    """While it runs."""
    INVALID = "invalid"
    """Refused in validation."""
    STOPPED = "stopped"
    """By its owner, while it runs."""
    EXPIRED = "expired"
    """Its turn never comes."""
    TOO_SLOW = "too_slow"
    """It will not be through when its time is up, as can be foreseen from its pace."""
    STALLED = "stalled"
    """It stops moving halfway, until its time is up."""

    @property
    def final_status(self) -> str:
        """The status it stays in."""
        return {
            Ending.COMPLETED: "Completed",
            Ending.FAILED: "Failed",
            Ending.INVALID: "Failed",
            Ending.STOPPED: "Stopped",
            Ending.EXPIRED: "Expired",
            Ending.TOO_SLOW: "PartiallyCompleted",
            Ending.STALLED: "PartiallyCompleted",
        }[self]


@dataclass(frozen=True, slots=True)
class Workload:
    """A job that somebody submits again and again; durations in hours of the fleet's own time."""

    account: int
    """Which of the fleet's accounts."""
    region: int
    """Which of its regions."""
    name: str
    model_id: str
    """May have `{region}` and `{account_id}` in it."""
    every_hours: float
    queue_hours: float
    run_hours: float
    records: int | None
    """About so many; None where the API tells none."""
    error_ratio: float = 0.002
    endings: tuple[Ending, ...] = (Ending.COMPLETED,)
    """One after the other, over and over."""
    timeout_hours: int = 24
    invocation_type: str | None = "InvokeModel"
    admission_hours: float = 0.1
    """About how long a job is Submitted, and then Validating."""
    spread: float = 1.0
    """How far its durations stray; 0 is not at all."""


CLAUDE_SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
CLAUDE_HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA_PRO = "amazon.nova-pro-v1:0"
NOVA_PRO_EU = "arn:aws:bedrock:{region}:{account_id}:inference-profile/eu.amazon.nova-pro-v1:0"
NOVA_LITE = "arn:aws:bedrock:{region}::foundation-model/amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
TEAM_PROFILE = "arn:aws:bedrock:{region}:{account_id}:application-inference-profile/q7w2e9r4t1y6"
CUSTOM = "arn:aws:bedrock:{region}:{account_id}:custom-model/amazon.nova-lite-v1:0:300k/k3j9x2m5p8w1"

_LLAMA_ERRORS = 0.06
_OFTEN = (Ending.COMPLETED,) * 7
_ONE_OF_FOUR = (Ending.COMPLETED,) * 3

FLEET = (
    Workload(0, 0, "nightly-embeddings", TITAN, 2, 1, 5, 400_000),
    # Its jobs follow each other faster than they are admitted, so that some are always Submitted and some Validating.
    Workload(0, 0, "ticket-triage", CLAUDE_HAIKU, 0.25, 0.6, 1.2, 12_000, admission_hours=0.4, spread=0.2),
    Workload(0, 0, "invoice-extraction", NOVA_LITE, 1, 1, 4, 40_000, endings=(*_OFTEN, Ending.FAILED)),
    Workload(0, 0, "contract-review", CLAUDE_SONNET, 16, 1.5, 9, 60_000, endings=(Ending.STALLED,)),
    Workload(0, 1, "catalog-descriptions", NOVA_PRO, 1, 2, 5, 80_000, invocation_type="Converse"),
    Workload(0, 1, "image-moderation", CLAUDE_HAIKU, 0.5, 0.5, 2, 25_000, endings=(*_OFTEN, Ending.STOPPED)),
    Workload(0, 1, "archive-backfill", CLAUDE_SONNET, 8, 2, 12, 900_000, endings=(Ending.TOO_SLOW,)),
    Workload(0, 2, "gdpr-redaction", NOVA_PRO_EU, 1.5, 1.5, 6, 120_000, invocation_type="Converse"),
    Workload(0, 2, "review-translation", LLAMA, 1, 1, 3, 30_000, _LLAMA_ERRORS, (*_OFTEN, Ending.FAILED)),
    Workload(1, 0, "eval-suite", TEAM_PROFILE, 0.75, 1, 3, 18_000, invocation_type="Converse"),
    Workload(1, 0, "synthetic-dialogues", LLAMA, 2, 2, 9, 150_000, _LLAMA_ERRORS, (*_ONE_OF_FOUR, Ending.FAILED)),
    Workload(1, 0, "paper-embeddings", TITAN, 3, 1, 4, 250_000),
    Workload(1, 1, "distillation-traces", CUSTOM, 2, 3, 8, 90_000, 0.01),
    Workload(1, 1, "long-context-judging", CLAUDE_SONNET, 4, 8, 20, 45_000, timeout_hours=72),
    # Stopped faster than stopping takes, so that one always is.
    Workload(1, 1, "ablation-sweep", CLAUDE_HAIKU, 1, 1, 5, 36_000, endings=(Ending.STOPPED,), spread=0),
    Workload(1, 2, "multilingual-eval", TEAM_PROFILE, 2, 1.5, 5, 22_000, 0.004, (*_ONE_OF_FOUR, Ending.INVALID)),
    Workload(1, 2, "low-priority-scoring", LLAMA, 6, 30, 4, 70_000, _LLAMA_ERRORS, (Ending.EXPIRED,)),
    Workload(2, 0, "first-try", NOVA_LITE, 2, 0.3, 0.5, 1_000, endings=(Ending.INVALID, Ending.COMPLETED)),
    Workload(2, 0, "demo-batch", NOVA_LITE, 1.5, 0.3, 1, 2_500),
    # From an older client: no record counts, no invocation type.
    Workload(2, 1, "prototype-rag", TITAN, 2, 0.5, 2, None, invocation_type=None),
    Workload(2, 1, "notebook-summaries", CLAUDE_HAIKU, 1, 0.5, 2, 6_000, endings=(*_ONE_OF_FOUR, Ending.STOPPED)),
    Workload(2, 2, "hackathon", NOVA_PRO_EU, 1.5, 0.5, 1.5, 4_000, 0.02, (*_ONE_OF_FOUR, Ending.FAILED)),
    Workload(2, 2, "weekend-backlog", LLAMA, 12, 30, 4, 20_000, _LLAMA_ERRORS, (Ending.EXPIRED,), 48),
)
"""What runs in three accounts and three regions: some hundred jobs at a time, every status among them at every time."""
