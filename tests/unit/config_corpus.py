"""Configurations that are good, and what they refer to."""

from textwrap import dedent

from exporter.config import Config, load

ROLE = "arn:aws:iam::111122223333:role/bedrock-batch-exporter"
KNOWN_REGIONS = (
    "us-west-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-2",
    "us-gov-west-1",
    "eusc-de-east-1",
)
SECRET = "hunter2"
ENVIRON = {
    "REGION": "us-west-2",
    "ALL": "all",
    "WORKERS": "32",
    "ACCOUNT_ID": "012345678901",
    "EXTERNAL_ID": SECRET,
    "EMPTY": "",
    "INTERVAL": "90s",
    "NESTED": "${REGION}",
}


def read(text: str, *, known_regions=KNOWN_REGIONS) -> Config:
    return load(dedent(text), "config.yaml", ENVIRON, known_regions)


GOOD = {
    "nothing": "",
    "comments alone": "# poll_interval: 60s\n",
    "an empty mapping": "{}",
    "null": "null",
    "finished jobs kept as long as they are listed": "lookback: 2h\nfinished_job_retention: 2h",
    "an expression that Python warns of": "job_names: {include: '[[a]'}",
    "every duration unit": "poll_interval: 1m30s500ms\nlookback: 1y2w3d4h5m6s7ms",
    "numbers at their bounds": "workers: 1\nmax_jobs_per_target: 0",
    "regions": "regions: [us-east-1, us-gov-west-1, eusc-de-east-1]",
    "every region": "regions: all",
    "own credentials beside a role": f"accounts: [{{name: here}}, {{role_arn: '{ROLE}'}}]",
    "a role with a path, in another partition": (
        "accounts: [{role_arn: 'arn:aws-us-gov:iam::111122223333:role/teams/ml/batch+reader'}]"
    ),
    "an external id": f"accounts: [{{role_arn: '{ROLE}', external_id: {SECRET}}}]",
    "a profile": "accounts: [{profile: research, regions: all}]",
    "an account in two ways, in different regions": (
        f"accounts: [{{role_arn: '{ROLE}', regions: [us-east-1]}}, {{role_arn: '{ROLE}x', regions: [us-east-2]}}]"
    ),
    "an organization": "organization: {role_name: ml/batch, include: [ou-ab12-cdef3456, r-ab12, '012345678901']}",
    "an organization less some": "organization: {role_name: batch, exclude: ['999988887777'], refresh_interval: 5m}",
    "job names": "job_names: {include: 'nightly|weekly', exclude: '^scratch-'}",
    "sections with everything commented out": "accounts:\njob_names:\norganization:\nregions:\nendpoint_url:",
    "null for what is absent": "accounts: [{name: null, role_arn: null, external_id: ~, profile: p, regions: null}]",
    "endpoints": "endpoint_url: http://127.0.0.1:4566/aws",
    "an endpoint by IPv6": "endpoint_url: 'http://[::1]:65535'",
    "variables": (
        "workers: ${WORKERS}\npoll_interval: ${INTERVAL}\nregions: ['${REGION}']\n"
        "organization: {role_name: '${REGION}-batch', external_id: '${EXTERNAL_ID}', exclude: ['${ACCOUNT_ID}']}"
    ),
    "a variable for every region": "regions: ${ALL}",
    "anchors and merge keys": (
        f"accounts: [&a {{role_arn: '{ROLE}', regions: [us-east-1]}}, {{<<: *a, regions: [us-east-2]}}]"
    ),
    "words that YAML 1.1 takes for booleans": "accounts: [{name: no, profile: on}]",
    "a date as a name": "accounts: [{name: 2026-11-23}]",
    "names in any script": "accounts: [{name: Käse 🧀 生産}]",
}
