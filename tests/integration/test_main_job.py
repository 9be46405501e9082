"""The main job over real HTTP: everything on /metrics is what the API itself says."""

import random
import signal
import time
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from exporter.demo.faults import FaultKind
from exporter.demo.run import inhabit
from tests.integration.process import REGIONS, Process, Samples, one, samples_of

STATUSES = (
    "Submitted", "Validating", "Scheduled", "InProgress", "Stopping",
    "Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired",
)  # fmt: skip
ACTIVE = STATUSES[:5]
SECRET = "the-failure-text-that-nobody-may-see"
HOUR = 3600.0


def seconds(text):
    return datetime.fromisoformat(text).timestamp() if text else None


def expected(summaries, account_id, region):
    """Compute what must be told of an account in a region, from the API's own answer and nothing else."""
    told = {}
    target = {"aws_account_id": account_id, "aws_region": region}
    counts = Counter(summary["status"] if summary.get("status") in STATUSES else "Unknown" for summary in summaries)
    for status in (*STATUSES, "Unknown"):
        told["bedrock_batch_jobs", frozenset({**target, "status": status}.items())] = float(counts[status])
    expirations = []
    for summary in summaries:
        status = summary.get("status") if summary.get("status") in STATUSES else "Unknown"
        labels = {**target, "job_id": summary["jobArn"].rpartition("/")[2], "job_name": summary["jobName"]}
        submit = seconds(summary.get("submitTime"))
        expiration = seconds(summary.get("jobExpirationTime"))
        if expiration is None and submit is not None and "timeoutDurationInHours" in summary:
            expiration = submit + summary["timeoutDurationInHours"] * HOUR
        if status in ACTIVE and expiration is not None:
            expirations.append(expiration)
        values = {
            "submit_timestamp_seconds": submit,
            "last_modified_timestamp_seconds": seconds(summary.get("lastModifiedTime")),
            "expiration_timestamp_seconds": expiration,
            "end_timestamp_seconds": seconds(summary.get("endTime")),
            "records": summary.get("totalRecordCount"),
            "records_processed": summary.get("processedRecordCount"),
            "records_succeeded": summary.get("successRecordCount"),
            "records_failed": summary.get("errorRecordCount"),
        }
        for name, value in values.items():
            if value is not None:
                told[f"bedrock_batch_job_{name}", frozenset(labels.items())] = float(value)
        told["bedrock_batch_job_status", frozenset({**labels, "status": status}.items())] = 1.0
    if expirations:
        told["bedrock_batch_next_job_expiration_timestamp_seconds", frozenset(target.items())] = min(expirations)
    return told


def compared(samples):
    """Keep the samples that `expected` computes."""
    names = {"bedrock_batch_jobs", "bedrock_batch_next_job_expiration_timestamp_seconds"}
    per_job = ("_timestamp_seconds", "_records", "_processed", "_succeeded", "_failed", "_status")
    return {
        key: value
        for key, value in samples.items()
        if key[0] in names or (key[0].startswith("bedrock_batch_job_") and key[0].endswith(per_job))
    }


def put_odd_jobs(simulation, account_id, region, count=60):
    """Put jobs of every status, with members missing here and there."""
    dice = random.Random(f"{account_id}{region}")
    now = float(int(time.time()))
    for number in range(count):
        status = (*STATUSES, "Meditating")[number % 11]
        ended = status in STATUSES[5:]
        records = dice.choice([{}, {"totalRecordCount": 100, "processedRecordCount": 40, "errorRecordCount": 0}])
        simulation.put_job(
            account_id,
            region,
            jobName=f"job-{number}",
            status=status if number != 30 else None,
            submitTime=now - dice.randrange(100_000) if number != 31 else None,
            endTime=now - 60 - number if ended else None,
            lastModifiedTime=now - 60 - number if ended or number % 2 else None,
            timeoutDurationInHours=dice.choice([None, 24, 168]),
            jobExpirationTime=dice.choice([None, now + 7200]),
            message=SECRET if status == "Failed" else None,
            **records,
        )


