"""A local server that simulates GitLab's API: the notes of a merge request, and issues."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NOTES = "/api/v4/projects/5/merge_requests/7/notes"
ISSUES = "/api/v4/projects/5/issues"


class GitLab(ThreadingHTTPServer):
    """The notes of merge request 7 and the issues of project 5. Its only token belongs to user 1."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.notes: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.comments: list[int] = []
        self.calls: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/v4"

    def add(self, body: str, *, author: int = 1) -> None:
        self.notes.append({"id": len(self.notes) + 1, "body": body, "author": {"id": author}})

    def open(self, description: str | None, *, author: int = 1, title: str = "") -> None:
        about = {"title": title, "description": description, "state": "opened", "author": {"id": author}}
        self.issues.append({"iid": len(self.issues) + 1, **about})


class _Answers(BaseHTTPRequestHandler):
    server: GitLab

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        if self.headers["PRIVATE-TOKEN"] != "token":
            self.send_error(401)
            return
        url = urlsplit(self.path)
        self.server.calls.append(self.command)
        text = self.rfile.read(int(self.headers["Content-Length"] or 0))
        result, following = self.result(url.path, parse_qs(url.query), json.loads(text or "{}"))
        data = json.dumps(result).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Next-Page", following)
        self.end_headers()
        self.wfile.write(data)

    def result(self, path: str, query: dict[str, list[str]], given: dict[str, Any]) -> tuple[Any, str]:
        if path == "/api/v4/user":
            return {"id": 1}, ""
        if path.startswith(NOTES):
            return self.of_notes(path.removeprefix(NOTES), query, given)
        return self.of_issues(path.removeprefix(ISSUES), query, given)

    def of_notes(self, rest: str, query: dict[str, list[str]], given: dict[str, Any]) -> tuple[Any, str]:
        notes = self.server.notes
        if self.command == "GET":
            assert rest == ""
            return page_of(notes, query)
        if self.command == "POST":
            self.server.add(given["body"])
            return notes[-1], ""
        (note,) = (item for item in notes if rest == f"/{item['id']}")
        note.update(given)
        return note, ""

    def of_issues(self, rest: str, query: dict[str, list[str]], given: dict[str, Any]) -> tuple[Any, str]:
        issues = self.server.issues
        if self.command == "GET":
            assert rest == ""
            assert query["order_by"] == ["created_at"]
            state, author = query["state"][0], int(query["author_id"][0])
            found = [item for item in issues if item["state"] == state and item["author"]["id"] == author]
            return page_of(found if query["sort"] == ["asc"] else found[::-1], query)
        if (self.command, rest) == ("POST", ""):
            self.server.open(given["description"], title=given["title"])
            return issues[-1], ""
        number, _, notes = rest.removeprefix("/").partition("/")
        if notes:
            assert (self.command, notes, list(given)) == ("POST", "notes", ["body"])
            self.server.comments.append(int(number))
            return given, ""
        issue = issues[int(number) - 1]
        if given.pop("state_event", None) == "close":
            issue["state"] = "closed"
        issue.update(given)
        return issue, ""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def page_of(items: list[dict[str, Any]], query: dict[str, list[str]]) -> tuple[list[dict[str, Any]], str]:
    """Return a page of a list, and the number of the next one; empty if it is the last."""
    page, size = int(query["page"][0]), int(query["per_page"][0])
    return items[(page - 1) * size : page * size], str(page + 1) if page * size < len(items) else ""
