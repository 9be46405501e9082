"""Targets as text: what a poll changed is written once, when it changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from exporter.deflate import Part, part
from exporter.families import JOB_LABELS, ClockFamily, JobFamily, JobsFamily, Sample, TargetFamily
from exporter.lines import encoded, line, number, pairs
from exporter.metrics import CLOCKS, JOBS, SCRAPED
from exporter.model import Job, Listing
from exporter.state import TargetState
from exporter.summary import Limits, summarize

COHORT_JOBS = 128
"""Jobs that are written together: enough to compress well, few enough to be written anew when one of them changes."""

Labels: TypeAlias = tuple[str, str]
"""The values of a target's labels."""

_OF_TARGETS = tuple(family for family in SCRAPED if isinstance(family, TargetFamily))
_PLACES = {family.name: place for families in (JOBS, CLOCKS) for place, family in enumerate(families)}
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
class Cohort:
    """Some jobs of a target, written. What came together often ends together, so that old cohorts rarely change."""

    jobs: tuple[Job, ...]
    owns: tuple[str, ...]
    """The labels of each job as they stand between the braces."""
    parts: tuple[Part, ...]
    """One for each family of `JOBS`."""
    moving: tuple[Moving, ...]
    """One for each family of `CLOCKS`."""

    @classmethod
    def of(cls, jobs: Sequence[Job], labels: Labels) -> Self:
        """Write jobs that were not together before."""
        owns = tuple([pairs(JOB_LABELS, (*labels, job.id, job.name)) for job in jobs])
        parts = tuple([_part(family, jobs, owns) for family in JOBS])
        return cls(tuple(jobs), owns, parts, tuple([_moving(family, jobs, owns) for family in CLOCKS]))

    def after(self, jobs: Sequence[Job], labels: Labels) -> Self:
        """Write what has become of the jobs, in the same order; families that tell the same are taken over."""
        changed = [(old, new) for old, new in zip(self.jobs, jobs, strict=False) if old is not new]
        if len(jobs) != len(self.jobs) or any(old.arn != new.arn or old.name != new.name for old, new in changed):
            return self.of(jobs, labels)
        if not changed:
            return self
        parts = [
            _part(family, jobs, self.owns)
            if any(family.read(old) != family.read(new) or family.own(old) != family.own(new) for old, new in changed)
            else part
            for family, part in zip(JOBS, self.parts, strict=True)
        ]
        moving = [
            _moving(family, jobs, self.owns)
            if any(family.moment_of(old) != family.moment_of(new) for old, new in changed)
            else moving
            for family, moving in zip(CLOCKS, self.moving, strict=True)
        ]
        return replace(self, jobs=tuple(jobs), parts=tuple(parts), moving=tuple(moving))


@dataclass(frozen=True, slots=True)
class WrittenJobs:
    """What a listing amounts to, written."""

    listing: Listing
    limits: Limits
    summary: Mapping[str, bytes]
    """By the name of the family."""
    cohorts: tuple[Cohort, ...]

    @classmethod
    def of(cls, listing: Listing, limits: Limits, labels: Labels, before: Self | None) -> Self:
        """Write a listing; what was written before, under the same labels, and has not changed is taken over."""
        summary = summarize(listing, limits)
        loose = {job.arn: job for job in summary.jobs}
        cohorts = []
        for cohort in before.cohorts if before else ():
            jobs = [loose.pop(job.arn) for job in cohort.jobs if job.arn in loose]
            if len(jobs) > COHORT_JOBS // 2:
                cohorts.append(cohort.after(jobs, labels))
            else:  # too few to stay on their own
                loose |= {job.arn: job for job in jobs}
        rest = list(loose.values())
        cohorts += [Cohort.of(rest[start : start + COHORT_JOBS], labels) for start in range(0, len(rest), COHORT_JOBS)]
        samples = {family.name: _samples(family, labels, family.read(summary)) for family in _OF_SUMMARIES}
        return cls(listing, limits, samples, tuple(cohorts))

    def parts(self, family: JobFamily | JobsFamily | ClockFamily, now_seconds: float) -> list[Part]:
        """Return the samples of a family."""
        if isinstance(family, JobsFamily):
            return [self.summary[family.name]]
        place = _PLACES[family.name]
        if isinstance(family, JobFamily):
            return [cohort.parts[place] for cohort in self.cohorts]
        return [cohort.moving[place].at(now_seconds) for cohort in self.cohorts]


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

    def is_ahead_of(self, state: TargetState, limits: Limits, labels: Labels) -> bool:
        """Whether this tells of a later poll than a state does, which is about to be replaced."""
        is_alike = self.labels == labels and (self.jobs is None or self.jobs.limits == limits)
        return is_alike and self.state.polls > state.polls


def _samples(family: TargetFamily | JobsFamily, labels: Labels, samples: Iterable[Sample]) -> bytes:
    return encoded(line(family.name, pairs(family.labels, (*labels, *values)), value) for values, value in samples)


def _part(family: JobFamily, jobs: Sequence[Job], owns: Sequence[str]) -> Part:
    more = family.labels[len(JOB_LABELS) :]
    if more:
        owns = [f"{own},{pairs(more, family.own(job))}" for job, own in zip(jobs, owns, strict=True)]
    name, read = family.name, family.read
    lines = []
    for job, own in zip(jobs, owns, strict=True):
        value = read(job)
        if value is not None:
            lines.append(f"{name}{{{own}}} {number(value)}\n")
    return part(encoded(lines))


def _moving(family: ClockFamily, jobs: Sequence[Job], owns: Sequence[str]) -> Moving:
    moments = [(own, family.moment_of(job)) for job, own in zip(jobs, owns, strict=True)]
    template = "".join(
        [f"{family.name}{{{own}}} ".replace("%", "%%") + "%.3f\n" for own, at in moments if at is not None]
    )
    return Moving(
        template.encode("utf-8", "replace"), tuple([at for _, at in moments if at is not None]), family.is_countdown
    )
