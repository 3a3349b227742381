"""Whole applies against a library that misbehaves by seed, on a disk that crashes, in virtual time.

Every seed gives another library, manifests, faults, edits by others and crashes. `Run.check` checks what must always be
true, and `settle` what must be true once there is no more trouble.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from builders import GOOGLE, acks, id_of, now, plan_for, run
from canary import KEY
from simulated_disk import CrashError, SimulatedDisk
from simulated_library import Call, Caller, Effect, SimulatedLibrary, State, Trouble
from simulated_life import KINDS, Life, shrunk

from tagsync.applying.apply import carry_out
from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.journal import Journal
from tagsync.applying.journal_records import NOTHING, Ended, Intent, Outcome, decoded
from tagsync.errors import LibraryError, StateError
from tagsync.events import ignore
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.reading.reader import LibraryReader
from tagsync.model import (
    AIRule,
    ByPath,
    Declaration,
    DesiredState,
    Entry,
    FileChange,
    Op,
    Origin,
    Plan,
    Rename,
    Report,
    Request,
    Status,
    Texts,
    Vocabulary,
)

Cell = tuple[str, str, str]
"""An op, a file ID and a tag."""

TAGS = [f"tag-{n}" for n in range(9)]
RENAMES = {"old-0": "new-0", "old-1": "new-1"}
"""The renames of the vocabulary, on every managed file."""
NEW, NAMED = sorted(RENAMES.values()), sorted([*RENAMES, *RENAMES.values()])
NAMES = [f"Name {n}" for n in range(7)]
LIKELY = 50.0
ATTEMPTS = 5
JOURNAL = Path("/state/journal.jsonl")
WINDOW = 30.0 + 1.0
"""The maximum age of a reading before a removal, in seconds, and one more for the way."""


@dataclass(frozen=True)
class Rules:
    """The declarations of a seed's manifests for one path."""

    tags: frozenset[str]
    absent: frozenset[str]
    remove: frozenset[str]
    keep: frozenset[str]
    min_confidence: float | None

    def wanted(self, has: frozenset[str]) -> frozenset[str]:
        """Return the tags that a file with these tags should have, including new names of old ones."""
        return self.tags | {new for old, new in RENAMES.items() if old in has}

    def wants_gone(self, name: str, confidence: float) -> bool:
        low = self.min_confidence is not None and confidence < self.min_confidence
        return name not in self.keep and (name in self.remove or low)

    def entry(self, path: str) -> Entry:
        rule = AIRule(0, remove=texts(self.remove), min_confidence=self.min_confidence, keep=texts(self.keep))
        declaration = Declaration(
            tags=texts(self.tags),
            absent=texts(self.absent),
            ai_rule=rule if self.remove or self.min_confidence is not None else None,
            if_missing="skip",
            if_over_limit="skip",
        )
        return Entry("m.yaml", 0, ByPath(path), declaration)


def texts(values: frozenset[str]) -> Texts:
    return Texts(tuple(sorted(values)), (0,) * len(values))


@dataclass
class World:
    """Everything that a seed decides."""

    life: Life
    random: Random
    library: SimulatedLibrary
    rules: dict[str, Rules]
    disk: SimulatedDisk
    elsewhere: SimulatedDisk
    """The disk of another machine, which sometimes applies the same manifests."""
    initial: dict[str, State]
    """The initial files."""
    edited: bool = False
    edits: dict[str, list[float]] = field(default_factory=dict)

    def untouched(self, file_id: str, *, since: float) -> bool:
        """Whether nobody else changed a file."""
        return not any(at >= since for at in self.edits.get(file_id, ()))

    def desired(self) -> DesiredState:
        renames = {old: Rename(old, new, Origin("m.yaml", 1, 1)) for old, new in RENAMES.items()}
        entries = tuple(rules.entry(path) for path, rules in self.rules.items())
        return DesiredState(entries, (), vocabulary=Vocabulary(renames=renames))


