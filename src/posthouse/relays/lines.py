"""The streams to other servers, shared by all relays of this process: kept alive, as many as help.

A Transport (posthouse.cluster.transport) for the calls of relays. A call goes by the stream that has least to do, and
each stream has a few calls under way, so that none waits for an answer with nothing to send.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from threading import Condition, Thread
from typing import Protocol

import structlog
from django.conf import settings

from posthouse.cluster import sockets, transport
from posthouse.cluster.certificate import Certificate
from posthouse.cluster.errors import Broken, CallError, Failed
from posthouse.cluster.streams import Gate, NoAnswer, Stream, StreamBroken, TooLong
from posthouse.cluster.transport import Place, Reply
from posthouse.relays import adapt
from posthouse.relays.adapt import Adapter
from posthouse.relays.valve import Valves

DEPTH = 3
"""Calls under way on one stream: one that is sent, one that waits for its answer, one that is got ready."""
LAST_DEPTH = 2
"""The same at the end: what is queued on a slow stream cannot go by a faster one any more."""
FIRST = 8
"""Calls that are made at once before anything is known of the line."""
STRETCH_SECONDS, LAST_SECONDS = 1.0, 0.15
"""What one call carries takes a stream about so long; less at the end, but no less than the second."""
LEAST, BEGIN = 256 * 1024, 1024 * 1024
"""Bytes of a call at least, and as long as nothing is known of the line."""
WHOLE = 1 << 62
"""Bytes of a call that shall not be cut."""
PAUSE_SECONDS = 0.5
"""After so long without a call it is measured anew how fast the line is."""
IDLE_SECONDS = 20.0
"""A stream that had nothing to do for so long is not used again: the far side, or a firewall, may have dropped it."""

log = structlog.get_logger("posthouse.relays")

Connect = Callable[[Place], Stream]


class Pace(Protocol):
    """How much is under way at once, and in which pieces."""

    def calls(self) -> int:
        """Return how many calls shall be under way."""
        ...

    def stretch(self, left: int) -> int:
        """Return how many bytes the next call shall carry, when so many are left altogether."""
        ...

    def begin(self) -> None:
        """Bytes are sent from now on: what was before says nothing of the line."""
        ...

    def look(self) -> None:
        """Take note of how it goes. Called a few times per second."""
        ...


class Steady:
    """A few calls at a time, and whole parts, whatever the line."""

    def calls(self) -> int:
        """Return how many calls shall be under way."""
        return FIRST

    def stretch(self, left: int) -> int:  # noqa: ARG002 - it makes no difference
        """Return how many bytes a call shall carry: all of a part."""
        return WHOLE

    def begin(self) -> None:
        """Nothing is to be learned."""

    def look(self) -> None:
        """Nothing is to be learned."""


def connect(place: Place) -> Stream:
    """Open a stream. Raises OSError."""
    secure = sockets.connect(place, sockets.context_for(place.pin), settings.POSTHOUSE.proxy)
    return Stream(secure, f"{place.host}:{place.port}")


class Lines:
    """The streams to one server, by whichever of its addresses."""

    def __init__(
        self,
        name: str,
        open_one: Connect = connect,
        gate: Valves | None = None,
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` is the server's, for the log; `gate` keeps the bandwidth, and `keep` is called to keep the gate."""
        self.name = name
        self._keep = keep
        self.gate = gate
        self._open_one = open_one
        self._changed = Condition()
        self._streams: list[Stream] = []
        self._place: Place | None = None
        self._opening = 0
        self._adapter: Adapter | None = None
        self._closed_bytes = 0
        self._held = 0.0
        self._used_at = self._looked_at = time.monotonic()
        self._looked_bytes = 0
        self._rate: float | None = None
        self._calls = 0
        self._depth = DEPTH

    # What a relay asks

    def calls(self) -> int:
        """Return how many calls shall be under way: see Pace."""
        return max(FIRST, DEPTH * len(self._streams))

    def stretch(self, left: int) -> int:
        """Return how many bytes the next call shall carry: a second's worth of a stream, less at the end.

        On a near line, whole parts: there a call costs more than what is gained by cutting.
        """
        with self._changed:
            streams = max(1, len(self._streams))
            near = self._adapter is not None and self._adapter.near
            limit = self.gate.rate if self.gate is not None else None
            # A near line takes at once what is allowed. What was measured may be from before a change; and where others
            # share the rate, a call only lasts longer.
            rate = limit if near and limit else self._rate
            known = int(rate / streams * STRETCH_SECONDS) if rate else BEGIN
            self._depth = DEPTH if left > DEPTH * streams * known else LAST_DEPTH
        if near and limit is None:
            return WHOLE
        # The last calls are small, so that all streams end at about the same time. They are not so small that calls and
        # records cost more than what is gained.
        last = max(left // (4 * streams), int(known * LAST_SECONDS / STRETCH_SECONDS))
        return max(LEAST, min(known, last) // LEAST * LEAST)

    def begin(self) -> None:
        """Measure from now on, unless it is known already how fast the line is."""
        with self._changed:
            if not self._rate:
                self._measure_anew()

    def look(self) -> None:
        """Measure what was delivered, and open or close streams accordingly."""
        self._keep()
        with self._changed:
            adapter, now = self._adapter, time.monotonic()
            if adapter is None or not self._streams:
                return
            facts = [stream.facts() for stream in self._streams]
            trip = max(one.trip for one in facts)
            seconds = now - self._looked_at
            if seconds < (adapt.interval(trip) if self._rate else adapt.first_look(trip)):
                return
            delivered = self._delivered()
            rate = (delivered - self._looked_bytes) / seconds
            idle = self._calls < len(self._streams)
            held_back = self._held > seconds * 0.2 or idle or self._opening > 0
            first = self._rate is None
            self._looked_at, self._looked_bytes, self._held, self._rate = now, delivered, 0.0, rate
            queued = 2 * sum(one.trip > adapt.QUEUED * one.least_trip for one in facts) > len(facts)
            change = None if first else adapter.observe(now, rate, held_back=held_back, queued=queued)
        if change:
            log.info("streams", server=self.name, streams=change.streams, because=change.because)
        self._fit()

    def close(self) -> None:
        """Hang up."""
        with self._changed:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()

    # What calls need

    def send(
        self,
        place: Place,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes],
        timeout: float,
        limit: int,
    ) -> Reply:
        """Send a request and return the answer: see Transport."""
        outgoing = body if isinstance(body, bytes) else transport.guarded(body)
        stream = self._stream(place)
        try:
            status, found, content = stream.exchange(
                method, target, headers, outgoing, timeout=timeout, limit=limit, gate=self._gate()
            )
        except transport.BodyFailed as failed:
            raise failed.cause from None
        except TooLong:
            raise Failed(f"The answer of {place.host} is longer than the {limit} bytes that fit here.") from None
        except NoAnswer:
            raise Broken(f"{place.host}, port {place.port} took too long to answer.") from None
        except StreamBroken as error:
            log.info("stream broke", server=self.name, error=str(error))
            self._leave_idle()
            raise Broken(f"The connection to {place.host}, port {place.port} broke.") from error
        finally:
            self._release(stream)
        return Reply(status, found, content)

    def certificate(self, host: str, port: int) -> Certificate:
        """Return the certificate shown at an address: see Transport."""
        return transport.Network().certificate(host, port)

    def _gate(self) -> Gate | None:
        return _Timed(self.gate, self) if self.gate else None

    def _stream(self, place: Place) -> Stream:
        """Return the stream for the next call, counted as used from now on. Raises CallError."""
        with self._changed:
            self._turn_to(place)
            while True:
                self._drop_dead()
                free = [stream for stream in self._wanted() if stream.load < self._depth]
                if free:
                    stream = min(free, key=lambda one: one.load)
                    self._calls += 1
                    return stream
                if not self._streams and not self._opening:
                    self._opening += 1
                    self._open_more(adapt.FEWEST - 1, place)  # they take a few round trips, all at the same time
                    break
                self._changed.wait(1)
        try:
            stream = self._open(place)
        except CallError:
            self._opened(None)
            raise
        with self._changed:
            self._calls += 1
        self._opened(stream)
        self._fit()
        return stream

    def _release(self, stream: Stream) -> None:
        with self._changed:
            self._calls -= 1
            self._used_at = time.monotonic()
            if stream not in self._wanted() and stream.load == 0:
                stream.close()
            if not stream.usable:
                self._drop_dead()
            self._changed.notify_all()

    def _leave_idle(self) -> None:
        """Leave the streams that rest: what broke one may have cut them too, and it would take a minute to notice."""
        with self._changed:
            for stream in self._streams:
                if stream.load == 0:
                    stream.close()
            self._drop_dead()

    def _wanted(self) -> list[Stream]:
        """Return the streams that calls go by: no new ones go by those that are too many."""
        return self._streams[: self._adapter.streams] if self._adapter else self._streams

    def _turn_to(self, place: Place) -> None:
        """Leave the streams to another address, or such as were idle for too long; measure anew after a pause."""
        pause = time.monotonic() - self._used_at if self._calls == 0 else 0.0
        if self._place != place or pause > IDLE_SECONDS:
            for stream in self._streams:
                if stream.load == 0 or self._place != place:
                    stream.close()
            self._drop_dead()
        if not self._streams and not self._opening:
            self._adapter = None  # it may be another line now
        if pause > PAUSE_SECONDS:
            # What was measured holds an idle time, or belongs to another relay: nothing is to be learned from it.
            self._measure_anew()
            if self._adapter is not None:
                self._adapter.pause()
        self._place = place

    def _measure_anew(self) -> None:
        self._looked_at, self._held, self._rate = time.monotonic(), 0.0, None
        self._looked_bytes = self._delivered()

    def _fit(self) -> None:
        """Open the streams that are wanted, each in a thread of its own, and close those that are not."""
        with self._changed:
            if self._adapter is None or self._place is None:
                return
            self._drop_dead()
            wanted, place = self._adapter.streams, self._place
            more = wanted - len(self._streams) - self._opening
            for stream in self._streams[wanted:]:
                if stream.load == 0:
                    stream.close()
            self._drop_dead()
            self._open_more(more, place)

    def _open_more(self, more: int, place: Place) -> None:
        self._opening += max(0, more)
        for _ in range(more):
            Thread(target=self._open_aside, args=[place], name="relay-stream", daemon=True).start()

    def _open_aside(self, place: Place) -> None:
        try:
            stream = self._open(place)
        except CallError as error:
            log.info("stream not opened", server=self.name, error=error.message)
            self._opened(None)
        else:
            self._opened(stream)

    def _open(self, place: Place) -> Stream:
        try:
            return self._open_one(place)
        except (OSError, ssl.SSLError) as error:
            raise transport.explain(error, place) from error

    def _opened(self, stream: Stream | None) -> None:
        with self._changed:
            self._opening -= 1
            if stream is not None:
                if self._adapter is None:
                    self._adapter = Adapter(stream.facts().trip)
                self._streams.append(stream)
            self._changed.notify_all()

    def _drop_dead(self) -> None:
        living = []
        for stream in self._streams:
            if stream.usable and not stream.gone():
                living.append(stream)
            else:
                self._closed_bytes += stream.facts().acknowledged
        self._streams = living

    def _delivered(self) -> int:
        return self._closed_bytes + sum(stream.facts().acknowledged for stream in self._streams)


class _Timed:
    """A gate that notes for how long it held back."""

    def __init__(self, gate: Valves, lines: Lines) -> None:
        self._gate = gate
        self._lines = lines

    @property
    def step(self) -> int:
        return self._gate.step

    def __call__(self, size: int) -> None:
        began = time.monotonic()
        self._gate(size)
        self._lines._held += (time.monotonic() - began) / max(1, len(self._lines._streams))
