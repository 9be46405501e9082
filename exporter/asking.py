"""A part of the roof: what discovery and the polls ask, put to AWS as a configuration says."""

from collections.abc import Callable

import structlog

from exporter.aws import discovery as aws
from exporter.aws.jobs import pages, probe
from exporter.aws.sessions import Sessions
from exporter.config import Config
from exporter.listing import list_jobs
from exporter.model import Account, Failure, Listing, Target, Window
from exporter.poll import Fetch
from exporter.questions import Ask, Wanted
from exporter.underway import Poll

log = structlog.get_logger()


def ask(config: Config, wanted: Wanted, sessions: Sessions, classify: Callable[[Exception, Target], Failure]) -> Ask:
    """Return the questions of discovery."""
    organization = config.organization

    def members() -> tuple[Account, ...]:
        if organization is None:
            return ()
        known = aws.account_ids(sessions, (scope.account for scope in wanted.scopes))
        found = aws.organization_members(sessions, organization.include, organization.exclude)
        missing = [id_ for id_ in organization.include if id_.isdecimal() and id_ not in found]
        if missing:
            log.warning("included accounts are not ACTIVE in the organization", accounts=", ".join(missing))
        return tuple(
            aws.member_account(sessions, id_, name, organization.role_name, organization.external_id)
            for id_, name in sorted(found.items())
            if id_ not in known
        )

    return Ask(
        members,
        enabled_regions=lambda account: aws.enabled_regions(sessions, account),
        every_region=lambda account: aws.every_region(sessions, account),
        classify=lambda error, account: classify(error, Target(account, sessions.region_of(account))),
    )


def fetch(config: Config, sessions: Sessions, give_way: Callable[[], object], *, is_probing: bool) -> Fetch:
    """Return what lists a target's jobs or, when probing, finds out whether they would be told.

    Between pages it gives way to whatever is more urgent.
    """
    window = Window(config.lookback_seconds, config.finished_job_retention_seconds, config.job_names.matches)

    def listed(poll: Poll) -> tuple[str, Listing]:
        account, region = poll.target.account, poll.target.region
        account_id = sessions.account_id(account, region)
        client = sessions.client("bedrock", region)
        with sessions.acting_as(account):
            if is_probing:
                probe(client)
                return account_id, Listing(poll.at_seconds, {}, {})
            known = poll.previous.jobs if poll.previous else {}

            def is_abandoned() -> bool:
                give_way()
                return poll.is_abandoned

            listing = list_jobs(
                lambda query: pages(client, query, is_abandoned, known),
                window,
                poll.previous,
                poll.at_seconds,
            )
        return account_id, listing

    return listed
