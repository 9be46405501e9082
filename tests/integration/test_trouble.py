"""Five accounts of a hundred in trouble: named, each for its own reason, and nobody else the worse for it."""

import json
import os
import pty
import subprocess
import time
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

from exporter.demo.accounts import EXTERNAL_ID, PRODUCTION, RESEARCH, Role, many_accounts
from exporter.demo.faults import FaultKind
from exporter.demo.simulation import Simulation
from tests.integration.process import Process

INTERVAL_SECONDS = 3.0
FLEET: dict[str, Any] = {
    "poll_interval": "3s",
    "poll_timeout": "2s",
    "stale_after": "60s",
    "accounts": [],
    "regions": ["us-east-1"],
    "organization": {"role_name": "bedrock-batch-exporter", "external_id": EXTERNAL_ID},
}


def in_trouble(simulation) -> dict[str, str]:
    """Bring trouble over five accounts; return the reasons by account."""
    denied, disabled, shut, throttled, hanging = list(simulation.accounts)[10:60:10]
    simulation.faults.add(FaultKind.DENY, account_id=denied)
    simulation.accounts[disabled] = replace(simulation.accounts[disabled], enabled_regions=frozenset())
    simulation.accounts[shut] = replace(simulation.accounts[shut], roles=(Role(trusted=frozenset()),))
    simulation.faults.add(FaultKind.THROTTLE, account_id=throttled)
    simulation.faults.add(FaultKind.HANG, account_id=hanging)
    return {
        denied: "access_denied",
        disabled: "region_disabled",
        shut: "assume_role",
        throttled: "throttled",
        hanging: "timeout",
    }


def reasons(exporter) -> dict[str, str]:
    name = "bedrock_batch_exporter_poll_failures_total"
    return {
        dict(labels)["aws_account_id"]: dict(labels)["reason"]
        for (_, labels), count in exporter.samples(name).items()
        if count
    }


def test_each_is_named_with_its_reason_and_the_others_are_as_fresh_as_ever(tmp_path):
    with Simulation(many_accounts(100)) as simulation:
        troubles = in_trouble(simulation)
        with Process(simulation, tmp_path, **FLEET) as exporter:
            assert reasons(exporter) == troubles
            simulation.requests.clear()
            time.sleep(3.5 * INTERVAL_SECONDS)

            listed = defaultdict(list)
            for request in list(simulation.requests):
                if request.operation == "ListModelInvocationJobs":
                    listed[request.account_id].append(request.monotonic_seconds)
            others = simulation.accounts.keys() - troubles.keys()
            gaps = [later - before for account in others for before, later in pairwise(listed[account])]
            assert len(gaps) >= 2 * len(others)
            assert max(gaps) < 1.5 * INTERVAL_SECONDS
            ups = exporter.samples("bedrock_batch_up")
            assert {dict(labels)["aws_account_id"] for (_, labels), value in ups.items() if not value} == set(troubles)
            assert reasons(exporter) == troubles
            for account, reason in troubles.items():
                told = [line for line in exporter.log.splitlines() if f"aws_account_id={account}" in line]
                assert any(f"reason={reason}" in line and "hint=" in line for line in told), account

        done = exporter.run("check", "--output=json")
        assert done.returncode == 1
        rows = {row["aws_account_id"]: row for row in json.loads(done.stdout)["targets"]}
        assert len(rows) == 100
        assert {account: row["result"] for account, row in rows.items() if row["result"] != "ok"} == troubles
        assert all(rows[account]["hint"] for account in troubles)
        assert done.stderr == ""


def test_check_prints_a_table_and_exits_0_where_all_is_well(simulation, tmp_path):
    done = Process(simulation, tmp_path, organization={"role_name": "bedrock-batch-exporter"}).run("check")

    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "9 targets: 9 ok, 0 failed"
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert {request.params.get("maxResults") for request in simulation.requests if request.service == "bedrock"} == {
        "1"
    }


def test_check_tells_of_an_organization_that_cannot_be_listed(simulation, tmp_path):
    simulation.organization = None
    done = Process(simulation, tmp_path, organization={"role_name": "x"}).run("check")

    assert done.returncode == 1
    assert "discovery of organization" in done.stdout
    assert "in no organization" in done.stdout


def test_check_tells_what_to_do_where_the_role_does_not_trust_the_exporter(simulation, tmp_path):
    simulation.accounts[PRODUCTION.id] = replace(PRODUCTION, roles=(Role(external_id="another"),))
    simulation.accounts[RESEARCH.id] = replace(RESEARCH, roles=())
    done = Process(simulation, tmp_path).run("check")

    assert done.returncode == 1
    assert done.stdout.count("hint: ") == 2
    principal = f"arn:aws:iam::{simulation.hub_id}:user/bedrock-batch-exporter"
    assert f"iam-policy trust --principal {principal} --external-id ID" in done.stdout


def test_check_shows_colours_and_progress_on_a_terminal(simulation, tmp_path):
    simulation.faults.add(FaultKind.DENY, account_id=PRODUCTION.id)
    plain, coloured = (_on_a_terminal(Process(simulation, tmp_path), no_color) for no_color in ("1", ""))

    assert "\x1b[31maccess_denied\x1b[0m" in coloured
    assert "\x1b[31m" not in plain
    assert "targets left" in coloured
    assert "9 targets: 6 ok, 3 failed" in coloured


def _on_a_terminal(exporter: Process, no_color: str) -> str:
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        exporter.command("check"), env=exporter._environment | {"NO_COLOR": no_color}, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(mine, 65536):
                told += part
        except OSError:  # Linux says so at the end
            pass
        os.close(mine)
        assert process.wait(30) == 1
    return told.decode()


def test_the_hubs_policy_is_what_its_configuration_needs(simulation, tmp_path):
    exporter = Process(
        simulation, tmp_path, organization={"role_name": "x", "include": ["ou-demo-11111111"]}, accounts=[]
    )
    statements = json.loads(exporter.run("iam-policy", "hub").stdout)["Statement"]
    actions = {action for statement in statements for action in statement["Action"]}
    [assume] = [statement for statement in statements if statement["Action"] == ["sts:AssumeRole"]]

    assert assume["Resource"] == ["arn:aws:iam::*:role/x"]
    assert "organizations:ListAccountsForParent" in actions
    assert "organizations:ListAccounts" not in actions


def test_an_output_that_check_does_not_know_is_refused(simulation, tmp_path):
    done = Process(simulation, tmp_path).run("check", "--output=yaml")

    assert done.returncode == 2
    assert done.stderr == "bedrock-batch-exporter: --output: expected table or json after check, got 'yaml'\n"
