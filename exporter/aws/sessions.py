"""Identities: each request of the shared clients signed as the account that it is for."""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from exporter.aws import decoding
from exporter.aws.clients import Clients
from exporter.aws.credentials import Acting, ActingCredentials, Keychain, Keys, assumed
from exporter.aws.errors import SameAccountError, are_refused, code_of, is_expired, is_not_valid_here
from exporter.aws.regions import HOME_REGIONS, USUAL_CHAIN, open_session
from exporter.aws.requests import OnRequest, watch
from exporter.model import Account

OWN = Account()
"""The exporter's own credentials, from the usual AWS chain."""

SESSION_NAME = "bedrock-batch-exporter"
LONGEST_MEMORY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the exporter itself is, as `sts:GetCallerIdentity` says."""

    account_id: str
    arn: str

    @property
    def partition(self) -> str:
        """The partition of its credentials, such as `aws` or `aws-us-gov`."""
        return self.arn.split(":")[1]

    @property
    def principal(self) -> str:
        """The ARN that a trust policy names: of a session of a role, the role's, without its path, which AWS omits."""
        _, partition, _, _, account_id, resource = self.arn.split(":", 5)
        kind, _, rest = resource.partition("/")
        role = rest.partition("/")[0]
        return f"arn:{partition}:iam::{account_id}:role/{role}" if kind == "assumed-role" else self.arn