@dataclass
class Run:
    """One apply and its result."""

    world: World
    began: float
    calls: list[Call]
    """The bulk calls of this apply that have arrived."""
    options: ApplyOptions
    beside_another: bool
    noted: "frozenset[Cell]" = frozenset()
    """The changes that the journal knew to be done at the start."""
    looked: float = float("inf")
    """When the apply started to read the files again."""
    plan: Plan | None = None
    report: Report | None = None
    stopped_at: float = float("inf")
    resumed: bool = False
    """Whether it continued an interrupted apply, whose remaining changes are regrouped."""

    def check(self) -> None:
        trouble = self.world.library.trouble
        lag = max(trouble.lag, trouble.details_lag)
        # Lagging details do not show what is known to be done; doing it again is harmless.
        may_repeat = self.world.edited or trouble.details_lag
        for call in self.calls:
            cells = {(call.op, file_id, tag) for file_id in call.file_ids for tag in call.tags}
            assert may_repeat or not cells <= self.noted, "a call was repeated that was known to be done"
            assert call.at <= self.stopped_at, "a call was sent after the run was interrupted"
            for effect in call.effects:
                rules = self._rules_for(effect, lag)
                assert rules is not None, "a file that nobody manages was changed"
                if call.op == Op.ADD:
                    wanted = rules.tags.union(RENAMES.values())
                    assert effect.tag in wanted, "a tag was added that nobody declared"
                    continue
                self._check_order(effect, rules)
                window = WINDOW + trouble.details_lag
                if call.op == Op.REMOVE:
                    assert effect.tag in rules.absent.union(RENAMES), "a tag was removed that nobody wanted gone"
                    self._check_rename(effect, window)
                else:
                    confidence = effect.before.ai_tags[effect.tag][0]
                    since = effect.at - effect.changed_at
                    assert rules.wants_gone(effect.tag, confidence) or since <= window, (
                        "an AI tag was removed that no rule wants gone"
                    )
        self._check_number()
        self._check_report(lag)
        self._check_success(lag)

    def _check_number(self) -> None:
        """Without trouble, the planned number of calls; otherwise no more than needed to find the reason."""
        planned = self.plan.requests if self.plan else ()
        apart = sum(len(request.file_ids) * len(request.tags) for request in planned)
        assert len(self.calls) <= 2 * ATTEMPTS * apart, "calls without end"
        as_planned = self._was_let_alone() and not self.options.exact and not self.resumed and not self.world.edited
        # If reads are slow, a call is sent in several parts, so that no reading is too old.
        if as_planned and self.world.library.trouble.is_none and self.world.library.trouble.latency < 1:
            assert len(self.calls) <= len(planned), "more calls than planned, and nothing was wrong"

    def _check_order(self, effect: Effect, rules: Rules) -> None:
        """A file gains its new tags before it loses anything."""
        if not self.world.edited:
            assert rules.wanted(effect.before.tags) <= effect.before.tags, "a file lost a tag before it gained another"

    def _check_rename(self, effect: Effect, window: float) -> None:
        """An old name is removed only after the new one was read on its file."""
        states = self.world.library.files[effect.file_id].within(effect.at - window, effect.at)
        new = RENAMES.get(effect.tag)
        assert new is None or any(state and new in state.tags for state in states), "a file lost both names of a tag"

    def _check_success(self, lag: float) -> None:
        """After a success, every file that nobody else changed is as declared."""
        trouble = self.world.library.trouble
        is_success = self.plan and (self.report.converged if self.report else not self.plan.changes)
        if not is_success or ("lie" in trouble.kinds and not self.options.verify):
            return
        for path, rules in self.world.rules.items():
            if self.world.untouched(id_of(path), since=self.began - lag):
                check_final(self.world, path, rules)

    def _rules_for(self, effect: Effect, lag: float) -> Rules | None:
        """Return the declarations for a file, by its current path or that at the start of the apply."""
        states = self.world.library.files[effect.file_id].within(min(self.looked, effect.at) - lag, effect.at)
        paths = [effect.before.path, *(state.path for state in states if state)]
        return next((rules for path in paths if (rules := self.world.rules.get(path))), None)

    def _check_report(self, lag: float) -> None:
        if self.report is None or self.plan is None:
            return
        assert len(self.report.outcomes) == len(self.plan.changes)
        assert not [item for item in self.report.diagnostics if "a bug in tagsync" in item.message]
        for change, outcome in zip(self.plan.changes, self.report.outcomes, strict=True):
            trouble = self.world.library.trouble
            history = self.world.library.files[change.file.file_id]
            shown = history.within(self.began - lag, now())
            done = any(state and is_done(change, state) for state in shown)
            if outcome.status is Status.CONFIRMED:
                assert done, "confirmed, and never so in the library"
            if outcome.status is Status.MISSING:
                assert None in shown, "missing, and it was there all the time"
            if not self.world.untouched(change.file.file_id, since=self.began - lag):
                continue
            assert outcome.status is not Status.STALE, "stale, and nobody else changed the file"
            if outcome.status is Status.FAILED and self.options.verify:
                # An apply waits for what its own calls made. A lagging library can hide what others made before.
                made = self._made(change.file.file_id)
                assert self.beside_another or not all(state and is_done(change, state, made) for state in shown), (
                    "failed, and the library shows all of it"
                )
            if outcome.status is Status.ACCEPTED and "lie" not in trouble.kinds and not self.options.verify:
                assert done, "accepted, and never so in the library"
            if self._was_let_alone():
                good = Status.CONFIRMED if self.options.verify else Status.ACCEPTED
                poisoned = trouble.poison and trouble.poison[0] == change.file.file_id
                poisoned = poisoned or change.file.file_id in trouble.forbidden
                poisoned = poisoned or (trouble.counts_commas and "x" * 480 in change.file.tags)
                assert poisoned or outcome.status in (good, Status.CONFIRMED), "nothing was wrong with this file"

    def _made(self, file_id: str) -> frozenset[tuple[str, str]]:
        """Return the changes of a file that the calls of this apply made."""
        effects = (effect for call in self.calls for effect in call.effects)
        return frozenset((effect.op, effect.tag) for effect in effects if effect.file_id == file_id)

    def _was_let_alone(self) -> bool:
        """Whether only single files failed."""
        if self.beside_another:
            return False
        trouble, options = self.world.library.trouble, self.options
        faulty = trouble.kinds and (trouble.reads or trouble.writes)
        # Such a library refuses changes of files that its index does not show.
        faulty = faulty or (trouble.refuses_no_ops and trouble.lag)
        ended = options.max_requests or options.max_duration or self.stopped_at <= now()
        return not faulty and not ended


