"""What changed, field by field, and how it reads."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.drift import ABSENT, Difference, differences, render

Json = dict[str, Any]

WEB: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "uid": "1",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-03-01T12:00:00Z",
        "managedFields": [{"manager": "allup"}],
        "labels": {"app": "web"},
    },
    "spec": {
        "replicas": 1,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:1",
                        "args": ["--port", "80"],
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                    },
                    {"name": "log", "image": "log:1"},
                ]
            }
        },
    },
    "status": {"replicas": 1},
}
CONTAINER = "spec.template.spec.containers[name=web]"


def _changed(**changes: Any) -> Json:
    after = copy.deepcopy(WEB)
    after["spec"]["template"]["spec"]["containers"][0] |= changes
    return after


def test_what_the_server_writes_is_no_difference() -> None:
    after = copy.deepcopy(WEB) | {"status": {}}
    after["metadata"] |= {"resourceVersion": "9", "generation": 2, "managedFields": []}
    assert differences(WEB, after) == ()


CASES: dict[str, tuple[Json, list[str]]] = {
    "a value": (_changed(image="web:2"), [f"~ {CONTAINER}.image: web:1 → web:2"]),
    "a text that looks like a number is quoted": (
        _changed(env=[{"name": "A", "value": "3"}, {"name": "B", "value": "2"}]),
        [f'~ {CONTAINER}.env[name=A].value: "1" → "3"'],
    ),
    "an item in front moves nothing": (
        _changed(
            env=[
                {"name": "Z", "value": "zero"},
                {"name": "A", "value": "1"},
                {"name": "B", "value": "2"},
            ]
        ),
        [f"+ {CONTAINER}.env[name=Z].name: Z", f"+ {CONTAINER}.env[name=Z].value: zero"],
    ),
    "another order of the same items is told": (
        _changed(env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]),
        [f'~ {CONTAINER}.env (order): ["A", "B"] → ["B", "A"]'],
    ),
    "ports are known by their number": (
        _changed(ports=[{"containerPort": 80, "protocol": "TCP", "name": "http"}]),
        [f"+ {CONTAINER}.ports[containerPort=80].name: http"],
    ),
    "plain items by their place": (
        _changed(args=["--port", "81", "-v"]),
        [f'~ {CONTAINER}.args[1]: "80" → "81"', f'+ {CONTAINER}.args[2]: "-v"'],
    ),
    "a field that goes": (
        _changed(ports=[]),
        [
            f"- {CONTAINER}.ports[containerPort=80].{field}"
            for field in ("containerPort: 80", "protocol: TCP")
        ],
    ),
    "true is not one": (_changed(stdin=True), [f"+ {CONTAINER}.stdin: true"]),
    "an empty map is something": (
        WEB | {"spec": WEB["spec"] | {"selector": {}}},
        ["+ spec.selector: {}"],
    ),
    "a key with dots": (
        WEB | {"metadata": WEB["metadata"] | {"labels": {"app": "web", "example.com/tier": "front"}}},
        ["+ metadata.labels[example.com/tier]: front"],
    ),
}


@pytest.mark.parametrize(("after", "lines"), CASES.values(), ids=CASES)
def test_a_difference_reads_as_one_line(after: Json, lines: list[str]) -> None:
    assert render(differences(WEB, after)) == lines


def test_one_and_true_and_null_are_three_things() -> None:
    assert differences({"a": 1}, {"a": True}) == (Difference("a", 1, True),)
    assert differences({}, {"a": None}) == (Difference("a", ABSENT, None),)


def test_a_new_object_is_all_additions() -> None:
    lines = render(differences(None, WEB))
    assert all(line.startswith("+ ") for line in lines)
    assert "+ spec.replicas: 1" in lines
    assert not any("uid" in line or "status" in line for line in lines)


def test_a_text_of_several_lines_shows_the_lines_that_changed() -> None:
    before = {"data": {"app.conf": "a\nport=80\nb\nc\nd\n"}}
    after = {"data": {"app.conf": "a\nport=81\nb\nc\nd\n"}}
    assert render(differences(before, after)) == [
        "~ data[app.conf]:",
        "     a",
        "    -port=80",
        "    +port=81",
        "     b",
    ]


def test_a_long_text_is_cut_where_it_says_how_much_is_left() -> None:
    before = {"data": {"x": "\n".join(f"old {i}" for i in range(40))}}
    after = {"data": {"x": "\n".join(f"new {i}" for i in range(40))}}
    lines = render(differences(before, after))
    assert len(lines) == 26
    assert lines[-1] == "    … 56 more lines"
    assert render(differences({"data": {}}, after)) == ["+ data.x: new 0 … (40 lines)"]


def test_long_values_that_begin_alike_are_shown_where_they_differ() -> None:
    before, after = {"a": "x" * 300 + "1"}, {"a": "x" * 300 + "2"}
    (line,) = render(differences(before, after))
    assert len(line) < 130
    assert line.endswith("x2")
    assert "x1 →" in line


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "key", "a", "b.c"]), inner, max_size=3)
    ),
    max_leaves=10,
)
_OBJECTS = st.dictionaries(st.sampled_from(["spec", "data"]), _JSON, max_size=2)


def _strict(value: Any) -> Any:
    """Equal only when it is the same JSON: True is not 1."""
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_strict(inner) for inner in value]
    return (type(value).__name__, value)


@given(_OBJECTS, _OBJECTS)
def test_there_is_a_difference_exactly_when_the_objects_differ(before: Json, after: Json) -> None:
    found = differences(before, after)
    assert bool(found) == (_strict(before) != _strict(after))
    assert all(line.strip() for line in render(found))


@given(_OBJECTS, _OBJECTS)
def test_the_way_back_has_the_same_paths(before: Json, after: Json) -> None:
    there, back = differences(before, after), differences(after, before)
    assert {(d.path, str(d.before), str(d.after)) for d in there} == {
        (d.path, str(d.after), str(d.before)) for d in back
    }
