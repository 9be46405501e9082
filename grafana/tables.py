"""Tables: one row for each set of labels that their queries share."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model

from grafana.panels import PROMETHEUS, Query, properties
from grafana.style import PLAIN, PLAIN_CELL, Mapping, steps


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the field it shows and how. Without a title it is kept for the links and not shown."""

    field: str
    title: str = ""
    width: int | None = None
    unit: str | None = None
    decimals: int | None = None
    thresholds: build.ThresholdsConfig | None = None
    mappings: Sequence[Mapping] = ()
    cell: look.TableCellOptions | None = None
    links: Sequence[build.DashboardLink] = ()
    limits: tuple[float, float] | None = None
    align: look.FieldTextAlignment | None = None

    def overrides(self) -> list[model.DynamicConfigValue]:
        """Return the overrides of this field."""
        if not self.title:
            # Grafana 10 to 12 know the first, later ones the second.
            return properties({"custom.hidden": True, "custom.hideFrom": look.HideSeriesConfig(viz=True)})
        coloured = model.FieldColor(mode=model.FieldColorModeId.THRESHOLDS) if self.thresholds else None
        low, high = self.limits or (None, None)
        named = {
            "displayName": self.title,
            "custom.width": self.width,
            "custom.align": self.align,
            "custom.cellOptions": self.cell,
            "unit": self.unit,
            "decimals": self.decimals,
            "min": low,
            "max": high,
            "thresholds": self.thresholds.build() if self.thresholds else None,
            "color": coloured,
            "mappings": list(self.mappings) or None,
            "links": [link.build() for link in self.links] or None,
        }
        return properties({name: value for name, value in named.items() if value is not None})


def rows(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Sequence[Column],
    *,
    sort: tuple[str, bool] | None = None,
    keep: str = "",
    transformed: Sequence[model.DataTransformerConfig] = (),
    span: int = 24,
    height: int = 9,
    unit: str = "short",
    thresholds: build.ThresholdsConfig | None = None,
    mappings: Sequence[Mapping] = (),
    cell: look.TableCellOptions | None = None,
    align: look.FieldTextAlignment = look.FieldTextAlignment.AUTO,
    no_value: str = "",
) -> table.Panel:
    """Return a table with one row for each set of labels that the queries share.

    `sort` is a column's title and whether the greatest comes first; `keep` is the field without which a row is dropped.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .span(span)
        .height(height)
        .unit(unit)
        .thresholds(thresholds or steps(PLAIN))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .mappings(list(mappings))
        .cell_options(cell or PLAIN_CELL)
        .cell_height(look.TableCellHeight.SM)
        .show_header(True)
        .align(align)
        .min_width(60)
    )
    panel.targets([query.build(ref_id, as_table=True) for ref_id, query in zip(ascii_uppercase, queries, strict=False)])
    panel.transformations(list(transformed) or _merged(columns, keep))
    if sort:
        panel.sort_by([common.TableSortByFieldState().display_name(sort[0]).desc(sort[1])])
    if no_value:
        panel.no_value(no_value)
    for column in columns:
        panel.override_by_name(column.field, column.overrides())
    return panel


def _merged(columns: Sequence[Column], keep: str) -> list[model.DataTransformerConfig]:
    """Return the way to one row for each set of labels, with the columns in the order given."""
    present = {"fieldName": keep, "config": {"id": "isNotNull", "options": {}}}
    order = {column.field: index for index, column in enumerate(columns)}
    ways: dict[str, dict[str, object]] = {
        "merge": {},
        "filterByValue": {"filters": [present], "type": "include", "match": "all"},
        "organize": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": {}},
    }
    if not keep:
        del ways["filterByValue"]
    return transformations(ways)


def transformations(ways: dict[str, dict[str, object]]) -> list[model.DataTransformerConfig]:
    """Return transformations by their ids, in this order."""
    return [model.DataTransformerConfig(id_val=name, options=options) for name, options in ways.items()]
