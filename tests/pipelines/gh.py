"""A simulation of GitHub and its program gh for the scripts here: `gh api`, with real jq filters.

It keeps pull requests, issues and comments in the JSON file that GH_STATE names, and notes each call there.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jq

PAGE = 100
ISSUES = "issues?state=open&creator=github-actions%5Bbot%5D&per_page=100"
STATE = Path(os.environ["GH_STATE"])


def main() -> None:
    assert os.environ.get("GH_TOKEN"), "gh needs a token"
    options = argparse.ArgumentParser()
    options.add_argument("api", choices=["api"])
    options.add_argument("endpoint")
    options.add_argument("--paginate", action="store_true")
    options.add_argument("--silent", action="store_true")
    options.add_argument("--method", default="GET")
    options.add_argument("--jq")
    options.add_argument("--field", action="append", default=[])
    options.add_argument("--raw-field", action="append", default=[])
    given = options.parse_args()
    state = json.loads(STATE.read_text(encoding="utf-8"))
    state["calls"].append(f"{given.method} {given.endpoint}")
    for page in answer(state, given):
        if not given.silent:
            tell(page, given.jq)
    STATE.write_text(json.dumps(state), encoding="utf-8")


def answer(state: dict[str, Any], given: argparse.Namespace) -> list[Any]:
    """Return all pages of an answer, or only the first."""
    endpoint = given.endpoint.removeprefix("repos/owner/repository/")
    if given.method == "GET":
        lists = {
            f"commits/{'c' * 40}/pulls": state["pulls"],
            "issues/7/comments?per_page=100": state["comments"],
            # Newest first, and pull requests are issues too.
            ISSUES: [issue for issue in reversed(state["issues"]) if issue["state"] == "open"],
        }
        found = lists[endpoint]
        pages = [found[start : start + PAGE] for start in range(0, len(found), PAGE)] or [[]]
        return pages if given.paginate else pages[:1]
    written = dict(field.split("=", 1) for field in given.raw_field)
    for field in given.field:
        name, _, path = field.partition("=@")
        written[name] = Path(path).read_text(encoding="utf-8")
    if re.fullmatch(r"issues(/\d+)?", endpoint):
        return [keep_issue(state, given.method, endpoint, written)]
    if given.method == "POST" and (issue := re.fullmatch(r"issues/(\d+)/comments", endpoint)) and issue[1] != "7":
        state["comments"].append({"issue": int(issue[1]), **written})
        return [state["comments"][-1]]
    if given.method == "POST" and endpoint == "issues/7/comments":
        state["comments"].append(
            {"id": len(state["comments"]) + 1, "user": {"login": "github-actions[bot]"}, **written}
        )
        return [state["comments"][-1]]
    changed = re.fullmatch(r"issues/comments/(\d+)", endpoint)
    assert given.method == "PATCH", endpoint
    assert changed, endpoint
    (comment,) = (item for item in state["comments"] if item["id"] == int(changed[1]))
    comment.update(written)
    return [comment]


def keep_issue(state: dict[str, Any], method: str, endpoint: str, written: dict[str, str]) -> dict[str, Any]:
    """Create or change an issue."""
    issues: list[dict[str, Any]] = state["issues"]
    if method == "POST" and endpoint == "issues":
        number = len(issues) + 100
        issues.append({"number": number, "state": "open", "user": {"login": "github-actions[bot]"}, **written})
        return issues[-1]
    assert method == "PATCH", endpoint
    (issue,) = (item for item in issues if f"issues/{item['number']}" == endpoint)
    issue.update(written)
    return issue


def tell(page: Any, wanted: str | None) -> None:
    """Write results as gh does: text without quotation marks, one result a line."""
    for result in jq.compile(wanted or ".").input_value(page):
        sys.stdout.write(f"{result if isinstance(result, str) else json.dumps(result)}\n")


if __name__ == "__main__":
    main()
