"""Accounts and regions that are found while running, by the process itself."""

import signal
import ssl
import time
from dataclasses import replace
from typing import Any

import pytest
import trustme

from exporter.aws import policy
from exporter.demo.accounts import DEFAULT_REGIONS, PRODUCTION, RESEARCH, SANDBOX, AwsAccount, Organization, Role
from exporter.demo.faults import FaultKind
from exporter.demo.identity import Credential
from exporter.demo.simulation import Simulation
from tests.integration.process import Process, one

HUB = SANDBOX.id
ORGANIZATION = {"role_name": "bedrock-batch-exporter", "external_id": "example", "refresh_interval": "1s"}
ORGANIZED: dict[str, Any] = {"accounts": [], "organization": ORGANIZATION, "regions": ["us-east-1"]}
HUB_ARN = f"arn:aws:iam::{HUB}:user/bedrock-batch-exporter"


def accounts(exporter) -> dict[str, str]:
    """Return the names of the accounts that have samples, by their ids."""
    return {
        dict(labels)["aws_account_id"]: dict(labels)["account_name"]
        for (_, labels) in exporter.samples("bedrock_batch_account_info")
    }


def regions(exporter, account_id: str) -> set[str]:
    return {
        dict(labels)["aws_region"]
        for (_, labels) in exporter.samples("bedrock_batch_up")
        if dict(labels)["aws_account_id"] == account_id
    }


def failures(exporter, source: str) -> float | None:
    name = "bedrock_batch_exporter_discovery_failures_total"
    return one(exporter.samples(name), name, source=source)


def test_every_active_account_of_the_organization_is_polled_by_its_name(simulation, tmp_path):
    simulation.accounts["444455556666"] = AwsAccount("444455556666", "closed-last-week", state="CLOSED")

    with Process(simulation, tmp_path, **ORGANIZED) as exporter:
        assert accounts(exporter) == {account.id: account.name for account in (PRODUCTION, RESEARCH, SANDBOX)}
        ups = exporter.samples("bedrock_batch_up")

    assert list(ups.values()) == [1] * 3
    assert {request.account_id for request in simulation.requests if request.operation == "AssumeRole"} == {
        PRODUCTION.id,
        RESEARCH.id,
    }, "the exporter's own account needs no role"


@pytest.mark.parametrize("tells_status", [True, False])
def test_accounts_join_and_leave_within_a_refresh(simulation, tmp_path, tells_status):
    simulation.organization = Organization(tells_status=tells_status)
    with Process(simulation, tmp_path, **ORGANIZED) as exporter:
        simulation.accounts[RESEARCH.id] = replace(RESEARCH, state="SUSPENDED")
        simulation.accounts["444455556666"] = AwsAccount("444455556666", "newcomer")

        exporter.wait_until(lambda: accounts(exporter).keys() == {PRODUCTION.id, HUB, "444455556666"})

        assert not [labels for (_, labels) in exporter.samples() if ("aws_account_id", RESEARCH.id) in labels]
        assert exporter.status("/-/ready") == 200
        assert "joined=newcomer" in exporter.log
        assert "left=research" in exporter.log


def test_units_are_followed_to_the_bottom_and_accounts_left_out(simulation, tmp_path):
    simulation.organization = Organization(
        units={"ou-demo-11111111": ("batch", "r-demo"), "ou-demo-22222222": ("deep", "ou-demo-11111111")}
    )
    for number in range(1, 46):  # more than two pages
        account_id = f"{number:012d}"
        simulation.accounts[account_id] = AwsAccount(
            account_id, f"team-{number}", parent_id="ou-demo-22222222" if number % 2 else "ou-demo-11111111"
        )
    organization = ORGANIZATION | {"include": ["ou-demo-11111111", RESEARCH.id], "exclude": ["000000000007"]}

    with Process(simulation, tmp_path, **ORGANIZED | {"organization": organization}) as exporter:
        exporter.wait_until(lambda: len(accounts(exporter)) == 45)
        found = set(accounts(exporter))

    assert found == {f"{number:012d}" for number in range(1, 46) if number != 7} | {RESEARCH.id}


