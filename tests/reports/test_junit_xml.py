"""junit.xml: its shape, and what becomes of each kind of problem."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from botkit.reports.junit_xml import to_xml
from botkit.results import FlowResult, Problem, RunResult, Verdict
from tests.reports import samples

# Jenkins' junit-10.xsd: which attributes and children each element may have (plus GitLab's `file`).
SHAPE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time", "timestamp"}, {"testcase"}),
    "testcase": ({"name", "classname", "time", "file"}, {"skipped", "error", "failure", "system-out"}),
    "skipped": ({"message"}, set()),
    "error": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}


def read(result: RunResult) -> Element:
    """The document, with its shape and its totals checked."""
    root = ElementTree.fromstring(to_xml(result))
    for element in root.iter():
        attributes, children = SHAPE[element.tag]
        assert set(element.attrib) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
    for case in root.iter("testcase"):
        assert {"name", "classname", "time"} <= set(case.attrib)
        assert sum(child.tag != "system-out" for child in case) <= 1
    for element in (root, *root):
        assert int(element.get("tests", "")) == len(element.findall(".//testcase"))
        assert int(element.get("failures", "")) == len(element.findall(".//failure"))
        assert int(element.get("errors", "")) == len(element.findall(".//error"))
    return root


def test_passed() -> None:
    """A passed run has one testcase a call, named as the call, whoever was on its other end; none has an outcome."""
    root = read(samples.PASSED)
    assert [case.get("name") for case in root.iter("testcase")] == ["ivr-1", "caller-1"]
    assert root.get("failures") == root.get("errors") == "0"


def test_unmet_expectation_is_a_failure() -> None:
    """The message is the one line for people; the body has the YAML and the caret."""
    failure = read(samples.FAILED).find(".//failure")
    assert failure is not None
    assert failure.get("type") == "expect_tone"
    assert (failure.get("message") or "").startswith("flows/clinic_caller.yaml:23: expect_tone 'pin' (on.answered/4):")
    assert "- expect_tone: {hz: 1000, within: 5s}\n" in (failure.text or "")


def test_aborted_is_skipped() -> None:
    """A bot cut off because another failed is no failure of its own, and names the other."""
    skipped = read(samples.FAILED).find(".//skipped")
    assert skipped is not None
    assert skipped.get("message") == "aborted by caller"


def test_fault_is_an_error() -> None:
    """A fault of the run, beside any call, has a testcase of its own."""
    error = read(samples.FAULT).find(".//error")
    assert error is not None
    assert "login refused" in (error.get("message") or "")
    assert "hint: set TELNYX_PASSWORD" in (error.text or "")


def test_a_fault_outweighs_a_failure() -> None:
    """A call with both is an error that tells both."""
    call = replace(samples.caller(met=False), problems=(samples.UNMET, samples.REFUSED), verdict=Verdict.FAULT)
    root = read(samples.run(call))
    assert root.get("errors") == "1"
    error = root.find(".//error")
    assert error is not None
    assert "expected a tone" in (error.text or "")


@pytest.mark.parametrize(
    ("verdict", "tag"), [(Verdict.FAILED, "failure"), (Verdict.FAULT, "error"), (Verdict.ABORTED, "skipped")]
)
def test_a_flow_without_calls(verdict: Verdict, tag: str) -> None:
    """A flow to which no call came still has a testcase with its verdict."""
    flow = FlowResult("ivr", "Clinic IVR", "ivr.yaml", verdict)
    root = read(RunResult(verdict, samples.STARTED, 1.0, (flow,)))
    assert root.find(f".//{tag}") is not None


def test_problems_of_a_flow_beside_its_calls() -> None:
    """Too few calls, say, is a testcase beside the calls that passed."""
    call = samples.caller()
    flow = FlowResult("caller", "c", "c.yaml", Verdict.FAILED, (call,), (Problem("expected 2 calls; 1 came"),))
    root = read(RunResult(Verdict.FAILED, samples.STARTED, 1.0, (flow,)))
    assert [len(case.findall("failure")) for case in root.iter("testcase")] == [0, 1]


def test_what_xml_cannot_hold() -> None:
    """Control characters from the other party do not break the file."""
    call = replace(samples.caller(), remote="\x00\x1b[31m<bob>\ud800")
    assert "<bob>" in (read(samples.run(call)).findtext(".//system-out") or "")  # type: ignore[union-attr]
