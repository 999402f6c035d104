"""Encrypted packages: which are taken, and what becomes of their envelope."""

from __future__ import annotations

import json
import zlib

import pytest
from django.urls import reverse

from posthouse.accounts.encryption import EncryptionRule
from posthouse.lib import envelopes, sealing
from posthouse.packages import arrivals, drafts, forwarding, manifest, manifests, states
from posthouse.packages.drafts import Refused
from posthouse.packages.models import Package
from posthouse.packages.reading import ManifestError
from tests.packages.conftest import upload

When = EncryptionRule.When
ENVELOPE, KEY = sealing.seal_package("a passphrase of some length")
TEXT = ENVELOPE.text()
SIZE = envelopes.sealed_size(100)


def rule(when):
    EncryptionRule.objects.create(mode=when)


def send(client, alice, **call):
    client.force_login(alice)
    body = {"title": "T", "recipients": ["bob"], "files": [{"path": "a.mov", "size": SIZE}]} | call
    return client.post(reverse("packages:new"), json.dumps(body), content_type="application/json", secure=True)


def test_the_envelope_is_kept_and_told_to_whoever_uploads(client, alice, bob):
    answer = send(client, alice, envelope=ENVELOPE.members())
    assert answer.status_code == 201
    assert answer.json()["envelope"] == ENVELOPE.members()
    package = Package.objects.get()
    assert package.encrypted
    assert package.envelope == TEXT
    assert states.of(package, "", "")["envelope"] == ENVELOPE.members()


def test_a_package_without_an_envelope_is_not_encrypted(client, alice, bob):
    assert send(client, alice).json()["envelope"] is None
    assert not Package.objects.get().encrypted


@pytest.mark.parametrize("envelope", ["x", [], {}, {"version": 1}, ENVELOPE.members() | {"iterations": 1}])
def test_what_is_no_envelope_is_no_call(client, alice, bob, envelope):
    answer = send(client, alice, envelope=envelope)
    assert answer.status_code == 400
    assert "envelope" in answer.json()["errors"]["call"][0].lower()


@pytest.mark.parametrize("size", [0, 1, 27, envelopes.SEALED + 1])
def test_sizes_that_no_encrypted_file_has_are_refused(client, alice, bob, size):
    answer = send(client, alice, envelope=ENVELOPE.members(), files=[{"path": "a.mov", "size": size}])
    assert answer.status_code == 422
    assert "size of an encrypted file" in answer.json()["errors"]["files"][0]


def test_always_refuses_what_is_not_encrypted(client, alice, bob):
    rule(When.ALWAYS)
    answer = send(client, alice)
    assert answer.status_code == 422
    assert "always encrypted" in answer.json()["errors"]["encryption"][0]
    assert send(client, alice, envelope=ENVELOPE.members()).status_code == 201


def test_never_refuses_what_is_encrypted(client, alice, bob):
    rule(When.NEVER)
    answer = send(client, alice, envelope=ENVELOPE.members())
    assert answer.status_code == 422
    assert "never encrypted" in answer.json()["errors"]["encryption"][0]
    assert send(client, alice).status_code == 201


def made(alice, envelope=TEXT):
    package = drafts.create(alice, "T", "", ["bob", "alice"], [("a.mov", SIZE)], envelope=envelope)
    return upload(package)


def test_the_envelope_travels_in_the_manifest(alice, bob, tokyo):
    package = made(alice)
    there = manifest.loads(manifest.dumps(manifests.of(package, tokyo)))
    assert there.envelope == TEXT
    assert manifests.of(made(alice, ""), tokyo).envelope == ""


@pytest.mark.parametrize(
    "envelope", ["{}", "x", TEXT.replace("600000", "1"), TEXT.replace('"version":1', '"version":9')]
)
def test_an_envelope_that_is_none_makes_no_manifest(alice, bob, envelope):
    document = json.loads(zlib.decompress(manifest.dumps(manifests.of(made(alice)))))
    with pytest.raises(ManifestError):
        manifest.loads(zlib.compress(json.dumps(document | {"envelope": envelope}).encode()))


def test_a_manifest_of_an_encrypted_package_has_the_sizes_of_one(alice, bob):
    plain = manifests.of(upload(drafts.create(alice, "T", "", ["bob"], [("a.mov", 5)])))
    document = json.loads(zlib.decompress(manifest.dumps(plain)))
    with pytest.raises(ManifestError, match="size of an encrypted file"):
        manifest.loads(zlib.compress(json.dumps(document | {"envelope": TEXT}).encode()))


def test_the_far_server_keeps_the_envelope(alice, bob, paris, tokyo):
    package = made(alice)
    sent = manifests.of(package, tokyo)
    blobs = {file.number: file.blob for file in package.files.all()}
    Package.objects.filter(pk=package.pk).delete()
    type(paris).objects.filter(pk=paris.pk).update(is_self=False)
    type(tokyo).objects.filter(pk=tokyo.pk).update(is_self=True)
    assert arrivals.admit(sent, paris, blobs).envelope == TEXT


def test_a_forwarded_package_keeps_its_passphrase(alice, bob):
    assert forwarding.forward(alice, made(alice), "On", "", ["bob"]).envelope == TEXT


def test_always_refuses_to_forward_what_is_not_encrypted(alice, bob):
    package = made(alice, "")
    rule(When.ALWAYS)
    with pytest.raises(Refused, match="always encrypted"):
        forwarding.forward(alice, package, "On", "", ["bob"])
