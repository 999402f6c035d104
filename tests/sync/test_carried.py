"""What a sync carries besides people: servers, seats, and the rules that hold on all servers (R7, M4)."""

from __future__ import annotations

from django.utils import timezone

from posthouse.accounts.encryption import EncryptionRule
from posthouse.accounts.security import PasswordRules
from posthouse.cluster.models import Server
from tests.cluster.far import Far
from tests.sync.work import sync


def test_with_a_sync_both_sides_tell_of_their_seats(crowd: Server, far: Far) -> None:
    """R7."""
    far.run(
        "from django.test import Client\nfrom posthouse.accounts.models import User\n"
        "Client().force_login(User.objects.get(login='ken'))"
    )
    sync(crowd)
    crowd.refresh_from_db()
    assert crowd.seats == {"used": 1, "limit": None}
    assert far.run("from posthouse.cluster.models import Server\nresult = Server.objects.get(name='paris').seats") == {
        "used": 0,
        "limit": None,
    }


def test_the_rules_for_passwords_are_copied_and_what_is_not_set_is_not_kept(crowd: Server, far: Far) -> None:
    """M4."""
    look = "from posthouse.accounts.security import PasswordRules\nresult = PasswordRules.in_force().least"
    far.run("from posthouse.accounts.security import PasswordRules\nPasswordRules.objects.create(least=33)")
    sync(crowd)
    assert far.run(look) == 10
    PasswordRules.objects.create(least=14)
    sync(crowd)
    assert far.run(look) == 14


def test_whether_packages_are_encrypted_is_copied(crowd: Server, far: Far) -> None:
    """M4."""
    look = "from posthouse.accounts.encryption import EncryptionRule\nresult = EncryptionRule.in_force().mode"
    far.run("from posthouse.accounts.encryption import EncryptionRule\nEncryptionRule.objects.create(mode='never')")
    sync(crowd)
    assert far.run(look) == "choice"
    EncryptionRule.objects.create(mode="always")
    sync(crowd)
    assert far.run(look) == "always"


def test_slaves_learn_of_one_another_and_of_removals(crowd: Server, far: Far) -> None:
    rio = Server.objects.create(name="rio", host="rio.example", role=Server.Role.SLAVE, keys=["A" * 43 + "="])
    sync(crowd)
    code = (
        "from posthouse.cluster.models import Server\n"
        "rio = Server.objects.get(name='rio')\n"
        "result = [str(rio.id), rio.keys, bool(rio.removed_at)]"
    )
    assert far.run(code) == [str(rio.id), rio.keys, False]
    Server.objects.filter(pk=rio.pk).update(removed_at=timezone.now())
    sync(crowd)
    assert far.run(code)[2] is True


def test_the_slave_knows_itself_after_a_sync(crowd: Server, far: Far) -> None:
    Server.objects.filter(pk=crowd.pk).update(name="Tokio", alternate_address="10.0.0.1")
    sync(crowd)
    code = (
        "from posthouse.cluster import servers\n"
        "this = servers.ensure_this()\n"
        "result = [str(this.id), this.name, this.alternate_address]"
    )
    assert far.run(code) == [str(crowd.id), "Tokio", "10.0.0.1"]
