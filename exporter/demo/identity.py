"""Who is calling: access keys, the principals behind them, and what their policies let them do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from exporter.demo.wire import Problem, Refused

PolicyDocument: TypeAlias = Mapping[str, Any]
"""An IAM policy as JSON has it."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key and whose it is; a temporary one has a session token and an end."""

    access_key: str
    secret_key: str
    account_id: str
    principal: str
    """The caller's ARN: a user, or an assumed role's session."""
    role_arn: str = ""
    """What policies are attached to: the user's or the role's own ARN."""
    session_token: str | None = None
    expires_seconds: float | None = None


class Keyring:
    """Every access key that was ever handed out."""

    def __init__(self) -> None:
        self._credentials: dict[str, Credential] = {}
        self._issued = 0

    def __len__(self) -> int:
        return len(self._credentials)

    def add(self, credential: Credential) -> Credential:
        """Make a credential valid."""
        self._credentials[credential.access_key] = credential
        return credential

    def find(self, access_key: str) -> Credential | None:
        """Return the credential of a key, expired or not."""
        return self._credentials.get(access_key)

    def issue(self, *, account_id: str, role_name: str, session: str, expires_seconds: float) -> Credential:
        """Hand out temporary credentials for a session of a role."""
        self._issued += 1
        number = f"{self._issued:012d}"
        return self.add(
            Credential(
                access_key=f"ASIADEMO{number}",
                secret_key=f"temporary-secret-{number}",
                account_id=account_id,
                principal=f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{session}",
                role_arn=f"arn:aws:iam::{account_id}:role/{role_name}",
                session_token=f"session-token-{number}",
                expires_seconds=expires_seconds,
            )
        )

    def expire_all(self, now_seconds: float) -> None:
        """End every temporary credential at once."""
        for key, held in self._credentials.items():
            if held.expires_seconds is not None:
                ended = min(held.expires_seconds, now_seconds)
                self._credentials[key] = Credential(
                    held.access_key, held.secret_key, held.account_id, held.principal, held.role_arn,
                    held.session_token, ended,
                )  # fmt: skip


def authenticate(credential: Credential | None, session_token: str | None, now_seconds: float) -> Credential:
    """Return the credential if it may be used: known, sent with its own session token, and not expired."""
    if credential is None or credential.session_token != session_token:
        raise Refused(Problem.UNKNOWN_KEY)
    if credential.expires_seconds is not None and credential.expires_seconds <= now_seconds:
        raise Refused(Problem.EXPIRED)
    return credential


def allows(document: PolicyDocument, action: str, resource: str = "*") -> bool:
    """Tell whether a policy allows an action: some statement does, and none denies it. Conditions are not read."""
    effects = {
        statement["Effect"]
        for statement in _many(document["Statement"])
        if any(_matches(pattern.lower(), action.lower()) for pattern in _many(statement["Action"]))
        and any(_matches(pattern, resource) for pattern in _many(statement.get("Resource", "*")))
    }
    return effects == {"Allow"}


def admits(document: PolicyDocument, principal: str, account_id: str, external_id: str | None) -> bool:
    """Tell whether a role's trust policy lets a principal assume it with the external id that it sent."""
    root = f"arn:aws:iam::{account_id}:root"
    for statement in _many(document["Statement"]):
        trusted = _many(statement["Principal"]["AWS"])
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        expected = conditions.get("sts:ExternalId", external_id)
        if {principal, root, account_id, "*"}.intersection(trusted) and expected == external_id:
            return bool(statement["Effect"] == "Allow")
    return False


def _matches(pattern: str, text: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _many(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else [value]