def test_every_figure_is_what_the_api_says(simulation, tmp_path):
    told: Samples = {}
    for account_id in simulation.accounts:
        for region in REGIONS:
            put_odd_jobs(simulation, account_id, region)
            told |= expected(simulation.jobs(account_id, region), account_id, region)

    with Process(simulation, tmp_path) as exporter:
        text = exporter.text()
        before, samples, after = time.time(), exporter.samples(), time.time()

    assert compared(samples) == told
    for (name, labels), value in told.items():
        job = {key: text for key, text in labels if key.startswith(("aws", "job"))}
        status = (
            next(
                dict(have)["status"]
                for (key, have) in samples
                if key == "bedrock_batch_job_status" and have >= set(job.items())
            )
            if "job_id" in job
            else ""
        )
        if name == "bedrock_batch_job_submit_timestamp_seconds":
            age = one(samples, "bedrock_batch_job_age_seconds", **job)
            assert (age is not None) == (status in ACTIVE)
            assert age is None or before - value <= age <= after - value
        if name == "bedrock_batch_job_expiration_timestamp_seconds":
            left = one(samples, "bedrock_batch_job_time_to_expiration_seconds", **job)
            assert (left is not None) == (status in ACTIVE)
            assert left is None or value - after <= left <= value - before
    assert SECRET not in text
    assert SECRET not in exporter.log


def test_pages_that_overlap_and_a_token_that_repeats(simulation, tmp_path):
    account_id = simulation.hub_id
    for number in range(2100):
        simulation.put_job(account_id, "us-east-1", jobName=f"job-{number}", submitTime=time.time() - number)
    simulation.overlap_jobs = 3

    with Process(simulation, tmp_path, regions=["us-east-1"], max_jobs_per_target=10_000, **PATIENT) as exporter:
        counted = exporter.samples("bedrock_batch_jobs")
        assert one(counted, "bedrock_batch_jobs", aws_account_id=account_id, status="Submitted") == 2100
        told = expected(simulation.jobs(account_id, "us-east-1"), account_id, "us-east-1")
        assert compared(exporter.samples()).items() >= told.items()


def test_a_listing_that_cannot_be_followed_to_its_end_is_a_failed_poll_and_never_fewer_jobs(simulation, tmp_path):
    account_id, region = simulation.hub_id, "us-east-1"
    for number in range(2100):
        simulation.put_job(account_id, region, jobName=f"job-{number}", submitTime=time.time() - number)
    simulation.put_job("111122223333", region)
    repeats = simulation.faults.add(FaultKind.REPEAT_TOKEN, account_id=account_id)
    empty = simulation.faults.add(FaultKind.EMPTY_PAGE, account_id="111122223333")
    with Process(simulation, tmp_path, regions=[region], **PATIENT) as exporter:
        for broken in (account_id, "111122223333"):
            assert up(exporter)[broken, region] == 0
            assert (
                one(
                    exporter.samples("bedrock_batch_exporter_poll_failures_total"),
                    "bedrock_batch_exporter_poll_failures_total",
                    aws_account_id=broken,
                    reason="bad_response",
                )
                or 0
            ) > 0
            assert not [key for key in exporter.samples("bedrock_batch_jobs") if ("aws_account_id", broken) in key[1]]
        simulation.faults.remove(repeats)
        simulation.faults.remove(empty)
        simulation.faults.add(FaultKind.REPEAT_TOKEN, account_id=account_id, count=1)

        exporter.wait_until(lambda: set(up(exporter).values()) == {1})

        counted = exporter.samples("bedrock_batch_jobs")
        assert one(counted, "bedrock_batch_jobs", aws_account_id=account_id, status="Submitted") == 2100
        assert one(counted, "bedrock_batch_jobs", aws_account_id="111122223333", status="Submitted") == 1


REASONS = {
    FaultKind.DENY: "access_denied",
    FaultKind.SCP_DENY: "access_denied",
    FaultKind.THROTTLE: "throttled",
    FaultKind.EXPIRED_TOKEN: "credentials",
    FaultKind.REGION_DISABLED: "region_disabled",
    FaultKind.SERVER_ERROR: "other",
    FaultKind.HANG: "timeout",
    FaultKind.DRIP: "timeout",
    FaultKind.CUT: "bad_response",
    FaultKind.RESET: "connection",
    FaultKind.GARBAGE: "bad_response",
    FaultKind.TRUNCATED: "bad_response",
    FaultKind.EMPTY_OBJECT: "bad_response",
}


PATIENT: Any = {"poll_timeout": "20s", "stale_after": "60s"}
MANY_REGIONS = ["us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2"]


