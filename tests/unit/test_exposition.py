"""What users see on /metrics, as text."""

import gzip
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.deflate import plain
from exporter.exposition import OPENMETRICS, TEXT, Exposition, answer, render
from exporter.instruments import Instruments
from exporter.metrics import FAMILIES, SCRAPED
from exporter.model import Account, Failed, Failure, FailureReason, Polled, Status, Target
from exporter.state import Snapshot, TargetState
from exporter.summary import Limits
from tests.unit.conftest import NOW_SECONDS, listing, polled

LIMITS = Limits(max_jobs=1000, retention_seconds=3600.0, stale_after_seconds=600.0)
LABELS = 'aws_account_id="111122223333",aws_region="us-east-1"'


@pytest.fixture
def scrape(target):
    def scrape(*outcomes_or_jobs, at_seconds=NOW_SECONDS, limits=LIMITS, openmetrics=False, names=()):
        outcomes = [one for one in outcomes_or_jobs if isinstance(one, Polled | Failed)] or [polled(*outcomes_or_jobs)]
        snapshot = Snapshot()
        for outcome in outcomes:
            snapshot = snapshot.after(target, outcome)
        return render(snapshot, limits, at_seconds, openmetrics=openmetrics, names=frozenset(names))

    return scrape


def failed(reason=FailureReason.ACCESS_DENIED, at_seconds=NOW_SECONDS) -> Failed:
    return Failed(Failure(reason, "error", "hint"), at_seconds, 1.5)


GOLDEN = """\
bedrock_batch_job_info{JL,job_arn="arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/abc",model_id="amazon.nova-lite-v1:0",invocation_type="Converse"} 1.0
bedrock_batch_job_status{JL,status="InProgress"} 1.0
bedrock_batch_job_submit_timestamp_seconds{JL} 1794996400.0
bedrock_batch_job_last_modified_timestamp_seconds{JL} 1794999900.0
bedrock_batch_job_expiration_timestamp_seconds{JL} 1795082800.0
bedrock_batch_job_records{JL} 1000.0
bedrock_batch_job_records_processed{JL} 400.0
bedrock_batch_job_records_succeeded{JL} 390.0
bedrock_batch_job_records_failed{JL} 10.0
bedrock_batch_job_age_seconds{JL} 3660.000
bedrock_batch_job_time_to_expiration_seconds{JL} 82740.000
"""  # noqa: E501 - lines as they are scraped


def test_a_job_is_told_in_full(scrape, make_job):
    job = make_job(
        arn="arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/abc",
        name="nightly",
        invocation_type="Converse",
        last_modified_seconds=NOW_SECONDS - 100,
        total_records=1000,
        processed_records=400,
        succeeded_records=390,
        failed_records=10,
    )

    lines = [
        line for line in scrape(job, at_seconds=NOW_SECONDS + 60).splitlines() if line.startswith("bedrock_batch_job_")
    ]

    labels = f'{LABELS},job_id="abc",job_name="nightly"'
    assert lines == GOLDEN.replace("JL", labels).splitlines()


def test_an_unknown_record_count_is_absent_not_zero(scrape, make_job):
    exposition = scrape(make_job(processed_records=None))

    assert "bedrock_batch_job_info{" in exposition
    assert "bedrock_batch_job_records_processed{" not in exposition


def test_a_record_count_of_zero_is_zero(scrape, make_job):
    assert 'job_records_failed{aws_account_id="111122223333"' in scrape(make_job(failed_records=0))


def test_every_status_is_counted_zeros_too(scrape, make_job):
    exposition = scrape(make_job(status=Status.UNKNOWN), make_job(status=Status.SUBMITTED), make_job())

    counts = {status: int(status in {Status.UNKNOWN, Status.SUBMITTED, Status.IN_PROGRESS}) for status in Status}
    for status, count in counts.items():
        assert f'bedrock_batch_jobs{{{LABELS},status="{status.value}"}} {count}.0\n' in exposition


def test_ages_move_between_polls(scrape, make_job):
    job = make_job(submit_seconds=NOW_SECONDS - 10, expiration_seconds=NOW_SECONDS + 5)

    assert "job_age_seconds{" + LABELS in scrape(job)
    assert '"} 10.000\n' in scrape(job, names=["bedrock_batch_job_age_seconds"])
    assert '"} 17.000\n' in scrape(job, at_seconds=NOW_SECONDS + 7, names=["bedrock_batch_job_age_seconds"])
    assert '"} -2.000\n' in scrape(
        job, at_seconds=NOW_SECONDS + 7, names=["bedrock_batch_job_time_to_expiration_seconds"]
    )


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.UNKNOWN])
def test_only_active_jobs_have_an_age(scrape, make_job, status):
    exposition = scrape(make_job(status=status))

    assert "bedrock_batch_job_status{" in exposition
    assert "age_seconds" not in exposition
    assert "time_to_expiration" not in exposition


