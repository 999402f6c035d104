"""What can go wrong between two servers. Every message is a sentence for an administrator.

CallError                  a call that this server made
    Unreachable            temporary      no connection, or the line broke
        NoConnection                      ... so nothing was sent
            NameUnknown                   ... because the name service does not know the name
        Broken                            ... under way: nobody knows whether the call was carried out
    Failed                 temporary      the far side had a fault of its own
    WrongCertificate       administrator  not the certificate that was pinned, or none that a CA stands for
    NotPosthouse           administrator  something else answers there
    NotTrusted             administrator  the far side refused the signature, or its answer proves nothing
    WrongClock             administrator  the clocks differ by more than the signature's time window
    VersionDiffers         administrator  the two servers run different versions
    Refused                (as told)      the far side says why it will not do it
Refusal                    a call that this server refuses to answer
    SignatureRefused       because it is not proven who made it
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an error asks for."""

    TEMPORARY = "temporary"
    """Try again later."""
    ADMINISTRATOR = "administrator"
    """Somebody must mend something first; then it will work."""
    PERMANENT = "permanent"
    """It will never work as it is."""


class CallError(Exception):
    """A call to another server failed."""

    kind = Kind.TEMPORARY
    code = ""
    """What the far side said for this server's program, if it said anything."""

    def __init__(self, message: str, kind: Kind | None = None, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        if code:
            self.code = code
        if kind is not None:
            self.kind = kind


class Unreachable(CallError):
    """No connection could be made, or it broke before the answer was there."""


class NoConnection(Unreachable):
    """No connection was made, so nothing was sent: another address may be tried."""


class NameUnknown(NoConnection):
    """The name service does not know the name."""


class Broken(Unreachable):
    """The connection broke while the call was under way: nobody knows whether it was carried out."""


class Failed(CallError):
    """The far side had a fault of its own."""


class WrongCertificate(CallError):
    """The certificate is not the pinned one, or no CA stands for it."""

    kind = Kind.ADMINISTRATOR


class NotPosthouse(CallError):
    """What answers there is not a Posthouse server, or has another URL namespace."""

    kind = Kind.ADMINISTRATOR


class NotTrusted(CallError):
    """The far side does not accept this server's signature, or could not prove who it is."""

    kind = Kind.ADMINISTRATOR


class WrongClock(CallError):
    """The clocks of the two servers differ too much."""

    kind = Kind.ADMINISTRATOR


class VersionDiffers(CallError):
    """The two servers run different versions (R8)."""

    kind = Kind.ADMINISTRATOR


class Refused(CallError):
    """The far side understood the call, and says why it will not do it."""

    kind = Kind.PERMANENT

    def __init__(self, status: int, message: str, kind: Kind | None = None, code: str = "") -> None:
        super().__init__(message, kind, code)
        self.status = status


class Refusal(Exception):
    """Answer a server's call with a status, a sentence and what the sentence asks for.

    `code` is for the caller's program: signature, clock, version, or any word that both sides know.
    """

    def __init__(self, status: int, message: str, kind: Kind = Kind.PERMANENT, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code

    def document(self) -> dict[str, str]:
        """Return the body of the answer."""
        return {"error": self.message, "kind": self.kind.value, "code": self.code}


class SignatureRefused(Refusal):
    """It is not proven that a server of this cluster made the call, made it for this server, and just now."""

    def __init__(self, message: str, code: str = "signature") -> None:
        super().__init__(401, message, Kind.ADMINISTRATOR, code)
