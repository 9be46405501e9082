"""From Bedrock's answer to jobs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from exporter.aws.errors import BadResponseError
from exporter.aws.jobs import job_from, pages, readable_model_id
from exporter.listing import PAGE_JOBS, Query
from exporter.model import Job, Status
from tests.unit.conftest import NOW_SECONDS

NOW = datetime.fromtimestamp(NOW_SECONDS, UTC)
ARN = "arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/abc123"


class Client:
    """Answers as a boto3 client does, from a list of responses."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.calls = []

    def list_model_invocation_jobs(self, **arguments):
        self.calls.append(dict(arguments))
        response = self.responses.pop(0)
        if isinstance(response, Exception):
            raise response
        return response


def listed(*responses, query=Query(), is_abandoned=lambda: False):  # noqa: B008 - frozen
    client = Client(*responses)
    return client, [job.name for page in pages(client, query, is_abandoned) for job in page]


def test_pages_are_followed_and_size_and_order_are_always_asked_for():
    client, names = listed(
        {"invocationJobSummaries": [{"jobArn": ARN, "jobName": "a"}], "nextToken": "1"},
        {"invocationJobSummaries": [{"jobArn": ARN, "jobName": "b"}]},
    )

    assert names == ["a", "b"]
    order = {"maxResults": 1000, "sortBy": "CreationTime", "sortOrder": "Descending"}
    assert client.calls[0].items() >= order.items()


def page(*names, token=None):
    summaries = [{"jobArn": f"{ARN}{name}", "jobName": name} for name in names]
    return {"invocationJobSummaries": summaries} | ({"nextToken": token} if token else {})


def throttle(**headers) -> ClientError:
    metadata: Any = {"HTTPStatusCode": 429, "HTTPHeaders": headers}
    error: Any = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}, "ResponseMetadata": metadata}
    return ClientError(error, "ListModelInvocationJobs")


def patiently(*responses) -> tuple[list[str], list[float]]:
    waits: list[float] = []
    client = Client(*responses)
    return [job.name for page in pages(client, Query(), lambda: False, wait=waits.append) for job in page], waits


def test_a_listing_that_is_throttled_on_its_way_waits_and_goes_on_where_it_was():
    names, waits = patiently(page("a", token="1"), throttle(), throttle(), page("b", token="2"), throttle(), page("c"))

    assert names == ["a", "b", "c"]
    assert waits == [1.0, 2.0, 4.0]


def test_a_listing_waits_as_long_as_it_is_asked_to():
    assert patiently(page("a", token="1"), throttle(**{"retry-after": "7"}), page("b")) == (["a", "b"], [7.0])


@pytest.mark.parametrize(
    "responses",
    [
        (throttle(), page("a")),
        (page("a", token="1"), throttle(**{"retry-after": "60"}), page("b")),
        (page("a", token="1"), throttle(), throttle(), throttle(), throttle(), page("b")),
        (page("a", token="1"), ClientError({"Error": {"Code": "AccessDeniedException"}}, "List"), page("b")),
    ],
    ids=["at its begin", "for long", "again and again", "by another error"],
)
def test_a_poll_fails_rather_than_to_wait_for_long(responses):
    with pytest.raises(ClientError):
        patiently(*responses)


def test_a_token_that_repeats_at_the_end_ends_the_listing():
    client, names = listed(page("a", token="1"), page("b", token="1"), page("b", token="1"))

    assert set(names) == {"a", "b"}
    assert len(client.calls) == 3


def test_a_token_that_repeats_once_loses_nothing():
    _, names = listed(page("a", token="1"), page("b", token="1"), page("b", token="2"), page("c"))

    assert set(names) == {"a", "b", "c"}


@pytest.mark.parametrize("names", [(), [f"job-{number}" for number in range(PAGE_JOBS)]], ids=["empty", "full"])
def test_a_page_that_leads_to_itself_is_bad_and_never_the_last(names):
    lost = page(*names, token="1")

    with pytest.raises(BadResponseError):
        listed(page("a", token="1"), lost, lost, lost)


@pytest.mark.parametrize("response", [{}, {"nextToken": "1"}, {"invocationJobSummaries": None}])
def test_an_answer_without_summaries_is_bad_and_never_no_jobs(response):
    with pytest.raises(BadResponseError):
        listed(response)


def test_no_jobs_are_no_jobs():
    assert listed({"invocationJobSummaries": []})[1] == []


def test_a_poll_that_was_given_up_asks_for_no_further_page():
    with pytest.raises(TimeoutError):
        listed({"invocationJobSummaries": []}, is_abandoned=lambda: True)


def test_filters_are_sent():
    query = Query(Status.SCHEDULED, NOW_SECONDS - 60, NOW_SECONDS, newest_first=False)
    client, _ = listed({"invocationJobSummaries": []}, query=query)

    assert client.calls[0]["statusEquals"] == "Scheduled"
    assert client.calls[0]["submitTimeAfter"] == datetime.fromtimestamp(NOW_SECONDS - 60, UTC)
    assert client.calls[0]["submitTimeBefore"] == NOW
    assert client.calls[0]["sortOrder"] == "Ascending"


def test_every_member_is_read():
    summary = {
        "jobArn": ARN,
        "jobName": "nightly",
        "modelId": "amazon.nova-lite-v1:0",
        "roleArn": "arn:aws:iam::111122223333:role/batch",
        "status": "PartiallyCompleted",
        "message": "sensitive",
        "submitTime": NOW,
        "lastModifiedTime": NOW,
        "endTime": NOW,
        "timeoutDurationInHours": 48,
        "jobExpirationTime": NOW,
        "modelInvocationType": "Converse",
        "totalRecordCount": 4,
        "processedRecordCount": 3,
        "successRecordCount": 2,
        "errorRecordCount": 1,
    }

    job = job_from(summary)

    assert job == Job(
        ARN, "nightly", "amazon.nova-lite-v1:0", Status.PARTIALLY_COMPLETED, "Converse",
        NOW_SECONDS, NOW_SECONDS, NOW_SECONDS, NOW_SECONDS, 4, 3, 2, 1,
    )  # fmt: skip
    assert job.id == "abc123"
    assert "sensitive" not in repr(job)


def test_without_an_expiration_it_follows_from_the_timeout():
    assert job_from({"submitTime": NOW, "timeoutDurationInHours": 24}).expiration_seconds == NOW_SECONDS + 86_400
    assert job_from({"timeoutDurationInHours": 24}).expiration_seconds is None
    assert job_from({"submitTime": NOW}).expiration_seconds is None


@pytest.mark.parametrize("summary", [{}, {"jobArn": ARN}, {"status": "Meditating"}, {"status": None, "modelId": None}])
def test_any_member_may_be_missing(summary):
    assert job_from(summary).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("model_id", "readable"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"),
        (
            "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc123def456",
            "application-inference-profile/abc123def456",
        ),
        (
            "arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.titan.mine/0123456789ab",
            "custom-model/amazon.titan.mine/0123456789ab",
        ),
        ("arn:odd", "arn:odd"),
        ("", ""),
    ],
)
def test_a_model_is_named_by_its_readable_tail(model_id, readable):
    assert readable_model_id(model_id) == readable
