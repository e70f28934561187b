"""The drawing of imports: which file names which, type checking and imports inside functions included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ranvier

ROOT = Path(ranvier.__file__).parent
FILES = {
    ".".join(("ranvier", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}

LARGEST_CIRCLE = 3
LARGEST_FOLDER = 15


def named(module: str) -> Iterator[tuple[str, str]]:
    """Every `(module, name)` of ours that a file imports, wherever in it, also in quoted annotations."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ranvier":
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "ranvier")


def imported(module: str) -> set[str]:
    """The files that a file names."""
    found = (f"{place}.{name}" if f"{place}.{name}" in FILES else place for place, name in named(module))
    return {each for each in found if each != module}


DRAWING = {module: imported(module) for module in FILES}


def reach(start: str) -> set[str]:
    """Every file that one leads to."""
    reached: set[str] = set()
    rest = [start]
    while rest:
        for following in DRAWING.get(rest.pop(), ()):
            if following not in reached:
                reached.add(following)
                rest.append(following)
    return reached


def test_no_circle_of_imports_is_large() -> None:
    """At most three files lead to each other."""
    reached = {module: reach(module) for module in FILES}
    circles = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in FILES
        if module in reached[module]
    }
    assert [sorted(circle) for circle in circles if len(circle) > LARGEST_CIRCLE] == []


@pytest.mark.parametrize("module", sorted(name for name in FILES if FILES[name].name != "__init__.py"))
def test_names_are_imported_from_where_they_are_defined(module: str) -> None:
    """So the drawing is true: a package that passes names on leads nowhere."""
    for place, name in named(module):
        passed_on = FILES[place].name == "__init__.py" and f"{place}.{name}" not in FILES
        assert not passed_on or defines(place, name), f"{module} imports {name} through {place}"


def defines(package: str, name: str) -> bool:
    """True where the file of a package defines `name` itself."""
    for node in TREES[package].body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        if name in {getattr(target, "id", getattr(target, "name", None)) for target in targets}:
            return True
    return False


def test_no_folder_is_large() -> None:
    """At most fifteen files in each."""
    sizes = {
        str(path.relative_to(ROOT)): len(list(path.glob("*.py"))) for path in ROOT.rglob("*") if path.is_dir()
    }
    assert {path: size for path, size in sizes.items() if size > LARGEST_FOLDER} == {}
