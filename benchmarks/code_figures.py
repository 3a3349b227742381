"""How large the package is: lines, modules, functions, and private functions that are used once."""

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from measure import ROOT, Figure, Options

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def figures(_: Options) -> Iterator[Figure]:
    """Yield the figures of all Python files of the package."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tagsync").rglob("*.py"))]
    trees = [ast.parse(text) for text in texts]
    yield Figure("tagsync/: lines of Python", sum(text.count("\n") for text in texts), "lines", 18_500)
    yield Figure("tagsync/: modules", len(trees), "modules", 140)
    yield Figure("tagsync/: functions", sum(len(functions(tree)) for tree in trees), "functions", 1_200)
    yield Figure("tagsync/: private functions used once", sum(map(used_once, trees)), "functions", 150)


def functions(tree: ast.AST) -> list[str]:
    """Return the names of all functions and methods of a module."""
    return [node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def used_once(tree: ast.Module) -> int:
    """Return how many private functions, methods left out, a module has whose name it uses just once."""
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    attributes = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    uses = Counter(chain(names, attributes))
    private = [node.name for node in tree.body if isinstance(node, FUNCTIONS) and node.name.startswith("_")]
    return sum(uses[name] == 1 for name in private)
