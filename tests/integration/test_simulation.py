"""The simulated AWS, asked by plain boto3 as the real one would be."""

import http.client
import json
import socket
import ssl
import threading
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
import trustme
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from exporter.demo.accounts import EXTERNAL_ID, PRODUCTION, RESEARCH, SANDBOX, AwsAccount, Organization, Role
from exporter.demo.bedrock import STATUSES
from exporter.demo.simulation import Simulation

HUB = SANDBOX.id
BEGIN = 1_795_442_400.0  # 2026-11-23T14:00:00Z


def listed(client, **arguments) -> list:
    """Every job of a listing, page by page."""
    jobs: list = []
    token: dict[str, str] = {}
    while True:
        page = client.list_model_invocation_jobs(**arguments, **token)
        jobs += page["invocationJobSummaries"]
        if "nextToken" not in page:
            return jobs
        token = {"nextToken": page["nextToken"]}


def names(jobs) -> list[str]:
    return [job["jobName"] for job in jobs]


def assume(sts, account, external_id=EXTERNAL_ID, **arguments):
    external = {"ExternalId": external_id} if external_id else {}
    return sts.assume_role(RoleArn=account.role_arn(), RoleSessionName="test", **external, **arguments)["Credentials"]


def code(error) -> tuple[int, str]:
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.fixture
def bedrock(connect):
    return connect("bedrock")


@pytest.fixture
def jobs(simulation):
    for n in range(25):
        simulation.put_job(
            HUB, "us-east-1", jobName=f"job-{n:02d}", submitTime=BEGIN + n, status=STATUSES[n % len(STATUSES)]
        )


def test_a_summary_arrives_with_the_members_it_has(simulation, bedrock):
    arn = simulation.put_job(
        HUB,
        "us-east-1",
        jobName="embeddings",
        status="InProgress",
        submitTime=BEGIN + 0.25,
        jobExpirationTime=BEGIN + 86400,
        modelInvocationType="Converse",
        totalRecordCount=100,
        processedRecordCount=40,
        successRecordCount=39,
        errorRecordCount=1,
    )
    (job,) = listed(bedrock)

    assert job["jobArn"] == arn == f"arn:aws:bedrock:us-east-1:{HUB}:model-invocation-job/000000000001"
    assert job["submitTime"] == datetime.fromtimestamp(BEGIN + 0.25, UTC)
    assert job["jobExpirationTime"] == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert (job["totalRecordCount"], job["processedRecordCount"]) == (100, 40)
    assert (job["successRecordCount"], job["errorRecordCount"]) == (39, 1)
    assert "endTime" not in job
    assert "message" not in job
    assert simulation.jobs(HUB, "us-east-1")[0]["jobExpirationTime"] == "2026-11-24T14:00:00Z"


def test_pages_in_both_orders_show_every_job_once(jobs, bedrock):
    for size in (1, 7, 25, 1000):
        down = names(listed(bedrock, maxResults=size, sortBy="CreationTime", sortOrder="Descending"))
        up = names(listed(bedrock, maxResults=size, sortBy="CreationTime", sortOrder="Ascending"))
        assert up == sorted(up) == down[::-1]
        assert len(up) == 25
    assert len(bedrock.list_model_invocation_jobs(maxResults=7)["invocationJobSummaries"]) == 7


