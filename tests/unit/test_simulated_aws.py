"""The simulated AWS without its server: listing by pages, policies, faults."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo.bedrock import STATUSES
from exporter.demo.faults import FaultKind, Faults
from exporter.demo.identity import admits, allows
from exporter.demo.jobs import BadTokenError, JobStore, ListQuery, iso_time, parse_time, to_summary
from exporter.demo.wire import Call

NOW = 1_795_442_400.0

jobs = st.lists(
    st.fixed_dictionaries(
        {"status": st.sampled_from(STATUSES[:3]), "submitTime": st.integers(0, 9), "jobName": st.sampled_from("abc")}
    ),
    max_size=30,
)
queries = st.builds(
    ListQuery,
    max_results=st.integers(1, 7),
    status=st.sampled_from((None, *STATUSES[:4])),
    after_seconds=st.sampled_from((float("-inf"), 2.0, 8.0)),
    before_seconds=st.sampled_from((float("inf"), 3.0, 9.0)),
    name_contains=st.sampled_from(("", "a", "z")),
    descending=st.booleans(),
)


def filled(jobs) -> JobStore:
    store = JobStore("123456789012/us-east-1")
    for number, job in enumerate(jobs):
        store.put(to_summary({"jobArn": f"arn:{number}", **job}), now_seconds=NOW)
    return store


def pages(store, query):
    page, token = store.page(query, now_seconds=NOW)
    yield page
    while token is not None:
        page, token = store.page(query, token, now_seconds=NOW)
        yield page


@given(jobs, queries)
def test_the_pages_of_a_listing_are_the_jobs_asked_for_in_order(jobs, query):
    listed = [json.loads(job) for page in pages(filled(jobs), query) for job in page]
    wanted = [
        number
        for number, job in enumerate(jobs)
        if query.status in {None, job["status"]}
        and query.after_seconds < job["submitTime"] < query.before_seconds
        and query.name_contains in job["jobName"]
    ]
    wanted.sort(key=lambda number: (jobs[number]["submitTime"], number), reverse=query.descending)
    assert [job["jobArn"] for job in listed] == [f"arn:{number}" for number in wanted]


@given(jobs, queries)
def test_every_page_but_the_last_is_full_and_none_is_empty_after_the_first(jobs, query):
    sizes = [len(page) for page in pages(filled(jobs), query)]
    assert all(size == query.max_results for size in sizes[:-1])
    assert len(sizes) == 1 or sizes[-1]


@given(jobs, st.data())
def test_a_change_moves_a_job_in_every_order(jobs, data):
    store = filled(jobs)
    changed = [dict(job) for job in jobs]
    for number in data.draw(st.lists(st.integers(0, len(jobs) - 1), max_size=9)) if jobs else []:
        changed[number] |= {"status": "Failed", "submitTime": data.draw(st.integers(0, 9))}
        store.put(to_summary({"jobArn": f"arn:{number}", **changed[number]}), now_seconds=NOW)
    for status in (None, *STATUSES):
        listed = [json.loads(job) for page in pages(store, ListQuery(status=status)) for job in page]
        there = [n for n, job in enumerate(changed) if status in {None, job["status"]}]
        assert sorted(job["jobArn"] for job in listed) == sorted(f"arn:{n}" for n in there)
        times = [job["submitTime"] for job in listed]
        assert times == sorted(times, reverse=True)
    assert len(store) == len(jobs)


@given(st.text(max_size=60))
def test_a_made_up_token_is_refused(token):
    with pytest.raises(BadTokenError):
        filled([]).page(ListQuery(), token, now_seconds=NOW)


@given(st.floats(0, 4e9))
def test_a_time_is_written_to_the_millisecond_and_read_back(seconds):
    assert parse_time(iso_time(seconds)) == pytest.approx(seconds, abs=0.0006)


def test_a_time_without_a_fraction_has_none():
    assert iso_time(NOW) == "2026-11-23T14:00:00Z"
    assert iso_time(NOW + 0.25) == "2026-11-23T14:00:00.250Z"
    assert parse_time("2026-11-23T15:00:00+01:00") == NOW
    assert parse_time(None) is None
    assert parse_time("yesterday") is None


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("bedrock:ListModelInvocationJobs", "*", True),
        ("bedrock:GetModelInvocationJob", "*", False),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/bedrock-batch-exporter", True),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/admin", False),
        ("sts:AssumeRole", "arn:aws:iam::999988887777:role/bedrock-batch-exporter", False),
        ("organizations:ListRoots", "*", True),
        ("organizations:LeaveOrganization", "*", False),
    ],
)
def test_a_policy_allows_what_it_says(action, resource, allowed):
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "bedrock:ListModelInvocationJobs", "Resource": "*"},
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ["arn:aws:iam::*:role/bedrock-*"]},
            {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:iam::999988887777:*"},
            {"Effect": "Allow", "Action": ["organizations:List*"], "Resource": "*"},
        ],
    }
    assert allows(policy, action, resource) is allowed


@pytest.mark.parametrize(
    ("principal", "account_id", "external_id", "admitted"),
    [
        ("arn:aws:iam::333344445555:user/exporter", "333344445555", "example", True),
        ("arn:aws:iam::333344445555:user/exporter", "333344445555", "wrong", False),
        ("arn:aws:iam::333344445555:user/exporter", "333344445555", None, False),
        ("arn:aws:iam::333344445555:user/other", "333344445555", "example", False),
    ],
)
def test_a_trust_policy_admits_its_principal_with_the_external_id(principal, account_id, external_id, admitted):
    policy = {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::333344445555:user/exporter"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "example"}},
        }
    }
    assert admits(policy, principal, account_id, external_id) is admitted


def test_a_fault_strikes_as_often_as_it_is_told_to():
    call = Call("bedrock", "ListModelInvocationJobs", "us-east-1", "111122223333")
    faults = Faults(seed=1)
    faults.add("throttle", count=2)
    assert [faults.strike(call) is not None for _ in range(4)] == [True, True, False, False]
    faults.clear()
    faults.add(FaultKind.RESET, probability=0.3)
    assert 230 < sum(faults.strike(call) is not None for _ in range(1000)) < 370


def test_a_fault_strikes_none_but_its_own():
    faults = Faults()
    faults.add("deny", account_id="111122223333", region="us-east-1", service=None)
    assert faults.strike(Call("account", "ListRegions", "us-east-1", "111122223333"))
    assert not faults.strike(Call("account", "ListRegions", "eu-west-1", "111122223333"))
    assert not faults.strike(Call("account", "ListRegions", "us-east-1", "222233334444"))
    faults.clear()
    faults.add("deny")
    assert not faults.strike(Call("sts", "AssumeRole", "us-east-1", "111122223333"))
