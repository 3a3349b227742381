"""Random plans and reports for property tests."""

from hypothesis import strategies as st

from tagsync.model import (
    AITag,
    Cause,
    Change,
    Coverage,
    CurrentFile,
    Diagnostic,
    Drift,
    Estimate,
    FileChange,
    FileOutcome,
    Inputs,
    ManifestRef,
    NotFound,
    Op,
    Origin,
    PartialOutcome,
    Plan,
    Reason,
    Refusal,
    Report,
    Request,
    RequestCounts,
    Returning,
    Status,
    Summary,
    TargetName,
    Timing,
    Unlisted,
)

ENVIRONMENT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$(?!\n)"

texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
numbers = st.integers(0, 10**12)
counts = st.integers(0, 10**6)
times = st.floats(0, 1e9, allow_nan=False)
places = st.builds(Origin, texts, st.integers(1, 10**9 - 1), st.integers(1, 10**9 - 1))
reasons = st.builds(Reason, places, texts)
files = st.builds(
    CurrentFile,
    texts,
    texts,
    st.tuples(texts, texts),
    st.tuples(st.builds(AITag, texts, st.none() | st.floats(0, 100) | st.integers(0, 100), texts)),
)


@st.composite
def file_changes(draw: st.DrawFn) -> FileChange:
    chosen = draw(st.sets(st.tuples(st.sampled_from(list(Op)), names), max_size=4))
    order = {op: number for number, op in enumerate(Op)}
    changes = (
        Change(op, tag, tuple(draw(st.lists(reasons, max_size=2))))
        for op, tag in sorted(chosen, key=lambda item: (order[item[0]], item[1]))
    )
    beside = st.lists(texts, max_size=2).map(tuple)
    return FileChange(draw(files), tuple(changes), desired=draw(beside), spared=draw(beside))


diagnostics = st.builds(Diagnostic, st.sampled_from(["error", "warning", "info"]), texts, texts, st.none() | places)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


missing = st.builds(NotFound, texts, st.none(), places) | st.builds(NotFound, st.none(), texts, places)
coverages = st.builds(
    lambda unselected, idle, more, folders: Coverage(unselected, idle, more, more, folders if more else ()),
    st.lists(texts, max_size=2).map(tuple),
    st.lists(places, max_size=2).map(tuple),
    counts,
    st.lists(st.tuples(texts, counts), max_size=2).map(tuple),
)
levels = st.sampled_from(["error", "warning", "info"])
unlisted = st.lists(
    st.builds(Unlisted, levels, texts, st.integers(1, 10**9)), max_size=3, unique_by=lambda item: item[:2]
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    changes = tuple(draw(st.lists(file_changes(), max_size=3)))
    return Plan(
        target=draw(st.builds(TargetName, texts, texts, st.none() | st.from_regex(ENVIRONMENT_PATTERN))),
        created_at=draw(texts),
        digest="sha256:" + draw(digests),
        inputs=Inputs(
            tuple(ManifestRef(name, draw(digests), name) for name in draw(st.lists(texts, max_size=2))),
            draw(counts),
            draw(counts),
        ),
        summary=draw(st.builds(Summary, *[numbers] * 7, st.none() | numbers)),
        estimate=draw(st.builds(Estimate, *[numbers] * 5, times)),
        changes=changes,
        requests=tuple(
            Request(op, (draw(texts),), (draw(texts),)) for op in draw(st.lists(st.sampled_from(list(Op)), max_size=2))
        ),
        diagnostics=tuple(draw(st.lists(diagnostics, max_size=2))),
        drift=tuple(
            draw(st.lists(st.builds(Drift, texts, st.sampled_from(Op), texts, st.sampled_from(Cause)), max_size=2))
        ),
        returning=tuple(draw(st.lists(st.builds(Returning, texts, texts, texts, st.integers(1, 99)), max_size=2))),
        missing=tuple(draw(st.lists(missing, max_size=2))),
        coverage=draw(st.none() | coverages),
        thumbnails=draw(st.dictionaries(texts, st.just("https://x/"), max_size=2)),
        unlisted=tuple(draw(unlisted)),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    plan = draw(plans())
    items = st.lists(st.sampled_from([(op, tag) for op in Op for tag in "abc"]), max_size=3, unique=True)
    done = items.map(lambda found: tuple(sorted(found, key=lambda item: (list(Op).index(item[0]), item[1]))))
    outcomes = st.builds(
        FileOutcome,
        st.sampled_from(Status),
        counts,
        st.none() | texts,
        st.none() | texts,
        done,
        st.none() | st.builds(PartialOutcome, done, done),
        st.lists(st.builds(Refusal, st.sampled_from(Op), texts, counts, texts), max_size=2).map(tuple),
    )
    return Report(
        plan=plan,
        outcome=draw(st.sampled_from(["converged", "incomplete", "interrupted", "refused"])),
        outcomes=tuple(draw(outcomes) for _ in plan.changes),
        requests=draw(st.builds(RequestCounts, *[counts] * 6)),
        timing=draw(st.builds(Timing, times, times, times)),
        finished_at=draw(texts),
        diagnostics=tuple(draw(st.lists(diagnostics, max_size=2))),
    )
