import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.errors import InputError
from allup.report.junit import JUnitReport, suites
from allup.report.state import RunView
from allup.run.progress import CheckDone, CheckOutcome, Finding, Phase
from tests.unit.report.report_samples import NOON, failed_up, feed, finished, moved, ref, result, started


def written(path: Path, run: tuple[object, ...], error: str = "") -> ET.Element:
    report = JUnitReport(path, wall=lambda: NOON)
    feed(report, run)  # type: ignore[arg-type]
    report.close(error)
    return ET.parse(path).getroot()


def case(root: ET.Element, name: str) -> ET.Element:
    (found,) = (one for one in root.iter("testcase") if one.get("name") == name)
    return found


def test_components_and_checks_are_test_cases_with_their_outcomes(tmp_path: Path) -> None:
    root = written(tmp_path / "report.xml", failed_up())
    suite = root[0]
    assert {key: suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped", "time")} == {
        "name": "rstudio up",
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "2",
        "time": "9.400",
    }
    assert list(case(root, "nfs")) == []
    assert case(root, "nfs").get("time") == "3.000"
    skipped = case(root, "rsp").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "needs ldap"
    check = case(root, "connect Service/nfs01:2049")
    assert check.get("classname") == "rstudio.nfs"
    assert check.find("skipped") is not None


def test_a_failure_carries_the_whole_diagnosis(tmp_path: Path) -> None:
    failure = case(written(tmp_path / "r.xml", failed_up()), "ldap").find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("image not found", "image-not-found")
    assert "Failed to pull image" in (failure.text or "")
    assert "next        inv k8s.describe --component ldap" in (failure.text or "")


def test_the_page_about_ci_names_every_element_attribute_and_property(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "ci.md").read_text()
    half_done = (started("nfs"), moved(101, "nfs", Phase.WAITING))
    roots = (
        written(tmp_path / "failed.xml", failed_up()),
        written(tmp_path / "left.xml", half_done, error="the connection broke"),
    )
    names = {name for root in roots for element in root.iter() for name in (element.tag, *element.attrib)}
    names |= {str(one.get("name")) for root in roots for one in root.iter("property")}
    assert {"failure", "error", "skipped", "requests"} <= names
    assert {name for name in names if f"`{name}`" not in page} - {"objects.unchanged"} == set()


def test_properties_say_where_and_how_much(tmp_path: Path) -> None:
    root = written(tmp_path / "r.xml", failed_up())
    known = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert known["context"] == "kind-lab"
    assert known["instance"] == "rstudio"
    assert known["objects.created"] == "2"


def test_an_interrupted_run_is_an_error_where_it_stood_and_skipped_beyond(tmp_path: Path) -> None:
    run = (
        started("nfs", "ldap"),
        moved(101, "nfs", Phase.WAITING, "0/1 pods ready"),
        finished("interrupted", result("nfs", Phase.WAITING, 3), result("ldap", Phase.PENDING, 0)),
    )
    root = written(tmp_path / "r.xml", run)
    assert case(root, "nfs").find("error") is not None
    assert case(root, "ldap").find("skipped") is not None


def test_a_run_that_could_not_start_is_one_error_with_the_reason(tmp_path: Path) -> None:
    root = written(tmp_path / "r.xml", (), error="cluster kind-lab: does not answer.")
    error = case(root, "run").find("error")
    assert error is not None
    assert error.text == "cluster kind-lab: does not answer."


def test_the_folder_is_made_and_nothing_but_the_file_is_left_in_it(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "r.xml"
    written(path, failed_up())
    assert [one.name for one in path.parent.iterdir()] == ["r.xml"]


def test_an_earlier_file_stays_whole_until_the_new_one_is(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    path.write_text("earlier")
    report = JUnitReport(path, wall=lambda: NOON)
    feed(report, failed_up())
    assert path.read_text() == "earlier"
    report.close()
    assert path.read_text() != "earlier"


def test_a_place_that_is_a_folder_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        JUnitReport(tmp_path, wall=lambda: NOON)


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="its folder cannot be made"):
        JUnitReport(tmp_path / "file" / "r.xml", wall=lambda: NOON)


@given(st.text(st.characters(codec=None), max_size=30))
def test_the_file_is_valid_xml_whatever_bytes_a_pod_has_logged(text: str) -> None:
    view = RunView()
    finding = Finding(ref=ref("Pod", text), cause=text, message=text, last_event=text, log_lines=(text,))
    check = CheckDone(at=1, component="a", check=text, outcome=CheckOutcome.FAILED, detail=text)
    feed(
        view.fold,
        [
            started("a", context=text, platform=text),
            finished("failed", result("a", Phase.FAILED, message=text, checks=(check,), findings=(finding,))),
        ],
    )
    ET.fromstring(ET.tostring(suites(view, NOON, error=text), encoding="utf-8"))
