"""The kinds of panel that the dashboards are made of. Every one has a title, a description, a unit and thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeAlias

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana import style

BARS = 72
"""Bars across a panel: enough to see when, and each wide enough to be seen."""

PROMETHEUS = look.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel: TypeAlias = stat.Panel | timeseries.Panel | table.Panel | statetimeline.Panel
Override: TypeAlias = tuple[str, Mapping[str, object]]
"""The display name of series (a regular expression where it begins with a slash) and what is different about them."""


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression; `legend` names its series."""

    expr: str
    legend: str = ""
    instant: bool = False
    interval: str = ""
    """The shortest step, where a shorter one would count an event twice."""

    def build(self, ref_id: str, *, as_table: bool = False) -> prometheus.Dataquery:
        """Return the query as the panel's target `ref_id`."""
        query = prometheus.Dataquery().ref_id(ref_id).datasource(PROMETHEUS).expr(self.expr)
        if self.interval:
            query.interval(self.interval)
        if as_table:
            return query.format(PromQueryFormat.TABLE).instant()
        query.format(PromQueryFormat.TIME_SERIES).legend_format(self.legend or "__auto")
        return query.instant() if self.instant else query.range()


def number(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    thresholds: build.ThresholdsConfig,
    span: int = 3,
    decimals: int | None = None,
    background: bool = False,
    trend: bool = False,
    no_value: str = "",
    mappings: Sequence[style.Mapping] = (),
) -> stat.Panel:
    """Return one number. `background` fills the panel with the threshold's colour: for what must catch the eye."""
    mode = look.BigValueColorMode.BACKGROUND_SOLID if background else look.BigValueColorMode.VALUE
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .span(span)
        .height(4)
        .unit(unit)
        .thresholds(thresholds)
        .color_mode(mode)
        .graph_mode(look.BigValueGraphMode.AREA if trend else look.BigValueGraphMode.NONE)
        .text_mode(look.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .with_target(query.build("A"))
    )
    panel.color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    if decimals is not None:
        panel.decimals(decimals)
    if no_value:
        panel.no_value(no_value)
    if mappings:
        panel.mappings(list(mappings))
    return panel


def graph(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    span: int = 12,
    height: int = 8,
    thresholds: build.ThresholdsConfig | None = None,
    show_thresholds: bool = False,
    stacked: bool = False,
    bars: bool = False,
    logarithmic: bool = False,
    decimals: int | None = None,
    overrides: Sequence[Override] = (),
    no_value: str = "",
) -> timeseries.Panel:
    """Return values over time. `bars` are counts an interval; `stacked` parts make a whole."""
    legend = common.VizLegendOptions().display_mode(look.LegendDisplayMode.LIST).placement(look.LegendPlacement.BOTTOM)
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .span(span)
        .height(height)
        .unit(unit)
        .thresholds(thresholds or style.steps(style.PLAIN))
        .draw_style(look.GraphDrawStyle.BARS if bars else look.GraphDrawStyle.LINE)
        .fill_opacity(80 if stacked else 8)
        .line_width(0 if stacked else 1)
        .show_points(look.VisibilityMode.NEVER)
        .legend(legend.show_legend(True))
        .tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
    )
    panel.targets([query.build(ref_id) for ref_id, query in zip(ascii_uppercase, queries, strict=False)])
    if stacked:
        panel.stacking(common.StackingConfig().mode(look.StackingMode.NORMAL).group("A"))
    if bars:
        panel.max_data_points(BARS)
    if logarithmic:
        panel.scale_distribution(common.ScaleDistributionConfig().type(look.ScaleDistribution.LOG).log(10))
    if show_thresholds:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(look.GraphThresholdsStyleMode.DASHED))
    if decimals is not None:
        panel.decimals(decimals)
    if not logarithmic:
        panel.min(0)
    if no_value:
        panel.no_value(no_value)
    _override(panel, overrides)
    return panel


def timeline(
    title: str, description: str, query: Query, *, mappings: Sequence[style.Mapping], height: int = 4, span: int = 24
) -> statetimeline.Panel:
    """Return what state something was in, over time."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .span(span)
        .height(height)
        .unit("short")
        .thresholds(style.steps(style.PLAIN))
        .mappings(list(mappings))
        .show_value(look.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.9)
        .fill_opacity(90)
        .line_width(0)
        .legend(common.VizLegendOptions().show_legend(False))
        .with_target(query.build("A"))
    )


def coloured(name: str, colour: str) -> Override:
    """Return the override of series that always have this colour."""
    return (name, {"color": style.fixed(colour)})


def dashed(name: str, colour: str) -> Override:
    """Return the override of series that are a limit for the others."""
    dashes = look.LineStyle(fill="dash", dash=[8, 6])
    return (
        name,
        {"color": style.fixed(colour), "custom.lineStyle": dashes, "custom.fillOpacity": 0, "custom.lineWidth": 2},
    )


def line(name: str, colour: str) -> Override:
    """Return the override of series drawn as a plain line, over what is filled."""
    return (name, {"color": style.fixed(colour), "custom.fillOpacity": 0, "custom.lineWidth": 2})


def filled(name: str, colour: str) -> Override:
    """Return the override of series that are parts of a whole: stacked areas."""
    stack = look.StackingConfig(mode=look.StackingMode.NORMAL, group="parts")
    return (
        name,
        {"color": style.fixed(colour), "custom.fillOpacity": 50, "custom.lineWidth": 0, "custom.stacking": stack},
    )


def _override(panel: timeseries.Panel, overrides: Sequence[Override]) -> None:
    for name, values in overrides:
        if name.startswith("/"):
            panel.override_by_regexp(name, properties(values))
        else:
            panel.override_by_name(name, properties(values))


def properties(values: Mapping[str, object]) -> list[model.DynamicConfigValue]:
    """Return what a field overrides, by the path of the option."""
    return [model.DynamicConfigValue(id_val=name, value=value) for name, value in values.items()]
