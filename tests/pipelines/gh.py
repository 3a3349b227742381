"""A simulation of GitHub and its program gh for the scripts here: `gh api`, with real jq filters.

It keeps pull requests and comments in the JSON file that GH_STATE names, and notes each call there.
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
    options.add_argument("--field")
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
    if given.method == "GET" and endpoint == f"commits/{'c' * 40}/pulls":
        return [state["pulls"]]
    if given.method == "GET" and endpoint == "issues/7/comments?per_page=100":
        comments = state["comments"]
        pages = [comments[start : start + PAGE] for start in range(0, len(comments), PAGE)] or [[]]
        return pages if given.paginate else pages[:1]
    name, _, path = given.field.partition("=@")
    written = {name: Path(path).read_text(encoding="utf-8")}
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


def tell(page: Any, wanted: str | None) -> None:
    """Write results as gh does: text without quotation marks, one result a line."""
    for result in jq.compile(wanted or ".").input_value(page):
        sys.stdout.write(f"{result if isinstance(result, str) else json.dumps(result)}\n")


if __name__ == "__main__":
    main()
