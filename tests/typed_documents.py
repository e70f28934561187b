"""Type checks the code of the README and of all pages: `python tests/typed_documents.py`.

The Python blocks of a page become the body of one async function, in a file of their own whose lines are
those of the page. Functions on pages have no annotations, and what is optional is taken to be there.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)

GIVEN = {
    "README.md": "vault: dict[tuple[str, str], str]",
    "docs/streaming.md": "simulator: ranvier.simulator.Simulator",
    "docs/structured-answers.md": "pipeline: ranvier.Pipeline",
}
"""What pages use, and whoever runs them brings."""

OPTIONS = """
[mypy]
check_untyped_defs = True
allow_redefinition = True
strict_optional = False
disable_error_code = no-redef, str-bytes-safe, union-attr, var-annotated

[mypy-anthropic.*,celery.*,django.*,flask.*,instructor.*,langchain_core.*,langchain_openai.*,openai.*,pydantic_ai.*]
ignore_missing_imports = True
"""


def module(page: Path) -> str:
    """The code of a page, on the lines where it stands there; empty where it has none."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        for number, line in enumerate(block[1].splitlines(), start=first):
            lines[number] = f"    {line}" if line else ""
    if not any(lines):
        return ""
    given = GIVEN.get(page.relative_to(ROOT).as_posix(), "")
    lines[:2] = ["import ranvier.simulator", f"async def page({given}):"]  # a title and an empty line there
    return "\n".join(lines)


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        options = Path(place, "mypy.ini")
        options.write_text(OPTIONS)
        files = []
        for page in PAGES:
            if code := module(page):
                name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
                files.append(Path(place, f"{name}.py"))
                files[-1].write_text(code, encoding="utf-8")
        command = [sys.executable, "-m", "mypy", "--config-file", str(options), *map(str, files)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
