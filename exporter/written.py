"""Targets as text: what a poll changed is written once, when it changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

from exporter.deflate import Part, part
from exporter.families import JOB_LABELS, ClockFamily, JobFamily, JobsFamily, Sample, TargetFamily
from exporter.lines import line, pairs
from exporter.metrics import CLOCKS, JOBS, SCRAPED
from exporter.model import Job, Listing
from exporter.state import TargetState
from exporter.summary import Limits, summarize

Labels: TypeAlias = tuple[str, str]
"""The values of a target's labels."""
Lines: TypeAlias = tuple[bytes, ...]
"""A job's lines, one for each family of `JOBS` and `CLOCKS`, empty where there is no sample."""

_OF_TARGETS = tuple(family for family in SCRAPED if isinstance(family, TargetFamily))
_OF_SUMMARIES = tuple(family for family in SCRAPED if isinstance(family, JobsFamily))


@dataclass(frozen=True, slots=True)
class Moving:
    """The samples of a target that move with the clock."""

    template: bytes
    """Their lines, with a place for each value."""
    moments: tuple[float, ...]
    is_countdown: bool

    def at(self, now_seconds: float) -> bytes:
        """Return the lines as they are now."""
        if self.is_countdown:
            return self.template % tuple([moment - now_seconds for moment in self.moments])
        return self.template % tuple([now_seconds - moment for moment in self.moments])


@dataclass(frozen=True, slots=True)
class WrittenJobs:
    """What a listing amounts to, written."""

    listing: Listing
    limits: Limits
    lines: Mapping[str, tuple[Job, Lines]]
    """Of each job with series of its own, by ARN: what it was when its lines were written, and they."""
    parts: Mapping[str, Part]
    """By the name of the family."""
    moving: Mapping[str, Moving]
    """Likewise."""

    @classmethod
    def of(cls, listing: Listing, limits: Limits, labels: Labels, before: Self | None) -> Self:
        """Write a listing; what was written before, under the same labels, and has not changed is taken over."""
        summary = summarize(listing, limits)
        known = before.lines if before else {}
        lines: dict[str, tuple[Job, Lines]] = {}
        for job in summary.jobs:
            old = known.get(job.arn)
            # A job that did not change is the same object.
            lines[job.arn] = old if old and old[0] is job else (job, _lines(job, labels))
        columns = list(zip(*(written for _, written in lines.values()), strict=True))
        parts = {family.name: part(b"".join(column)) for family, column in zip(JOBS, columns, strict=False)}
        parts |= {family.name: part(_samples(family, labels, family.read(summary))) for family in _OF_SUMMARIES}
        clocks = zip(CLOCKS, columns[len(JOBS) :], strict=False)
        moving = {family.name: _moving(family, b"".join(column), summary.jobs) for family, column in clocks}
        return cls(listing, limits, lines, parts, moving)


@dataclass(frozen=True, slots=True)
class Written:
    """A target, written."""

    state: TargetState
    labels: Labels
    parts: Mapping[str, Part]
    """By the name of the family."""
    jobs: WrittenJobs | None
    """None before the first success."""

    @classmethod
    def of(cls, state: TargetState, limits: Limits, labels: Labels, before: Self | None) -> Self:
        """Write a target; what was written before and has not changed is taken over."""
        same = before if before and before.labels == labels else None
        jobs = same.jobs if same else None
        if state.success is None:
            jobs = None
        elif jobs is None or jobs.listing is not state.success.listing or jobs.limits != limits:
            jobs = WrittenJobs.of(state.success.listing, limits, labels, jobs)
        if same and same.state is state:
            return same if same.jobs is jobs else cls(state, labels, same.parts, jobs)
        parts = {family.name: _samples(family, labels, family.read(state)) for family in _OF_TARGETS}
        return cls(state, labels, parts, jobs)


def _samples(family: TargetFamily | JobsFamily, labels: Labels, samples: Iterable[Sample]) -> bytes:
    return b"".join([line(family.name, pairs(family.labels, (*labels, *values)), value) for values, value in samples])


def _lines(job: Job, labels: Labels) -> Lines:
    own = pairs(JOB_LABELS, (*labels, job.id, job.name))
    return (*(_job_line(family, own, job) for family in JOBS), *(_moving_line(family, own, job) for family in CLOCKS))


def _job_line(family: JobFamily, own: str, job: Job) -> bytes:
    value = family.read(job)
    if value is None:
        return b""
    more = family.labels[len(JOB_LABELS) :]
    return line(family.name, f"{own},{pairs(more, family.own(job))}" if more else own, value)


def _moving_line(family: ClockFamily, own: str, job: Job) -> bytes:
    if family.moment_of(job) is None:
        return b""
    return f"{family.name}{{{own}}} ".replace("%", "%%").encode("utf-8", "replace") + b"%.3f\n"


def _moving(family: ClockFamily, template: bytes, jobs: Iterable[Job]) -> Moving:
    moments = (family.moment_of(job) for job in jobs)
    return Moving(template, tuple([moment for moment in moments if moment is not None]), family.is_countdown)