def test_an_account_that_the_file_names_is_polled_as_the_file_says(simulation, tmp_path):
    named = [
        {"name": "ours", "role_arn": PRODUCTION.role_arn(), "external_id": "example", "regions": ["eu-west-1"]},
        {"name": "home", "regions": ["us-west-2"]},
    ]
    with Process(simulation, tmp_path, **ORGANIZED | {"accounts": named}) as exporter:
        assert accounts(exporter) == {PRODUCTION.id: "ours", HUB: "home", RESEARCH.id: "research"}
        assert regions(exporter, PRODUCTION.id) == {"eu-west-1"}
        assert regions(exporter, HUB) == {"us-west-2"}


def test_a_refresh_that_fails_keeps_the_accounts_and_is_counted(simulation, tmp_path):
    with Process(simulation, tmp_path, **ORGANIZED) as exporter:
        assert failures(exporter, "organization") == 0
        simulation.faults.add(FaultKind.EMPTY_OBJECT, service="organizations")
        exporter.wait_until(lambda: failures(exporter, "organization"))

        assert len(accounts(exporter)) == 3
        assert "reason=bad_response" in exporter.log
        name = "bedrock_batch_exporter_discovery_last_success_timestamp_seconds"
        told = one(exporter.samples(name), name, source="organization")
        assert told
        simulation.faults.clear()
        exporter.wait_until(lambda: (one(exporter.samples(name), name, source="organization") or 0) > told)


def test_what_the_file_names_is_polled_while_the_organization_cannot_be_listed(simulation, tmp_path):
    simulation.organization = None
    with Process(simulation, tmp_path, **ORGANIZED | {"accounts": [{"name": "home"}]}) as exporter:
        assert list(exporter.samples("bedrock_batch_up").values()) == [1]
        assert "in no organization: list the accounts instead" in exporter.log
        assert failures(exporter, "organization") == 1

    done = exporter.run("once")
    assert done.returncode == 1
    assert "bedrock_batch_up{" in done.stdout


def test_all_regions_are_those_enabled_in_each_account(simulation, tmp_path):
    simulation.accounts[RESEARCH.id] = replace(
        RESEARCH, enabled_regions=frozenset(DEFAULT_REGIONS) - {"sa-east-1"} | {"eu-south-1"}
    )
    with Process(simulation, tmp_path, **ORGANIZED | {"regions": "all"}) as exporter:
        assert regions(exporter, PRODUCTION.id) == set(DEFAULT_REGIONS)
        assert regions(exporter, RESEARCH.id) == set(DEFAULT_REGIONS) - {"sa-east-1"} | {"eu-south-1"}
        assert set(exporter.samples("bedrock_batch_up").values()) == {1}


def test_without_the_permission_to_list_regions_all_are_tried_and_those_not_enabled_rarely(simulation, tmp_path):
    member = policy.member()
    member["Statement"] = [s for s in member["Statement"] if "account:ListRegions" not in s["Action"]]
    for account in (PRODUCTION, RESEARCH):
        simulation.attach_policy(account.role_arn(), member)
    with Process(simulation, tmp_path, **ORGANIZED | {"regions": "all"}) as exporter:
        assert regions(exporter, HUB) == set(DEFAULT_REGIONS)
        assert regions(exporter, PRODUCTION.id) > set(DEFAULT_REGIONS) | {"eu-south-1"}
        samples = exporter.samples()
        where = {"aws_account_id": PRODUCTION.id, "aws_region": "eu-south-1"}
        assert one(samples, "bedrock_batch_up", **where) == 0
        name = "bedrock_batch_exporter_poll_failures_total"
        assert one(samples, name, reason="region_disabled", **where) == 1
        assert failures(exporter, "regions") == 0
        assert exporter.log.count("enabled regions not told") == 1


