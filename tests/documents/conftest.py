"""A plan and a report for tests of writing and reading."""

from collections.abc import Callable

import pytest
from builders import ai, current_file, current_state, plan_for

from tagsync.model import (
    DesiredState,
    Diagnostic,
    FileOutcome,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
)


@pytest.fixture
def plan(declare: Callable[..., DesiredState]) -> Plan:
    desired = declare(
        """
- match: /shop/**
  tags: [catalog]
  absent: [draft]
  aiTags: {minConfidence: 80}
- match: /nothing/**
  tags: [a]
- path: /shop/b.jpg
  tags: ["b,c", "schön\u0301"]
"""
    )
    state = current_state(
        current_file("/shop/a.jpg", ["draft"], [ai("Dog", 12.5), ai("Cat", None)]),
        current_file("/shop/b.jpg", ["draft", "x"]),
    )
    return plan_for(desired, state)


@pytest.fixture
def report(plan: Plan) -> Report:
    return Report(
        plan=plan,
        outcome="incomplete",
        outcomes=(FileOutcome(Status.CONFIRMED, 2), FileOutcome(Status.FAILED, 5, "no\nway", "req-1")),
        requests=RequestCounts(7, 3, 4, 2, 1),
        timing=Timing(1.25, 0.5, 5.6),
        finished_at="2026-01-01T00:01:00Z",
        diagnostics=(Diagnostic("error", "halted", "3 calls in a row were refused for the same reason"),),
    )