def is_done(change: FileChange, state: State, made: frozenset[tuple[str, str]] = frozenset()) -> bool:
    """Whether a file in this state has a change, apart from what is known to be made."""
    left = {op: {tag for tag in change.tags(op) if (op, tag) not in made} for op in Op}
    return (
        left[Op.ADD] <= state.tags and not left[Op.REMOVE] & state.tags and not left[Op.REMOVE_AI] & set(state.ai_tags)
    )


def made_world(life: Life) -> World:
    random = Random(life.seed)
    count = min(random.choice([1, 3, 10, 30, 60]), life.files)
    files, rules = {}, {}
    for number in range(count):
        path = f"/f/{number}.jpg"
        has = frozenset(random.sample(TAGS, random.randint(0, 5)) + random.sample(NAMED, random.randint(0, 2)))
        tags = frozenset(random.sample(TAGS, random.randint(0, 5)) + random.sample(NEW, random.random() < 0.2))
        ai_tags = {
            name: (random.choice([10.0, 40.0, 90.0]), GOOGLE) for name in random.sample(NAMES, random.randint(0, 5))
        }
        files[id_of(path)] = State(path, has, ai_tags)
        rules[path] = Rules(
            tags=tags,
            absent=frozenset(random.sample(TAGS, 3)) - tags,
            remove=frozenset(random.sample(NAMES, random.randint(0, 2))),
            keep=frozenset(random.sample(NAMES, random.randint(0, 2))),
            min_confidence=random.choice([None, LIKELY, LIKELY]),
        )
        if random.random() < 0.1:
            del rules[path]
    if random.random() < 0.3:  # a file that is nearly full
        path = "/f/0.jpg"
        files[id_of(path)] = State(path, frozenset({"x" * 480, "tag-0", *random.sample(NAMED, 1)}), {})
    library = SimulatedLibrary(random, files)
    return World(life, random, library, rules, SimulatedDisk(random), SimulatedDisk(random), files)