def test_each_target_in_trouble_is_down_for_its_own_reason_and_nobody_else(simulation, tmp_path):
    targets = [(account_id, region) for region in MANY_REGIONS for account_id in simulation.accounts]
    for account_id, region in targets:
        simulation.put_job(account_id, region, jobName="kept")
    broken = dict(zip(targets, REASONS, strict=False))
    with Process(simulation, tmp_path, regions=MANY_REGIONS, stale_after="60s") as exporter:
        assert up(exporter) == dict.fromkeys(targets, 1)
        for (account_id, region), kind in broken.items():
            simulation.faults.add(kind, account_id=account_id, region=region)

        exporter.wait_until(lambda: up(exporter) == {target: int(target not in broken) for target in targets})

        samples = exporter.samples()
        for (account_id, region), kind in broken.items():
            reasons = {
                dict(labels)["reason"]
                for (name, labels), count in samples.items()
                if name == "bedrock_batch_exporter_poll_failures_total"
                and labels >= {("aws_account_id", account_id), ("aws_region", region)}
                and count
            }
            assert reasons == {REASONS[kind]}, kind
        kept = [value for (name, _), value in samples.items() if name == "bedrock_batch_job_info"]
        assert len(kept) == len(targets), "the last jobs are kept"
        simulation.faults.clear()
        exporter.wait_until(lambda: up(exporter) == dict.fromkeys(targets, 1))


def up(exporter):
    return {
        (dict(labels)["aws_account_id"], dict(labels)["aws_region"]): value
        for (_, labels), value in exporter.samples("bedrock_batch_up").items()
    }


def test_jobs_are_withdrawn_when_they_are_stale_and_come_back(simulation, tmp_path):
    target = {"aws_account_id": "111122223333", "aws_region": "us-east-1"}
    simulation.put_job("111122223333", "us-east-1", jobName="kept")
    with Process(simulation, tmp_path) as exporter:
        simulation.faults.add(FaultKind.EMPTY_OBJECT, account_id="111122223333", region="us-east-1")

        exporter.wait_until(lambda: one(exporter.samples(), "bedrock_batch_job_info", job_name="kept") is None)

        assert one(exporter.samples(), "bedrock_batch_jobs", **target, status="Submitted") is None
        assert one(exporter.samples(), "bedrock_batch_up", **target) == 0
        simulation.faults.clear()
        exporter.wait_until(lambda: one(exporter.samples(), "bedrock_batch_job_info", job_name="kept") == 1)


def test_a_scrape_during_hanging_targets_answers_as_ever_and_so_does_sigterm(simulation, tmp_path):
    with Process(simulation, tmp_path, regions=MANY_REGIONS, poll_timeout="30s", stale_after="60s") as exporter:
        simulation.faults.add(FaultKind.HANG)
        exporter.wait_until(lambda: (one(exporter.samples(), "bedrock_batch_exporter_workers_busy") or 0) >= 16)
        start = time.monotonic()
        for _ in range(10):
            exporter.text()
        assert time.monotonic() - start < 5

        code, took = exporter.stop()

    assert code == 0
    assert took < 5


@pytest.mark.parametrize("signals", [(signal.SIGHUP, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP)])
def test_a_reload_that_meets_the_stop_neither_kills_nor_holds_up(simulation, tmp_path, signals):
    with Process(simulation, tmp_path) as exporter:
        start = time.monotonic()
        for number in signals:
            exporter.process.send_signal(number)

        assert exporter.process.wait(timeout=15) == 0
        assert time.monotonic() - start < 5


def test_a_living_fleet_is_told_right_at_every_moment(simulation, tmp_path):
    inhabit(simulation, speed=300)
    with Process(simulation, tmp_path, **PATIENT) as exporter:
        for _ in range(5):
            assert sum(exporter.samples("bedrock_batch_jobs").values()) > 100
        hook, simulation.on_call = simulation.on_call, None  # the fleet stands still
        exporter.wait_until(lambda: _all_right(simulation, exporter))
        assert hook


def _all_right(simulation, exporter):
    told = {
        tuple(dict(labels).values()): value for (_, labels), value in exporter.samples("bedrock_batch_jobs").items()
    }
    counts = {
        frozenset({account_id, region, status}): Counter(job["status"] for job in simulation.jobs(account_id, region))[
            status
        ]
        for account_id in simulation.accounts
        for region in REGIONS
        for status in STATUSES
    }
    return {frozenset(labels): value for labels, value in told.items() if "Unknown" not in labels} == counts


