"""Walks through docs/tutorial.md as a new user would: `python tests/tutorial.py`.

It copies what a checkout has into a fresh folder, writes the page's files, and runs its commands as they
stand there, in order, in one shell; what is for "a second terminal" runs beside it, until the next such
command. Whatever a block of `text` shows must have been printed: seconds to within a fifth, other numbers
to within a factor of four (how many calls a demo makes depends on the machine), and 0 as it is.
All of it has to be over within five minutes.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
CHECKOUT = ["LICENSE", "README.md", "pyproject.toml", "src"]
PORT = "8700"
LIMIT = 300.0

BEGIN = """
set -u
export PYTHONUNBUFFERED=1
second() { if [ -n "${SECOND:-}" ]; then kill "$SECOND"; wait "$SECOND" || true; fi; }
trap second EXIT
"""

BESIDE = """
second
( {commands} ) > second-terminal.log 2>&1 & SECOND=$!
for _ in $(seq 100); do (echo > /dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.1; done
"""


def shell_script(blocks: list[tuple[str, str, str]], port: str) -> str:
    """The page as one script for a shell; after each block it prints the block's number and status."""
    steps = [BEGIN]
    for number, (language, title, content) in enumerate(blocks):
        if language in ("python", "toml"):
            steps.append(f"cat > {title} <<'END OF FILE'\n{content}END OF FILE\n")
        elif language == "sh" and title:
            commands = content.strip()
            assert "\n" not in commands, f"one command in a second terminal, not {commands!r}"
            steps.append(BESIDE.format(commands=f"exec {commands}", port=port))
        elif language == "sh":
            steps.append(f"{content}\necho; echo '@@' {number} $?\n")
    return "\n".join(steps)


def plain(line: str) -> str:
    """A line without its numbers and its indentation."""
    return NUMBER.sub("\0", line).strip()


def shows(printed: str, line: str) -> bool:
    """True where a line of the page was printed, with numbers about like those of the page."""
    before, found, _ = plain(printed).partition(plain(line))
    numbers = list(NUMBER.finditer(printed))[before.count("\0") :]
    return bool(found or not line.strip()) and all(map(is_about, numbers, NUMBER.finditer(line)))


def is_about(printed: re.Match[str], shown: re.Match[str]) -> bool:
    """True where a number is the one of the page, or not far from it."""
    most = 1.2 if shown.string[shown.end() :].startswith(" s") else 4.0
    expected = float(shown[0])
    return expected / most <= float(printed[0]) <= expected * most


def faults(blocks: list[tuple[str, str, str]], output: str) -> list[str]:
    """What was not as the page has it."""
    parts = re.split(r"^@@ (\d+) (\d+)$", output, flags=re.MULTILINE)
    printed = {
        int(number): (text, int(status)) for text, number, status in zip(*[iter(parts)] * 3, strict=False)
    }
    found = []
    for number, (language, title, content) in enumerate(blocks):
        if language != "sh" or title:
            continue
        text, status = printed.get(number, ("", -1))
        shown = blocks[number + 1][2] if number + 1 < len(blocks) and blocks[number + 1][0] == "text" else ""
        if status != 0 and "Error" not in shown:
            found.append(f"{content.strip()!r} ended with {status}:\n{text}")
        lines = text.splitlines()
        missing = [line for line in shown.splitlines() if not any(shows(each, line) for each in lines)]
        found += [f"{content.strip()!r} did not print {line!r}, but:\n{text}" for line in missing]
    return found


def free_port() -> str:
    """A port that nobody has: the page's own may be somebody else's on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def main() -> int:
    port = free_port()
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8").replace(PORT, port))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        for name in CHECKOUT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(place) / name)
        walked = subprocess.run(
            ["bash", "-c", shell_script(blocks, port)],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    wrong = faults(blocks, walked.stdout)
    took = time.monotonic() - began
    print(*wrong, f"the tutorial took {took:.0f} s, with {len(wrong)} faults", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
