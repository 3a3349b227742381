"""Define the explanation of one file's tags: which rules apply, and what wins."""

from typing import Literal, NamedTuple

from tagsync.model.current import CurrentFile
from tagsync.model.origins import Diagnostic, Origin, Reason

Kind = Literal["tag", "AI tag"]


class Vote(NamedTuple):
    """One rule's demand that a tag be present on the file, or absent."""

    kind: Kind
    tag: str
    present: bool
    reason: Reason


class Contribution(NamedTuple):
    """An entry that selects the file.

    Attributes:
        origin: where the entry is.
        selector: how it selects the file.
        votes: its demands on the file's tags.
        rules: its rules that name no tag, like `exclusive`.
        values: names that its match captures or its templates use, each with the value for the file.
    """

    origin: Origin
    selector: str
    votes: tuple[Vote, ...]
    rules: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()


class Verdict(NamedTuple):
    """The result for one tag: whether it is present now and after an apply, and which reasons won and lost."""

    kind: Kind
    tag: str
    now: bool
    then: bool
    won: tuple[Reason, ...]
    lost: tuple[Reason, ...]


class Explanation(NamedTuple):
    """The explanation of one path.

    Attributes:
        path: the path that the user gave.
        file: the file at that path, or None.
        hint: if there is no such file, what the user may have meant.
        contributions: the entries that select the file. The vocabulary appears only in the verdicts.
        verdicts: the results for its tags: ordinary tags first, each kind sorted.
        diagnostics: problems with the file; if one is an error, nothing changes.
    """

    path: str
    file: CurrentFile | None
    hint: str | None = None
    contributions: tuple[Contribution, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