def test_filters_narrow_the_listing(jobs, bedrock):
    assert names(listed(bedrock, statusEquals="Failed")) == ["job-17", "job-07"]
    assert names(listed(bedrock, nameContains="-1", maxResults=3)) == [f"job-{n}" for n in range(19, 9, -1)]
    after, before = datetime.fromtimestamp(BEGIN + 3, UTC), datetime.fromtimestamp(BEGIN + 6, UTC)
    assert names(listed(bedrock, submitTimeAfter=after, submitTimeBefore=before)) == ["job-05", "job-04"]
    assert names(listed(bedrock, submitTimeAfter=after, statusEquals="Submitted")) == ["job-20", "job-10"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"maxResults": 0},
        {"maxResults": 1001},
        {"nextToken": "made-up"},
        {"nextToken": "x" * 2049},
        {"nextToken": "bm90IG9uZSBvZiBvdXJzIGF0IGFsbA=="},
        {"statusEquals": "Running"},
        {"sortBy": "Name"},
        {"sortOrder": "Sideways"},
    ],
)
def test_what_the_api_does_not_allow_is_a_validation_exception(connect, arguments):
    client = connect("bedrock", parameter_validation=False)
    with pytest.raises(ClientError) as error:
        client.list_model_invocation_jobs(**arguments)
    assert code(error) == (400, "ValidationException")


def test_a_token_belongs_to_its_listing(jobs, bedrock, connect):
    token = bedrock.list_model_invocation_jobs(maxResults=5)["nextToken"]
    assert len(token) <= 2048
    bedrock.list_model_invocation_jobs(maxResults=6, nextToken=token)
    for other, arguments in ((bedrock, {"statusEquals": "Failed"}), (connect("bedrock", "eu-west-1"), {})):
        with pytest.raises(ClientError) as error:
            other.list_model_invocation_jobs(nextToken=token, **arguments)
        assert code(error) == (400, "ValidationException")


def test_later_pages_see_what_changed_meanwhile(simulation, jobs, bedrock):
    simulation.on_call = lambda call: (
        "nextToken" in call.params and simulation.put_job(HUB, "us-east-1", jobName="new", submitTime=BEGIN + 1000)
    )
    assert "new" not in names(listed(bedrock, maxResults=20))
    assert names(listed(bedrock, maxResults=20, sortOrder="Ascending"))[-1] == "new"


def test_a_job_that_moves_on_is_listed_under_its_new_status(simulation, bedrock):
    arn = simulation.put_job(HUB, "us-east-1", submitTime=BEGIN)
    simulation.update_job(arn, status="InProgress", totalRecordCount=5, modelId="meta.llama3-1-70b-instruct-v1:0")
    assert listed(bedrock, statusEquals="Submitted") == []
    assert listed(bedrock, statusEquals="InProgress")[0]["totalRecordCount"] == 5
    simulation.update_job(arn, totalRecordCount=None)
    assert "totalRecordCount" not in listed(bedrock)[0]
    simulation.remove_job(arn)
    assert listed(bedrock) == []


def test_a_job_becomes_visible_late(simulation, bedrock):
    simulation.visibility_delay_seconds = 0.05
    simulation.put_job(HUB, "us-east-1")
    assert listed(bedrock) == []
    assert len(simulation.jobs(HUB, "us-east-1")) == 1
    time.sleep(0.06)
    assert len(listed(bedrock)) == 1


def test_pages_can_overlap(simulation, jobs, bedrock):
    simulation.overlap_jobs = 2
    seen = names(listed(bedrock, maxResults=10))
    assert len(seen) > 25
    assert len(set(seen)) == 25


def test_odd_summaries_are_listed_as_they_are(simulation, bedrock):
    odd = [{"jobArn": "arn:odd", "status": "Pondering"}, {"jobName": "bare"}]
    for summary in odd:
        simulation.put_raw_job(HUB, "us-east-1", summary)
    assert listed(bedrock, sortOrder="Ascending") == odd == simulation.jobs(HUB, "us-east-1")


def test_a_role_is_assumed_with_its_external_id(simulation, connect):
    simulation.put_job(PRODUCTION.id, "eu-west-1", jobName="theirs")
    given = assume(connect("sts"), PRODUCTION)
    holder = simulation.keyring.find(given["AccessKeyId"])
    assert holder.session_token == given["SessionToken"]
    assert given["Expiration"].timestamp() == pytest.approx(time.time() + 3600, abs=5)
    assert connect("sts", credentials=holder).get_caller_identity()["Account"] == PRODUCTION.id
    assert names(listed(connect("bedrock", "eu-west-1", holder))) == ["theirs"]
    assert listed(connect("bedrock", "us-east-1", holder)) == []
    assert listed(connect("bedrock", "eu-west-1")) == []


