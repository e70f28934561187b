"""Keeps the events of a streamed answer, for a call with `keep_raw=True`."""

from __future__ import annotations

from ranvier.providers._reading.reading import parse_object
from ranvier.providers._reading.received import raw_of
from ranvier.providers._reading.streamed import StreamedBody


class KeptBody(StreamedBody):
    """A streamed body whose events are kept for `Response.raw`; they are bounded as the stream is."""

    def _take(self, data: bytes, name: str) -> None:
        body = None if data.startswith(b"[DONE]") else parse_object(data)
        reply = self._reader.details.reply
        if body is not None and reply is not None:
            if reply.raw is None:
                reply.raw = []
            reply.raw.append(raw_of(body, data, self._errors.reply.request.secret))
        super()._take(data, name)
