"""Encrypted packages in the data plane: the rule holds there, too, and no zip file pretends to be readable."""

from __future__ import annotations

import json

import pytest

from posthouse.accounts.encryption import EncryptionRule
from posthouse.lib import envelopes, sealing
from posthouse.packages import drafts
from posthouse.transfers.asgi import application
from tests.transfers.conftest import START
from tests.transfers.driver import ask

ENVELOPE = sealing.seal_package("a passphrase of some length")[0].text()
SIZE = envelopes.sealed_size(100)


@pytest.fixture
def package(alice):
    return drafts.create(alice, "Rushes", "", ["alice"], [("a.mov", SIZE)], envelope=ENVELOPE)


def test_a_file_comes_out_as_it_went_in_under_a_name_that_says_so(tus, package, alice, cookie):
    file = package.files.get()
    tus(package).send(file, b"c" * SIZE)
    answer = ask(application, "GET", f"{START}/downloads/{package.pk}/{file.pk}", cookie(alice))
    assert (answer.status, answer.body) == (200, b"c" * SIZE)
    assert 'filename="a.mov.encrypted"' in answer.headers["content-disposition"]


@pytest.mark.parametrize("name", ["all.zip", "some.zip?file=0"])
def test_a_zip_file_is_refused_with_the_way_to_go(tus, package, alice, cookie, name):
    tus(package).send(package.files.get(), b"c" * SIZE)
    answer = ask(application, "GET", f"{START}/downloads/{package.pk}/{name}", cookie(alice))
    assert answer.status == 409
    assert "Open the package's page to decrypt them." in json.loads(answer.body)["error"]


def test_when_always_comes_into_force_a_plain_upload_stops(tus, make_package):
    package = make_package(("a.mov", 10))
    client = tus(package)
    path = client.create(package.files.get()).headers["location"]
    EncryptionRule.objects.create(mode="always")
    answer = client.patch(path, 0, b"0123456789")
    assert answer.status == 403
    assert "always encrypted" in json.loads(answer.body)["error"]
    other = tus(package).create(package.files.get())
    assert other.status in {201, 403}
    assert client.head(path).headers["upload-offset"] == "0"


def test_when_never_comes_into_force_an_encrypted_upload_stops(tus, package):
    client = tus(package)
    EncryptionRule.objects.create(mode="never")
    answer = client.create(package.files.get())
    assert answer.status == 403
    assert "never encrypted" in json.loads(answer.body)["error"]
