"""What things look like: one fixed colour a status, the same colours for good and bad everywhere."""

from typing import TypeAlias

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from exporter.model import Status
from grafana.promql import STATUS_CODES

GREEN, YELLOW, ORANGE, DARK_ORANGE, RED, BLUE, PURPLE, GREY = (
    "#73BF69",
    "#FADE2A",
    "#FF9830",
    "#FA6400",
    "#E02F44",
    "#5794F2",
    "#8F3BB8",
    "#8E939C",
)
PLAIN = "text"
"""Neither good nor bad: the colour of ordinary text, in both themes."""
CLEAR = "transparent"
"""No background at all."""

STATUS_COLOURS = {
    Status.SUBMITTED: "#C7D3E8",
    Status.VALIDATING: "#96D9D9",
    Status.SCHEDULED: "#CABFF5",
    Status.IN_PROGRESS: BLUE,
    Status.STOPPING: "#B5A99A",
    Status.COMPLETED: GREEN,
    Status.PARTIALLY_COMPLETED: YELLOW,
    Status.FAILED: RED,
    Status.STOPPED: "#6E7078",
    Status.EXPIRED: DARK_ORANGE,
    Status.UNKNOWN: PURPLE,
}


def steps(base: str, *rest: tuple[float, str]) -> build.ThresholdsConfig:
    """Return thresholds: the colour below the first value, then a colour from each value on."""
    first = model.Threshold(value=None, color=base)
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([first, *(model.Threshold(value=value, color=colour) for value, colour in rest)])
    )


HOUR_SECONDS = 3600.0
NEVER_SECONDS = 1e9
"""More than any job lasts: the projected time of one that does not move is beyond it."""
EXPIRATION_STEPS = steps(RED, (HOUR_SECONDS, ORANGE), (4 * HOUR_SECONDS, PLAIN))
WAIT_STEPS = steps(PLAIN, (12 * HOUR_SECONDS, ORANGE), (20 * HOUR_SECONDS, RED))
"""Of the shortest timeout, 24 hours: half of it, and nearly all."""
SUCCESS_STEPS = steps(CLEAR, (0, RED), (0.95, ORANGE), (0.99, GREEN))
TROUBLE_STEPS = steps(CLEAR, (1, RED))
DATA_AGE_STEPS = steps(GREEN, (300, ORANGE), (600, RED))
"""Withdrawn at 10 minutes, unless `stale_after` says otherwise."""

PROGRESS = look.TableBarGaugeCellOptions(
    mode=look.BarGaugeDisplayMode.BASIC, value_display_mode=look.BarGaugeValueMode.TEXT
)
FILLED = look.TableColoredBackgroundCellOptions(mode=look.TableCellBackgroundDisplayMode.BASIC)
TINTED = look.TableColorTextCellOptions()
PLAIN_CELL = look.TableAutoCellOptions()


def fixed(colour: str) -> model.FieldColor:
    """Return one colour, whatever the value."""
    return model.FieldColor(mode=model.FieldColorModeId.FIXED, fixed_color=colour)


Mapping: TypeAlias = model.ValueMap | model.RangeMap


def value_map(texts: dict[str, tuple[str, str | None]]) -> model.ValueMap:
    """Return texts and colours for exact values."""
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(texts.items())
        }
    )


def status_map() -> model.ValueMap:
    """Return the names and colours of the status codes."""
    return value_map({str(code): (str(status), STATUS_COLOURS[status]) for status, code in STATUS_CODES.items()})


def never_done() -> model.RangeMap:
    """Return the word for a projected time of years: what does not move is never done."""
    return _never(NEVER_SECONDS, None)


def never_in_time() -> model.RangeMap:
    """Return the same word for the slack that follows."""
    return _never(None, -NEVER_SECONDS)


def _never(above: float | None, below: float | None) -> model.RangeMap:
    result = model.ValueMappingResult(text="never", color=RED, index=0)
    return model.RangeMap(options=model.DashboardRangeMapOptions(from_val=above, to=below, result=result))