def test_no_more_is_needed_than_the_policies_allow(simulation, tmp_path):
    simulation.organization = Organization(units={"ou-demo-11111111": ("batch", "r-demo")})
    simulation.accounts[PRODUCTION.id] = replace(PRODUCTION, parent_id="ou-demo-11111111")
    simulation.attach_policy(HUB_ARN, policy.hub())
    for account in (PRODUCTION, RESEARCH):
        simulation.attach_policy(account.role_arn(), policy.member())
        simulation.attach_trust_policy(account.role_arn(), policy.trust(HUB_ARN, "example"))
    organization = ORGANIZATION | {"include": ["ou-demo-11111111", RESEARCH.id, HUB]}

    with Process(simulation, tmp_path, **ORGANIZED | {"regions": "all", "organization": organization}) as exporter:
        ups = exporter.samples("bedrock_batch_up")
        assert failures(exporter, "organization") == failures(exporter, "regions") == 0

    assert list(ups.values()) == [1] * 3 * len(DEFAULT_REGIONS)
    done = exporter.run("once")
    assert done.returncode == 0, done.stderr


def test_the_shards_poll_every_target_once_between_them(simulation, tmp_path):
    told = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        process = Process(
            simulation,
            tmp_path / str(number),
            f"--shard={number}",
            "--total-shards=3",
            **ORGANIZED | {"regions": "all"},
        )
        with process as exporter:
            samples = exporter.samples()
        name = "bedrock_batch_exporter_shard_info"
        assert one(samples, name, shard=str(number), total_shards="3") == 1
        told += [labels for (name, labels) in samples if name == "bedrock_batch_up"]

    assert len(told) == len(set(told)) == 3 * len(DEFAULT_REGIONS)


def test_no_credentials_are_a_reason_and_not_a_crash_and_they_may_come_later(simulation, tmp_path):
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": f"{tmp_path}/keys"}
    with Process(
        simulation, tmp_path, env=nobody, **ORGANIZED | {"accounts": [{"name": "home"}], "regions": "all"}
    ) as exporter:
        samples = exporter.samples()
        assert set(exporter.samples("bedrock_batch_up").values()) == {0}
        name = "bedrock_batch_exporter_poll_failures_total"
        assert one(samples, name, aws_account_id="unknown", aws_region="us-east-1", reason="credentials")
        assert failures(exporter, "organization") == 1
        assert "Traceback" not in exporter.log
        said = [line for line in exporter.log.splitlines() if "Unable to locate credentials" in line]
        assert all("set AWS_PROFILE or AWS_ACCESS_KEY_ID" in line for line in said)

        (tmp_path / "keys").write_text(
            f"[default]\naws_access_key_id = {simulation.credentials.access_key}\n"
            f"aws_secret_access_key = {simulation.credentials.secret_key}\n"
        )
        exporter.wait_until(lambda: 1 in exporter.samples("bedrock_batch_up").values())


@pytest.mark.parametrize("are_the_old_ones_dead", [True, False])
def test_keys_that_were_rotated_are_read_anew(simulation, tmp_path, are_the_old_ones_dead):
    def write(credential: Credential) -> None:
        (tmp_path / "keys").write_text(
            f"[default]\naws_access_key_id = {credential.access_key}\naws_secret_access_key = {credential.secret_key}\n"
        )

    write(simulation.credentials)
    env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": f"{tmp_path}/keys"}
    with Process(simulation, tmp_path, env=env, accounts=[], regions=["us-east-1"]) as exporter:
        assert regions(exporter, HUB) == {"us-east-1"}
        if are_the_old_ones_dead:
            simulation.keyring._credentials.clear()
            exporter.wait_until(lambda: set(exporter.samples("bedrock_batch_up").values()) == {0})
            new = replace(simulation.credentials, access_key="AKIAROTATED000000001")
        else:  # and are of another account
            user = f"arn:aws:iam::{PRODUCTION.id}:user/x"
            new = Credential("AKIAOTHER00000000001", "other", PRODUCTION.id, user, user)
        write(simulation.keyring.add(new))
        if not are_the_old_ones_dead:
            exporter.process.send_signal(signal.SIGHUP)
        exporter.wait_until(lambda: set(exporter.samples("bedrock_batch_up").values()) == {1})
        exporter.wait_until(lambda: regions(exporter, new.account_id) == {"us-east-1"})


def test_a_profile_that_does_not_exist_is_a_reason_and_not_a_crash(simulation, tmp_path):
    with Process(simulation, tmp_path, env={"AWS_PROFILE": "missing"}) as exporter:
        name = "bedrock_batch_exporter_poll_failures_total"
        assert one(exporter.samples(name), name, aws_account_id="unknown", aws_region="us-east-1", reason="credentials")
        assert "Traceback" not in exporter.log