@pytest.mark.parametrize(("account", "external_id"), [(PRODUCTION, "wrong"), (PRODUCTION, None)])
def test_a_wrong_external_id_is_denied(connect, account, external_id):
    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole on resource: ") as error:
        assume(connect("sts"), account, external_id)
    assert code(error) == (403, "AccessDenied")


def test_a_role_that_is_not_there_or_trusts_another_is_denied_in_the_same_words(simulation, connect):
    simulation.accounts["999900001111"] = AwsAccount("999900001111", "shy", roles=(Role(trusted=frozenset({"1"})),))
    for account in (AwsAccount("999988887777", "none"), simulation.accounts["999900001111"]):
        with pytest.raises(ClientError) as error:
            assume(connect("sts"), account)
        assert code(error) == (403, "AccessDenied")


def test_credentials_expire(simulation, connect):
    simulation.session_seconds = 0.0
    given = assume(connect("sts"), RESEARCH)
    holder = simulation.keyring.find(given["AccessKeyId"])
    with pytest.raises(ClientError) as error:
        listed(connect("bedrock", credentials=holder))
    assert code(error) == (403, "ExpiredTokenException")
    with pytest.raises(ClientError) as error:
        connect("sts", credentials=holder).get_caller_identity()
    assert code(error) == (403, "ExpiredToken")


def test_unknown_keys_are_told_apart_by_service(simulation, connect):
    stranger = type(simulation.credentials)("AKIANOBODY", "x", "", "")
    with pytest.raises(ClientError) as error:
        listed(connect("bedrock", credentials=stranger))
    assert code(error) == (403, "UnrecognizedClientException")
    with pytest.raises(ClientError) as error:
        connect("sts", credentials=stranger).get_caller_identity()
    assert code(error) == (403, "InvalidClientTokenId")


def test_a_wrong_secret_or_session_token_is_noticed(simulation, connect):
    own = simulation.credentials
    with pytest.raises(ClientError) as error:
        listed(connect("bedrock", credentials=replace(own, secret_key="another")))
    assert code(error) == (403, "InvalidSignatureException")
    with pytest.raises(ClientError) as error:
        connect("sts", credentials=replace(own, secret_key="another")).get_caller_identity()
    assert code(error) == (403, "SignatureDoesNotMatch")
    with pytest.raises(ClientError) as error:
        listed(connect("bedrock", credentials=replace(own, session_token="another")))
    assert code(error) == (403, "UnrecognizedClientException")


def test_a_bearer_token_answers_as_its_own_account(monkeypatch, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-demo")
    with Simulation(tls=tls) as simulation:
        simulation.put_job(PRODUCTION.id, "us-east-1", jobName="theirs")
        simulation.bearer_account_id = PRODUCTION.id
        session = boto3.Session(simulation.credentials.access_key, simulation.credentials.secret_key)
        answers = {}
        for scheme in (None, "sigv4"):
            config = Config(auth_scheme_preference=scheme)  # type: ignore[call-arg]
            client = session.client(
                "bedrock", "us-east-1", endpoint_url=simulation.url, verify=str(tmp_path / "ca.pem"), config=config
            )
            answers[scheme] = names(listed(client))
            client.close()
    assert answers == {None: ["theirs"], "sigv4": []}


def test_a_region_that_is_not_enabled_does_not_know_the_token(connect):
    with pytest.raises(ClientError) as error:
        listed(connect("bedrock", "me-south-1"))
    assert code(error) == (403, "UnrecognizedClientException")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("throttle", (429, "ThrottlingException")),
        ("deny", (403, "AccessDeniedException")),
        ("scp_deny", (403, "AccessDeniedException")),
        ("expired_token", (403, "ExpiredTokenException")),
        ("region_disabled", (403, "UnrecognizedClientException")),
        ("server_error", (500, "InternalServerException")),
    ],
)
def test_a_fault_befalls_its_account_and_region_alone(simulation, bedrock, connect, kind, expected):
    fault = simulation.faults.add(kind, account_id=HUB, region="us-east-1")
    with pytest.raises(ClientError) as error:
        listed(bedrock)
    assert code(error) == expected
    assert listed(connect("bedrock", "eu-west-1")) == []
    connect("sts").get_caller_identity()
    simulation.faults.remove(fault)
    assert listed(bedrock) == []


