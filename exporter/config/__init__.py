"""The configuration: YAML text to a frozen `Config`, or every mistake of the file at once."""

from exporter.config.document import plain
from exporter.config.loading import dump, load
from exporter.config.problems import ConfigError
from exporter.config.regions import AllRegions, check_region
from exporter.config.schema import schema
from exporter.config.scope import Scope, default_regions, remarks, scopes
from exporter.config.settings import AccountSettings, Config, JobNames, OrganizationSettings

__all__ = [
    "AccountSettings",
    "AllRegions",
    "Config",
    "ConfigError",
    "JobNames",
    "OrganizationSettings",
    "Scope",
    "check_region",
    "default_regions",
    "dump",
    "load",
    "plain",
    "remarks",
    "schema",
    "scopes",
]
