"""The cast known to all tests: Alice at paris (the master), Bob at tokyo, Carla at rio, and an administrator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from posthouse.accounts.models import User
from posthouse.cluster.models import Server
from posthouse.packages import drafts
from posthouse.packages.models import Package

PASSWORD = "correct horse battery"


@pytest.fixture
def paris(db: None) -> Server:
    """This server, the master."""
    return Server.objects.create(
        name="paris", host="paris.example", is_self=True, role=Server.Role.MASTER, keys=["paris-key"]
    )


@pytest.fixture
def tokyo(db: None) -> Server:
    """A slave."""
    return Server.objects.create(name="tokyo", host="tokyo.example", role=Server.Role.SLAVE, keys=["tokyo-key"])


@pytest.fixture
def rio(db: None) -> Server:
    """Another slave."""
    return Server.objects.create(name="rio", host="rio.example", role=Server.Role.SLAVE, keys=["rio-key"])


def make_user(login: str, home: Server, role: str = User.Role.USER, **fields: object) -> User:
    """Return a new user with the password of all tests."""
    user = User(login=login, name=login.title(), email=f"{login}@example.com", home=home, role=role, **fields)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def alice(paris: Server) -> User:
    """A user of this server."""
    return make_user("alice", paris)


@pytest.fixture
def bob(tokyo: Server) -> User:
    """A user whose home is tokyo."""
    return make_user("bob", tokyo)


@pytest.fixture
def carla(rio: Server) -> User:
    """A user whose home is rio."""
    return make_user("carla", rio)


@pytest.fixture
def admin(paris: Server) -> User:
    """An administrator of this server."""
    return make_user("admin", paris, User.Role.ADMINISTRATOR)


@pytest.fixture
def draft(alice: User, bob: User) -> Callable[..., Package]:
    """Make a package of Alice's to Bob that awaits its files."""

    def make(
        *recipients: str, title: str = "Rushes", note: str = "", files: tuple[tuple[str, int], ...] = (("a.mov", 10),)
    ) -> Package:
        return drafts.create(alice, title, note, recipients or ["bob"], files)

    return make
