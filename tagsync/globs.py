r"""Compile globs over file paths and tags to regular expressions that cannot backtrack for long.

`*` and `?` stay in a folder, `**` crosses folders and may match nothing, `\` escapes, and all else is literal. Tags
have no folders, so there `*` and `?` match any character. In `match`, `{name}` captures text of one folder level.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

_PATH_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<folders>/(?:\*\*/)+)|(?P<across>\*\*)|(?P<star>\*)|(?P<one>\?)"
    r"|\{(?P<capture>[A-Za-z][A-Za-z0-9_-]*)\}|(?P<literal>[^\\*?/{]+|[/{])",
    re.DOTALL,
)
_TAG_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<star>\*+)|(?P<one>\?)|(?P<literal>[^\\*?]+)", re.DOTALL)
_SPECIAL = re.compile(r"[*?\\{]")

_Kind = Literal["star", "one", "capture", "literal"]
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


class Captures(NamedTuple):
    """A glob with captures: their names, and a function that returns a match with one group for each of them."""

    names: tuple[str, ...]
    match: Callable[[str], re.Match[str] | None]


def capture_fault(pattern: str) -> str | None:
    """Return what is wrong with the captures of a glob in `match`; None if nothing is."""
    seen = set[str]()
    for token in _PATH_TOKEN.finditer(pattern):
        if token["literal"] == "{":
            return _brace_fault(pattern[token.start() :])
        name = token["capture"]
        if name in seen:
            return f"it captures {{{name}}} twice: give one of them another name"
        if name:
            seen.add(name)
    return None


def _brace_fault(rest: str) -> str:
    """Return why text that starts with a brace is not a capture."""
    name, closing, _ = rest[1:].partition("}")
    if not closing:
        return "a brace is not closed; write {name}, or \\{ for a literal brace"
    if "," in name:
        return "a glob has no alternatives in braces; write one rule for each of them, or \\{ for a literal brace"
    if "{" in name:
        return "braces are nested; write {name}, or \\{ for a literal brace"
    if ":" in name:
        return "a capture has no format: write {name} here, and {name:lower} in tags"
    return "a name has letters, digits, _ and - only, and starts with a letter; write \\{ for a literal brace"


def rooted(pattern: str) -> str:
    """Return what a path or glob that starts without / means: a name with a star, as in other tools, in any folder."""
    start = "/**/" if "*" in pattern and "/" not in pattern else "/"
    return start + pattern.removeprefix("./")


def escaped(path: str) -> str:
    """Return the glob that matches exactly this path, or this beginning of one."""
    return _SPECIAL.sub(r"\\\g<0>", path)


def literal_prefix(pattern: str) -> str:
    """Return the literal text that every path matched by a glob starts with.

    It ends at an unescaped brace, also in globs where braces are literal.
    """
    prefix = ""
    for token in _PATH_TOKEN.finditer(pattern):
        text = token["escaped"] or token["literal"]
        if text is None or token["literal"] == "{":
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
    return _compiled(_split_at_double_stars(pattern, captures=False))


@lru_cache(maxsize=4096)
def capture_glob(pattern: str) -> Captures:
    """Return the captures of a glob in `match`, which has no `capture_fault`.

    Each wildcard and capture takes the shortest text with which the rest fits, from left to right, as the lazy groups
    of a regular expression do. The atomic groups of `path_glob` find the same texts without backtracking.
    """
    names = tuple(token["capture"] for token in _PATH_TOKEN.finditer(pattern) if token["capture"])
    return Captures(names, _compiled(_split_at_double_stars(pattern, captures=True)).fullmatch)


def _compiled(parts: list[tuple[_Joint, list[_Token]]]) -> re.Pattern[str]:
    # Atomic groups, (?>...), never give text back. See `path_glob` for why none has to.
    *first, (joint, tokens) = parts
    expression = "".join(f"(?>{_JOINT[before]}{_piece(piece, '[^/]', last=False)})" for before, piece in first)
    # A greedy last joint is faster, but would leave as little as possible for the captures behind it.
    joints = _JOINT if any(kind == "capture" for kind, _ in tokens) else _LAST_JOINT
    return re.compile(f"{expression}{joints[joint]}{_piece(tokens, '[^/]', last=True)}", re.DOTALL)


@lru_cache(maxsize=4096)
def path_matcher(pattern: str) -> Callable[[str], object]:
    """Return a function that returns a true value for matching paths; a glob for a whole folder needs no expression."""
    prefix = literal_prefix(pattern)
    # Globs for a whole folder are common, and comparing a prefix is much faster than an expression.
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


def _split_at_double_stars(pattern: str, *, captures: bool) -> list[tuple[_Joint, list[_Token]]]:
    """Split tokens at double stars, and return each part with the kind of its joint to the part before."""
    parts: list[tuple[_Joint, list[_Token]]] = [("start", [])]
    for match in _PATH_TOKEN.finditer(pattern):
        if match["folders"]:
            parts[-1][1].append(("literal", "/"))
            parts.append(("folders", []))
        elif match["across"]:
            parts.append(("across", []))
        elif match["capture"]:
            parts[-1][1].append(("capture", "") if captures else ("literal", match[0]))
        else:
            parts[-1][1].append(_token(match))
    return parts


def _piece(tokens: list[_Token], any_character: str, *, last: bool) -> str:
    """Translate tokens without a double star."""
    runs: list[tuple[_Kind, str]] = [("literal", "")]
    """Wildcards, each with the expression for the text up to the next one."""
    for kind, text in tokens:
        if kind in ("star", "capture"):
            runs.append((kind, ""))
        else:
            runs[-1] = runs[-1][0], runs[-1][1] + (any_character if kind == "one" else re.escape(text))
    expression = runs[0][1]
    for number, (kind, run) in enumerate(runs[1:], start=2):
        # What follows the last wildcard must reach the end of the text, so only this one may backtrack.
        reaches_end = last and number == len(runs)
        lazily = "" if reaches_end else "?"
        wildcard = f"{any_character}*{lazily}" if kind == "star" else f"({any_character}+{lazily})"
        expression += f"{wildcard}{run}" if reaches_end else f"(?>{wildcard}{run})"
    return expression
