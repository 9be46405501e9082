"""The image: its healthcheck finds the exporter, and the Dockerfile keeps what it promises."""

import re
from pathlib import Path

import pytest

from deploy.image.healthcheck import address

ROOT = Path(__file__).parents[2]

DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("arguments", "environment", "asked"),
    [
        ("bedrock-batch-exporter", "", ("localhost", 10042)),
        ("bedrock-batch-exporter --web.listen-address=:9000", "", ("localhost", 9000)),
        ("bedrock-batch-exporter --web.listen-address :9000 demo", "", ("localhost", 9000)),
        ("bedrock-batch-exporter --web.listen-address=0.0.0.0:9000", "", ("localhost", 9000)),
        ("bedrock-batch-exporter --web.listen-address=[::1]:9000", "", ("::1", 9000)),
        ("/sbin/docker-init -- bedrock-batch-exporter --web.listen-address=10.0.0.1:9000", "", ("10.0.0.1", 9000)),
        ("bedrock-batch-exporter", ":9001", ("localhost", 9001)),
        ("bedrock-batch-exporter --web.listen-address=:9000", ":9001", ("localhost", 9000)),
        ("bedrock-batch-exporter --web.listen-address=:9000 --web.listen-address=:9001", "", ("localhost", 9000)),
    ],
)
def test_the_healthcheck_asks_where_the_exporter_listens(arguments, environment, asked):
    assert address(arguments.replace(" ", "\0").encode(), environment) == asked


def test_every_base_is_one_tag_of_a_slim_python():
    bases = set(re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)) - set(re.findall(r"(?m)^FROM \S+ AS (\S+)", DOCKERFILE))

    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases.pop())


def test_the_image_runs_as_a_numeric_user():
    assert re.findall(r"(?m)^USER (.*)", DOCKERFILE) == ["65532:65532"], "a name cannot be checked by runAsNonRoot"


def test_the_context_of_the_build_holds_what_is_copied_and_nothing_else():
    copied = {
        source
        for line in re.findall(r"(?m)^COPY (?!--from)(.*)", DOCKERFILE)
        for source in line.split()[:-1]
    }  # fmt: skip
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied == allowed


def test_all_that_is_installed_is_pinned_by_hash():
    installs = re.findall(r"pip.* install (.*)", DOCKERFILE)

    assert len(installs) == 4
    assert "PIP_ONLY_BINARY=:all:" in DOCKERFILE, "a source distribution would need a compiler"
    assert all("--require-hashes" in install or install.endswith("--no-deps /dist/*.whl") for install in installs)
