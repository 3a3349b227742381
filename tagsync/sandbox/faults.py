"""Read fault scripts, which make some of the sandbox's calls fail; `app` applies them.

A script is a JSON list of rules. The first rule that matches a call applies. In this example, the third addTags call is
applied but returns 504, and every details call for one file fails:

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
    """A fault script cannot be used; the message is for users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule of a fault script.

    Attributes:
        on: the endpoint, or `any`.
        call: the number of the call to match, from 1; 0 for every call.
        times: the maximum number of calls to match; 0 for no limit.
        fileId: match only calls that name this file.
        delayMs: milliseconds to wait before the response.
        status: return this status without doing anything.
        body: the body of the response.
        headers: additional headers of the response.
        lose: apply the call, but return 504.
        ignore: return 200 without doing anything.
        failFiles: IDs of files that a bulk call does not update and reports in a 207.
        error: the error message for those files.
        cut: cut off the body of the response in the middle.
        shuffle: the percentage of groups of files with equal sort keys that a listing puts in another order.
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
    """Selects the fault for each call, and counts calls."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._calls: Counter[str] = Counter()
        self._used: Counter[int] = Counter()

    def next(self, endpoint: str, file_ids: Iterable[str]) -> Fault | None:
        """Count a call and return its fault, if any."""
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
        FaultScriptError: the file cannot be read, or is not a valid fault script.
    """
    try:
        rules = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultScriptError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FaultScriptError(f"{path} is not JSON: write a list of rules") from error
    if not isinstance(rules, list):
        raise FaultScriptError(f"{path} is not a JSON list: write a list of rules")
    return FaultScript(_fault(rule, f"{path}, rule {number}") for number, rule in enumerate(rules, start=1))


def _fault(rule: Any, where: str) -> Fault:
    if not isinstance(rule, dict) or rule.get("on") not in ENDPOINTS:
        raise FaultScriptError(f'{where}: "on" must be one of {", ".join(ENDPOINTS)}')
    hints = get_type_hints(Fault)
    for name, value in rule.items():
        wanted = {"headers": dict, "failFiles": list, "body": str}.get(name, hints.get(name))
        if wanted is None:
            raise FaultScriptError(f"{where}: unknown key {name!r}: use {', '.join(hints)}")
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise FaultScriptError(f"{where}: {name} must be of type {wanted.__name__}")
        if not _can_be_sent(name, value):
            raise FaultScriptError(f"{where}: {name} cannot be {json.dumps(value)}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in rule.items()}
    return Fault(**values)


def _can_be_sent(name: str, value: Any) -> bool:
    """Return whether a value of the right type is also possible in an HTTP response."""
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
