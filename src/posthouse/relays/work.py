"""What relays ask of the worker, and of packages that are closed."""

from __future__ import annotations

from django.conf import settings
from django.dispatch import receiver

from posthouse.cluster.models import Server
from posthouse.cluster.signals import server_called
from posthouse.jobs import leases
from posthouse.jobs.models import State
from posthouse.jobs.wake import wake_on_commit
from posthouse.jobs.worker import Kind, register, register_periodic
from posthouse.licensing.signals import installed
from posthouse.packages.models import Package
from posthouse.packages.signals import package_closed, package_ended, package_given_up
from posthouse.relays import early, knock, links, moves, picking, queue, sender, wanted
from posthouse.relays.models import Relay
from posthouse.relays.receiver import forget_abandoned


@receiver(package_closed)
def _relay_it(package: Package, **_: object) -> None:
    queue.enqueue(package)


@receiver(package_ended)
def _end_it(package: Package, **_: object) -> None:
    for relay in Relay.objects.filter(package=package).exclude(state__in=queue.ENDED):
        queue.cancel(relay, package.ended_by)


@receiver(package_given_up)
def _give_it_up(package: Package, **_: object) -> None:
    queue.give_up(package)


@receiver(installed)
def _go_on(**_: object) -> None:
    leases.requeue(Relay.objects.filter(state=State.HELD, held_by=""))
    wake_on_commit()


@receiver(server_called)
def _listen(caller: Server, **_: object) -> None:
    links.heard(caller.pk)


register(
    Kind(
        "relay",
        Relay.objects.all,
        sender.run,
        settings.POSTHOUSE.relay_workers,
        claim=picking.claim,
        tend=picking.tend,
    )
)
register_periodic("end relays to removed servers", 5, queue.end_removed)
register_periodic("begin relays of packages that are still being uploaded", 1, early.begin)
register_periodic("end relays whose lifetime is over", 60, queue.end_old)
register_periodic("plan anew what goes to people who have moved", 60, moves.follow)
register_periodic("knock at servers that could not be reached", 5, knock.probe)
register_periodic("tell the others that this server is back", float("inf"), knock.in_passing)
register_periodic("ask whether what stands still here is still wanted", 600, wanted.in_passing)
register_periodic("forget abandoned arrivals", 3600, forget_abandoned)
