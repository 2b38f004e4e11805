"""Any progress that could be reported, whether a run would or not, for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from allup.refs import ObjectRef
from allup.run.progress import (
    Action,
    CheckDone,
    CheckOutcome,
    ComponentMoved,
    ComponentResult,
    Finding,
    Note,
    ObjectDone,
    Phase,
    RunFinished,
    RunStarted,
)

texts = st.text(st.characters(codec=None), max_size=8)
seconds = st.floats(0, 1e6)
refs = st.builds(ObjectRef, texts, texts, texts, texts)
checks = st.builds(
    CheckDone, at=seconds, component=texts, check=texts, outcome=st.sampled_from(CheckOutcome), detail=texts
)
findings = st.builds(
    Finding,
    ref=refs,
    cause=texts,
    message=texts,
    hopeless=st.booleans(),
    last_event=texts,
    log_lines=st.lists(texts, max_size=2).map(tuple),
    next_step=texts,
)
results = st.builds(
    ComponentResult,
    name=texts,
    phase=st.sampled_from(Phase),
    seconds=seconds,
    message=texts,
    actions=st.dictionaries(st.sampled_from(Action), st.integers(0, 9), max_size=2),
    checks=st.lists(checks, max_size=1).map(tuple),
    findings=st.lists(findings, max_size=1).map(tuple),
)
names = st.lists(texts, max_size=2).map(tuple)
anything = st.one_of(
    st.builds(
        RunStarted,
        at=seconds,
        verb=texts,
        platform=texts,
        instance=texts,
        namespace=texts,
        context=texts,
        components=names,
        needs=st.dictionaries(texts, names, max_size=2),
        expected=st.dictionaries(texts, seconds, max_size=2),
    ),
    st.builds(Note, at=seconds, text=texts, component=texts, warning=st.booleans()),
    st.builds(ComponentMoved, at=seconds, component=texts, phase=st.sampled_from(Phase), message=texts),
    st.builds(
        ObjectDone, at=seconds, component=texts, ref=refs, action=st.sampled_from(Action), reason=texts
    ),
    checks,
    st.builds(
        RunFinished,
        at=seconds,
        verb=texts,
        outcome=st.sampled_from(["done", "failed", "interrupted", "stuck"]),
        seconds=seconds,
        components=st.lists(results, max_size=2).map(tuple),
        kept=st.lists(st.tuples(refs, texts), max_size=1).map(tuple),
        warnings=names,
        requests=st.integers(0, 9),
    ),
)
