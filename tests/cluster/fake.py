"""What a network that is none has of a real one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from posthouse.cluster.certificate import Certificate
from posthouse.cluster.transport import Place, Reply


@dataclass(frozen=True)
class Call:
    """A request, as it comes to the network."""

    place: Place
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class FakeNetwork(ABC):
    """A transport whose servers say what `answer` returns, and have no certificates unless that is said, too."""

    @abstractmethod
    def answer(self, call: Call) -> Reply: ...

    def certificate(self, host: str, port: int) -> Certificate:
        raise AssertionError(f"nobody was to ask {host}:{port} for its certificate")

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
        content = body if isinstance(body, bytes) else b"".join(body)
        return self.answer(Call(place, method, target, headers, content))
