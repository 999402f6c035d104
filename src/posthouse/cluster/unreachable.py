"""Why a connection failed, in words."""

from __future__ import annotations

import socket
import ssl

from posthouse.cluster.errors import Broken, CallError, NameUnknown, NoConnection, WrongCertificate


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
        case ssl.SSLError():
            return NoConnection(f"What answers at {place} does not speak HTTPS. Check the port.")
        case _:
            return NoConnection(f"There is no way to {place}: {error.strerror or error}.")
