"""Why a connection failed, in words."""

from __future__ import annotations

import socket
import ssl

from posthouse.cluster.errors import Broken, CallError, NameUnknown, NoConnection, WrongCertificate

# What OpenSSL says, here or over there, when bytes of a handshake are not the ones that were sent.
_DAMAGED = (
    "BAD_RECORD_MAC",
    "DECRYPT",
    "DECODE",
    "DIGEST_CHECK_FAILED",
    "BAD_SIGNATURE",
    "ILLEGAL_PARAMETER",
    "UNEXPECTED_MESSAGE",
)


def damaged(host: str, port: int) -> str:
    """Return the sentence for bytes of TLS that are not the ones that were sent."""
    return f"The connection to {host}, port {port} broke: what it carried was damaged on the way."


def explain(error: OSError, host: str, port: int) -> CallError:
    """Return the sentence for a connection that could not be made, or that broke."""
    place = f"{host}, port {port}"
    match error:
        case socket.gaierror():
            return NameUnknown(
                f"The name {host} is not known. Check its spelling, and the name service of this server."
            )
        case ssl.SSLCertVerificationError():
            return WrongCertificate(
                f"The certificate at {place} is not accepted: {error.verify_message}. Renew it, or pair the two"
                " servers again to pin the new one."
            )
        case TimeoutError():
            return NoConnection(f"Nothing answers at {place}. Check the address, and the firewalls on the way.")
        case ConnectionRefusedError():
            return NoConnection(f"{host} answers, but no server runs at its port {port}. Start it, or check the port.")
        case ConnectionResetError() | BrokenPipeError():
            return Broken(f"The connection to {place} broke.")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return NoConnection(
                f"What answers at {place} hung up at once. If that is a proxy, the server behind it is down; else check"
                " the port."
            )
        case ssl.SSLError() if any(word in (error.reason or "") for word in _DAMAGED):
            return Broken(damaged(host, port))
        case ssl.SSLError() if "ALERT" in (error.reason or ""):
            return NoConnection(
                f"{place} speaks HTTPS, but agrees on no encryption with this server ({error.reason.lower()})."
                " Check what stands before that server, such as a proxy."
            )
        case ssl.SSLError():
            return NoConnection(f"What answers at {place} does not speak HTTPS. Check the port.")
        case _:
            return NoConnection(f"There is no way to {place}: {error.strerror or error}.")
