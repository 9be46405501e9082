"""The chart, rendered by Helm: its objects fit the schemas of Kubernetes and the operator, and say what they should."""

import json
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.e2e.programs import ROOT, TOOLS, missing, tool

CHART = ROOT / "deploy/helm/bedrock-batch-exporter"

OLDEST, NEWEST = "1.28.0", "1.37.0"  # 1.27 fits as well, but has no shards

IMAGE = {"image": {"repository": "registry.example.com/exporter"}}

CONFIG = {
    "poll_interval": "2m",
    "max_jobs_per_target": 1_000_000,
    "regions": ["us-east-1", "eu-west-1"],
    "accounts": [{"name": "production", "role_arn": "arn:aws:iam::111122223333:role/exporter", "external_id": "${ID}"}],
    "organization": {"role_name": "exporter", "exclude": ["099988887777"], "refresh_interval": "1h"},
    "job_names": {"include": ".*", "exclude": "^scratch-"},
}

VALUES: dict[str, dict[str, Any]] = {
    "the least": {},
    "a configuration": {"config": CONFIG, "env": [{"name": "ID", "value": "example"}]},
    "shards": {"shards": 3, "config": CONFIG, "podDisruptionBudget": {"enabled": True}},
    "a pair": {"replicas": 2, "podDisruptionBudget": {"enabled": True, "maxUnavailable": "50%"}},
    "the demo": {"demo": True},
    "TLS": {"webConfig": {"content": {"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}}}},
    "users": {"webConfig": {"content": {"basic_auth_users": {"prometheus": "$2y$10$hash"}}}},
    "a web Secret": {"webConfig": {"existingSecret": "web", "tls": True, "authentication": True}},
    "a ServiceMonitor": {
        "serviceMonitor": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "interval": "30s",
            "scrapeTimeout": "10s",
            "sampleLimit": 100_000,
            "relabelings": [{"action": "labeldrop", "regex": "pod"}],
            "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
            "tlsConfig": {"insecureSkipVerify": True},
            "basicAuth": {"username": {"name": "web", "key": "user"}, "password": {"name": "web", "key": "password"}},
        }
    },
    "a PodMonitor": {"podMonitor": {"enabled": True}, "serviceMonitor": {"interval": "30s"}, "shards": 2},
    "rules and dashboards": {
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}, "alertLabels": {"team": "ml"}},
        "dashboards": {"enabled": True, "annotations": {"grafana_folder": "Bedrock"}},
    },
    "a closed network": {
        "networkPolicy": {
            "enabled": True,
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 3128, "protocol": "TCP"}]}],
        }
    },
    "IRSA": {
        "serviceAccount": {
            "name": "exporter",
            "roleArn": "arn:aws:iam::111122223333:role/hub",
            "annotations": {"example.com/owner": "ml"},
        }
    },
    "another service account": {"serviceAccount": {"create": False, "name": "mine"}, "aws": {"region": "us-east-1"}},
    "everything about the pod": {
        "image": {"repository": "registry.example.com/exporter", "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "registry"}],
        "commonLabels": {"team": "ml"},
        "extraArgs": ["--web.max-requests=20"],
        "envFrom": [{"secretRef": {"name": "exporter"}}],
        "extraVolumes": [{"name": "aws", "secret": {"secretName": "aws"}}],
        "extraVolumeMounts": [{"name": "aws", "mountPath": "/home/exporter/.aws", "readOnly": True}],
        "podAnnotations": {"example.com/a": "b"},
        "podLabels": {"example.com/c": "d"},
        "priorityClassName": "high",
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}
        ]}}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "service": {"type": "NodePort", "port": 9000, "annotations": {"example.com/e": "f"}},
    },
}  # fmt: skip
"""The values people choose, each by what it is about."""


@pytest.fixture
def helm(tmp_path):
    path = tool("helm")

    def run(command, values, chart=CHART):
        (tmp_path / "values.yaml").write_text(json.dumps(IMAGE | values))  # YAML's numbers are not the same in Go
        verb, *flags = command
        arguments = [
            path,
            verb,
            f"--kube-version={NEWEST}",
            *flags,
            str(chart),
            "--values",
            str(tmp_path / "values.yaml"),
        ]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)})

    return run


@pytest.fixture
def render(helm):
    def objects(**values):
        done = helm(["template", "release", "--namespace", "monitoring"], values)
        assert done.returncode == 0, done.stderr
        return [item for item in yaml.safe_load_all(done.stdout) if item]

    return objects


def of_kind(objects, kind):
    return [item for item in objects if item["kind"] == kind]


def pod_of(objects):
    [workload] = of_kind(objects, "Deployment") + of_kind(objects, "StatefulSet")
    return workload["spec"]["template"]


def container_of(objects):
    [container] = pod_of(objects)["spec"]["containers"]
    return container


