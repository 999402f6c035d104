"""The receiving side of a relay that begins before its manifest can be known: room for the files, by their sizes.

The digest of each part comes with the part. What the files must amount to is said by the manifest, in the end.
"""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from posthouse.cluster.errors import Refusal
from posthouse.cluster.signatures import Caller
from posthouse.relays import fences, receiver, wire
from posthouse.relays.models import Arrival, ArrivalFile
from posthouse.relays.wire import Standing
from posthouse.store import many
from posthouse.store.many import Expected

MOST = 1_000_000
"""Files of a package."""


def take(caller: Caller, relay: UUID, data: bytes) -> Standing:
    """Make room for the files of a package that is still being uploaded there, and return what is missing.

    Raises Refusal, StoreError.
    """
    arrival = fences.enter(caller, relay)
    if arrival.state == Arrival.State.OFFERED and not ArrivalFile.objects.filter(arrival=arrival).exists():
        _make_room(arrival, data)
        arrival = fences.enter(caller, relay)
    if arrival.state == Arrival.State.COMMITTED:
        return Standing(arrival.state)
    return receiver.missing_of(arrival, receiver.blobs_of(arrival))


def _make_room(arrival: Arrival, data: bytes) -> None:
    try:
        files = wire.read_outline(data)
    except wire.WireError as error:
        raise Refusal(422, str(error)) from error
    if len(files) > MOST:
        raise Refusal(422, f"A package has at most {MOST} files.")
    outlined = {number: file for number, file in enumerate(files) if file is not None}
    expected = (Expected(file.size, file.algorithm, b"", 0) for file in outlined.values())
    made = dict(zip(outlined, many.prepare(expected), strict=True))
    taken = False
    try:
        with transaction.atomic():
            receiver.await_blobs(arrival, made)
            fences.progress(arrival)
        taken = True
    except IntegrityError:
        pass  # the same call was here twice at once; the other one has made it
    finally:
        if not taken:
            many.discard(made.values())
