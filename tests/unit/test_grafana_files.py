"""What stands around the dashboards: provisioning, the ConfigMaps, the compose file and what it mounts."""

import re
from pathlib import Path

import yaml

from exporter.cli import parse
from tests.unit.dashboard_files import DASHBOARDS, FOLDER, ROOT

GRAFANA = ROOT / "grafana"
COMPOSE_FOLDER = ROOT / "deploy/compose"
COMPOSE = yaml.safe_load((COMPOSE_FOLDER / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]


def load(path: Path):
    return yaml.safe_load(path.read_text())


def mounts(service: str) -> dict[str, Path]:
    """Return what a service sees at which path; all of it is read-only."""
    found = {}
    for volume in SERVICES[service].get("volumes", []):
        source, target, mode = volume.split(":")
        assert mode == "ro"
        found[target] = (COMPOSE_FOLDER / source).resolve()
    return found


def test_the_config_maps_hold_every_dashboard_under_a_name_of_its_own_and_the_sidecars_label():
    kustomization = load(GRAFANA / "kustomization.yaml")
    files = dict(file.split("=") for made in kustomization["configMapGenerator"] for file in made["files"])

    assert files == {f"{d['uid']}.json": f"dashboards/{name}.json" for name, d in DASHBOARDS.items()}
    assert kustomization["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}


def test_a_dashboard_fits_into_a_config_map():
    for path in FOLDER.glob("*.json"):
        assert path.stat().st_size < 256 * 1024, "more than `kubectl apply` keeps in its annotation"


def test_the_compose_file_opens_its_ports_on_loopback_alone():
    for name, service in SERVICES.items():
        assert service["ports"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name


def test_the_compose_file_mounts_only_what_is_there():
    for name in SERVICES:
        for source in mounts(name).values():
            assert source.exists(), source


def test_the_compose_file_pins_what_it_does_not_build():
    for service in SERVICES.values():
        if "build" not in service:
            assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])


def test_the_demo_is_built_from_the_projects_dockerfile():
    build = SERVICES["exporter"]["build"]
    dockerfile = (COMPOSE_FOLDER / build["context"]).resolve() / "Dockerfile"

    assert f" AS {build['target']}\n" in dockerfile.read_text()
    assert parse(SERVICES["exporter"]["command"], {}, "1").command == "demo"


def test_services_reach_each_other_by_name_and_port():
    prometheus = load(COMPOSE_FOLDER / "prometheus.yml")
    [scrape] = prometheus["scrape_configs"]
    [alertmanager] = prometheus["alerting"]["alertmanagers"]

    assert scrape["static_configs"] == [{"targets": ["exporter:10042"]}]
    assert alertmanager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert SERVICES["grafana"]["environment"]["PROMETHEUS_URL"] == "http://prometheus:9090"
    for name, port in (("exporter", 10042), ("prometheus", 9090), ("alertmanager", 9093), ("grafana", 3000)):
        assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_demos_prometheus_loads_every_rule_under_the_job_that_the_rules_know():
    prometheus = load(COMPOSE_FOLDER / "prometheus.yml")
    example = load(ROOT / "prometheus/prometheus.example.yml")
    rules = mounts("prometheus")["/etc/prometheus/rules"]

    assert prometheus["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    assert rules == ROOT / "prometheus/rules"
    assert prometheus["scrape_configs"][0]["job_name"] == example["scrape_configs"][0]["job_name"]


def test_grafana_is_provisioned_with_the_data_source_and_the_dashboards():
    mounted = mounts("grafana")
    [source] = load(GRAFANA / "provisioning/datasources/prometheus.yaml")["datasources"]
    [provider] = load(GRAFANA / "provisioning/dashboards/bedrock-batch.yaml")["providers"]

    for kind in ("datasources", "dashboards"):
        assert mounted[f"/etc/grafana/provisioning/{kind}"] == GRAFANA / "provisioning" / kind
    assert mounted[provider["options"]["path"]] == FOLDER
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "${PROMETHEUS_URL}", True)
    assert not provider["allowUiUpdates"]


def test_anyone_may_look_and_nobody_log_in():
    environment = SERVICES["grafana"]["environment"]

    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].endswith("/fleet.json")
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert mounts("grafana")[str(home.parent)] == FOLDER
