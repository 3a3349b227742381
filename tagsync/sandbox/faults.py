"""A script of faults: which calls go wrong, and how; the calls themselves are in `app`.

A script is a JSON list of rules, tried in order; the first that fits a call decides. For example, the third addTags
call is applied but answered with 504, and every details call of one file fails:

    [{"on": "addTags", "call": 3, "lose": true},
     {"on": "details", "fileId": "598821f949c0a938d57563bd", "status": 500}]
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

ENDPOINTS = ("list", "details", "patch", "addTags", "removeTags", "removeAITags", "any")

_HEADER = re.compile(r"[A-Za-z0-9-]+:(?:[!-~](?:[ -~]*[!-~])?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")


class FaultScriptError(Exception):
    """A fault script that cannot be read, in words for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule.

    Attributes:
        on: the endpoint, or `any`.
        call: the number, from 1, of the one call that it is for; 0 for each call.
        times: how many calls it is for at most; 0 for no end.
        fileId: only calls that name this file.
        delayMs: milliseconds to wait before answering.
        status: answer so, without doing anything.
        body: the answer's body, instead of an error message.
        headers: more headers for the answer.
        lose: do as asked, but answer 504.
        ignore: answer 200 as if done, without doing anything.
        failFiles: file ids that a bulk call does not update, answered with 207.
        error: the words for those files.
        cut: stop in the middle of the answer's body.
        shuffle: per cent of the groups of files that a listing sorts alike to put in another order.
    """

    on: str
    call: int = 0
    times: int = 0
    fileId: str = ""  # noqa: N815 - the script's own name
    delayMs: int = 0  # noqa: N815 - likewise
    status: int = 0
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    lose: bool = False
    ignore: bool = False
    failFiles: tuple[str, ...] = ()  # noqa: N815 - likewise
    error: str = "Error in updating the file"
    cut: bool = False
    shuffle: int = 0


class FaultScript:
    """Decides call by call; it counts the calls it sees."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._calls: Counter[str] = Counter()
        self._used: Counter[int] = Counter()

    def next(self, endpoint: str, file_ids: Iterable[str]) -> Fault | None:
        """Count a call and return the fault that it meets, if any."""
        self._calls[endpoint] += 1
        self._calls["any"] += 1
        named = set(file_ids)
        for number, fault in enumerate(self._faults):
            if fault.on not in (endpoint, "any") or (fault.fileId and fault.fileId not in named):
                continue
            if fault.call and fault.call != self._calls[fault.on]:
                continue
            if fault.times and self._used[number] >= fault.times:
                continue
            self._used[number] += 1
            return fault
        return None


def read_script(path: Path) -> FaultScript:
    """Read a fault script.

    Raises:
        FaultScriptError: it is none.
    """
    try:
        rules = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultScriptError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FaultScriptError(f"{path} is not JSON: write a list of rules") from error
    if not isinstance(rules, list):
        raise FaultScriptError(f"{path} holds no list of rules")
    return FaultScript(_fault(rule, f"{path}, rule {number}") for number, rule in enumerate(rules, start=1))


def _fault(rule: Any, where: str) -> Fault:
    if not isinstance(rule, dict) or rule.get("on") not in ENDPOINTS:
        raise FaultScriptError(f'{where}: "on" is one of {", ".join(ENDPOINTS)}')
    hints = get_type_hints(Fault)
    for name, value in rule.items():
        wanted = {"headers": dict, "failFiles": list, "body": str}.get(name, hints.get(name))
        if wanted is None:
            raise FaultScriptError(f"{where}: {name!r} is not known; known are {', '.join(hints)}")
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise FaultScriptError(f"{where}: {name} must be of type {wanted.__name__}")
        if not _can_be_sent(name, value):
            raise FaultScriptError(f"{where}: {name} cannot be {json.dumps(value)}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in rule.items()}
    return Fault(**values)


def _can_be_sent(name: str, value: Any) -> bool:
    """Return whether a value of the right type also makes an answer of HTTP."""
    if name == "status":
        return value in range(200, 600) and value not in (204, 304)  # these two have no body
    if name == "shuffle":
        return value in range(101)
    if name == "headers":
        return all(isinstance(text, str) and _HEADER.fullmatch(f"{key}:{text}") for key, text in value.items())
    if name == "failFiles":
        return all(isinstance(file_id, str) for file_id in value)
    if name == "body":
        return not _SURROGATE.search(value)
    return not isinstance(value, int) or value >= 0
