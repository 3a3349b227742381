"""A whole apply at a steady rate limit, in virtual time: few calls are refused or repeated."""

import asyncio
from math import inf
from pathlib import Path
from random import Random

from builders import Sandbox, acks, ai, file_object, now, run
from canary import KEY
from conftest import Declare

import tagsync
from tagsync.applying.apply import carry_out
from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.journal import NoJournal
from tagsync.events import ignore
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.model import Plan, Report
from tagsync.sandbox.faults import Fault
from tagsync.sandbox.limits import CallLimit

BULK_RATE = 5.0
READ_RATE = 20.0

CALLS, A_SECOND = 600, 40


async def applied(plan: Plan, library: Sandbox, rate_limiters: RateLimiters) -> Report:
    """Apply a plan with rate limiters."""
    async with ImageKitLibrary(
        "http://library.localhost", KEY, limiters=rate_limiters, app=library.app, random=Random(1)
    ) as client:
        return await carry_out(
            plan,
            client,
            options=ApplyOptions(acks=acks(plan)),
            journal=NoJournal(),
            stop=asyncio.Event(),
            abort=asyncio.Event(),
            listener=ignore,
            now=lambda: "2026",
            seconds=now,
        )


def test_rate_limit_steady_costs_few_refusals_and_little_time(declare: Declare, tmp_path: Path) -> None:
    struck = [Fault(on="addTags", call=number, status=500) for number in range(30, CALLS, 30)]
    slow = Fault(on="addTags", delayMs=30)
    files = (file_object(f"/{n:03}.jpg") for n in range(CALLS))
    library = Sandbox(tmp_path, files, faults=[*struck, slow], limit=CallLimit(A_SECOND, 1), clock=now)
    declare("\n".join(f"- {{path: /{n:03}.jpg, tags: [t{n}]}}" for n in range(CALLS)))

    async def scenario() -> Report:
        plan = await tagsync.plan_async([str(tmp_path / "tags.yaml")], target=library.target)
        random = Random(1)
        return await applied(
            plan,
            library,
            RateLimiters(RateLimiter(None, random=random), RateLimiter(BULK_RATE, cap=inf, random=random)),
        )

    report = run(scenario())
    library.close()
    requests, wrote = report.requests, report.requests.sent / report.timing.requests_per_second
    assert report.converged
    assert len(report.plan.requests) == CALLS
    assert requests.retried >= len(struck)
    assert requests.throttled <= 0.02 * requests.sent
    assert requests.retried <= 0.10 * requests.sent
    assert wrote <= 1.15 * requests.sent / A_SECOND


def test_rate_limit_of_reads_is_used_before_removals(declare: Declare, tmp_path: Path) -> None:
    files = (file_object(f"/{n:03}.jpg", [], [ai("Dog", 10)]) for n in range(CALLS))
    library = Sandbox(tmp_path, files, faults=[Fault(on="any", delayMs=50)], limit=CallLimit(A_SECOND, 1), clock=now)
    declare("- {match: /*, aiTags: {minConfidence: 70}}")
    rate_limiters = RateLimiters(
        RateLimiter(READ_RATE, cap=inf, random=Random(1)), RateLimiter(BULK_RATE, cap=inf, random=Random(1))
    )

    async def scenario() -> Report:
        return await applied(
            await tagsync.plan_async([str(tmp_path / "tags.yaml")], target=library.target), library, rate_limiters
        )

    report = run(scenario())
    library.close()
    assert report.converged
    assert library.calls.count("details") == CALLS
    assert report.requests.throttled == 0
    assert report.timing.seconds <= 1.15 * CALLS / A_SECOND
