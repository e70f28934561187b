"""The report of the demo: `ranvier demo --report FILE.html`.

    film = Film(clock.now())
    pipeline.events.add(film.record, verbose=True)
    ...                                   # make calls
    page(film, scenario, verdict)         # one HTML file without other files or scripts

`film` records events; `strips`, `circuits` and `calls` each draw pictures of them, with the elements of
`drawing`; `page` combines them. The page depends only on the record, so that the same record gives the
same file, byte for byte.
"""

from __future__ import annotations

from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.report.page import page

__all__ = ["Film", "page"]
