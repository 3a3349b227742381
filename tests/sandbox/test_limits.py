import pytest

from tagsync.sandbox.limits import CallLimit, Limiter, parse_limits


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("40/1", [CallLimit(40, 1)]),
        ("1/0.5", [CallLimit(1, 0.5)]),
        ("5/60", [CallLimit(5, 60)]),
        ("9999999/0.001", [CallLimit(9999999, 0.001)]),
        ("40/1,1000/60", [CallLimit(40, 1), CallLimit(1000, 60)]),
    ],
)
def test_parse_limits_reads_calls_per_seconds_and_lists(text: str, limits: list[CallLimit]) -> None:
    assert list(parse_limits(text)) == limits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "40",
        "0/1",
        "40/0",
        "40/0.000",
        "-1/1",
        "1/-1",
        "a/1",
        "1/a",
        "1/1/1",
        " 1/1",
        "1/1\n",
        "1e3/1",
        "٤/1",
        "40/1,",
        "40/1, 1/2",
    ],
)
def test_parse_limits_refuses_other_text_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="use CALLS/SECONDS, such as 40/1") as refused:
        parse_limits(text)
    assert repr(text) in str(refused.value)


def test_limiter_without_a_limit_lets_every_call_pass(clock: Clock) -> None:
    limiter = Limiter(None, clock)
    assert [limiter.count("list") for _ in range(3)] == [(True, {})] * 3


def test_limiter_lets_calls_pass_up_to_the_limit(clock: Clock) -> None:
    limiter = Limiter(CallLimit(2, 10), clock)
    assert [limiter.count("list")[0] for _ in range(4)] == [True, True, False, False]


def test_limiter_window_starts_with_its_first_call(clock: Clock) -> None:
    limiter = Limiter(CallLimit(1, 10), clock)
    passed = []
    for clock.now in (57.0, 66.5, 67.0, 70.0, 76.9, 77.0):
        passed.append(limiter.count("list")[0])
    assert passed == [True, False, True, False, False, True]


def test_limiter_counts_each_endpoint_separately(clock: Clock) -> None:
    limiter = Limiter(CallLimit(1, 10), clock)
    assert limiter.count("list")[0]
    clock.now += 6
    assert limiter.count("addTags")[0]
    clock.now += 4
    assert (limiter.count("list")[0], limiter.count("addTags")[0]) == (True, False)


def test_limiter_headers_count_down_in_milliseconds(clock: Clock) -> None:
    limiter = Limiter(CallLimit(2, 10), clock)
    resets = []
    for clock.now in (50.0, 53.25, 59.9999):
        headers = limiter.count("list")[1]
        assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Interval"]) == ("2", "10000")
        resets.append(headers["X-RateLimit-Reset"])
    assert resets == ["10000", "6750", "1"]


def test_limiter_with_several_limits_announces_the_tightest(clock: Clock) -> None:
    limiter = Limiter([CallLimit(2, 1), CallLimit(3, 10)], clock)
    told = []
    for clock.now in (50.0, 50.1, 50.2, 51.5, 51.6, 60.0):
        passes, headers = limiter.count("list")
        told.append((passes, headers["X-RateLimit-Limit"], headers["X-RateLimit-Reset"]))
    assert told == [
        (True, "2", "1000"),
        (True, "2", "900"),
        (False, "2", "800"),
        (True, "3", "8500"),
        (False, "3", "8400"),
        (True, "2", "1000"),
    ]


def test_limiter_does_not_count_refused_calls(clock: Clock) -> None:
    limiter = Limiter([CallLimit(1, 1), CallLimit(2, 10)], clock)
    passed = []
    for clock.now in (50.0, 50.1, 50.2, 51.0):
        passed.append(limiter.count("list")[0])
    assert passed == [True, False, False, True]


def test_limiter_starts_new_windows_if_a_limit_changes(clock: Clock) -> None:
    limiter = Limiter(CallLimit(1, 10), clock)
    assert [limiter.count("list")[0] for _ in range(2)] == [True, False]
    limiter.limits = [CallLimit(2, 10)]
    assert [limiter.count("list")[0] for _ in range(3)] == [True, True, False]


def test_limiter_can_announce_some_headers_only(clock: Clock) -> None:
    limiter = Limiter(CallLimit(1, 10), clock, announces=["Reset"])
    assert limiter.count("list") == (True, {"X-RateLimit-Reset": "10000"})