def test_a_throttle_can_say_when_to_come_back_and_end_by_itself(simulation, bedrock):
    simulation.faults.add("throttle", count=1, retry_after_seconds=7)
    with pytest.raises(ClientError) as error:
        listed(bedrock)
    assert error.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"
    assert listed(bedrock) == []


@pytest.mark.parametrize("kind", ["garbage", "truncated", "empty_object"])
def test_a_bad_answer_reaches_boto3_as_nothing(simulation, jobs, bedrock, kind):
    simulation.faults.add(kind)
    assert "invocationJobSummaries" not in bedrock.list_model_invocation_jobs()


def test_a_malformed_summary_makes_botocore_stumble(simulation, jobs, bedrock):
    simulation.faults.add("malformed_summary")
    with pytest.raises(ResponseParserError):
        bedrock.list_model_invocation_jobs()


@pytest.mark.parametrize(
    ("kind", "expected"), [("reset", ConnectionClosedError), ("hang", ReadTimeoutError), ("drip", ReadTimeoutError)]
)
def test_a_connection_can_break_or_hang(simulation, jobs, connect, kind, expected):
    client = connect("bedrock", read_timeout=0.2)
    simulation.faults.add(kind)
    with pytest.raises(expected):
        client.list_model_invocation_jobs()


def test_a_token_can_repeat(simulation, jobs, bedrock):
    simulation.faults.add("repeat_token")
    first = bedrock.list_model_invocation_jobs(maxResults=5)["nextToken"]
    assert bedrock.list_model_invocation_jobs(maxResults=5, nextToken=first)["nextToken"] == first


def test_a_page_can_be_empty_and_still_lead_on(simulation, jobs, bedrock):
    simulation.faults.add("empty_page", count=1)
    empty = bedrock.list_model_invocation_jobs()
    assert empty["invocationJobSummaries"] == []
    assert len(bedrock.list_model_invocation_jobs(nextToken=empty["nextToken"])["invocationJobSummaries"]) == 25


def test_stopping_lets_go_of_what_hangs(capfd):
    threads = set(threading.enumerate())
    simulation = Simulation()
    simulation.start()
    simulation.faults.add("hang")
    host, port = simulation.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle, socket.create_connection((host, int(port))) as hanging:
        scope = f"{simulation.credentials.access_key}/20261123/us-east-1/bedrock/aws4_request"
        hanging.sendall(
            b"GET /model-invocation-jobs HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
            + scope.encode()
            + b", SignedHeaders=host, Signature=0\r\n\r\n"
        )
        deadline = time.monotonic() + 5
        while not simulation.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        began = time.monotonic()
        simulation.stop()
        assert time.monotonic() - began < 1
        assert hanging.recv(1) == b""
        assert idle.recv(1) == b""
    assert capfd.readouterr() == ("", "")
    assert set(threading.enumerate()) == threads


def test_connections_are_kept_alive(simulation):
    connection = http.client.HTTPConnection(simulation.url.removeprefix("http://"))
    sockets = []
    for _ in range(3):
        connection.request("GET", "/_simulation/requests")
        assert connection.getresponse().read()
        sockets.append(connection.sock)
    connection.close()
    assert sockets[0] is sockets[1] is sockets[2] is not None


