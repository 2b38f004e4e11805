"""Several files into one project: merging, extends, include, profiles, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from allup.compose.project import find_files, project_name
from allup.errors import InputError
from tests.unit.compose.compose_projects import project, service


def merged(tmp_path: Path, under: str, over: str) -> object:
    texts = [f"services:\n  a:\n    image: x\n{body}" for body in (under, over)]
    rest = "volumes: {d: , e: }\nnetworks: {n: , m: }\nsecrets: {s: {file: f}, t: {file: f}}\n"
    found = service(project(tmp_path, texts[0] + rest, texts[1]))
    del found["image"]
    return next(iter(found.values())) if found else None


@pytest.mark.parametrize(
    ("under", "over", "result"),
    [
        ("user: a", "user: b", "b"),
        ("command: one", "command: [two, 2]", ["two", "2"]),
        ("command: one", "command: null", None),
        ("environment: {A: 1, B: 1}", "environment: [B=2, C]", {"A": "1", "B": "2", "C": None}),
        ("environment: {A: 1}", "environment: [A]", {"A": None}),
        ("labels: [a=1]", "labels: {b: 2}", {"a": "1", "b": "2"}),
        ("expose: [1, 2]", "expose: [2, 3]", ["1", "2", "3"]),
        ("dns: 1.1.1.1", "dns: [2.2.2.2]", ["1.1.1.1", "2.2.2.2"]),
        (
            "depends_on: [b]",
            "depends_on: {b: {condition: service_healthy}}",
            {"b": {"condition": "service_healthy", "required": "true"}},
        ),
        (
            "healthcheck: {test: a, retries: 2}",
            "healthcheck: {test: [NONE]}",
            {"test": ["NONE"], "retries": "2"},
        ),
        ("sysctls: [a=1]", "sysctls: {a: 2}", {"a": "2"}),
        ("ulimits: {nofile: 1}", "ulimits: {nofile: 2, nproc: 3}", {"nofile": "2", "nproc": "3"}),
        (
            "logging: {driver: d, options: {x: 1}}",
            "logging: {driver: e, options: {y: 1}}",
            {"driver": "e", "options": {"y": "1"}},
        ),
        ("networks: [n]", "networks: {m: {aliases: [q]}}", {"n": {}, "m": {"aliases": ["q"]}}),
        ("expose: [1]", "expose: !reset []", None),
        ("expose: [1]", "expose: !override [2]", ["2"]),
        ("extra_hosts: [h=1]", "extra_hosts: {h: 2}", ["h=1", "h=2"]),
    ],
)
def test_attributes_merge_as_the_specification_says(
    tmp_path: Path, under: str, over: str, result: object
) -> None:
    other = "  b: {image: y}\n"
    assert merged(tmp_path, f"    {under}\n{other}", f"    {over}\n") == result


def test_volumes_are_unique_by_target_and_ports_by_all_they_say(tmp_path: Path) -> None:
    volumes = merged(tmp_path, "    volumes: [d:/x:ro, d:/y]\n", "    volumes: [e:/x]\n")
    assert volumes == [
        {"type": "volume", "source": "e", "target": "/x"},
        {"type": "volume", "source": "d", "target": "/y"},
    ]
    ports = merged(tmp_path, "    ports: [80:80, '81:81']\n", "    ports: ['80:80', 82:80/udp]\n")
    assert isinstance(ports, list)
    assert [(p.get("published"), p["target"], p["protocol"]) for p in ports] == [
        ("80", "80", "tcp"),
        ("81", "81", "tcp"),
        ("82", "80", "udp"),
    ]


@pytest.mark.parametrize(
    ("port", "result"),
    [
        ("80", [(None, "80", None, "tcp")]),
        ("8080:80", [("8080", "80", None, "tcp")]),
        ("22:22", [("22", "22", None, "tcp")]),
        ("127.0.0.1:53:53/udp", [("53", "53", "127.0.0.1", "udp")]),
        ('"[::1]:53:53"', [("53", "53", "::1", "tcp")]),
        ("90-91:80-81", [("90", "80", None, "tcp"), ("91", "81", None, "tcp")]),
        ("90-95:80", [("90-95", "80", None, "tcp")]),
    ],
)
def test_short_ports_are_written_out_and_never_read_in_base_60(
    tmp_path: Path, port: str, result: list[object]
) -> None:
    found = service(project(tmp_path, f"services:\n  a:\n    image: x\n    ports:\n      - {port}\n"))
    assert [
        (p.get("published"), p["target"], p.get("host_ip"), p["protocol"]) for p in found["ports"]
    ] == result


def test_anchors_merge_keys_and_x_fields(tmp_path: Path) -> None:
    service_a = "  a:\n    image: x\n    x-mine: 1\n    environment: {<<: *e, B: 3}\n"
    text = f"x-e: &e {{A: 1, B: 2}}\nservices:\n{service_a}"
    assert service(project(tmp_path, text)) == {"image": "x", "environment": {"B": "3", "A": "1"}}


def test_extends_another_file_with_its_own_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "base.yaml").write_text(
        "services:\n  root: {image: r, environment: {A: 1, B: 1}, env_file: x.env}\n"
        "  base: {extends: root, command: run, expose: [1]}\n"
    )
    text = (
        "services:\n  a:\n    extends: {file: sub/base.yaml, service: base}\n"
        "    environment: [B=2]\n    expose: [2]\n"
    )
    found = project(tmp_path, text)
    assert service(found) == {
        "image": "r",
        "environment": {"A": "1", "B": "2"},
        "env_file": [{"path": "x.env"}],
        "command": "run",
        "expose": ["1", "2"],
    }
    env_file = found.services["a"].entries["env_file"]
    assert env_file.place.source.folder == tmp_path / "sub"


def test_included_files_are_projects_of_their_own_and_clash_rather_than_merge(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / ".env").write_text("TAG=7\n")
    (tmp_path / "in" / "c.yaml").write_text("services:\n  b:\n    image: y:${TAG}\n    env_file: e.env\n")
    found = project(tmp_path, "include: [in/c.yaml]\nservices:\n  a: {image: x}\n")
    assert service(found, "b")["image"] == "y:7"
    with pytest.raises(InputError, match="service 'b' is also in the included"):
        project(tmp_path, "include: [in/c.yaml]\nservices:\n  b: {image: x}\n")


def test_profiles_switch_services_on(tmp_path: Path) -> None:
    text = "services:\n  a: {image: x}\n  b: {image: x, profiles: [p]}\n  c: {image: x, profiles: [p, q]}\n"
    assert set(project(tmp_path, text).services) == {"a"}
    assert set(project(tmp_path, text, profiles=["q"]).services) == {"a", "c"}
    assert set(project(tmp_path, text, environ={"COMPOSE_PROFILES": "p"}).services) == {"a", "b", "c"}
    assert set(project(tmp_path, text, profiles=["*"]).services) == {"a", "b", "c"}
    assert set(project(tmp_path, text).disabled) == {"b", "c"}


def test_the_compose_file_of_a_folder_with_its_override(tmp_path: Path) -> None:
    for name in ("docker-compose.yml", "compose.yaml", "compose.override.yaml"):
        (tmp_path / name).write_text("services: {}\n")
    assert [f.name for f in find_files(tmp_path, {})] == ["compose.yaml", "compose.override.yaml"]
    environ = {"COMPOSE_FILE": "a.yaml;b.yaml", "COMPOSE_PATH_SEPARATOR": ";"}
    assert [f.name for f in find_files(tmp_path, environ)] == ["a.yaml", "b.yaml"]
    with pytest.raises(InputError, match=r"has none of compose\.yaml"):
        find_files(tmp_path / "nowhere", {})


def test_the_project_is_called_by_flag_variable_name_or_folder(tmp_path: Path) -> None:
    text = "name: inside\nservices: {a: {image: x}}\n"
    assert project(tmp_path, text, name="").name == "inside"
    assert project(tmp_path, text, name="", environ={"COMPOSE_PROJECT_NAME": "outside"}).name == "outside"
    assert project(tmp_path, text, name="flag").name == "flag"
    assert project_name("My_Proj.X") == "my_projx"


@pytest.mark.parametrize(
    ("text", "line", "fact"),
    [
        ("services:\n  a:\n    image: x\n    comand: y\n", 4, "no key 'comand'.*did you mean 'command'"),
        ("services:\n  a:\n    image: x\n    image: y\n", 4, "the key 'image' is already in line 3"),
        ("services:\n  a:\n    image: x\n    depends_on: [c]\n", 4, "depends on 'c', which is not there"),
        ("services:\n  a:\n    command: x\n", 2, "neither image nor build"),
        ("services:\n  a:\n    image: x\n    ports: ['80:eighty']\n", 4, "is no port"),
        ("services:\n  a:\n    image: x\n    ports: ['1-2:1-3']\n", 4, "differ in length"),
        ("services:\n  a:\n    image: x\n    volumes: [d:/x]\n", 4, "which the file does not declare"),
        ("services:\n  a:\n    image: x\n    volumes: ['./d:/x:or']\n", 4, "'or' .* is no mode"),
        (
            "services:\n  a:\n    image: x\n    secrets: [s]\n",
            4,
            "uses the secret 's', which the file does not",
        ),
        ("services:\n  a:\n    image: x\n    networks: [n]\n", 4, "undeclared network 'n'"),
        ("services:\n  a:\n    extends: a\n    image: x\n", 3, "extends itself"),
        ("services:\n  a:\n    extends: {file: no.yaml, service: b}\n", 3, "no.yaml, which is not there"),
        ("services:\n  a:\n    image: !new x\n", 3, "the tag !new means nothing"),
        ("service:\n  a:\n    image: x\n", 1, "no key 'service'.*did you mean 'services'"),
        ("services:\n  a:\n\timage: x\n", 3, "tab"),
        ("web:\n  image: x\n", 1, "the format of 2014"),
        ("include: [no.yaml]\nservices: {a: {image: x}}\n", 1, "includes no.yaml, which is not there"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, line: int, fact: str) -> None:
    with pytest.raises(InputError, match=rf"1\.yaml:{line}: .*{fact}") as refused:
        project(tmp_path, text)
    assert refused.value.exit_code == 2


def test_a_dependency_that_a_profile_leaves_out_is_refused_unless_it_may_be(tmp_path: Path) -> None:
    text = (
        "services:\n  a: {image: x, depends_on: {b: {condition: service_started%s}}}\n"
        "  b: {image: x, profiles: [p]}\n"
    )
    with pytest.raises(InputError, match="its profiles leave out"):
        project(tmp_path, text % "")
    assert set(project(tmp_path, text % ", required: false").services) == {"a"}
