"""No registered value gets out, in whatever spelling."""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.redaction import MASK, Redactor

VALUE = 'pä ss/w+"rd\\<1>&?'


def redactor(*values: str) -> Redactor:
    made = Redactor()
    for value in values:
        made.add(value)
    return made


@pytest.mark.parametrize(
    "spelled",
    [
        VALUE,
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode().rstrip("="),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(VALUE))[3:-3],
        json.dumps(VALUE)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
    ],
)
def test_a_value_is_hidden_in_every_spelling(spelled: str) -> None:
    assert redactor(VALUE).mask(f"before {spelled} after") == f"before {MASK} after"


def test_each_line_of_a_value_is_hidden_by_itself() -> None:
    made = redactor("first-line-of-it\n  second-line-of-it\nshort\n")
    assert made.mask("a second-line-of-it b first-line-of-it c short") == f"a {MASK} b {MASK} c short"


@pytest.mark.parametrize("value", ["", "seven77", "         ", "\n\n\n\n\n\n\n\n"])
def test_a_value_too_short_or_blank_hides_nothing(value: str) -> None:
    text = f"x{value}y          z"
    assert redactor(value).mask(text) == text


def test_the_longest_value_wins_where_one_begins_with_another() -> None:
    assert redactor("password", "password-and-more").mask("=password-and-more=") == f"={MASK}="


def test_values_that_overlap_leave_no_rest() -> None:
    assert redactor("abcdefgh12", "gh12345678").mask("-abcdefgh12345678-") == f"-{MASK}-"


def test_a_value_added_later_is_hidden_from_then_on() -> None:
    made = redactor("one-value")
    assert made.mask("two-value") == "two-value"
    made.add("two-value")
    assert made.mask("two-value one-value") == f"{MASK} {MASK}"


def test_a_secret_is_hidden_by_structure_without_any_known_value() -> None:
    secret: dict[str, Any] = {
        "kind": "Secret",
        "metadata": {
            "name": "s",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{...}", "other": "kept"},
        },
        "data": {"a": "eA=="},
        "stringData": {"b": "x"},
    }
    masked = Redactor().mask_object(secret)
    assert masked["data"] == {"a": MASK}
    assert masked["stringData"] == {"b": MASK}
    assert masked["metadata"]["annotations"] == {
        "kubectl.kubernetes.io/last-applied-configuration": MASK,
        "other": "kept",
    }
    assert secret["data"] == {"a": "eA=="}, "the original is untouched"


@pytest.mark.parametrize(
    "listed",
    [
        {"kind": "List", "items": [{"kind": "Secret", "data": {"a": "eA=="}}]},
        {"kind": "SecretList", "items": [{"metadata": {}, "data": {"a": "eA=="}}]},
        [{"object": {"kind": "Secret", "data": {"a": "eA=="}}}],
    ],
)
def test_a_secret_inside_a_list_is_hidden(listed: Any) -> None:
    assert "eA==" not in json.dumps(Redactor().mask_object(listed))


def test_other_objects_are_hidden_by_value_only() -> None:
    config = {"kind": "ConfigMap", "data": {"a": "user=me password=sesame-open", "n": 3, "none": None}}
    assert redactor("sesame-open").mask_object(config) == {
        "kind": "ConfigMap",
        "data": {"a": f"user=me password={MASK}", "n": 3, "none": None},
    }


def test_its_repr_shows_a_count_and_no_value() -> None:
    assert repr(redactor("sesame-open")) == "Redactor(1 values)"


@given(st.lists(st.text(min_size=8, max_size=20), min_size=1, max_size=5), st.text(), st.text())
def test_no_value_survives_in_any_text(values: list[str], before: str, after: str) -> None:
    made = redactor(*values)
    masked = made.mask(before + values[0] + after)
    assert all(v not in masked for v in values if v.strip() and "•" not in v)


def test_a_hundred_values_and_a_long_text_take_no_time() -> None:
    made = redactor(*(f"{n * 7919 % 1000:03d}value-number-{n}/with+signs" for n in range(100)))
    text = ("a line of a log, value-number, 042val and so on\n" * 10_000) + "007"
    made.mask("")
    begun = time.perf_counter()
    assert made.mask(text) == text
    assert time.perf_counter() - begun < 5


def test_threads_may_add_and_mask_at_once() -> None:
    made, failures = Redactor(), []

    def work(n: int) -> None:
        for k in range(20):
            value = f"thread-{n}-value-{k}"
            made.add(value)
            if value in made.mask(f"<{value}>"):
                failures.append(value)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert repr(made) == "Redactor(80 values)"