@cache
def kubernetes(version):
    """Return the definitions of a Kubernetes release; their objects take no unknown keys."""
    wheels = list(TOOLS.glob("kubernetes_validate-*.whl"))
    if not wheels:
        missing("there are no schemas of Kubernetes: make tools", required_by="REQUIRE_TOOLS")
    [wheel] = wheels
    with zipfile.ZipFile(wheel) as archive:
        place = f"kubernetes_validate/kubernetes-json-schema/v{version}-local-strict/_definitions.json"
        return json.loads(archive.read(place))


def strict(schema):
    """Return the schema of a custom resource, changed so that its objects take no unknown keys."""
    match schema:
        case {"properties": _}:
            return {"additionalProperties": False} | {key: strict(item) for key, item in schema.items()}
        case dict():
            return {key: strict(item) for key, item in schema.items()}
        case list():
            return [strict(item) for item in schema]
    return schema


@cache
def operator(kind):
    path = TOOLS / f"monitoring.coreos.com_{kind.lower()}s.yaml"
    if not path.exists():
        missing(f"{path.name} is missing: make tools", required_by="REQUIRE_TOOLS")
    [version] = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return strict(schema)


def validator(item, version):
    if item["apiVersion"].startswith("monitoring.coreos.com/"):
        return Draft202012Validator(operator(item["kind"]))
    definitions = kubernetes(version)
    registry = Registry().with_resource("/api/_definitions.json", DRAFT202012.create_resource(definitions))
    group, _, api = item["apiVersion"].rpartition("/")
    [name] = [
        name
        for name, definition in definitions["$defs"].items()
        for known in definition.get("x-kubernetes-group-version-kind", [])
        if known == {"group": group, "version": api, "kind": item["kind"]}
    ]
    return Draft202012Validator({"$ref": f"/api/_definitions.json#/$defs/{name}"}, registry=registry)


def test_helm_lint_has_nothing_to_say(helm):
    done = helm(["lint", "--strict"], {"config": CONFIG})

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("about", VALUES)
def test_every_object_fits_its_schema(render, about, version):
    objects = render(**VALUES[about])

    wrong = [
        f"{item['kind']} {'.'.join(map(str, error.absolute_path))}: {error.message}"
        for item in objects
        for error in validator(item, version).iter_errors(item)
    ]
    assert wrong == []
    assert {item["metadata"]["namespace"] for item in objects} == {"monitoring"}


def test_the_schemas_refuse_an_unknown_key(render):
    for item in render(**VALUES["a ServiceMonitor"]):
        changed = json.loads(json.dumps(item).replace('"port":', '"prot":'))
        assert changed == item or not validator(item, NEWEST).is_valid(changed), item["kind"]


