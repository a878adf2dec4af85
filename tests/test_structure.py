"""The shape of the code: imports point one way and never in a circle, and the trees of README and map are true."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "world": set[str](),
    "brain": {"world"},
    "bridge": {"world", "brain"},
    "finetune": {"world", "brain"},
    "ui": {"world", "brain", "bridge", "finetune"},
}
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in MAY_IMPORT
    for path in sorted((ROOT / package).rglob("*.py"))
}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path, *, late: bool) -> set[str]:
    """Our own modules that a file imports: as it is loaded, or (late) also within functions and for types alone."""
    found = set[str]()
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if late or not (function or typing):
            waiting += ast.iter_child_nodes(node)
    return {name for name in found if name in SOURCES}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    for name, path in SOURCES.items():
        if name.split(".")[0] == package:
            others = {other.split(".")[0] for other in imports(path, late=True)} - {package}
            assert others <= MAY_IMPORT[package], f"{name} imports {others - MAY_IMPORT[package]}"


def test_no_module_needs_itself() -> None:
    graph = {name: imports(path, late=False) - {name} for name, path in SOURCES.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert len(order) == len(SOURCES)


@pytest.mark.parametrize(("document", "least"), [("README.md", 15), ("docs/map.md", 80)])
def test_everything_named_in_a_tree_is_there(document: str, least: int) -> None:
    blocks = re.findall(r"```\n(.*?)```", (ROOT / document).read_text(), re.S)
    tree = next(one for one in blocks if "finetune/" in one)
    paths: list[str] = []
    missing, named = [], 0
    for line in filter(str.strip, tree.splitlines()):
        if not line.startswith(" "):
            top = ROOT / line.split("/")[0]
            paths = [f"/{path.relative_to(ROOT)}" for path in top.rglob("*")] + [f"/{top.name}"]
        for word in re.findall(r"[\w./-]+(?:\.py\b|/(?=[\s,]|$))", line):
            named += 1
            if not any(path.endswith(f"/{word.rstrip('/')}") for path in [*paths, "/docs", "/examples"]):
                missing.append(f"{word} ({line.strip()[:50]})")
    assert named > least
    assert not missing
