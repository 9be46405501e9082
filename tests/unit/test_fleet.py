"""The simulated fleet: it lives plausibly, and its state is a function of the time alone."""

import json
from collections import Counter

import pytest

from exporter.demo.accounts import DEFAULT_ACCOUNTS
from exporter.demo.bedrock import STATUSES
from exporter.demo.course import MESSAGE_MARKER
from exporter.demo.fleet import DEFAULT_REGIONS, HISTORY_HOURS, Fleet
from exporter.demo.jobs import parse_time
from exporter.demo.scenes import scene
from exporter.demo.simulation import Simulation
from exporter.demo.workloads import Ending

NOW = 1_795_442_400.0  # 2026-11-23T14:00:00Z
HOUR = 3600.0
ACCOUNT_IDS = tuple(account.id for account in DEFAULT_ACCOUNTS)
ACTIVE = STATUSES[:5]


def unix(text: str) -> float:
    seconds = parse_time(text)
    assert seconds is not None
    return seconds


class World:
    """A fleet in a simulation that does not serve."""

    def __init__(self, *, speed: float = 60.0, seed: int = 0, now_seconds: float = NOW) -> None:
        self.simulation = Simulation(now=lambda: now_seconds)
        begin_seconds = now_seconds - HISTORY_HOURS * HOUR / speed
        self.fleet = Fleet(self.simulation, ACCOUNT_IDS, begin_seconds=begin_seconds, seed=seed, speed=speed)
        self.fleet.advance(now_seconds)

    def jobs(self) -> list:
        return [
            job
            for account_id in ACCOUNT_IDS
            for region in DEFAULT_REGIONS
            for job in self.simulation.jobs(account_id, region)
        ]

    def active(self) -> list:
        return [job for job in self.jobs() if job["status"] in ACTIVE]

    def statuses(self) -> Counter:
        return Counter(job["status"] for job in self.jobs())


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize("seed", [0, 1])
def test_every_status_is_there_at_every_time(seed):
    world = World(seed=seed)
    for step in range(8):
        world.fleet.advance(NOW + step * 173)
        assert set(world.statuses()) == set(STATUSES)
        assert 60 <= len(world.active()) <= 150


def test_every_account_and_region_has_jobs(world):
    for account_id in ACCOUNT_IDS:
        for region in DEFAULT_REGIONS:
            assert world.simulation.jobs(account_id, region)


def test_a_minute_shows_movement():
    world = World()
    before = {job["jobArn"]: job for job in world.jobs()}
    world.fleet.advance(NOW + 60)
    after = {job["jobArn"]: job for job in world.jobs()}
    assert after.keys() - before.keys()
    assert any(after[arn]["status"] != job["status"] for arn, job in before.items())
    moving = [arn for arn, job in before.items() if job["status"] == after[arn]["status"] == "InProgress"]
    counted = [arn for arn in moving if "processedRecordCount" in before[arn]]
    grown = [arn for arn in counted if after[arn]["processedRecordCount"] > before[arn]["processedRecordCount"]]
    assert len(counted) > len(grown) > len(counted) * 0.8


def test_the_state_does_not_depend_on_how_often_one_looks():
    once, often = World(), World()
    once.fleet.advance(NOW + 600)
    for second in range(0, 601, 53):
        often.fleet.advance(NOW + second)
    often.fleet.advance(NOW + 600)
    often.fleet.advance(NOW + 1)
    assert once.jobs() == often.jobs()


def test_another_seed_is_another_fleet(world):
    assert World(seed=7).jobs() != world.jobs()
    assert World().jobs() == world.jobs()


def test_a_job_only_moves_forward():
    world = World()
    order = {status: place for place, status in enumerate(STATUSES)}
    seen: dict = {}
    for second in range(0, 1500, 300):
        world.fleet.advance(NOW + second)
        for job in world.jobs():
            stage = (min(order[job["status"]], 5), job.get("processedRecordCount", 0))
            assert seen.get(job["jobArn"], stage) <= stage
            seen[job["jobArn"]] = stage