@pytest.mark.parametrize("about", ["a configuration", "shards"])
def test_the_configuration_is_accepted_by_the_exporter(render, tmp_path, about):
    [config] = of_kind(render(**VALUES[about]), "ConfigMap")
    path = tmp_path / "config.yaml"
    path.write_text(config["data"]["config.yaml"])
    command = [sys.executable, "-m", "exporter", "--config.check", f"--config.file={path}"]
    checked = subprocess.run(command, env={"ID": "example"}, cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert yaml.safe_load(path.read_text()) == CONFIG


def test_the_flags_are_the_exporters_own(render):
    objects = render(config=CONFIG, webConfig={"existingSecret": "web"}, extraArgs=["--web.max-requests=20"])
    command = [sys.executable, "-m", "exporter", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    for argument in container_of(objects)["args"]:
        assert f"{argument.partition('=')[0]} " in told


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"config": {"pol_interval": "60s"}}, "pol_interval"),
        ({"config": {"regions": ["us_east_1"]}}, "/config/regions"),
        ({"config": {"poll_interval": "soon"}}, "/config/poll_interval"),
        ({"servicemonitor": {"enabled": True}}, "servicemonitor"),
        ({"log": {"level": "verbose"}}, "/log/level"),
        ({"shards": 0}, "/shards"),
        ({"shards": 2, "replicas": 2}, "replicas: expected 1 where there are shards"),
        ({"image": {"repository": ""}}, "/image/repository"),
        ({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, "podMonitor.enabled: expected either"),
        ({"webConfig": {"content": {"a": 1}, "existingSecret": "web"}}, "webConfig: expected either"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_changed(helm, values, message):
    done = helm(["template", "release"], values)

    assert done.returncode == 1
    assert message in done.stderr


def test_one_is_a_deployment_and_more_is_a_stateful_set_of_shards(render):
    assert of_kind(render(), "StatefulSet") == []
    [shards] = of_kind(render(shards=3), "StatefulSet")
    environment = {item["name"]: item for item in container_of([shards])["env"]}

    assert shards["spec"]["replicas"] == 3
    assert environment["BEDROCK_BATCH_EXPORTER_TOTAL_SHARDS"]["value"] == "3"
    pod_index = {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
    assert environment["BEDROCK_BATCH_EXPORTER_SHARD"]["valueFrom"] == pod_index


def test_shards_are_refused_where_a_pod_does_not_know_its_ordinal(helm):
    done = helm(["template", "release", "--kube-version=1.27.0"], {"shards": 2})

    assert done.returncode == 1
    assert "shards: expected Kubernetes 1.28 or later" in done.stderr


def test_every_shard_is_scraped_once(render):
    objects = render(shards=3, serviceMonitor={"enabled": True})
    [monitor] = of_kind(objects, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    [service] = [item for item in of_kind(objects, "Service") if wanted <= item["metadata"]["labels"].items()]

    assert service["spec"]["selector"].items() <= pod_of(objects)["metadata"]["labels"].items()


def test_the_test_pod_is_not_scraped_and_not_served(render):
    objects = render()
    [test] = of_kind(objects, "Pod")
    [service] = of_kind(objects, "Service")

    assert not service["spec"]["selector"].items() <= test["metadata"]["labels"].items()


@pytest.mark.parametrize(("about", "scheme"), [("the least", "HTTP"), ("TLS", "HTTPS")])
def test_the_probes_ask_as_the_exporter_answers(render, about, scheme):
    container = container_of(render(**VALUES[about]))

    for probe, path in (("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http", "scheme": scheme}


@pytest.mark.parametrize("about", ["users", "a web Secret"])
def test_the_probes_only_knock_where_the_kubelet_has_no_password(render, about):
    container = container_of(render(**VALUES[about]))

    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert "--web.config.file=/etc/bedrock-batch-exporter-web/web.yml" in container["args"]


def test_a_changed_configuration_replaces_the_pods(render):
    def checksums(**values):
        return pod_of(render(**values))["metadata"]["annotations"]

    assert checksums(config=CONFIG) == checksums(config=CONFIG)
    assert checksums(config=CONFIG) != checksums(config=CONFIG | {"poll_interval": "3m"})
    assert checksums(**VALUES["users"]) != checksums(**VALUES["TLS"])


@pytest.mark.parametrize("about", VALUES)
def test_every_pod_fits_the_restricted_standard(render, about):
    objects = render(**VALUES[about])
    pods = [pod_of(objects)["spec"], *(pod["spec"] for pod in of_kind(objects, "Pod"))]

    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all({"configMap", "secret"} & volume.keys() for volume in pod.get("volumes", []))
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_rules_are_those_of_prometheus(render):
    [rule] = of_kind(render(prometheusRule={"enabled": True}), "PrometheusRule")
    generated = yaml.safe_load((ROOT / "prometheus/prometheusrule.yaml").read_text())

    assert sorted(rule["spec"]["groups"], key=str) == sorted(generated["spec"]["groups"], key=str)


def test_alerts_are_labelled_and_left_out_by_name(render):
    def alerts(**values):
        [rule] = of_kind(render(prometheusRule={"enabled": True} | values), "PrometheusRule")
        return {item["alert"]: item for group in rule["spec"]["groups"] for item in group["rules"] if "alert" in item}

    everything = alerts()
    first, *others = everything

    assert set(alerts(disabled=[first])) == set(others)
    for alert, item in alerts(alertLabels={"team": "ml", "severity": "page"}).items():
        assert item["labels"] == everything[alert]["labels"] | {"team": "ml", "severity": "page"}


def test_the_dashboards_are_those_of_grafana(render):
    shipped = {path.name: json.loads(path.read_text()) for path in (ROOT / "grafana/dashboards").glob("*.json")}
    maps = of_kind(render(dashboards={"enabled": True}), "ConfigMap")

    assert {name: json.loads(text) for item in maps for name, text in item["data"].items()} == shipped
    assert len({item["metadata"]["name"] for item in maps}) == len(shipped)
    assert all(item["metadata"]["labels"]["grafana_dashboard"] == "1" for item in maps)


def test_the_notes_say_how_to_look_at_it(helm, tmp_path):
    chart = shutil.copytree(CHART, tmp_path / "chart")  # Helm shows the notes only where there is a cluster
    shutil.move(chart / "templates/NOTES.txt", chart)
    (chart / "templates/notes.yaml").write_text('notes: {{ tpl (.Files.Get "NOTES.txt") . | quote }}')

    for values in VALUES.values():
        done = helm(["template", "release", "--namespace", "ml", "--show-only=templates/notes.yaml"], values, chart)
        assert done.returncode == 0, done.stderr
        notes = yaml.safe_load(done.stdout)["notes"]
        assert "kubectl --namespace ml port-forward service/release-bedrock-batch-exporter" in notes
        assert ("create-pod-identity-association" in notes) == ("IRSA" not in notes and "simulated" not in notes)
