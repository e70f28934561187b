"""The outage as a picture: `ranvier demo --report FILE.html`.

    film = Film(clock.now())
    pipeline.events.add(film.heard, verbose=True)
    ...                                   # calls, and what becomes of them
    page(film, scenario, verdict)         # one HTML file that needs no other, and no script

`film` keeps what happens; `strips`, `circuits` and `calls` each draw one picture of it, with the pieces
of `drawing`; `page` puts them together. The page is made of what was recorded and of nothing else, so
that the same record is the same file, byte for byte.
"""

from __future__ import annotations

from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.report.page import page

__all__ = ["Film", "page"]