@pytest.mark.parametrize("speed", [1.0, 60.0, 600.0])
def test_times_and_counts_fit_together(speed):
    for job in World(speed=speed).jobs():
        submit, modified, expiration = (
            unix(job[name]) for name in ("submitTime", "lastModifiedTime", "jobExpirationTime")
        )
        assert submit <= modified <= NOW
        assert 24 <= job["timeoutDurationInHours"] <= 168
        assert expiration - submit == pytest.approx(job["timeoutDurationInHours"] * HOUR / speed, abs=0.01)
        assert ("endTime" in job) == (job["status"] not in ACTIVE)
        if "endTime" in job:
            assert modified == unix(job["endTime"]) <= expiration + 0.01
        else:
            assert expiration > NOW
        if "processedRecordCount" in job:
            assert job["successRecordCount"] + job["errorRecordCount"] == job["processedRecordCount"]
            assert job["processedRecordCount"] <= job["totalRecordCount"]
        if job["status"] == "Completed" and "totalRecordCount" in job:
            assert job["processedRecordCount"] == job["totalRecordCount"]
        if job["status"] == "PartiallyCompleted":
            assert job["processedRecordCount"] < job["totalRecordCount"]
        assert len(job["jobName"]) <= 63


def test_some_will_miss_their_deadline_and_one_has_stalled():
    world = World()
    earlier = {job["jobArn"]: job for job in world.active()}
    world.fleet.advance(NOW + 60)
    late, stalled = [], []
    for job in world.active():
        if job["status"] != "InProgress" or "processedRecordCount" not in job or job["jobArn"] not in earlier:
            continue
        done = job["processedRecordCount"]
        before = earlier[job["jobArn"]].get("processedRecordCount", 0)
        left_seconds = unix(job["jobExpirationTime"]) - NOW - 60
        if done == before > 0:
            stalled.append(job["jobName"].partition("-2026")[0])
        elif done > before and (job["totalRecordCount"] - done) / ((done - before) / 60) > left_seconds * 1.2:
            late.append(job["jobName"].partition("-2026")[0])
    assert "contract-review" in stalled
    assert "archive-backfill" in late


def test_one_model_errs_more_than_the_others(world):
    errors: Counter = Counter()
    processed: Counter = Counter()
    for job in world.jobs():
        errors[job["modelId"]] += job.get("errorRecordCount", 0)
        processed[job["modelId"]] += job.get("processedRecordCount", 0)
    ratios = {model: errors[model] / processed[model] for model in processed if processed[model]}
    worst = max(ratios, key=ratios.__getitem__)
    assert worst.startswith("meta.llama")
    assert all(ratio < ratios[worst] / 2 for model, ratio in ratios.items() if model != worst)


def test_only_failures_carry_a_message_with_a_mark_of_its_own(world):
    messages = {job["jobArn"]: job["message"] for job in world.jobs() if "message" in job}
    assert messages.keys() == {job["jobArn"] for job in world.jobs() if job["status"] == "Failed"}
    assert all(MESSAGE_MARKER in message for message in messages.values())
    assert len(set(messages.values())) == len(messages)
    without = [{name: value for name, value in job.items() if name != "message"} for job in world.jobs()]
    assert MESSAGE_MARKER not in json.dumps(without)


def test_names_and_arns_are_the_apis(world):
    arns = [job["jobArn"] for job in world.jobs()]
    assert len(set(arns)) == len(arns)
    assert all(len(arn.rpartition("/")[2]) == 12 for arn in arns)
    assert any(job["jobName"].startswith("nightly-embeddings-20261123-00") for job in world.jobs())


@pytest.mark.parametrize("ending", Ending)
def test_a_scene_ends_as_chosen_when_chosen(ending):
    simulation = Simulation(now=lambda: NOW)
    fleet = Fleet(simulation, ACCOUNT_IDS, begin_seconds=NOW - 60, workloads=())
    fleet.play(
        scene(ending, account_id=ACCOUNT_IDS[0], region="eu-west-1", name="the-job", now_seconds=NOW, in_seconds=100)
    )
    history = []
    for second in range(0, 101, 5):
        fleet.advance(NOW + second)
        history += simulation.jobs(ACCOUNT_IDS[0], "eu-west-1")

    last = history.pop()
    assert {job["jobName"] for job in history} == {"the-job"}
    assert all(job["status"] in ACTIVE for job in history)
    assert last["status"] == ending.final_status
    assert ("message" in last) == (ending in {Ending.FAILED, Ending.INVALID})
    done = [job.get("processedRecordCount", 0) for job in history] + [last.get("processedRecordCount", 0)]
    match ending:
        case Ending.EXPIRED | Ending.INVALID:
            assert not any(done)
        case Ending.STALLED:
            assert done[3] < done[5] == done[-1] == 5000
        case Ending.TOO_SLOW:
            assert unix(last["jobExpirationTime"]) == NOW + 100
            assert 3000 < done[-1] < 7000
        case Ending.COMPLETED:
            assert done[-1] == 10_000
        case Ending.STOPPED:
            assert history[-1]["status"] == "Stopping"