def made_trouble(random: Random, life: Life) -> Trouble:
    kinds = [kind for kind in random.sample(sorted(KINDS), random.randint(0, 5)) if kind in life.kinds]
    return Trouble(
        reads=random.choice([0.0, 0.0, 0.1, 0.3]),
        writes=random.choice([0.0, 0.1, 0.3, 0.6]),
        kinds=tuple(kinds),
        lag=random.choice([0.0, 0.0, 0.5, 5.0]),
        details_lag=random.choice([0.0, 0.0, 0.5, 5.0]),
        counts_commas=random.random() < 0.2,
        latency=random.choice([0.01, 0.3, 3.0]),
        poison=(id_of("/f/0.jpg"), random.choice(TAGS)) if random.random() < 0.2 else None,
        # Three of them in a row would end an apply.
        forbidden=frozenset(
            id_of(f"/f/{number}.jpg") for number in random.sample(range(5), random.choice([0, 0, 0, 1, 2]))
        ),
        refuses_no_ops=random.random() < 0.1,
        no_search_by_id=random.random() < 0.2,
        longest_ai_tags=random.choice([10_000, 10_000, 20]),
        shuffled=random.choice([0.0, 0.3, 1.0]),
    )


async def edit_now_and_then(world: World) -> None:
    """Change the library as other people and auto-tagging do."""
    random = world.random
    while True:
        await asyncio.sleep(random.expovariate(1 / 3))
        file_id = random.choice(sorted(world.library.files))
        state = world.library.files[file_id].now
        if state is None:
            continue
        tags, ai_tags = set(state.tags), dict(state.ai_tags)
        path: str | None = state.path
        match random.randint(0, 9):
            case 0:
                path = None
            case 1:
                path = f"/moved/{random.randint(0, 10**6)}.jpg"
            case 2 | 3 | 4:
                tags ^= {random.choice([*TAGS, *NAMED])}
            case 5 | 6 | 7:
                ai_tags[random.choice(NAMES)] = (float(random.randint(1, 99)), GOOGLE)
            case _:
                ai_tags.pop(random.choice(NAMES), None)
        world.library.put(file_id, State(path, frozenset(tags), ai_tags) if path else None)
        world.edits.setdefault(file_id, []).append(now())


def caller(library: SimulatedLibrary, disk: SimulatedDisk, unnoted: list[Call]) -> Caller:
    """Return a client's connection that records bulk calls that the journal does not have."""

    def arrived(call: Call) -> None:
        noted = map(decoded, disk.data(JOURNAL).splitlines())
        if not any(
            isinstance(record, Intent) and record.request == (call.op, call.tags, call.file_ids) for record in noted
        ):
            unnoted.append(call)

    return Caller(library, arrived)


async def apply(world: World, *, disk: SimulatedDisk, quiet: bool = False, beside_another: bool = False) -> Run:
    """Plan and apply once, as a separate process; it may crash or be interrupted."""
    unnoted: list[Call] = []
    random, library = world.random, caller(world.library, disk, unnoted)
    stop, abort = asyncio.Event(), asyncio.Event()
    options = ApplyOptions(
        concurrency=random.randint(1, 4),
        exact=random.random() < 0.2,
        max_requests=random.choice([None, None, None, 3]) if not quiet else None,
        max_duration=random.choice([None, None, None, 20.0]) if not quiet else None,
        verify=quiet or random.random() < 0.8,
    )
    noted = known(disk) & world.library.confirmed_cells()
    this = Run(world, now(), library.calls, options, beside_another, noted)
    rate_limiters = RateLimiters(
        RateLimiter(20.0, random=random), RateLimiter(random.choice([0.2, 5.0, 50.0]), random=random)
    )
    pages = random.choice([7, 1000])
    async with ImageKitLibrary(
        "http://library.localhost", KEY, limiters=rate_limiters, app=library, random=random, page_limit=pages
    ) as client:
        try:
            reader = LibraryReader(client, now=lambda: "2026-01-01T00:00:00Z", concurrency=random.randint(1, 4))
            current = await reader.read()
            this.plan = plan_for(world.desired(), current)
            assert not this.plan.errors
            if not this.plan.changes:
                this.check()
                return this
            journal = Journal(JOURNAL, disk)
            this.resumed = journal.recovered != NOTHING
            assert done_by(journal) == known(disk), "the journal reads back as something else than was noted"
            if not quiet and random.random() < 0.2 and world.life.interrupts:
                asyncio.get_running_loop().call_later(random.uniform(0, 4), interrupt, this, stop)
            if not quiet and random.random() < 0.3:  # a plan that waits for somebody's consent
                await asyncio.sleep(random.uniform(0, 30))
            this.looked = now()
            this.report = await carry_out(
                this.plan,
                client,
                options=replace(options, acks=acks(this.plan)),
                journal=journal,
                stop=stop,
                abort=abort,
                listener=ignore,
                now=lambda: "2026-01-01T00:00:00Z",
                seconds=now,
            )
        except (LibraryError, StateError, CrashError):
            assert not quiet, "nothing was wrong, and yet it failed"
    # A call may arrive after its sender crashed.
    await asyncio.sleep(world.library.trouble.latency)
    assert not unnoted, "a call arrived that the journal does not know"
    this.check()
    return this


