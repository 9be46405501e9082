"""The law of the exposition: parsed, it is what prometheus_client makes of the same families, scrape after scrape."""

import gzip
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import generate_latest as generate_text
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from exporter import deflate, written
from exporter.deflate import gzipped, plain
from exporter.exposition import Exposition
from exporter.families import ClockFamily, HistogramFamily, JobFamily, JobsFamily, SnapshotFamily, TargetFamily
from exporter.metrics import SCRAPED, account_label
from exporter.model import Account, Failed, Failure, FailureReason, Job, Polled, Status, Target
from exporter.state import DURATION_BUCKETS_SECONDS, Snapshot
from exporter.summary import Limits, summarize
from tests.unit.conftest import NOW_SECONDS, listing

ROLE = "arn:aws:iam::111122223333:role/"
TARGETS = (
    Target(Account(name='a "quoted" one\\', role_arn=f"{ROLE}a"), "us-east-1"),
    Target(Account(name="two\nlines", role_arn=f"{ROLE}a"), "eu-west-1"),
    Target(Account(profile="team %s"), "us-east-1"),
)


class Plain(Collector):
    """The families in the way of any exporter in Python: built anew at every scrape, with no care for speed."""

    def __init__(self, snapshot: Snapshot, limits: Limits, now_seconds: float) -> None:
        self.snapshot, self.limits, self.now_seconds = snapshot, limits, now_seconds

    def collect(self):
        for family in SCRAPED:
            made = self.family(family)
            if made.samples:
                yield made

    def family(self, family):
        if isinstance(family, HistogramFamily):
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            for values, seen in family.read(self.snapshot):
                bounds = [str(bound) for bound in DURATION_BUCKETS_SECONDS] + ["+Inf"]
                sums = [sum(seen.counts[: place + 1]) for place in range(len(seen.counts))]
                histogram.add_metric(values, list(zip(bounds, sums, strict=True)), sum_value=seen.sum_seconds)
            return histogram
        kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
        made = kind(family.name, family.help, labels=family.labels)
        for values, value in self.samples(family):
            made.add_metric(values, value)
        return made

    def samples(self, family):
        if isinstance(family, SnapshotFamily):
            yield from family.read(self.snapshot)
            return
        for target, state in self.snapshot.states.items():
            labels = (account_label(target, state), target.region)
            if isinstance(family, TargetFamily):
                for values, value in family.read(state) if state.polls else ():
                    yield (*labels, *values), value
                continue
            if state.success is None or state.is_stale(self.now_seconds, self.limits.stale_after_seconds):
                continue
            summary = summarize(state.success.listing, self.limits)
            if isinstance(family, JobsFamily):
                for values, value in family.read(summary):
                    yield (*labels, *values), value
                continue
            for job in summary.jobs:
                own = family.own(job) if isinstance(family, JobFamily) else ()
                is_moving = isinstance(family, ClockFamily)
                value = family.read(job, self.now_seconds) if is_moving else family.read(job)
                if value is not None:
                    yield (*labels, job.id, job.name, *own), value


def parsed(text: str, parse) -> dict:
    """Return what a parser makes of a page, each sample once."""
    families = {}
    for family in parse(text):
        samples = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in family.samples}
        assert len(samples) == len(family.samples), f"{family.name}: a sample is there twice"
        families[family.name] = (family.type, family.documentation, samples)
    return families


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["\\", '"', "\n", "%", "%.3f", "\\n", "}", "# HELP x", "\u2028", " "]
)
moments = st.none() | st.floats(NOW_SECONDS - 1e6, NOW_SECONDS + 1e6)
counts = st.none() | st.integers(0, 2**63 - 1)
jobs = st.builds(
    Job,
    arn=st.sampled_from(
        [f"arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/{number}" for number in range(9)]
    ),
    name=texts,
    model_id=texts,
    status=st.sampled_from(list(Status)),
    invocation_type=st.none() | texts,
    submit_seconds=moments,
    last_modified_seconds=moments,
    end_seconds=moments,
    expiration_seconds=moments,
    total_records=counts,
    processed_records=counts,
    succeeded_records=counts,
    failed_records=counts,
)


@st.composite
def histories(draw):
    """Outcomes of the targets' polls, in turn; a job that did not change is the same object, as listings have it."""
    history: list[tuple[Target, Polled | Failed]] = []
    known: dict[Target, list[Job]] = {}
    for second in range(draw(st.integers(1, 6))):
        target = draw(st.sampled_from(TARGETS))
        at_seconds = NOW_SECONDS + 100.0 * second
        if draw(st.integers(0, 4)) == 0:
            failure = Failure(draw(st.sampled_from(FailureReason)), "error", "hint")
            history.append((target, Failed(failure, at_seconds, 1.0)))
            continue
        before = known.get(target, [])
        kept = [job for job in before if draw(st.booleans())]
        new = {job.arn: job for job in draw(st.lists(jobs, max_size=4))}
        known[target] = [*(job for job in kept if job.arn not in new), *new.values()]
        account_id = "444455556666" if target.account.profile else "111122223333"
        history.append((target, Polled(account_id, listing(*known[target], at_seconds=at_seconds), 0.5)))
    return history


@pytest.fixture(scope="module", autouse=True)
def small_parts():
    """Compress parts on their own from a few lines on, and write few jobs together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deflate, "WORTH_BYTES", 300)
        patch.setattr(deflate, "STORED_BYTES", 500)
        patch.setattr(written, "COHORT_JOBS", 3)
        yield


@settings(max_examples=25, deadline=None)
@given(history=histories(), max_jobs=st.sampled_from([1, 3, 1000]), data=st.data())
def test_every_scrape_is_what_prometheus_client_makes_of_it(history, max_jobs, data):
    limits = Limits(max_jobs=max_jobs, retention_seconds=3600.0, stale_after_seconds=300.0)
    exposition, snapshot = Exposition(), Snapshot()
    for target, outcome in history:
        snapshot = snapshot.after(target, outcome)
        if data.draw(st.booleans()):
            exposition.write(target, snapshot.states[target], limits)
        if data.draw(st.integers(0, 9)) == 0:  # a reload
            limits = replace(limits, max_jobs=2)
        now_seconds = outcome.at_seconds + data.draw(st.sampled_from([0.0, 1.2345678, 250.0]))

        registry = CollectorRegistry()
        registry.register(Plain(snapshot, limits, now_seconds))
        for openmetrics, parse, generate in (
            (False, parse_text, generate_text),
            (True, parse_openmetrics, generate_openmetrics),
        ):
            parts = exposition.parts(snapshot, limits, now_seconds, openmetrics=openmetrics)
            body = plain(parts)
            assert gzip.decompress(gzipped(parts)) == body
            end = "# EOF\n" if openmetrics else ""
            assert parsed(body.decode() + end, parse) == parsed(generate(registry).decode(), parse)


@given(st.lists(st.binary(max_size=1000), max_size=8))
def test_parts_compressed_on_their_own_are_one_stream(bodies):
    parts = [deflate.part(body) for body in bodies]
    zipped = gzipped(parts)

    assert gzip.decompress(zipped) == b"".join(bodies) == plain(parts)
    one = zlib.decompressobj(31)
    one.decompress(zipped)
    assert one.eof
    assert not one.unused_data, "more than one member: some readers stop after the first"
