"""junit.xml for CI: an unmet expectation is a `<failure>`, a fault an `<error>`, an aborted call `<skipped>`.

One `<testsuite>` a flow, one `<testcase>` a call, named as the call is (`clinic_ivr-1`): CI systems keep a test's
history by its name, so the number of whoever called, which may be another one in each run, stands in its output.
What is wrong with a flow beside its calls (none came, say), and with the run beside its flows, gets a testcase of
its own, so no problem is lost.
The shape is that of Jenkins' `junit-10.xsd`, which GitLab, GitHub's actions and others read, plus the
`file` of a testcase, which GitLab shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from botkit.reports import words
from botkit.results import CallResult, FlowResult, Problem, RunResult, Verdict

# Characters that XML 1.0 cannot hold, not even escaped (its section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(result: RunResult) -> str:
    """The whole document as text."""
    root = Element("testsuites", name="botkit", time=_time(result.took))
    if result.problems:
        suite = SubElement(root, "testsuite", name="botkit", timestamp=_timestamp(result.started_at))
        case = SubElement(suite, "testcase", classname="botkit", name="run", time=_time(result.took))
        _problems(case, result.problems)
        _totals(suite)
    for flow in result.flows:
        _suite(root, flow, result)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, flow: FlowResult, result: RunResult) -> None:
    began = min((call.started_at for call in flow.calls), default=result.started_at)
    suite = SubElement(root, "testsuite", name=_text(flow.flow), timestamp=_timestamp(began))
    classname = ".".join(PurePath(flow.file).with_suffix("").parts).strip("./") or "botkit"
    for call in flow.calls:
        case = SubElement(suite, "testcase", classname=_text(classname), name=_text(call.id), file=_text(flow.file))
        case.set("time", _time(call.duration))
        _call(case, call)
    if flow.problems or not flow.calls:
        case = SubElement(suite, "testcase", classname=_text(classname), name=_text(flow.bot), file=_text(flow.file))
        case.set("time", _time(0.0))
        if flow.problems:
            _problems(case, flow.problems)
        elif flow.verdict in (Verdict.FAILED, Verdict.FAULT):
            _problems(case, [Problem("no call was made", "fault" if flow.verdict is Verdict.FAULT else "failure")])
        elif flow.verdict is Verdict.ABORTED:
            SubElement(case, "skipped", message="aborted")
    _totals(suite)


def _call(case: Element, call: CallResult) -> None:
    if call.verdict is Verdict.ABORTED:
        SubElement(case, "skipped", message=_text(f"aborted by {call.aborted_by or 'another bot'}"))
    elif call.problems:
        _problems(case, call.problems)
    elif call.verdict is not Verdict.PASSED:
        _problems(
            case, [Problem(f"the call {call.verdict.value}", "fault" if call.verdict is Verdict.FAULT else "failure")]
        )
    far = f"{'to' if call.direction == 'dial' else 'from'} {call.remote or 'an unknown number'}"
    out = [f"call {far}: {call.cause or '–'}, set up in {words.seconds(call.setup)}"]
    for step in call.steps:
        mark = "cut " if step.cancelled else "ok  " if step.ok else "FAIL"
        latency = "" if step.latency is None else f" ({words.milliseconds(step.latency)})"
        out.append(f"{step.started:8.2f} s {mark} {step.label or step.path}: {step.summary or step.step}{latency}")
    recordings = [path for path in (call.recordings.both, call.recordings.rx, call.recordings.tx) if path]
    # Jenkins and GitLab offer such files beside the test
    out += [f"[[ATTACHMENT|{path}]]" for path in recordings]
    SubElement(case, "system-out").text = _text("\n".join(out))


def _problems(case: Element, problems: Sequence[Problem]) -> None:
    """One element with all of them: a testcase has one outcome, and a fault weighs more than a failure."""
    faults = [problem for problem in problems if problem.kind == "fault"]
    worst = (faults or problems)[0]
    element = SubElement(case, "error" if faults else "failure", message=_text(words.problem_line(worst)))
    element.set("type", _text(worst.step or worst.kind))
    parts = []
    for problem in problems:
        parts.append(words.problem_line(problem))
        if drawn := words.caret(problem.place):
            parts += [f"    {line}" for line in drawn]
        if problem.hint:
            parts.append(f"    hint: {problem.hint}")
    element.text = _text("\n".join(parts))


def _totals(suite: Element) -> None:
    suite.set("tests", str(len(suite)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", _time(sum(float(case.get("time", "0")) for case in suite)))


def _time(value: float | None) -> str:
    return f"{value or 0.0:.3f}"


def _timestamp(wall: float) -> str:
    return words.moment(wall).rstrip("Z")  # the schema knows no zone


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
