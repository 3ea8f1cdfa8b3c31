"""Every Python example of the README, the docs and the docstrings runs."""

import ast
import inspect
import re
import textwrap

from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted((ROOT / "pymc_glm").rglob("*.py"))
# Examples that take more than a few seconds; they run with -m slow.
LONG = re.compile(
    r"pm\.sample\(|\b(compare|advise|main)\(|run_demo\(|Comparison\(|pymc_glm\.(sample|stream)\("
)
# One that samples runs by default.
ALWAYS = {"README.md"}


class Example(NamedTuple):
    """Code that a reader can paste, and where it is from."""

    name: str
    code: str


def page_examples():
    """One example per page: the blocks of a page continue each other."""
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
        if blocks:
            yield Example(str(page.relative_to(ROOT)), "\n".join(blocks))


def docstring_examples():
    """One example per docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (doc := ast.get_docstring(node)):
                _, heading, text = inspect.cleandoc(doc).partition("Examples\n--------\n")
                name = f"{path.relative_to(ROOT)}:{getattr(node, 'name', 'module')}"
                if heading:
                    yield Example(name, indented_code(text))


def indented_code(text):
    """Blocks that follow a line ending with two colons."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", text + "\n")
    return "\n".join(textwrap.dedent(block) for block in blocks)


def parameter(example):
    long = LONG.search(example.code) and example.name not in ALWAYS
    return pytest.param(example, id=example.name, marks=[pytest.mark.slow] if long else [])


EXAMPLES = [*page_examples(), *docstring_examples()]


@pytest.mark.parametrize("example", [parameter(example) for example in EXAMPLES])
def test_example_runs(example, tmp_path, monkeypatch):
    assert example.code.strip(), f"{example.name} has an Examples section without code."
    monkeypatch.chdir(tmp_path)
    exec(compile(example.code, example.name, "exec"), {"__name__": "example"})


def test_examples_are_found_where_they_are():
    names = {example.name for example in EXAMPLES}
    assert {
        "README.md",
        "docs/get_started.md",
        "pymc_glm/sampling/compiled.py:sample",
        "pymc_glm/families/laplace.py:Laplace",
    } <= names


def test_a_broken_example_fails():
    code = indented_code("Say hello::\n\n    print(greeting)\n")
    assert code.strip() == "print(greeting)"
    with pytest.raises(NameError, match="greeting"):
        exec(code, {})