def known(disk: SimulatedDisk) -> frozenset[Cell]:
    """Return the changes of calls that a journal knows to be done."""
    intents: dict[int, Intent] = {}
    cells: set[Cell] = set()
    for line in disk.data(JOURNAL).splitlines() if JOURNAL in disk.paths() else ():
        match decoded(line):
            case Intent() as intent:
                intents[intent.number] = intent
            case Outcome(number, "done", updated):
                (op, tags, _), already = intents[number].request, intents[number].already
                # What a file showed before the first call was somebody else's change.
                cells.update(
                    (op, file_id, tag) for file_id in updated for tag in {*tags}.difference(already.get(file_id, ()))
                )
            case Ended():
                cells.clear()
    return frozenset(cells)


def done_by(journal: Journal) -> frozenset[Cell]:
    """Return the changes that a journal recovers as done."""
    return frozenset(
        (call.op, file_id, tag)
        for file_id, calls in journal.recovered.done.items()
        for call in calls
        for tag in call.tags
    )


def interrupt(this: Run, stop: asyncio.Event) -> None:
    this.stopped_at = now()
    stop.set()


async def live(world: World) -> None:
    """Run applies with trouble, in sequence or on two machines at once; one may crash."""
    random, life = world.random, world.life
    world.edited = random.random() < 0.5 and life.edits
    editing = asyncio.ensure_future(edit_now_and_then(world)) if world.edited else None
    for _ in range(min(random.randint(1, 3), life.applies)):
        world.library.trouble = made_trouble(random, life)
        if random.random() < 0.5 and life.crashes:
            world.disk.crash_at = random.randint(1, 40)
        disks = [world.disk]
        if random.random() < 0.3 and life.two_machines:
            disks.append(world.elsewhere)
        await asyncio.gather(*(apply(world, disk=disk, beside_another=len(disks) > 1) for disk in disks))
        world.disk = random.choice([world.disk.after_kill, world.disk.after_power_loss])()
    if editing:
        editing.cancel()


async def settle(world: World) -> None:
    """Without further trouble, an apply converges with few calls, and the next one writes nothing.

    A library that refuses no-op changes or long lists of AI tags may need one more apply.
    """
    was = world.library.trouble
    await asyncio.sleep(was.lag + 120)
    world.library.trouble = Trouble(
        refuses_no_ops=was.refuses_no_ops,
        no_search_by_id=was.no_search_by_id,
        longest_ai_tags=was.longest_ai_tags,
        latency=was.latency,
        shuffled=was.shuffled,
    )
    hopeful = not was.refuses_no_ops and was.longest_ai_tags > 100
    for number in range(2):
        last = await apply(world, disk=world.disk, quiet=True)
        if hopeful:
            assert all(call.effects for call in last.calls), "a call was sent in vain"
            assert not number or not last.calls, "the second of two quiet applies wrote something"
    assert last.report is None or last.report.converged
    idle = await apply(world, disk=world.disk, quiet=True)
    assert idle.plan
    assert idle.plan.changes == ()
    assert idle.calls == []
    for path, rules in world.rules.items():
        check_final(world, path, rules)
        check_renamed(world, path, rules)


