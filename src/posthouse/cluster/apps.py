"""What the cluster app does when the server starts."""

from __future__ import annotations

from django.apps import AppConfig


class ClusterConfig(AppConfig):
    """The servers of the cluster and the calls between them."""

    name = "posthouse.cluster"

    def ready(self) -> None:
        """Have old nonces forgotten from time to time, and say which server this is."""
        from posthouse.cluster import checks, rotation, servers, signatures  # noqa: F401 - checks registers itself
        from posthouse.jobs import worker
        from posthouse.licensing import here

        here.register(servers.here)

        worker.register_periodic("forget old calls", 300, signatures.purge_nonces)
        worker.register_periodic("tell keys", rotation.TELL_SECONDS, rotation.tell_unaware)
