"""The compose file's configurations, checked by the programs that will read them. The images need a Docker engine."""

import subprocess

from tests.e2e.programs import ROOT, program

COMPOSE = ROOT / "deploy/compose"


def test_prometheus_accepts_its_configuration_and_every_rule(tmp_path):
    rules = ROOT / "prometheus/rules"
    config = tmp_path / "prometheus.yml"
    config.write_text((COMPOSE / "prometheus.yml").read_text().replace("/etc/prometheus/rules", str(rules)))
    promtool = program("promtool", "apt-get install prometheus")

    done = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    for path in rules.glob("*.yml"):
        assert str(path) in done.stdout


def test_alertmanager_accepts_its_configuration():
    amtool = program("amtool", "apt-get install prometheus-alertmanager")
    config = COMPOSE / "alertmanager.yml"

    done = subprocess.run([amtool, "check-config", config], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
