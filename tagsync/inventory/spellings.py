"""Tell whether two tags are spellings of one word, so cautiously that most pairs found are right.

`suggest` finds the pairs to compare.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Literal

from tagsync.model import is_stream_safe

MIN_LETTERS = 5
"""Shorter words have too many neighbours that mean something else."""

_LONG = 8
"""From this length on, few words have a neighbour that means something else."""

_JOINABLE = 6
"""Tags with fewer letters are not joined: `co-op` is no `coop`."""

_ACRONYM = 3
"""Capital letters of words up to this length count: `US` is no `us`."""

_SEPARATOR = re.compile(r"(?<=[^\W_])[\s_\-\u2010-\u2015]+(?=[^\W_])")
_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")
_WORD = re.compile(r"[a-z]{5,}")
_VOWELS = frozenset("aeiouy")

# fmt: off
_PROPER_NAMES = frozenset((
    "august", "bath", "china", "earth", "japan", "jack", "jordan", "march", "mars", "may", "mobile", "nice", "orange",
    "polish", "reading", "rose", "turkey",
))
"""Words that mean something else with a capital letter."""

_NO_PLURALS = frozenset((
    "arm", "black", "blue", "brain", "brown", "compass", "custom", "glass", "gold", "good", "green", "jean", "lens",
    "letter", "light", "mean", "minute", "new", "news", "pant", "paper", "red", "ruin", "sale", "saving", "scale",
    "short", "specie", "spectacle", "spirit", "time", "trunk", "water", "white", "wood", "work",
))
"""Words whose plural means something else, or that only look like a singular."""
# fmt: on

_CONFUSED = frozenset(
    frozenset(pair.split())
    for pair in (
        "desert dessert",
        "later latter",
        "diner dinner",
        "casual causal",
        "marital martial",
        "united untied",
        "stationary stationery",
        "complement compliment",
        "county country",
        "counties countries",
        "planet plant",
        "princes princess",
        "discreet discrete",
        "angel angle",
        "dairy diary",
    )
)
"""Correct words that differ by one letter."""

_BRITISH = frozenset("sz")
"""As in `organise` and `analyze`."""

_VARIANTS = frozenset(map(frozenset, ("sz", "cs", "ck")))
"""Consonants that sound alike."""

Typo = Literal["spelling", "likely typo", "possible typo"]
RATIOS: Mapping[Typo, int] = {"spelling": 1, "likely typo": 10, "possible typo": 40}
"""How many times more files the right spelling must have."""


@cache
def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def words_of(tag: str) -> tuple[str, ...]:
    """Return the words of a tag, without the differences in case and accents that mean nothing."""
    if not is_stream_safe(tag):
        return (tag,)
    return tuple(map(_word, _SEPARATOR.sub(" ", tag.strip(" _")).split(" ")))


def _word(text: str) -> str:
    folded = text.casefold()
    if (text.isupper() and len(text) <= _ACRONYM) or (text.istitle() and folded in _PROPER_NAMES):
        return text
    return _without_accents(folded) if len(folded) >= MIN_LETTERS else folded


def key_of(words: tuple[str, ...]) -> str:
    """Return a text that is equal for tags that differ only in case, accents and separators."""
    spaced = " ".join(words)
    if len(spaced) - spaced.count(" ") < _JOINABLE:
        return spaced
    # 2019-20 is no 201920.
    return _BETWEEN_DIGITS.sub("|", spaced).replace(" ", "")


def plurals(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield what may be the plural of a tag; the last word has the ending."""
    *first, last = words
    if len(last) < 3 or last in _NO_PLURALS or not last[-1].isalpha() or not last.isascii():  # noqa: PLR2004 - `ad`
        return
    for plural in _plurals(last):
        yield *first, plural


def _plurals(word: str) -> Iterator[str]:
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        yield f"{word}es"
    # `princes` is no singular of `princess`, and `mechanic` none of `mechanics`.
    if not word.endswith(("s", "ic")):
        yield f"{word}s"
    if word.endswith("y") and word[-2] not in _VOWELS:
        yield f"{word[:-1]}ies"
    if word.endswith("f"):
        yield f"{word[:-1]}ves"
    if word.endswith("fe"):
        yield f"{word[:-2]}ves"
    if word.endswith("man") and len(word) >= MIN_LETTERS:
        yield f"{word[:-2]}en"


def variants(word: str) -> Iterator[str]:
    """Yield a word and what is left of it without one letter; similar words have one of these in common."""
    if _WORD.fullmatch(word):
        yield word
        for at in range(1, len(word)):
            if word[at] != word[at - 1]:
                yield word[:at] + word[at + 1 :]


def typo(one: str, other: str) -> Typo | None:
    """Return how probable it is that two words with a variant in common are the same word; None if hardly."""
    if one == other or frozenset((one, other)) in _CONFUSED:
        return None
    short, long = sorted((one, other), key=len)
    at = next((n for n, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if len(short) < len(long):
        return _inserted(short, long, at) if long[at + 1 :] == short[at:] else None
    if short[at] == long[at + 1 : at + 2] and short[at + 1] == long[at] and short[at + 2 :] == long[at + 2 :]:
        return "likely typo" if len(long) >= _LONG else None
    return _substituted(short, long, at) if short[at + 1 :] == long[at + 1 :] else None


def _inserted(short: str, long: str, at: int) -> Typo | None:
    """Return how probable it is that one of two words has a letter too many, at a place in the longer one."""
    if re.sub(r"our(?=s?$)", "or", long) == short:
        return "spelling"
    # A letter at the end makes another form of the word.
    if not 0 < at < len(long) - 2:
        return None
    if long[at - 1] == long[at]:
        doubled_before_ending = long.endswith("ing") and at == len(long) - 4
        return None if len(long) <= MIN_LETTERS or doubled_before_ending else "likely typo"
    return "possible typo" if len(long) > _LONG + 1 else None


def _substituted(one: str, other: str, at: int) -> Typo | None:
    """Return how probable it is that two words differ only by a wrong letter."""
    letters = frozenset((one[at], other[at]))
    if len(one) < _LONG:
        return None
    if letters == _BRITISH and one[at - 1] in "iy":
        return "spelling"
    if not 0 < at < len(one) - 2:
        return None
    if letters in _VARIANTS or letters <= _VOWELS:
        return "likely typo"
    return "possible typo" if len(one) > _LONG else None


_STEPS: Mapping[str, Callable[[str], str]] = {
    "case": str.casefold,
    "accents": _without_accents,
    "spacing": lambda text: _SEPARATOR.sub("", text.strip(" _")),
}
"""What makes texts equal that differ in one respect."""


def difference(old: str, new: str) -> str:
    """Return in which respects two tags of one family differ."""
    if _after(old) != _after(new):
        return "plural"
    return " and ".join(name for name in _STEPS if _after(old, without=name) != _after(new, without=name))


def _after(text: str, *, without: str = "") -> str:
    for name, step in _STEPS.items():
        if name != without:
            text = step(text)
    return text
