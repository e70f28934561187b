"""Writes into docs/providers.md what the adapters do, as they do it now.

    cd tests && python -m support.providers.feature_table

Each table stands between two comments with its name; what is around them is written by hand.
"""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import patch

from support.providers import features_answered, features_models, features_refused, features_sent
from support.providers.features_sent import Table

PAGE = Path(__file__).parents[3] / "docs" / "providers.md"

TABLES: dict[str, Callable[[], Awaitable[Table]]] = {
    "addresses": features_sent.addresses,
    "conversation": features_sent.conversation,
    "tools": features_sent.tools,
    "pictures": features_sent.pictures,
    "documents": features_sent.documents,
    "sound": features_sent.sound,
    "further fields": features_sent.further_fields,
    "forms": features_sent.forms,
    "setting places": features_models.setting_places,
    "settings": features_models.settings,
    "thinking": features_models.thinking,
    "caching": features_models.caching,
    "answers": features_answered.answers,
    "tokens": features_answered.tokens,
    "finish reasons": features_answered.finish_reasons,
    "streams": features_answered.streams,
    "errors": features_refused.errors,
    "waits": features_refused.waits,
    "request ids": features_refused.request_ids,
}


def as_markdown(table: Table) -> str:
    """The rows of a table, the first as its head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])


def block(name: str) -> re.Pattern[str]:
    """A table in the page, with the comments around it."""
    return re.compile(f"(<!-- made: {name} -->\n).*?(<!-- end -->)", re.DOTALL)


async def made(page: str) -> str:
    """The page with the tables as they are now."""
    with patch.dict(os.environ, clear=True):  # nobody's keys, nobody's servers
        for name, make in TABLES.items():
            table = as_markdown(await make())
            page, times = block(name).subn(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", page)  # type: ignore[misc]
            assert times == 1, f"the page has {times} places for the table {name!r}"
    return page


if __name__ == "__main__":
    before = PAGE.read_text("utf-8")
    after = asyncio.run(made(before))
    PAGE.write_text(after, "utf-8")
    sys.exit(
        print("docs/providers.md was up to date" if after == before else "docs/providers.md was written anew")
    )
