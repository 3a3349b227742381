import asyncio
from itertools import pairwise

import pytest
from support import now, run

from tagsync.library.gate import Gate


async def times_of(gate: Gate, calls: int) -> list[float]:
    """Return when each of so many waiting calls got its turn, in seconds from the start."""
    start = now()

    async def wait() -> float:
        await gate.turn()
        return now() - start

    return sorted(await asyncio.gather(*(wait() for _ in range(calls))))


def test_calls_go_at_an_even_pace() -> None:
    assert run(times_of(Gate(5), 4)) == pytest.approx([0, 0.2, 0.4, 0.6])


def test_without_a_rate_all_go_at_once() -> None:
    assert run(times_of(Gate(None), 3)) == [0, 0, 0]


def test_a_closed_gate_holds_everyone_and_then_keeps_the_pace() -> None:
    async def scenario() -> list[float]:
        gate = Gate(10)
        gate.close_for(3)
        return await times_of(gate, 3)

    assert run(scenario()) == pytest.approx([3, 3.1, 3.2])


def test_closing_also_holds_those_who_already_wait() -> None:
    async def scenario() -> list[float]:
        gate = Gate(1)
        waiting = asyncio.ensure_future(times_of(gate, 3))
        await asyncio.sleep(0.5)
        gate.close_for(10)
        return await waiting

    times = run(scenario())
    assert times[0] == 0
    assert times[1] >= 10.5
    assert times[2] - times[1] == pytest.approx(1)


def test_the_longest_closing_holds() -> None:
    async def scenario() -> tuple[list[float], float]:
        gate = Gate(None)
        gate.close_for(5)
        gate.close_for(2)
        return await times_of(gate, 1), gate.waited

    times, waited = run(scenario())
    assert times == [5]
    assert waited == 5


def test_a_long_wait_is_announced_and_a_short_one_is_not() -> None:
    async def scenario() -> list[float]:
        announced: list[float] = []
        gate = Gate(None, announced.append)
        gate.close_for(0.5)
        gate.close_for(30)
        return announced

    assert run(scenario()) == [30]


def test_a_closing_does_not_bunch_the_calls_that_follow() -> None:
    async def scenario() -> list[float]:
        gate = Gate(5)
        waiting = asyncio.ensure_future(times_of(gate, 8))
        await asyncio.sleep(0.1)
        gate.close_for(0.3)
        return await waiting

    times = run(scenario())
    assert all(later - earlier >= 0.199 for earlier, later in pairwise(times))


def test_a_wait_for_a_turn_ends_when_the_run_does() -> None:
    async def scenario() -> float:
        gate, stop = Gate(None), asyncio.Event()
        gate.close_for(600)
        asyncio.get_running_loop().call_later(2, stop.set)
        began = now()
        await gate.turn(stop)
        return now() - began

    assert run(scenario()) == 2