def test_a_failed_poll_keeps_the_jobs_and_sets_up_to_0(scrape, make_job):
    exposition = scrape(polled(make_job()), failed(), at_seconds=NOW_SECONDS + 60)

    assert f"bedrock_batch_up{{{LABELS}}} 0.0\n" in exposition
    assert "bedrock_batch_job_info{" in exposition
    assert f'bedrock_batch_exporter_poll_failures_total{{{LABELS},reason="access_denied"}} 1.0\n' in exposition
    for reason in set(FailureReason) - {FailureReason.ACCESS_DENIED}:
        assert f'bedrock_batch_exporter_poll_failures_total{{{LABELS},reason="{reason.value}"}} 0.0\n' in exposition


def test_stale_jobs_and_counts_are_withdrawn_and_the_target_is_not(scrape, make_job):
    fresh = scrape(polled(make_job()), failed(), at_seconds=NOW_SECONDS + 600)
    stale = scrape(polled(make_job()), failed(), at_seconds=NOW_SECONDS + 601)

    assert "bedrock_batch_job_info{" in fresh
    assert "bedrock_batch_job_" not in stale
    assert "bedrock_batch_jobs{" not in stale
    assert f"bedrock_batch_last_success_timestamp_seconds{{{LABELS}}} 1795000000.0\n" in stale
    assert f'bedrock_batch_jobs_finished_total{{{LABELS},status="Failed"}} 0.0\n' in stale


def test_over_the_cap_the_soonest_to_expire_have_series_and_the_rest_are_counted(scrape, make_job):
    jobs = [make_job(expiration_seconds=NOW_SECONDS + hours * 3600) for hours in (5, 1, 4, 2, 3)]

    exposition = scrape(*jobs, limits=replace(LIMITS, max_jobs=2))

    shown = [job for job in jobs if f'job_id="{job.id}"' in exposition]
    assert shown == [jobs[1], jobs[3]]
    assert f"bedrock_batch_jobs_dropped{{{LABELS}}} 3.0\n" in exposition
    assert f'bedrock_batch_jobs{{{LABELS},status="InProgress"}} 5.0\n' in exposition


def test_a_target_that_was_never_polled_has_no_series(target):
    exposition = render(Snapshot({target: TargetState()}), LIMITS, NOW_SECONDS, openmetrics=False)

    assert "bedrock_batch_up" not in exposition
    assert "bedrock_batch_exporter_targets 1.0\n" in exposition


def test_two_ways_into_one_account_do_not_spoil_the_page():
    snapshot = Snapshot()
    for account in (Account(), Account(profile="team")):
        snapshot = snapshot.after(Target(account, "us-east-1"), polled())

    exposition = render(snapshot, LIMITS, NOW_SECONDS, openmetrics=False)

    lines = [line.rpartition(" ")[0] for line in exposition.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines))


def test_the_account_is_called_by_its_id_where_it_is_seen_and_not_where_it_fails():
    role = Target(Account(role_arn="arn:aws:iam::111122223333:role/r"), "us-east-1")
    own = Target(Account(), "us-east-1")
    for first, second in ((role, own), (own, role)):
        snapshot = Snapshot({first: TargetState(), second: TargetState()})
        snapshot = snapshot.after(role, failed()).after(own, polled())

        exposition = render(snapshot, LIMITS, NOW_SECONDS, openmetrics=False)

        assert f"bedrock_batch_up{{{LABELS}}} 1.0\n" in exposition
        assert (
            f"bedrock_batch_up{{{LABELS.replace('3333', '3333:arn:aws:iam::111122223333:role/r')}}} 0.0\n" in exposition
        )


def test_an_account_that_nobody_could_tell_is_called_unknown():
    snapshot = Snapshot()
    for account in (Account(), Account(profile="team")):
        snapshot = snapshot.after(Target(account, "us-east-1"), failed(FailureReason.CREDENTIALS))

    exposition = render(snapshot, LIMITS, NOW_SECONDS, openmetrics=False)

    assert 'bedrock_batch_up{aws_account_id="unknown",aws_region="us-east-1"} 0.0\n' in exposition
    assert 'bedrock_batch_up{aws_account_id="unknown:team",aws_region="us-east-1"} 0.0\n' in exposition


