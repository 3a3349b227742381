r"""Compile globs over file paths and tags to regular expressions that cannot backtrack for long.

`*` and `?` stay in a folder, `**` crosses folders and may match nothing, `\` escapes, and all else is literal. Tags
have no folders, so there `*` and `?` match any character.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

_PATH_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<folders>/(?:\*\*/)+)|(?P<across>\*\*)|(?P<star>\*)|(?P<one>\?)|(?P<literal>[^\\*?/]+|/)",
    re.DOTALL,
)
_TAG_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<star>\*+)|(?P<one>\?)|(?P<literal>[^\\*?]+)", re.DOTALL)
_SPECIAL = re.compile(r"[*?\\]")

_Kind = Literal["star", "one", "literal"]
_Token = tuple[_Kind, str]
_Joint = Literal["start", "folders", "across"]

# The expression between a part and the one before it. A part matches at the first place where it fits, and the last
# part at any place, because it must reach the end of the path.
_JOINT: dict[_Joint, str] = {"start": "", "folders": "(?:.*?/)??", "across": ".*?"}
_LAST_JOINT: dict[_Joint, str] = {"start": "", "folders": "(?:.*/)?", "across": ".*"}


def glob_fault(pattern: str) -> str | None:
    """Return what is wrong with a glob; None if it is valid."""
    trailing = len(pattern) - len(pattern.rstrip("\\"))
    return "it ends in a lone backslash: write \\\\ for a backslash" if trailing % 2 else None


def escaped(path: str) -> str:
    """Return the glob that matches exactly this path, or this beginning of one."""
    return _SPECIAL.sub(r"\\\g<0>", path)


def literal_prefix(pattern: str) -> str:
    """Return the literal text that every path matched by a glob starts with."""
    prefix = ""
    for token in _PATH_TOKEN.finditer(pattern):
        text = token["escaped"] or token["literal"]
        if text is None:
            return prefix + ("/" if token["folders"] else "")
        prefix += text
    return prefix


@lru_cache(maxsize=4096)
def path_glob(pattern: str) -> re.Pattern[str]:
    """Return the regular expression whose `fullmatch` decides a glob over filePaths.

    Of several wildcards, only the last one of a kind needs backtracking. If an earlier one matches as little as
    possible, the wildcards after it have as much text left as possible. So a longer match never helps, and all earlier
    ones are atomic groups. That bounds the time for a hostile glob.
    """
    parts = _split_at_double_stars(pattern)
    expression = ""
    for number, (joint, tokens) in enumerate(parts, start=1):
        last = number == len(parts)
        piece = _piece(tokens, "[^/]", last=last)
        expression += f"{_LAST_JOINT[joint]}{piece}" if last else f"(?>{_JOINT[joint]}{piece})"
    return re.compile(expression, re.DOTALL)


@lru_cache(maxsize=4096)
def path_matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that returns a true value for matching paths; a glob for a whole folder needs no expression."""
    prefix = literal_prefix(pattern)
    if pattern == f"{escaped(prefix)}**":
        return lambda path: path.startswith(prefix)
    return path_glob(pattern).fullmatch


@lru_cache(maxsize=4096)
def tag_glob(pattern: str) -> re.Pattern[str]:
    """Return the regular expression whose `fullmatch` decides a glob over tags."""
    return re.compile(_piece([_token(match) for match in _TAG_TOKEN.finditer(pattern)], ".", last=True), re.DOTALL)


def _token(match: re.Match[str]) -> _Token:
    kind: _Kind = "star" if match["star"] else "one" if match["one"] else "literal"
    return kind, match["escaped"] or match["literal"] or ""


def _split_at_double_stars(pattern: str) -> list[tuple[_Joint, list[_Token]]]:
    """Split tokens at double stars, and return each part with the kind of its joint to the part before."""
    parts: list[tuple[_Joint, list[_Token]]] = [("start", [])]
    for match in _PATH_TOKEN.finditer(pattern):
        if match["folders"]:
            parts[-1][1].append(("literal", "/"))
            parts.append(("folders", []))
        elif match["across"]:
            parts.append(("across", []))
        else:
            parts[-1][1].append(_token(match))
    return parts


def _piece(tokens: list[_Token], any_character: str, *, last: bool) -> str:
    """Translate tokens without a double star."""
    runs = [""]
    for kind, text in tokens:
        if kind == "star":
            runs.append("")
        else:
            runs[-1] += any_character if kind == "one" else re.escape(text)
    expression = runs[0]
    for number, run in enumerate(runs[1:], start=2):
        # What follows the last `*` must reach the end of the text, so only this `*` may backtrack.
        reaches_end = last and number == len(runs)
        expression += f"{any_character}*{run}" if reaches_end else f"(?>{any_character}*?{run})"
    return expression
