"""No byte of a secret in any text."""

from __future__ import annotations

import base64
import json
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from allup.redaction import LAST_APPLIED, MASK, Redactor

PEM = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA+x/y\nQIDAQABAoIBAQ==\n-----END KEY-----\n"


def redactor(*values: str) -> Redactor:
    one = Redactor()
    for value in values:
        one.add(value)
    return one


SECRET = 'p&ss <w"örd> \\ x/y+z'


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode() + b"\n").decode(),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(SECRET).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
    ],
)
def test_a_value_is_masked_in_every_spelling(spelled: str) -> None:
    masked = redactor(SECRET).mask(f"before {spelled} after")
    assert masked.replace('"', "").rstrip("=").replace("= after", " after") == f"before {MASK} after"


def test_each_line_of_a_value_is_masked_alone() -> None:
    one = redactor(PEM)
    assert one.mask("log: MIIEpAIBAAKCAQEA+x/y") == f"log: {MASK}"
    assert one.mask("url?k=MIIEpAIBAAKCAQEA%2Bx%2Fy") == f"url?k={MASK}"
    assert one.mask(PEM) == f"{MASK}\n"
    assert one.mask(json.dumps({"k": PEM})) == f'{{"k": "{MASK}\\n"}}'


def test_short_values_are_not_masked_by_value() -> None:
    one = Redactor()
    assert not one.add("seven77")
    assert not one.add("       x\n")
    assert one.add("eight888")
    assert one.mask("seven77 eight888 x") == f"seven77 {MASK} x"


def test_overlapping_values_leave_nothing_of_either() -> None:
    one = redactor("abcdefghij", "ghijklmnop", "abcdefgh")
    assert one.mask("<abcdefghijklmnop>") == f"<{MASK}>"
    assert one.mask("aaaaaaaaa") == "aaaaaaaaa"
    assert redactor("aaaaaaaa").mask("aaaaaaaaaaa") == MASK


long_values = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40)


@settings(deadline=None)
@given(st.lists(long_values, min_size=1, max_size=5), st.data())
def test_no_registered_value_survives_in_any_text_made_of_them(
    values: list[str], data: st.DataObject
) -> None:
    values = [value.strip() for value in values if len(value.strip()) >= 8]
    assume(values)
    assume(not any(MASK[0] in value for value in values))
    pieces = data.draw(st.lists(st.sampled_from(values) | st.text("ab \n", max_size=5), max_size=10))
    masked = redactor(*values).mask("".join(pieces))
    assert not any(value in masked for value in values)


@settings(deadline=None)
@given(long_values, st.text(max_size=50))
def test_text_without_a_secret_is_left_as_it_is(value: str, text: str) -> None:
    one = redactor("§§§§§§§§§§" + value)
    assume("§" not in text and value.strip() not in text)
    assert one.mask(text) == text or any(line.strip() in text for line in value.splitlines())


def test_the_repr_shows_a_count_and_no_value() -> None:
    assert repr(redactor("correct-horse", "correct-horse", "battery-staple")) == "Redactor(2 values)"


def test_secret_data_is_masked_by_structure_even_when_nobody_registered_it() -> None:
    secret = {"kind": "Secret", "data": {"k": "YQ=="}, "stringData": {"s": "a"}, "type": "Opaque"}
    masked = {"kind": "Secret", "data": {"k": MASK}, "stringData": {"s": MASK}, "type": "Opaque"}
    one = Redactor()
    assert one.mask_object(secret) == masked
    assert secret["data"] == {"k": "YQ=="}
    assert one.mask_object({"kind": "List", "items": [secret]}) == {"kind": "List", "items": [masked]}
    nameless = {key: value for key, value in secret.items() if key != "kind"}
    assert one.mask_object({"kind": "SecretList", "items": [nameless]})["items"][0]["data"] == {"k": MASK}
    assert one.mask_object({"kind": "Secret", "data": "broken"})["data"] == MASK
    assert one.mask_object({"kind": "Secret", "data": None})["data"] is None


def test_the_last_applied_annotation_of_a_secret_is_masked_too() -> None:
    applied = json.dumps({"kind": "Secret", "data": {"k": "c2VjcmV0"}})
    masked = Redactor().mask_object({"metadata": {"annotations": {LAST_APPLIED: applied}}})
    assert json.loads(masked["metadata"]["annotations"][LAST_APPLIED])["data"] == {"k": MASK}
    assert Redactor().mask_object({LAST_APPLIED: "{broken"}) == {LAST_APPLIED: MASK}


def test_everything_else_is_masked_by_value() -> None:
    one = redactor("correct-horse")
    body = {"kind": "ConfigMap", "data": {"a": "pw=correct-horse", "b": 1}, "x": ["correct-horse", None]}
    assert one.mask_object(body) == {
        "kind": "ConfigMap",
        "data": {"a": f"pw={MASK}", "b": 1},
        "x": [MASK, None],
    }


def test_threads_may_add_and_mask_at_the_same_time() -> None:
    one = Redactor()
    leaked = []

    def work(number: int) -> None:
        for step in range(20):
            value = f"secret-{number}-{step}-value"
            one.add(value)
            if value in one.mask(f"a {value} b"):
                leaked.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaked == []
    assert repr(one) == "Redactor(80 values)"


def test_a_hundred_values_over_a_megabyte_take_less_than_a_second() -> None:
    one = redactor(*(f"value-{number:04}-{'x' * 20}" for number in range(100)))
    text = ("some ordinary log line of a pod that says nothing secret\n" * 20_000) + "value-0042-" + "x" * 20
    begun = time.process_time()
    assert one.mask(text).endswith(f"\n{MASK}")
    assert time.process_time() - begun < 1.0