def check_final(world: World, path: str, rules: Rules) -> None:
    """Check that a file is as declared, unless its old and new tags together are too long."""
    state = world.library.files[id_of(path)].now
    if state is None or state.path != path:
        return
    wanted = rules.wanted(state.tags)
    if wanted <= state.tags or len("".join(state.tags | wanted)) <= 500:
        assert wanted <= state.tags, "a file lacks a tag that is declared for it"
        assert not state.tags.intersection(rules.absent, RENAMES), "a file has a tag that must not be there"
        gone = (rules.wants_gone(name, confidence) for name, (confidence, _) in state.ai_tags.items())
        assert not any(gone), "a file has an AI tag that must not be there"


def check_renamed(world: World, path: str, rules: Rules) -> None:
    """Check that no tag of a file was lost by interrupted renames."""
    state = world.library.files[id_of(path)].now
    if state and not world.edited:
        before = world.initial[id_of(path)].tags
        both = state.tags.union(RENAMES.get(tag, tag) for tag in state.tags)
        assert before.difference(rules.absent, RENAMES) <= state.tags, "a tag was lost for ever"
        assert {new for old, new in RENAMES.items() if old in before} <= both, "a renamed tag was lost for ever"


def simulate(life: Life) -> World:
    """Live one life and return the result; a failure can be repeated by its number."""

    async def scenario() -> World:
        world = made_world(life)
        await live(world)
        await settle(world)
        return world

    return run(scenario())


def simulate_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        try:
            simulate(Life(seed))
        except Exception as error:
            least = shrunk(Life(seed), fails)
            raise AssertionError(f"seed {seed}: {error!r}; the least of it that fails: simulate({least})") from error


def fails(life: Life) -> bool:
    try:
        simulate(life)
    except Exception:  # noqa: BLE001 - a defect may raise anything
        return True
    return False


def test_simulation_is_deterministic() -> None:
    def lived(seed: int) -> list[tuple[float, str, tuple[str, ...], tuple[str, ...]]]:
        return [(call.at, call.op, call.tags, call.file_ids) for call in simulate(Life(seed)).library.calls]

    assert [lived(seed) for seed in range(30, 33)] == [lived(seed) for seed in range(30, 33)]


def test_simulation_shrinks_a_failing_life() -> None:
    def fails_with_edits_of_three_files_and_lies(life: Life) -> bool:
        return life.edits and life.files >= 3 and "lie" in life.kinds and life.applies > 1

    least = shrunk(Life(7), fails_with_edits_of_three_files_and_lies)
    assert least == Life(
        7,
        files=3,
        applies=2,
        kinds=frozenset({"lie"}),
        crashes=False,
        interrupts=False,
        two_machines=False,
    )


def test_simulation_reports_a_failing_life_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_was_noted(_journal: Journal, _request: Request, _already: Mapping[str, Sequence[str]]) -> int:
        return 1

    monkeypatch.setattr(Journal, "intent", nothing_was_noted)
    with pytest.raises(
        AssertionError, match=r"^seed \d+: .*journal.* the least of it that fails: simulate\(Life\(seed="
    ):
        simulate_all(range(10))


@pytest.mark.slow
def test_simulation_contains_every_kind_of_trouble() -> None:
    struck, both = Counter[str](), 0
    for seed in range(120):
        library = simulate(Life(seed)).library
        struck += library.struck
        effects = [effect for call in library.calls for effect in call.effects]
        renamed = {effect.file_id for effect in effects if effect.op == Op.REMOVE and effect.tag in RENAMES}
        both += len(renamed & {effect.file_id for effect in effects if effect.op == Op.REMOVE_AI})
    refusals = {"forbidden", "bad tag", "needless", "too long", "no search by id"}
    assert {*KINDS, *refusals} <= struck.keys()
    assert min(both, *(struck[kind] for kind in ("lag", "details lag", "shuffled", "forbidden"))) > 50


@pytest.mark.parametrize("tens", range(5))
def test_simulation_loses_nothing_and_does_nothing_unwanted(tens: int) -> None:
    simulate_all(range(tens * 10, tens * 10 + 10))


@pytest.mark.slow
@pytest.mark.parametrize("hundreds", range(100))
def test_simulation_of_ten_thousand_lives_loses_nothing(hundreds: int) -> None:
    simulate_all(range(hundreds * 100, hundreds * 100 + 100))
