"""Reading answers fast must read what botocore reads, and more than it where a page is odd."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.aws import decoding
from exporter.aws.errors import BadResponseError
from exporter.aws.jobs import job_from, pages
from exporter.aws.sessions import OWN, Sessions
from exporter.listing import Query
from exporter.model import Job, Status
from tests.unit.conftest import NOW_SECONDS

ARN = "arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/abc123"


class Wire(io.BytesIO):
    """A body as urllib3 hands it to botocore."""

    def stream(self, **_):
        yield self.getvalue()


class Client:
    """A real client of boto3's, whose requests are answered before they are sent."""

    def __init__(self, *, fast: bool) -> None:
        session = botocore.session.Session()
        if fast:
            decoding.install(session)
        self.body, self.status = b"", 200
        self.aws: Any = session.create_client(
            "bedrock",
            "us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.aws.meta.events.register("before-send.bedrock", self._answer)

    def _answer(self, request, **_):
        headers: Any = {"x-amzn-RequestId": "1-2-3", "Content-Type": "application/json"}
        return AWSResponse(request.url, self.status, headers, Wire(self.body))

    def response(self, body: bytes, status: int = 200):
        self.body, self.status = body, status
        return self.aws.list_model_invocation_jobs()

    def jobs(self, body: bytes) -> list[Job]:
        self.body, self.status = body, 200
        return [job for page in pages(self.aws, Query(), lambda: False) for job in page]


@pytest.fixture(scope="module")
def fast():
    return Client(fast=True)


@pytest.fixture(scope="module")
def plain():
    return Client(fast=False)


def page(*summaries, **more) -> bytes:
    return json.dumps({"invocationJobSummaries": summaries, **more}).encode()


moments = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - the next call gives it
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.one_of(
    moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    moments.map(lambda moment: moment.isoformat(timespec="milliseconds")),
    st.tuples(moments, zones).map(lambda both: both[0].astimezone(both[1]).isoformat()),
    moments.map(lambda moment: moment.strftime("%Y%m%dT%H%M%SZ")),
    moments.map(format_datetime),
    moments.map(lambda moment: format_datetime(moment, usegmt=True)),
    moments.map(lambda moment: int(moment.timestamp())),
    moments.map(lambda moment: moment.timestamp()),
    moments.map(lambda moment: str(int(moment.timestamp()))),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
counts = st.integers(0, 2**63 - 1)
MEMBERS = {
    "jobArn": st.just(ARN) | texts,
    "jobName": texts,
    "modelId": texts | st.just("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"),
    "clientRequestToken": texts,
    "roleArn": texts,
    "status": st.sampled_from([status.value for status in Status]) | texts,
    "message": texts,
    "submitTime": times,
    "lastModifiedTime": times,
    "endTime": times,
    "inputDataConfig": st.sampled_from([{"s3InputDataConfig": {"s3Uri": "s3://in"}}, {"newConfig": {"a": [1]}}]),
    "outputDataConfig": st.just({"s3OutputDataConfig": {"s3Uri": "s3://out"}}),
    "vpcConfig": st.just({"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}),
    "timeoutDurationInHours": st.integers(24, 168),
    "jobExpirationTime": times,
    "modelInvocationType": st.sampled_from(["InvokeModel", "Converse", "Dream"]),
    "totalRecordCount": counts,
    "processedRecordCount": counts,
    "successRecordCount": counts,
    "errorRecordCount": counts,
}
odd: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.just({}) | st.just([1])
)
summaries = st.fixed_dictionaries(
    {}, optional={name: st.none() | value for name, value in MEMBERS.items()} | {"newMember": odd}
)
odd_summaries = st.fixed_dictionaries({}, optional={name: value | odd for name, value in MEMBERS.items()})


@settings(max_examples=30)
@given(st.lists(summaries | st.none(), max_size=4))
def test_every_page_is_read_as_botocore_reads_it(fast, plain, found):
    assert fast.jobs(page(*found)) == plain.jobs(page(*found))


@settings(max_examples=30)
@given(st.lists(odd_summaries, max_size=3))
def test_members_of_wrong_types_are_read_as_botocore_reads_them_or_where_it_cannot(fast, plain, found):
    jobs = fast.jobs(page(*found))

    assert len(jobs) == len(found)
    try:
        known = plain.jobs(page(*found))
    except Exception:  # noqa: BLE001 - botocore raises whatever comes of it
        return
    assert jobs == known


def test_a_page_in_good_order_is_never_left_to_the_slow_way(fast, monkeypatch):
    monkeypatch.setattr(decoding, "summary_from", lambda _: pytest.fail("a summary was read member by member"))
    good: dict[str, Any] = {
        "jobArn": ARN,
        "submitTime": "2026-11-23T12:34:56Z",
        "endTime": None,
        "totalRecordCount": 3,
        "new": {},
    }

    response = fast.response(page(good, None, nextToken="1"))

    assert isinstance(response["invocationJobSummaries"][0], decoding.Summary)
    assert response["nextToken"] == "1"
    assert response["ResponseMetadata"]["RequestId"] == "1-2-3"


@pytest.mark.parametrize(
    "malformed",
    [
        {"inputDataConfig": {}},
        {"inputDataConfig": {"a": 1, "b": 2}},
        {"submitTime": "yesterday"},
        {"submitTime": [1]},
        {"endTime": 1e300},
        {"totalRecordCount": "many"},
        {"totalRecordCount": -1},
        {"totalRecordCount": 10**400},
        {"status": ["InProgress"]},
        {"jobName": "half a pair \ud83d"},
    ],
)
def test_one_malformed_job_hides_no_other(fast, malformed):
    good = {"jobArn": ARN, "status": "InProgress", "submitTime": NOW_SECONDS, "totalRecordCount": 5}

    jobs = fast.jobs(page(good, {"jobArn": ARN + "4", "jobName": "odd", "status": "Failed"} | malformed, None, good))

    assert jobs[0] == jobs[2] == job_from(decoding.summary_from(good))
    assert jobs[0].submit_seconds == NOW_SECONDS
    assert jobs[1].arn == ARN + "4"
    jobs[1].name.encode()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"invocationJobSummaries":[', b"[]", b"null", b"{}", b'{"invocationJobSummaries":{}}']
)
def test_what_is_no_page_is_a_bad_response(fast, body):
    with pytest.raises(BadResponseError):
        fast.jobs(body)


def test_an_error_stays_botocores(fast):
    with pytest.raises(ClientError) as raised:
        fast.response(b'{"message":"slow down","invocationJobSummaries":[]}', status=429)

    assert raised.value.response["Error"]["Message"] == "slow down"


@given(times)
def test_times_are_those_of_botocore(value):
    from botocore.utils import parse_timestamp

    assert decoding.time_from(value) == parse_timestamp(value)


def test_a_time_without_a_zone_is_utc():
    assert decoding.time_from("2026-11-23T12:00:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_an_event_that_botocore_has_changed_changes_nothing():
    decoding._before_parse()
    decoding._before_parse(response_dict={"status_code": 200}, customized_response_dict={})


@pytest.mark.parametrize(("switched_off", "kind"), [(False, decoding.Summary), (True, dict)])
def test_a_switch_leaves_all_to_botocore(monkeypatch, switched_off, kind):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    sessions = Sessions(
        endpoint_url=None,
        timeout_seconds=1.0,
        connections=1,
        on_request=lambda *_, **__: None,
        botocore_parser=switched_off,
    )
    client = sessions.client("bedrock", "us-east-1")
    client.meta.events.register(
        "before-send.bedrock",
        lambda request, **_: AWSResponse(request.url, 200, HTTPHeaders(), Wire(page({"jobArn": ARN}))),
    )

    with sessions.acting_as(OWN):
        (summary,) = client.list_model_invocation_jobs()["invocationJobSummaries"]

    assert isinstance(summary, kind)
