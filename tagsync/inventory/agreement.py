"""Compare AI tags with the ordinary tags that people gave to the same files.

A file without ordinary tags says nothing, and neither does an AI tag whose name is no ordinary tag of any file.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from math import copysign, sqrt

from tagsync.model import MIN_COMPARED, Agreement, AIComparison, CurrentFile, SourceAgreement, folded

SHARE = 0.95

_Z = 1.96
"""The standard score of a 95 % confidence interval."""

_AGREES, _DISAGREES = 1.0, -1.0
"""The sign of the confidence of an AI tag, so that one array has both."""


def compare(files: Iterable[CurrentFile]) -> AIComparison:
    """Return how often AI tags agree with ordinary tags, by source and name; case makes no difference."""
    found: defaultdict[str, defaultdict[str, array[float]]] = defaultdict(lambda: defaultdict(lambda: array("d")))
    spellings: dict[str, str] = {}
    ordinary: set[str] = set()
    number = 0
    fold = _Folding()
    for file in files:
        tags = {fold[tag] for tag in file.tags}
        ordinary |= tags
        number += bool(tags and file.ai_tags)
        for name, confidence, source in file.ai_tags if tags else ():
            if confidence is not None:
                key = fold[name]
                spellings.setdefault(key, name)
                found[source][key].append(copysign(confidence, _AGREES if key in tags else _DISAGREES))
    sources = [_source(source, names, spellings, ordinary) for source, names in sorted(found.items())]
    return AIComparison(tuple(sources), number)


class _Folding(dict[str, str]):
    """Texts without differences in case and Unicode form, computed once for each."""

    def __missing__(self, text: str) -> str:
        self[text] = found = folded(text)
        return found


def _source(
    source: str, values: dict[str, "array[float]"], spellings: dict[str, str], ordinary: set[str]
) -> SourceAgreement:
    known = {key: numbers for key, numbers in values.items() if key in ordinary}
    names = [(spellings[key], _agreement(numbers)) for key, numbers in known.items()]
    names.sort(key=lambda item: (-item[1].files, item[0]))
    total = _agreement(array("d", chain.from_iterable(known.values())))
    return SourceAgreement(source, total, tuple(names), len(values) - len(known))


def _agreement(values: Sequence[float]) -> Agreement:
    """Return the agreement of AI tags, with the lowest confidence from which enough of them agree."""
    ranked = sorted(((abs(value), copysign(_AGREES, value) == _AGREES) for value in values), reverse=True)
    agreeing = 0
    found = Agreement(len(values), sum(agrees for _, agrees in ranked))
    if found.files >= MIN_COMPARED and lower_bound(found.files - found.agreeing, found.files) >= SHARE:
        found = found._replace(never=True)
    for number, (confidence, agrees) in enumerate(ranked, start=1):
        agreeing += agrees
        # All AI tags with this confidence count, or none.
        is_last = number == len(ranked) or ranked[number][0] < confidence
        if is_last and number >= MIN_COMPARED and lower_bound(agreeing, number) >= SHARE:
            found = found._replace(
                min_confidence=confidence,
                files_from=number,
                agreeing_from=agreeing,
                always=number == len(ranked),
            )
    return found


def lower_bound(agreeing: int, number: int) -> float:
    """Return the lower end of Wilson's interval for a share: with a confidence of 95 %, the true share is in it."""
    share, square = agreeing / number, _Z * _Z
    center = share + square / (2 * number)
    return (center - _Z * sqrt((share * (1 - share) + square / (4 * number)) / number)) / (1 + square / number)
