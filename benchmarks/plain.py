"""The web process of Posthouse without TLS: what remains of the time is not the encryption's."""

from __future__ import annotations

import sys
from typing import Any

from granian import Granian

from posthouse.cli import web
from posthouse.config.options import Options


def without_tls(*args: Any, **settings: Any) -> Granian:
    """Return granian as `posthouse serve` has it, but for the certificate."""
    return Granian(*args, **{name: value for name, value in settings.items() if not name.startswith("ssl_")})


if __name__ == "__main__":
    web.Granian = without_tls
    web.serve(Options().model_copy(update={"listen_port": int(sys.argv[1])}))