def test_dead_keys_are_told_apart_from_a_region_that_is_not_enabled(simulation, tmp_path):
    dead = {"AWS_ACCESS_KEY_ID": "AKIADELETED000000001"}
    with Process(simulation, tmp_path, accounts=[], regions=["us-east-1", "eu-south-1"]) as exporter:
        name = "bedrock_batch_exporter_poll_failures_total"
        assert one(exporter.samples(name), name, aws_region="eu-south-1", reason="region_disabled")
        simulation.keyring._credentials.clear()
        exporter.wait_until(lambda: one(exporter.samples(name), name, aws_region="us-east-1", reason="credentials"))
        assert one(exporter.samples(name), name, aws_region="us-east-1", reason="region_disabled") == 0

    (tmp_path / "2").mkdir()
    with Process(simulation, tmp_path / "2", env=dead, accounts=[]) as exporter:
        assert "InvalidClientTokenId" in exporter.log


def test_credentials_that_end_are_renewed_without_a_failed_poll(simulation, tmp_path):
    simulation.session_seconds = 2.0
    with Process(simulation, tmp_path, **ORGANIZED) as exporter:
        start = time.monotonic()
        exporter.wait_until(lambda: simulation.count("AssumeRole") >= 8)
        simulation.keyring.expire_all(simulation.now())  # and some that end before their time
        polls = simulation.count("ListModelInvocationJobs")
        exporter.wait_until(lambda: simulation.count("ListModelInvocationJobs") > polls + 12)
        samples = exporter.samples("bedrock_batch_exporter_poll_failures_total")

    assert time.monotonic() - start > simulation.session_seconds
    assert set(samples.values()) == {0}
    assert simulation.count("AssumeRole") < 60


def test_a_role_that_cannot_be_assumed_is_asked_once_an_interval_and_the_hint_names_the_caller(simulation, tmp_path):
    simulation.accounts[PRODUCTION.id] = replace(PRODUCTION, roles=(Role(trusted=frozenset({"999988887777"})),))
    settings: dict[str, Any] = {
        "accounts": [{"role_arn": PRODUCTION.role_arn(), "external_id": "example"}],
        "regions": list(DEFAULT_REGIONS),
        "poll_interval": "60s",
        "stale_after": "10m",
    }
    with Process(simulation, tmp_path, **settings) as exporter:
        name = "bedrock_batch_exporter_poll_failures_total"
        assert len(regions(exporter, PRODUCTION.id)) == len(DEFAULT_REGIONS)
        assert one(
            exporter.samples(name), name, aws_account_id=PRODUCTION.id, aws_region="us-east-1", reason="assume_role"
        )
        assert f"iam-policy trust --principal {HUB_ARN}" in exporter.log

    asked = [r for r in simulation.requests if r.operation == "AssumeRole" and r.account_id == PRODUCTION.id]
    assert len(asked) == 1


def test_a_bearer_token_is_not_sent_in_place_of_an_accounts_signature(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{tmp_path}/ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with Simulation(tls=tls) as simulation:  # over plain HTTP botocore would not send it anyway
        simulation.bearer_account_id = RESEARCH.id
        simulation.put_job(PRODUCTION.id, "us-east-1", jobName="of-production")
        simulation.put_job(RESEARCH.id, "us-east-1", jobName="of-research")
        env = {"AWS_BEARER_TOKEN_BEDROCK": "token", "AWS_CA_BUNDLE": f"{tmp_path}/ca.pem"}
        with Process(simulation, tmp_path, env=env, **ORGANIZED) as exporter:
            samples = exporter.samples()

    for account, job in ((PRODUCTION, "of-production"), (RESEARCH, "of-research")):
        assert one(samples, "bedrock_batch_job_info", job_name=job, aws_account_id=account.id) == 1
    assert list(exporter_ups(samples)) == [1] * 3


def exporter_ups(samples):
    return [value for (name, _), value in samples.items() if name == "bedrock_batch_up"]