class Sessions:
    """Gives each account its credentials and each region its client. Everything may be called from any thread."""

    def __init__(
        self,
        *,
        endpoint_url: str | None,
        timeout_seconds: float,
        interval_seconds: float = LONGEST_MEMORY_SECONDS,
        connections: int,
        on_request: OnRequest,
        botocore_parser: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._memory_seconds = min(interval_seconds, LONGEST_MEMORY_SECONDS)
        self._now = now
        self._acting = Acting()
        self._session = open_session()
        self._session.set_config_variable("sts_regional_endpoints", "regional")
        if not botocore_parser:
            decoding.install(self._session)
        watch(self._session, on_request)
        self._session.register("needs-retry", self._renew_expired)  # type: ignore[arg-type]
        self._session.register_component("credential_provider", ActingCredentials(self._acting))
        self._clients = Clients(
            self._session, endpoint_url=endpoint_url, timeout_seconds=timeout_seconds, connections=connections
        )
        self._lock = threading.RLock()
        self._keychains: dict[tuple[str, str | None], Keychain] = {}
        self._callers: dict[str, Caller] = {}
        self._owners: dict[tuple[str, str], str] = {}

    @property
    def principal(self) -> str | None:
        """The ARN that the roles' trust policies must admit, where it is known."""
        own = self._callers.get(OWN.key)
        return own.principal if own else None

    def client(self, service: str, region: str) -> Any:
        """Return the one client of a service in a region; use it inside `acting_as`."""
        return self._clients.client(service, region)

    @contextmanager
    def acting_as(self, account: Account) -> Iterator[None]:
        """Sign this thread's requests as an account. Raises what keeps its credentials from being found."""
        keychain = self._keychain(account)
        before, self._acting.keychain = self._acting.keychain, keychain
        try:
            with self._clients.in_use():
                try:
                    yield
                except ClientError as error:
                    # A role's credentials come fresh from STS; others may be dead, and replaced by others since.
                    if not account.role_arn and are_refused(error):
                        self._doubt(error, account, keychain)
                    raise
        finally:
            self._acting.keychain = before

    def account_id(self, account: Account, region: str) -> str:
        """Return the account's id: the role's, else what `sts:GetCallerIdentity` says.

        Raises SameAccountError where another way into the same account and region was there first.
        """
        known = account.configured_id or self.caller(account, region).account_id
        with self._lock:
            first = self._owners.setdefault((known, region), account.key)
        if first != account.key:
            raise SameAccountError(f"{account.key} and {first} are both account {known} in {region}")
        return known

    def known_id(self, account: Account) -> str | None:
        """Return the account's id where it is known without asking."""
        caller = self._callers.get(account.key)
        return account.configured_id or (caller.account_id if caller else None)

    def caller(self, account: Account = OWN, region: str | None = None) -> Caller:
        """Return who an account's credentials make the exporter; asked of STS in the region's partition."""
        known = self._callers.get(account.key)
        if known is None:
            with self.acting_as(account):
                known = self._identity(region or self.region_of(account))
            self._callers[account.key] = known
        return known

    def partition_of(self, region: str) -> str:
        """Return the partition that a region is in."""
        return str(self._session.get_partition_for_region(region))

    def region_of(self, account: Account) -> str:
        """Return the region of an account's profile, or of the usual AWS chain; without one, its partition's first."""
        session = open_session(account.profile) if account.profile else self._session
        return str(session.get_config_variable("region") or HOME_REGIONS["aws"])

    def bedrock_regions(self, partition: str) -> tuple[str, ...]:
        """Return the regions of a partition that have a Bedrock endpoint, as far as this botocore knows."""
        return tuple(self._session.get_available_regions("bedrock", partition))

    def is_offered(self, service: str, partition: str) -> bool:
        """Tell whether a service that may have no regions is there in a partition, as far as this botocore knows."""
        return bool(self._session.get_available_regions(service, partition, allow_non_regional=True))

    def keep(self, accounts: Collection[Account]) -> None:
        """Forget the credentials and ids of all other accounts."""
        keychains = {_way_in(account) for account in (*accounts, OWN)}
        keys = {account.key for account in accounts}
        with self._lock:
            self._owners = {place: owner for place, owner in self._owners.items() if owner in keys}
            self._keychains = {way: keychain for way, keychain in self._keychains.items() if way in keychains}
            self._callers = {key: caller for key, caller in self._callers.items() if key in {*keys, OWN.key}}

    def look_anew(self) -> None:
        """Forget the credentials that are not a role's, and whose they are: their files may say others by now."""
        with self._lock:
            outside = {key for key, _ in self._keychains if not key.startswith("arn:")}
            self._keychains = {way: keychain for way, keychain in self._keychains.items() if way[0] not in outside}
            self._forget_callers(outside)

    def close(self) -> None:
        """Close all connections as soon as none is in use."""
        self._clients.close()

    def _forget_callers(self, keys: Collection[str]) -> None:
        with self._lock:
            self._callers = {key: caller for key, caller in self._callers.items() if key not in keys}
            self._owners = {place: owner for place, owner in self._owners.items() if owner not in keys}

    def _sts(self, partition: str) -> Any:
        own_region = self.region_of(OWN)
        is_home = self.partition_of(own_region) == partition
        return self.client("sts", own_region if is_home else HOME_REGIONS.get(partition, HOME_REGIONS["aws"]))

    def _identity(self, region: str) -> Caller:
        answer = self._sts(self.partition_of(region)).get_caller_identity()
        return Caller(str(answer["Account"]), str(answer["Arn"]))

    def _doubt(self, refused: ClientError, account: Account, keychain: Keychain) -> None:
        """Look for other credentials where those in use are dead, and raise what STS says of them."""
        told = refused
        if is_not_valid_here(refused):  # or the region is not enabled
            try:
                self._identity(self.region_of(account))
            except ClientError as error:
                told = error
            except BotoCoreError:
                return
            else:
                return
        if are_refused(told) and keychain.doubt():
            self._forget_callers({account.key})
        if told is not refused:
            raise told from refused

    def _keychain(self, account: Account) -> Keychain:
        with self._lock:
            way = _way_in(account)
            if way not in self._keychains:
                self._keychains[way] = Keychain(
                    account.shown, lambda: self._obtain(account), self._now, self._memory_seconds
                )
            return self._keychains[way]

    def _obtain(self, account: Account) -> Keys:
        if account.role_arn:
            return self._assume(account)
        session = botocore.session.Session(session_vars=USUAL_CHAIN, profile=account.profile)
        session.register_component("data_loader", self._session.get_component("data_loader"))
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return Keys(credentials.get_frozen_credentials)

    def _assume(self, account: Account) -> Keys:
        arguments: dict[str, Any] = {"RoleArn": account.role_arn, "RoleSessionName": SESSION_NAME}
        if account.external_id:
            arguments["ExternalId"] = account.external_id
        now_seconds = self._now()
        try:
            with self.acting_as(OWN):
                answer = self._sts(str(account.role_arn).split(":")[1]).assume_role(**arguments)
        except ClientError as error:
            self._learn_caller()
            raise error from None
        return assumed(answer, now_seconds)

    def _learn_caller(self) -> None:
        """Find out who the exporter is, so that a hint can name it; where that fails, it does not."""
        try:
            self.caller()
        except (BotoCoreError, ClientError):
            return

    def _renew_expired(self, **event: Any) -> float | None:
        """Let botocore send once more, at once, what was signed with credentials that ended early."""
        _, answer = event["response"] or (None, {})
        if event["attempts"] > 1 or self._acting.keychain is None or not is_expired(code_of(answer)):
            return None
        self._acting.keychain.forget(self._acting.used)
        return 0.0


def _way_in(account: Account) -> tuple[str, str | None]:
    return (account.key, account.external_id)