def test_once_prints_what_serve_would(simulation, tmp_path):
    put_odd_jobs(simulation, simulation.hub_id, "us-east-1")
    exporter = Process(simulation, tmp_path)

    done = exporter.run("once")

    assert done.returncode == 0
    told = expected(simulation.jobs(simulation.hub_id, "us-east-1"), simulation.hub_id, "us-east-1")
    assert samples_of(done.stdout).items() >= told.items()
    assert "process_cpu_seconds_total" not in done.stdout


def test_once_writes_a_file_whole_and_fails_if_a_target_does(simulation, tmp_path):
    simulation.faults.add(FaultKind.DENY, account_id="222233334444")
    exporter = Process(simulation, tmp_path)
    output = tmp_path / "bedrock.prom"

    done = exporter.run("once", f"--output={output}")

    assert done.returncode == 1
    assert done.stdout == ""
    ups = [value for (name, _), value in samples_of(output.read_text()).items() if name == "bedrock_batch_up"]
    assert sorted(ups) == [0] * 3 + [1] * 6
    assert {path.name for path in tmp_path.iterdir()} == {"bedrock.prom", "config.yaml"}


def test_a_bearer_token_in_the_environment_changes_nothing(simulation, tmp_path):
    simulation.put_job("111122223333", "us-east-1", jobName="of-production")
    simulation.bearer_account_id = "222233334444"
    simulation.put_job("222233334444", "us-east-1", jobName="of-research")

    with Process(simulation, tmp_path, env={"AWS_BEARER_TOKEN_BEDROCK": "token"}) as exporter:
        samples = exporter.samples()

    assert one(samples, "bedrock_batch_job_info", job_name="of-production", aws_account_id="111122223333") == 1
    assert one(samples, "bedrock_batch_job_info", job_name="of-research", aws_account_id="222233334444") == 1
    assert sorted(value for (name, _), value in samples.items() if name == "bedrock_batch_up") == [1] * 9


@pytest.mark.parametrize("order", [1, -1])
def test_an_account_that_is_configured_twice_is_seen_once_and_the_second_way_in_fails(simulation, tmp_path, order):
    hub = simulation.accounts[simulation.hub_id]
    simulation.put_job(hub.id, "us-east-1")
    accounts = [{"name": "own"}, {"name": "role", "role_arn": hub.role_arn(), "external_id": "example"}][::order]
    with Process(simulation, tmp_path, accounts=accounts, regions=["us-east-1"]) as exporter:
        ups = {account_id: value for (account_id, _), value in up(exporter).items()}
        samples = exporter.samples("bedrock_batch_jobs")

    assert ups.pop(hub.id) == 1
    assert list(ups.values()) == [0]
    assert one(samples, "bedrock_batch_jobs", status="Submitted", aws_account_id=hub.id) == 1
    assert {dict(labels)["aws_account_id"] for _, labels in samples} == {hub.id}


def test_a_bad_configuration_is_told_in_lines_and_exits_2(simulation, tmp_path):
    exporter = Process(simulation, tmp_path, regions=["us-esat-1"], workers=0)

    for arguments in (["--config.check"], ["serve"], ["once"]):
        done = exporter.run(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 2
        assert all(line.startswith(f"{exporter.config}: ") for line in lines)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--config.check"], ["check"], ["iam-policy", "hub"]])
def test_a_region_of_the_environment_that_is_none_is_told_in_a_line_and_exits_2(simulation, tmp_path, arguments):
    done = Process(simulation, tmp_path, env={"AWS_REGION": "foo"}, regions="all").run(*arguments)

    assert done.returncode == 2
    assert done.stderr == "AWS_REGION: expected an AWS region such as us-east-1, got 'foo'\n"


def test_a_good_configuration_is_told_so(simulation, tmp_path):
    done = Process(simulation, tmp_path).run("--config.check")
    single = Process(simulation, tmp_path, accounts=[{}], regions=["us-east-1"]).run("--config.check")

    assert done.returncode == 0
    assert "valid, 9 targets\n" in done.stdout
    assert "valid, 1 target\n" in single.stdout


def test_an_address_in_use_is_told_in_a_line(simulation, tmp_path):
    with Process(simulation, tmp_path) as exporter:
        done = Process(simulation, tmp_path).run(f"--web.listen-address={exporter.url.removeprefix('http://')}")

    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
