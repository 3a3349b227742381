"""Check what every call shows: the key, the way to the endpoint, the clocks, and the announced rate limits."""

from tagsync.examining.checks import CHECKS, Check
from tagsync.examining.sample import Sample
from tagsync.library.http.rate_limits import Window
from tagsync.library.imagekit.probe import Probe
from tagsync.model import Finding

_WRONG_CLOCK = 60
"""Seconds by which the clocks may differ: `until` and searches for times do not need more."""

MOST_READS_NEEDED = 20


async def route(probe: Probe, _sample: Sample) -> Finding:
    """Say whether calls go through a proxy and are encrypted."""
    check, way = CHECKS["route"], probe.route
    if not way.is_remote:
        return check.unobserved("calls stay on this machine")
    through = "a proxy" if way.proxy else "no proxy"
    return check.measured(f"TLS with a verified certificate, {through}", private=way.proxy)


async def clock(probe: Probe, _sample: Sample) -> Finding:
    """Compare the header `Date` with this machine's clock."""
    check = CHECKS["clock"]
    if not probe.skews:
        return check.unobserved("no response has a Date")
    skew = min(probe.skews, key=abs)
    seen = f"{abs(skew):,.0f} s apart"
    if abs(skew) <= _WRONG_CLOCK:
        return check.measured(seen)
    return check.measured(seen, problem="Set this machine's clock: `until` and times in queries depend on it.")


async def rate_headers(probe: Probe, _sample: Sample) -> Finding:
    """Count the successful responses that announce a rate limit."""
    check = CHECKS["rateHeaders"]
    answers = [answer for answer in probe.announced if answer.succeeded]
    announcing = sum(bool(answer.windows) for answer in answers)
    seen = f"{announcing} of {len(answers)} successful responses announce a limit"
    if not probe.route.is_remote and not announcing:
        return check.found("not-on-success", f"{seen}; a sandbox has no limit unless you set one")
    return check.found("every-response" if announcing == len(answers) else "not-on-success", seen)


async def read_limits(probe: Probe, _sample: Sample) -> Finding:
    """List the announced rate limits for reads."""
    windows = {window for answer in probe.announced if not answer.writes for window in answer.windows}
    slowest = min((window.calls / window.seconds for window in windows), default=MOST_READS_NEEDED)
    few = f"tagsync reads at most {slowest:.3g} times a second." if slowest < MOST_READS_NEEDED else ""
    return announced_limits(CHECKS["readLimits"], windows, few)


def announced_limits(check: Check, windows: set[Window], problem: str = "") -> Finding:
    """Return the finding about rate limits, such as `40/1`."""
    if not windows:
        return check.unobserved("no response announces a limit")
    limits = tuple(sorted({f"{window.calls}/{window.seconds:g}" for window in windows}))
    return check.measured(f"{', '.join(limits)} (calls/seconds)", reading=limits, problem=problem)