def test_organizations_are_listed_by_pages_and_units(simulation, connect):
    simulation.organization = Organization(
        units={"ou-demo-1": ("workloads", "r-demo"), "ou-demo-2": ("a", "ou-demo-1")}
    )
    for n in range(45):
        account = AwsAccount(f"{700000000000 + n}", f"n-{n}", parent_id="ou-demo-1", state="SUSPENDED")
        simulation.accounts[account.id] = account
    client = connect("organizations")
    everything = [account for page in client.get_paginator("list_accounts").paginate() for account in page["Accounts"]]
    assert [account["Id"] for account in everything] == list(simulation.accounts)
    assert {account["State"] for account in everything} == {"ACTIVE", "SUSPENDED"}
    (root,) = client.list_roots()["Roots"]
    assert len(client.list_accounts_for_parent(ParentId=root["Id"])["Accounts"]) == 3
    (unit,) = client.list_organizational_units_for_parent(ParentId=root["Id"])["OrganizationalUnits"]
    assert len(client.list_accounts_for_parent(ParentId=unit["Id"])["Accounts"]) == 20
    with pytest.raises(client.exceptions.ParentNotFoundException):
        client.list_accounts_for_parent(ParentId="ou-none-1")


def test_an_organization_is_its_managements_to_list(simulation, connect):
    given = assume(connect("sts"), RESEARCH)
    client = connect("organizations", credentials=simulation.keyring.find(given["AccessKeyId"]))
    with pytest.raises(client.exceptions.AccessDeniedException):
        client.list_accounts()
    simulation.organization = None
    with pytest.raises(client.exceptions.AWSOrganizationsNotInUseException):
        client.list_accounts()


def test_an_account_tells_its_regions(connect):
    pages = connect("account").get_paginator("list_regions").paginate(PaginationConfig={"PageSize": 10})
    regions = {region["RegionName"]: region["RegionOptStatus"] for page in pages for region in page["Regions"]}
    assert regions["us-east-1"] == "ENABLED_BY_DEFAULT"
    assert regions["me-south-1"] == "DISABLED"


def test_policies_allow_and_everything_else_is_denied(simulation, connect):
    user = simulation.credentials.role_arn
    simulation.attach_policy(
        user, {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": RESEARCH.role_arn()}]}
    )
    assume(connect("sts"), RESEARCH)
    with pytest.raises(ClientError, match="no identity-based policy allows the sts:AssumeRole action"):
        assume(connect("sts"), PRODUCTION)
    with pytest.raises(ClientError, match="no identity-based policy allows the bedrock:ListModelInvocationJobs action"):
        listed(connect("bedrock"))
    connect("sts").get_caller_identity()


def test_everything_else_is_motos(simulation, connect):
    s3 = connect("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="batch-input")
    s3.put_object(Bucket="batch-input", Key="a.jsonl", Body=b"{}")
    assert s3.get_object(Bucket="batch-input", Key="a.jsonl")["Body"].read() == b"{}"
    s3.delete_object(Bucket="batch-input", Key="a.jsonl")
    s3.delete_bucket(Bucket="batch-input")
    assert simulation.requests[-1].service == "s3"


def test_faults_and_counts_are_reached_by_http(simulation, bedrock):
    def ask(method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{simulation.url}/_simulation/{path}", data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    id_ = ask("POST", "faults", {"kind": "throttle", "region": "us-east-1"})["id"]
    with pytest.raises(ClientError):
        listed(bedrock)
    ask("DELETE", f"faults/{id_}")
    ask("POST", f"jobs/{HUB}/us-east-1", [{"jobName": "posted"}])
    assert names(listed(bedrock)) == ["posted"]
    assert ask("GET", "requests")["operations"] == {"bedrock:ListModelInvocationJobs": 2}
    assert simulation.count("ListModelInvocationJobs") == 2
