"""Why one file's tags are, or will be, as they are."""

from typing import Literal, NamedTuple

from tagsync.model.current import CurrentFile
from tagsync.model.origins import Diagnostic, Origin
from tagsync.model.plan import Reason

Kind = Literal["tag", "AI tag"]


class Vote(NamedTuple):
    """That one place wants a tag to be on the file, or not to be."""

    kind: Kind
    tag: str
    present: bool
    reason: Reason


class Contribution(NamedTuple):
    """An entry that selects the file, how it does, what it says of its tags, and its rules whatever they hit."""

    origin: Origin
    selector: str
    votes: tuple[Vote, ...]
    rules: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What becomes of one tag: whether it is there now and will be, and which reasons won and lost."""

    kind: Kind
    tag: str
    now: bool
    then: bool
    won: tuple[Reason, ...]
    lost: tuple[Reason, ...]


class Explanation(NamedTuple):
    """One path, explained.

    Attributes:
        path: the path that was asked for.
        file: the file that has it; None if there is none.
        hint: what may be meant instead, where there is no such file.
        contributions: the entries that select it; the vocabulary's part is in the verdicts alone.
        verdicts: its tags, sorted, ordinary ones first.
        diagnostics: what is wrong with it: with an error among them nothing changes.
    """

    path: str
    file: CurrentFile | None
    hint: str | None = None
    contributions: tuple[Contribution, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
