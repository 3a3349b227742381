"""Warn of tags with a comma that a plan adds, wherever they come from."""

from collections.abc import Iterable, Iterator

from tagsync.model import COMMA, OTHER_NAME, TWO_TAGS, Change, Diagnostic, Op, RuleName, comma_words

_FIXES: dict[str, str] = {RuleName.RENAMES: OTHER_NAME, RuleName.AI_PROMOTE: "to leave it out, add it to aiTags.keep"}


class CommaTags:
    """Finds the tags with a comma that files gain, each once.

    Args:
        known: diagnostics of the manifests, which have warned of some of these tags already.
        otherwise: what to do about a tag that no manifest contains as it is; by default, about one with a placeholder.
    """

    def __init__(self, known: Iterable[Diagnostic] = (), *, otherwise: str = "map the value in spec.values") -> None:
        self._known = {hash(item.message) for item in known if item.code == COMMA}
        self._otherwise = otherwise

    def check(self, changes: Iterable[Change]) -> Iterator[Diagnostic]:
        """Yield a warning for each new tag with a comma among a file's changes."""
        for item in changes:
            if item.op != Op.ADD or "," not in item.tag:
                continue
            because = item.because[0]
            words = comma_words(item.tag, _FIXES.get(because.rule, self._otherwise))
            if self._known.isdisjoint([hash(words), hash(comma_words(item.tag, TWO_TAGS))]):
                self._known.add(hash(words))
                yield Diagnostic("warning", COMMA, words, because.origin)
