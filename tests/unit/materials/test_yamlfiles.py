"""What a YAML file means, and the words for what is wrong with it."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allup.errors import InputError
from allup.yamlfiles import MappingNode, ScalarNode, find, load_documents, parse_documents, scalars, to_data


def data_of(text: str) -> Any:
    (document,) = parse_documents(text, "a.yaml")
    return to_data(document.node)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", True),
        ("on", True),
        ("y", True),
        ("No", False),
        ("off", False),
        ("yEs", "yEs"),
        ("~", None),
        ("null", None),
        ("012", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0b11", -3),
        ("08", 8),
        ("1_000", 1000),
        ("1e3", 1000),
        ("1E-2", 0.01),
        ("1.0", 1),
        (".5", 0.5),
        ("1e400", "1e400"),
        ("1e21", 1e21),
        ("18446744073709551615", 2**64 - 1),
        ("22:22", "22:22"),
        ("2019-01-02", "2019-01-02"),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        ("512Mi", "512Mi"),
        ('"yes"', "yes"),
        ("'012'", "012"),
        ("!!str 012", "012"),
        ("!!float 1", 1),
        ("|\n  12\n", "12\n"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(written: str, meant: object) -> None:
    value = data_of(f"a: {written}")["a"]
    assert value == meant
    assert type(value) is type(meant)


def test_keys_become_text_as_in_json() -> None:
    assert data_of("on: 1\n8080: 2\nnull_: 3\n1.5: 4\n") == {"true": 1, "8080": 2, "null_": 3, "1.5": 4}


def test_a_merge_key_fills_in_only_what_the_mapping_does_not_say() -> None:
    text = "a: &a {p: 1, q: 2}\nb:\n  q: 3\n  <<: *a\n"
    assert data_of(text)["b"] == {"p": 1, "q": 3}


def test_two_aliases_of_one_anchor_do_not_share_their_data() -> None:
    data = data_of("a: &l {app: x}\nb: *l\n")
    data["a"]["more"] = 1
    assert data["b"] == {"app": "x"}


def test_every_scalar_knows_its_line_and_whether_it_is_quoted() -> None:
    first, second = parse_documents('a: 1\n---\n\nb:\n  - "2"\n  - 3\n', "a.yaml")
    assert (first.line, second.line) == (1, 4)
    quoted, plain = find(second.node, "b", 0), find(second.node, "b", 1)
    assert quoted == ScalarNode("2", "2", False, 5)
    assert plain == ScalarNode("3", 3, True, 6)
    assert find(second.node, "b", 2) is None
    assert find(second.node, "c") is None
    assert list(scalars(second.node)) == ["b", "2", "3"]


def test_empty_documents_are_left_out() -> None:
    assert len(parse_documents("---\n# nothing\n---\na: 1\n---\n", "a.yaml")) == 1
    assert parse_documents("", "a.yaml") == ()


@pytest.mark.parametrize(
    ("text", "where", "fact"),
    [
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "a.yaml:5", "'c' is already in line 3"),
        ("on: 1\ntrue: 2\n", "a.yaml:2", "'true' is already in line 1"),
        ("a:\n\t- b\n", "a.yaml:2", "tab"),
        ("a:\n  b: 1\n\tc: 2\n", "a.yaml:3", "tab"),
        ("a: {b: ${c}}\n", "a.yaml:1", "in quotes"),
        ("a:\n- [${c}]\n", "a.yaml:2", "in quotes"),
        ("a: b: c\n", "a.yaml:1", "a second 'key: value'"),
        ("x: 1\na: 'b\nc: d\n", "a.yaml:2", "does not end"),
        ("a: `b`\n", "a.yaml:1", "cannot begin with '`'"),
        ("x: 1\na: [1, 2\n", "a.yaml:2", "not closed"),
        ("  a: 1\n b: 2\n", "a.yaml:2", "indentation"),
        ("a: &name 1\nb: *nam\n", "a.yaml:2", "did you mean 'name'"),
        ("a: &x\n  - *x\n", "a.yaml:1", "inside the very value"),
        ("a: 1\nb: .nan\n", "a.yaml:2", "JSON"),
        ("a: !!binary aGk=\n", "a.yaml:1", "!!binary"),
        ("a: !!int b\n", "a.yaml:1", "!!int"),
        ("a: !include b\n", "a.yaml:1", "!include"),
        ("? [a]\n: b\n", "a.yaml:1", "where a key should be"),
        ("~: b\n", "a.yaml:1", "key is null"),
        ("<<: 1\n", "a.yaml:1", "merge key"),
        ("a: 1\nb: \x01\n", "a.yaml:2", "U+0001"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(text: str, where: str, fact: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_documents(text, "a.yaml")
    assert caught.value.subject == where
    assert fact in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: there is no such file"):
        load_documents(tmp_path / "gone.yaml")
    with pytest.raises(InputError, match="cannot be read: is a directory"):
        load_documents(tmp_path)


def test_a_file_that_is_not_utf8_is_refused_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"^k8s/latin\.yaml:2: is not UTF-8"):
        load_documents(file, label="k8s/latin.yaml")


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert to_data(load_documents(file)[0].node) == {"a": 1}


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_never_a_traceback(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_documents(text, "a.yaml")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), json_values, min_size=1))
def test_json_is_yaml_and_comes_back_as_it_was(value: object) -> None:
    assert data_of(json.dumps(value)) == value


def test_a_thousand_small_documents_are_read_well_within_a_second() -> None:
    one = "kind: Deployment\nspec:\n  template:\n    spec:\n      containers: [{name: a, image: b}]\n---\n"
    begun = time.process_time()
    documents = parse_documents(one * 1000, "many.yaml")
    assert len(documents) == 1000
    assert isinstance(documents[-1].node, MappingNode)
    assert time.process_time() - begun < 1.0