@given(name=st.text(), model=st.text(min_size=1))
def test_hostile_names_come_back_as_they_were(name, model):
    from exporter.model import Job

    name, model = (text.encode("utf-8", "replace").decode() for text in (name, model))
    job = Job("arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/abc", name, model, Status.IN_PROGRESS)
    target = Target(Account(name=name), "us-east-1")
    snapshot = Snapshot().after(target, polled(job))

    for openmetrics, parse in ((False, parse_text), (True, parse_openmetrics)):
        text = render(snapshot, LIMITS, NOW_SECONDS, openmetrics=openmetrics)
        families = {family.name: family for family in parse(text + "# EOF\n" * openmetrics)}
        (info,) = families["bedrock_batch_job_info"].samples
        assert info.labels["job_name"] == name
        assert info.labels["model_id"] == model


def test_the_tables_are_sound():
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.name.startswith("bedrock_batch_")
        assert family.help.endswith(".")
        assert "region" not in family.labels
        assert (family.type == "counter") == family.name.endswith("_total")


def test_names_select_families(scrape, make_job):
    exposition = scrape(make_job(), names=["bedrock_batch_up"])

    assert {line.split("{")[0] for line in exposition.splitlines() if not line.startswith("#")} == {"bedrock_batch_up"}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", OPENMETRICS),
        ("application/openmetrics-text, */*", OPENMETRICS),
        ("application/openmetrics-text;q=0.6, Text/Plain; Q=0.4, */*;q=0.9", OPENMETRICS),
        ("application/openmetrics-text;q=0.5,application/openmetrics-text;q=0.4,text/plain;q=0.45", OPENMETRICS),
        ("text/plain;q=1, application/openmetrics-text;q=0.1", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=much", TEXT),
        ("*/*", TEXT),
    ],
)
def test_the_format_is_what_the_scraper_asks_for(accept, content_type):
    body, headers = answered(accept)

    assert headers["Content-Type"] == content_type
    assert body.endswith(b"# EOF\n") == (content_type == OPENMETRICS)


@pytest.mark.parametrize(
    ("accept_encoding", "zipped"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("*", True),
        ("*, gzip;q=0.000", False),
    ],
)
def test_the_encoding_is_what_the_scraper_asks_for(accept_encoding, zipped):
    body, headers = answered("", accept_encoding)

    assert (headers.get("Content-Encoding") == "gzip") == zipped
    assert (gzip.decompress(body) if zipped else body).startswith(b"x 1\n")


def answered(accept: str, accept_encoding: str = "") -> tuple[bytes, dict[str, str]]:
    return answer(lambda _openmetrics, _names: [b"x 1\n"], _registry(), accept, accept_encoding, ())


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    Instruments(registry).on_request("bedrock", "ListModelInvocationJobs", 0.1, throttled=True)
    return registry


def test_requests_are_counted_with_their_throttles():
    text = answered("")[0].decode()

    labels = '{operation="ListModelInvocationJobs",service="bedrock"}'
    assert f"bedrock_batch_exporter_api_requests_total{labels} 1.0\n" in text
    assert f"bedrock_batch_exporter_api_throttles_total{labels} 1.0\n" in text


def test_every_family_of_the_tables_can_be_told(scrape, make_job):
    job = make_job(
        status=Status.SCHEDULED, total_records=1, processed_records=0, succeeded_records=0, failed_records=0,
        last_modified_seconds=NOW_SECONDS,
    )  # fmt: skip
    running = replace(job, status=Status.IN_PROGRESS)
    ended = replace(job, status=Status.COMPLETED, end_seconds=NOW_SECONDS + 90)
    outcomes = [
        polled(job),
        polled(running, at_seconds=NOW_SECONDS + 60),
        Polled("111122223333", listing(ended, make_job(), at_seconds=NOW_SECONDS + 120), 0.1),
    ]

    told = {line.split()[2] for line in scrape(*outcomes).splitlines() if line.startswith("# TYPE")}

    assert told == {family.name for family in SCRAPED}


def test_a_scrape_does_not_write_what_a_poll_is_about_to_replace(target, make_job):
    exposition = Exposition()
    before = Snapshot().after(target, polled(make_job()))
    after = before.after(target, polled(make_job(), make_job(), at_seconds=NOW_SECONDS + 60))
    exposition.write(target, after.states[target], LIMITS)

    def jobs(snapshot, limits=LIMITS):
        parts = exposition.parts(snapshot, limits, NOW_SECONDS + 60, openmetrics=False)
        return plain(parts).count(b"bedrock_batch_job_info{")

    assert jobs(before) == jobs(after) == 2
    assert jobs(before, replace(LIMITS, max_jobs=1)) == 1
