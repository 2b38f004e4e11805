"""What ``license-manager status`` prints, understood."""

from __future__ import annotations

from k8s.rstudio.licence import read_status

KEY = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ12"
PREAMBLE = (
    "TTY detected. Printing informational message about logging configuration.\nRStudio License Manager\n"
)
FILE = f"""{PREAMBLE}
-- License file status --

Status: Activated
Product-Key: {KEY}
Has-Key: Yes
Has-Trial: No
Users: 0
Sessions: 0
Licensee: Example Inc.
Expiration: 2027-09-01 00:00:00
Days-Left: 215
License-Scope: System

-- Local license status --

Trial-Type: Verified
Status: Expired
Has-Key: No

-- Floating license status --

License server not in use.
"""


def changed(before: str, after: str) -> str:
    assert before in FILE
    return FILE.replace(before, after)


def test_the_section_in_force_counts_though_another_has_expired() -> None:
    reading = read_status(FILE)
    assert reading.good
    assert reading.sentence == "The licence file is activated, 215 days left."
    assert dict(reading.facts)["Licensee"] == "Example Inc."


def test_a_product_key_is_never_repeated() -> None:
    reading = read_status(FILE)
    assert KEY not in repr(reading)
    assert dict(reading.facts)["Product-Key"] == "(not shown)"


def test_an_older_release_without_headings_is_understood() -> None:
    reading = read_status("Status: Activated\nHas-Key: Yes\nUsers: 20\nDays-Left: 550\n")
    assert reading.good
    assert reading.sentence == "The licence is activated, 550 days left."


def test_the_end_of_a_licence_is_announced_a_month_before() -> None:
    assert "Renew it soon" in read_status(changed("Days-Left: 215", "Days-Left: 30")).sentence
    assert "Renew" not in read_status(changed("Days-Left: 215", "Days-Left: 31")).sentence


def test_an_evaluation_is_called_one_and_only_holds_while_days_are_left() -> None:
    text = "-- Local license status --\nTrial-Type: Verified\nStatus: Evaluation\nDays-Left: {}\n"
    reading = read_status(text.format(45))
    assert reading.good
    assert "evaluation, 45 days left" in reading.sentence
    assert not read_status(text.format(0)).good


def test_an_expired_licence_is_not_in_force() -> None:
    reading = read_status(changed("Status: Activated", "Status: Expired"))
    assert not reading.good
    assert reading.sentence == "The licence file is not in force: expired."


def test_a_floating_licence_in_force_is_found_behind_the_others() -> None:
    text = changed("Status: Activated", "Status: Expired").replace(
        "License server not in use.", "Status: Activated\nDays-Left: 12"
    )
    assert read_status(text).sentence == "The floating licence is activated, 12 days left. Renew it soon."


def test_an_output_without_any_status_is_quoted_and_not_good() -> None:
    reading = read_status("license-manager: cannot connect to the licensing service\n")
    assert not reading.good
    assert "cannot connect to the licensing service" in reading.sentence
    assert not read_status("").good
