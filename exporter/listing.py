"""Which questions to ask of `ListModelInvocationJobs`, and what the answers amount to. Knows no AWS.

All is listed at the start and about once an hour. A poll in between asks only for what may have changed, and costs the
same however many jobs have finished before. docs/design/0005-incremental-polling.md tells why nothing is lost by it.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

from exporter.history import Buckets, Density, ranges, since, total, with_finished
from exporter.model import ACTIVE_STATUSES, FINISHED_STATUSES, LATE_SECONDS, History, Job, Listing, Status, Window

FINISHED = frozenset(FINISHED_STATUSES)
LIFE_CYCLE = {status: place for place, status in enumerate(Status)}
LONGEST_TIMEOUT_SECONDS = 168 * 3600.0
REMEMBERED_SECONDS = 600.0
"""A finished job is remembered at least so long, so that it is never counted twice."""
RELIST_SECONDS = 3600.0
PAGE_JOBS = 1000
"""The most jobs that a page holds, and the most that `maxResults` takes."""
ROOM_JOBS = 900
"""How many jobs a range of time may hold to be thought to fit a page: their number is an estimate."""
MARGIN_SECONDS = 1.0
"""Added at both ends of a range: whether they belong to it is not documented, nor how they are rounded."""
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Query:
    """One listing: the filters and the order of `ListModelInvocationJobs`. Times are Unix seconds."""

    status: Status | None = None
    submitted_after_seconds: float | None = None
    submitted_before_seconds: float | None = None
    newest_first: bool = True


Pages: TypeAlias = Callable[[Query], Iterable[Sequence[Job]]]
"""Runs a query: pages of jobs, which may overlap."""


def list_jobs(pages: Pages, window: Window, previous: Listing | None, at_seconds: float) -> Listing:
    """Return all jobs that are active, whatever their age, and all that were submitted within the lookback."""
    if previous and previous.history and _goes_on(previous, previous.history, window, at_seconds):
        look = _Look(pages, window, previous, at_seconds)
        _look_for_changes(look, previous.history)
        if not look.unseen():
            return _changed(look, previous, previous.history)
    look = _Look(pages, window, previous, at_seconds)
    _look_at_all(look)
    return _listed(look)


def _goes_on(previous: Listing, history: History, window: Window, at_seconds: float) -> bool:
    """Whether all need not be listed anew. Targets that were listed together part in time."""
    spread = zlib.crc32(repr(history.listed_seconds).encode()) / 2**32
    due_seconds = history.listed_seconds + RELIST_SECONDS * (1 - spread / 4)
    return history.window == window and previous.at_seconds <= at_seconds < due_seconds


def _look_at_all(look: "_Look") -> None:
    """Ask for the whole lookback; where a job may take longer than that, for older active ones as well."""
    look.ask(Query(submitted_after_seconds=look.edge_seconds - MARGIN_SECONDS), counts_others=True)
    if look.reaches_back:
        # In the order of life: a job that moves on while we look is seen again, not missed.
        for status in ACTIVE_STATUSES:
            look.ask(Query(status, None, look.edge_seconds + MARGIN_SECONDS, newest_first=False))
        for submit_seconds, _ in look.unseen():
            if submit_seconds < look.edge_seconds:
                look.ask_range(submit_seconds, submit_seconds)


def _look_for_changes(look: "_Look", history: History) -> None:
    """Ask for what is new and for what was active, in as few calls as can be."""
    density = Density.of(history, [submit_seconds for submit_seconds, _ in look.unseen()], look.edge_seconds)

    # The head: what is new, and as far back to active jobs as fits the same page.
    head_seconds = max(look.edge_seconds, look.new_from_seconds or NEVER)
    for submit_seconds, _ in look.unseen():
        if look.edge_seconds <= submit_seconds < head_seconds and density.since(submit_seconds) <= ROOM_JOBS:
            head_seconds = submit_seconds
    look.ask(Query(submitted_after_seconds=head_seconds - MARGIN_SECONDS))

    # The sweep, in the order of life: a job that moves on while we look is seen again, not missed.
    oldest_seconds = None if look.reaches_back else look.edge_seconds - MARGIN_SECONDS
    for status in ACTIVE_STATUSES:
        waiting = [submit_seconds for submit_seconds, place in look.unseen() if place <= LIFE_CYCLE[status]]
        if len(list(islice(ranges(waiting, density, ROOM_JOBS), 2))) > 1:  # one range costs no more to settle
            look.ask(Query(status, oldest_seconds, head_seconds + MARGIN_SECONDS, newest_first=False))

    # To settle: what is still unseen has most likely finished. It is found where it was submitted.
    spans = list(ranges([submit_seconds for submit_seconds, _ in look.unseen()], density, ROOM_JOBS))
    if len(spans) <= density.all() // PAGE_JOBS + 1:  # else it costs no more to list everything
        for first_seconds, last_seconds in spans:
            look.ask_range(first_seconds, last_seconds)


def _listed(look: "_Look") -> Listing:
    """Return what a look at all amounts to: what it did not see is gone."""
    finished = (job for job in look.seen.values() if job.is_finished)
    buckets = since(
        with_finished(look.others, finished, look.window.bucket_seconds), look.window.bucket(look.edge_seconds)
    )
    older = {
        arn: job
        for arn, job in look.known.items()
        if job.is_finished and job.submit_seconds is not None and job.submit_seconds < look.edge_seconds
    }
    return Listing(
        at_seconds=look.at_seconds,
        jobs=look.kept(older | look.seen),
        finished_counts=total(buckets),
        history=History(look.window, look.at_seconds, look.newest_seconds, buckets),
    )


def _changed(look: "_Look", previous: Listing, history: History) -> Listing:
    """Return what was known, and the changes."""
    finished = [job for job in look.seen.values() if job.is_finished and look.was_unfinished(job)]
    grown = with_finished(history.buckets, finished, look.window.bucket_seconds)
    buckets = since(grown, look.window.bucket(look.edge_seconds))
    if buckets is grown:
        counts = dict(previous.finished_counts)
        for job in finished:
            key = (job.model_id, job.status)
            counts[key] = counts.get(key, 0) + 1
    return Listing(
        at_seconds=look.at_seconds,
        jobs=look.kept({**previous.jobs, **look.seen}),
        finished_counts=counts if buckets is grown else total(buckets),
        history=replace(history, newest_seconds=look.newest_seconds, buckets=buckets),
    )


class _Look:
    """What one poll sees: of each job that is known by name the latest status in the order of life."""

    def __init__(self, pages: Pages, window: Window, previous: Listing | None, at_seconds: float) -> None:
        self.window, self.at_seconds = window, at_seconds
        self.edge_seconds = window.edge_seconds(at_seconds)
        self.reaches_back = window.lookback_seconds <= LONGEST_TIMEOUT_SECONDS
        """Whether a job may be active that was submitted before the lookback."""
        self.known: Mapping[str, Job] = previous.jobs if previous else {}
        """The jobs that the poll before knew by name."""
        history = previous.history if previous else None
        self.newest_seconds = history.newest_seconds if history else NEVER
        self.new_from_seconds = (
            min(previous.at_seconds, history.newest_seconds) - LATE_SECONDS if previous and history else None
        )
        """Whoever was submitted since then and is not known was not yet in sight."""
        self.seen: dict[str, Job] = {}
        self._unseen = {
            arn: (job.submit_seconds, LIFE_CYCLE[job.status])
            for arn, job in self.known.items()
            if job.submit_seconds is not None and job.status not in FINISHED
        }
        self.others: Buckets = {}
        """The finished jobs that are not to be known by name, where they were to be counted."""
        self._pages = pages
        self._hashes: set[int] = set()
        """Those of the others' ARNs, which take less room: pages overlap."""
        self._named_seconds = max(window.retention_seconds, REMEMBERED_SECONDS)

    def ask(self, query: Query, *, counts_others: bool = False) -> None:
        """Merge the answers to a query."""
        for page in self._pages(query):
            others = [job for job in page if not self._merges(job)]
            if counts_others:
                first_seen = [job for job in others if self._is_first(job)]
                self.others = with_finished(self.others, first_seen, self.window.bucket_seconds)

    def ask_range(self, first_seconds: float, last_seconds: float) -> None:
        """Merge what was submitted in a range of time, its ends included."""
        self.ask(Query(None, first_seconds - MARGIN_SECONDS, last_seconds + MARGIN_SECONDS))

    def unseen(self) -> list[tuple[float, int]]:
        """Return of each job that is still to be seen its `submitTime` and the place in life where it was last."""
        return list(self._unseen.values())

    def was_unfinished(self, job: Job) -> bool:
        """Whether a job had not finished when last looked at, or was not there."""
        known = self.known.get(job.arn)
        return known is None or not known.is_finished

    def kept(self, jobs: Mapping[str, Job]) -> dict[str, Job]:
        """Return the jobs that stay known by name: until they finished, were counted, and were named long enough."""
        # Written out, as it is done for every job at every poll.
        edge_seconds, ended_from_seconds = self.edge_seconds, self.at_seconds - self._named_seconds
        submitted_from_seconds = min(self.at_seconds, self.newest_seconds) - LATE_SECONDS
        oldest_seconds = self.at_seconds - LONGEST_TIMEOUT_SECONDS
        kept = {}
        for arn, job in jobs.items():
            submitted = job.submit_seconds
            is_older = submitted is not None and submitted < edge_seconds
            if job.status not in FINISHED:
                # No sweep finds one of unknown status, so it is not forgotten while it may become active again.
                stays = not is_older or (
                    self.reaches_back
                    and (job.is_active or (arn in self.known and (submitted or 0.0) >= oldest_seconds))
                )
            else:
                ended = job.end_seconds if job.end_seconds is not None else job.last_modified_seconds
                if ended is None:
                    stays = not is_older
                else:
                    stays = (
                        ended >= ended_from_seconds
                        or (submitted is not None and submitted >= submitted_from_seconds)
                        or (arn in self.seen and self.was_unfinished(job))
                    )
            if stays:
                kept[arn] = job
        return kept

    def _merges(self, job: Job) -> bool:
        """Merge a job, or return False for a finished one that is only to be counted."""
        arn, known = job.arn, self.known.get(job.arn)
        if known is None:
            if not self.window.is_wanted(job.name):
                return True
            if job.submit_seconds is not None and job.submit_seconds > self.newest_seconds:
                self.newest_seconds = job.submit_seconds
            if job.is_finished and arn not in self.seen:
                from_seconds = self.new_from_seconds
                if from_seconds is None:
                    from_seconds = min(self.at_seconds, self.newest_seconds) - LATE_SECONDS
                if not self._is_named(job, from_seconds):
                    return False
        elif known is job or known == job or (known.is_finished and known.status is not job.status):
            # What is equal stays the same object. What has finished stays so, even where a listing lags behind.
            job = known
        other = self.seen.get(arn)
        if other is None:
            self.seen[arn] = job
            self._unseen.pop(arn, None)
        elif LIFE_CYCLE[job.status] >= LIFE_CYCLE[other.status]:
            self.seen[arn] = job
        return True

    def _is_named(self, job: Job, from_seconds: float) -> bool:
        """Whether a finished job that was not known is to be: it is shown, or must be told apart from those to come."""
        ended_seconds, submitted = job.finished_seconds, job.submit_seconds
        if submitted is not None and submitted < self.edge_seconds:
            return False
        if ended_seconds is None or ended_seconds >= self.at_seconds - self._named_seconds:
            return True
        return submitted is not None and submitted >= from_seconds

    def _is_first(self, job: Job) -> bool:
        number = hash(job.arn)
        if number in self._hashes:
            return False
        self._hashes.add(number)
        return True
