import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tagsync

PACKAGE = Path(tagsync.__file__).parent

FLOORS = {
    "concurrency": 1,
    "environment": 1,
    "errors": 1,
    "escape": 1,
    "version": 1,
    "globs": 1,
    "schemas": 1,
    "templates": 1,
    "model": 2,
    "events": 2,
    "spool": 2,
    "documents": 3,
    "workspace": 4,
    "library": 5,
    "exporting": 6,
    "inventory": 6,
    "manifest": 6,
    "planning": 6,
    "reporting": 6,
    "applying": 7,
    "examining": 7,
    "api": 8,
    "cli": 9,
    "__main__": 10,
    "tagsync": 11,
}
"""The floors: a package imports only from floors below its own and from itself; nothing imports `tagsync` itself."""

MAY_USE_OF_THE_LIBRARY = {
    "exporting": {"limits"},
    "inventory": {"limits"},
    "manifest": {"limits"},
    "planning": {"limits"},
    "applying": {"deadline", "limits", "protocol"},
    "examining": {"http.rate_limits", "imagekit.probe", "limits", "protocol"},
    "api": {
        "deadline",
        "imagekit.file_objects",
        "imagekit.probe",
        "protocol",
        "reading.reader",
        "reading.recording",
        "target",
    },
    "cli": {"http.endpoint", "target"},
    "tagsync": {"target"},
}
"""The modules of `library` that other packages may import."""

WITHIN_THE_LIBRARY = {
    "protocol": set[str](),
    "limits": {"imagekit.limits"},
    "deadline": {"protocol"},
    "http": {"http", "protocol"},
    "reading": {"protocol", "reading"},
    "imagekit": {"http", "imagekit", "protocol", "reading.reread"},
    "target": {"http", "imagekit.library", "imagekit.probe", "protocol"},
}
"""The imports within `library`: `http` and `reading` know nothing of ImageKit."""

OTHER_NUMBERS = {
    "__main__": "garbage collection",
    "cli.inventory": "tags to show",
    "documents.lines": "the format of a plan",
    "library.http.retry": "a budget of retries",
    "library.imagekit.wire": "a status of HTTP",
    "manifest.error_list": "errors to list",
    "model.policy": "guards",
    "reporting.html.page": "rows to show",
    "reporting.markdown": "the length of a link",
}
"""The modules that have a 50 or 500 which is no limit of ImageKit's calls, and what it is."""

STANDS_APART = "sandbox"
MAY_USE_THE_SANDBOX = {"api", "cli"}

CLI_MAY_USE = {
    "tagsync.applying.apply_options",
    "tagsync.library.target",
    "tagsync.library.http.endpoint",
    "tagsync.workspace.atomic",
    "tagsync.workspace.state_dir",
}

HOMES = {
    "httpx": {"library"},
    "tenacity": {"library"},
    "yaml": {"manifest"},
    "jsonschema": {"documents", "manifest"},
    "referencing": {"manifest"},
    "rich": {"reporting"},
    "jinja2": {"reporting"},
    "click": {"cli"},
    "starlette": {"sandbox"},
    "uvicorn": {"cli"},
    "sqlite3": {"library", "manifest", "sandbox", "spool"},
    "msgspec": {"documents", "library", "manifest"},
}
"""The packages that may import each third-party library."""

NO_INPUT_OR_OUTPUT = {"os", "io", "time", "random", "logging", "socket", "ssl", "subprocess", "tempfile", "datetime"}
PURE = {"model", "events", "globs", "escape", "errors", "planning", "exporting", "inventory"}


def test_layers_import_only_from_lower_floors() -> None:
    upward = [
        f"{module} imports {name}"
        for module, name in imports()
        if name.partition(".")[0] == "tagsync"
        and (room(name) != room(module))
        and STANDS_APART not in (room(name), room(module))
        and FLOORS[room(name)] >= FLOORS[room(module)]
    ]
    assert upward == []


def test_layers_use_only_needed_parts_of_the_library() -> None:
    prying = [
        f"{module} imports {name}"
        for module, name in imports()
        if room(name) == "library" != room(module)
        and name.removeprefix("tagsync.library.") not in MAY_USE_OF_THE_LIBRARY.get(room(module), ())
    ]
    assert prying == []


def test_layers_within_the_library_are_kept() -> None:
    prying = [
        f"{module} imports {name}"
        for module, name in imports()
        if room(name) == room(module) == "library" and not is_allowed_within_the_library(module, name)
    ]
    assert prying == []


def is_allowed_within_the_library(module: str, name: str) -> bool:
    part, used = (each.removeprefix("tagsync.library").lstrip(".") for each in (module, name))
    allowed = WITHIN_THE_LIBRARY[part.partition(".")[0]]
    return used in allowed or used.partition(".")[0] in allowed


def test_layers_only_imagekit_and_sandbox_know_api_paths() -> None:
    knowing = {
        ".".join(module.split(".")[1:3])
        for module, path in modules().items()
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "/v1/" in node.value
    }
    assert knowing == {"library.imagekit", "sandbox.app", "sandbox.openapi"}


def test_layers_only_imagekit_and_sandbox_know_limits_of_calls() -> None:
    knowing = {
        module.removeprefix("tagsync.")
        for module, path in modules().items()
        if room(module) != STANDS_APART
        for node in nodes(path)
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in (50, 500)
    }
    assert knowing == {"library.imagekit.limits", *OTHER_NUMBERS}


def test_layers_cli_uses_target_and_apply_options_only() -> None:
    inner = [
        f"{module} imports {name}"
        for module, name in imports()
        if room(module) == "cli" and room(name) in ("applying", "library", "workspace") and name not in CLI_MAY_USE
    ]
    assert inner == []


def test_layers_sandbox_shares_no_code() -> None:
    crossing = [
        f"{module} imports {name}"
        for module, name in imports()
        if name.startswith("tagsync.")
        and STANDS_APART in (room(module), room(name))
        and room(module) != room(name)
        and room(module) not in MAY_USE_THE_SANDBOX
    ]
    assert crossing == []


def test_layers_third_party_libraries_stay_in_their_packages() -> None:
    strays = [
        f"{module} imports {name}"
        for module, name in imports()
        if (homes := HOMES.get(name.partition(".")[0])) and room(module) not in homes
    ]
    assert strays == []


def test_layers_pure_packages_do_no_input_or_output() -> None:
    impure = [
        f"{module} imports {name}"
        for module, name in imports()
        if room(module) in PURE and name.partition(".")[0] in NO_INPUT_OR_OUTPUT | {"pathlib", "asyncio"}
    ]
    assert impure == []


def test_layers_list_every_module_once() -> None:
    rooms = {room(module) for module in modules()} - {STANDS_APART}
    assert rooms == set(FLOORS)


def test_layers_have_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for module, name in imports():
        if name in graph and name != module:
            graph[module].add(name)
    while graph:
        free = {module for module, needs in graph.items() if not needs & graph.keys()}
        assert free, f"a circle among {sorted(graph)}"
        graph = {module: needs for module, needs in graph.items() if module not in free}


@cache
def modules() -> dict[str, Path]:
    """Return the package's modules by name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path
    return found


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of a module."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports() -> list[tuple[str, str]]:
    """Return (module, imported module), including late imports, without those for type checkers."""
    return list(found_imports())


def found_imports() -> Iterator[tuple[str, str]]:
    known = modules()
    for module, path in known.items():
        unseen = {inner for node in nodes(path) if is_for_type_checkers(node) for inner in ast.walk(node)}
        for node in nodes(path):
            if node in unseen:
                continue
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield module, full if full in known else node.module


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
