"""Search: what is found, by whom, and what nobody learns by it."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from posthouse.accounts.models import User
from posthouse.packages import drafts, ending, finding, indexing, matching
from posthouse.packages.models import Delivery, Indexing, Package, Place, Renamed
from tests.conftest import make_user
from tests.packages.conftest import upload


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


def carol(home, email):
    person = make_user("carol", home)
    person.email = email
    person.save()


def look(client, user, name, text, **more):
    """Return the titles that a search lists."""
    client.force_login(user)
    answer = client.get(reverse(f"packages:{name}"), {"q": text, **more})
    assert answer.status_code == 200
    found = answer.context["page"]
    return [getattr(row, "package", row).title for row in found]


@pytest.mark.parametrize(
    "text",
    [
        "rushes",
        "RUSH",
        "day 12",
        "12 rushes",
        "colour",  # the note
        "größe",
        "grosse",
        "scene",  # a folder
        "mov",
        "take7",
        "7",
        "alice",
        "dora",
        "rushes alice dora colour mov",
    ],
)
def test_a_package_is_found_by_all_that_its_page_shows(client, draft, alice, dora, admin, text):
    upload(draft("dora", title="Rushes of Day 12", note="First colour pass, Größe L", files=(("scene/take7.mov", 3),)))
    upload(draft("dora", title="Something else", files=(("x.wav", 3),)))
    if text not in {"alice", "dora"}:
        assert look(client, dora, "received", text) == ["Rushes of Day 12"]
        assert look(client, alice, "sent", text) == ["Rushes of Day 12"]
        assert look(client, admin, "all", text) == ["Rushes of Day 12"]
    else:
        assert look(client, dora, "received", text) == ["Something else", "Rushes of Day 12"], "newest first"


@pytest.mark.parametrize(
    "text", ["rushed", "ushes", "rushes nothing", "!!!", "\x00", "' OR 1=1 --", "@s", "=dora", '"']
)
def test_what_is_not_there_is_not_found(client, draft, dora, admin, text):
    upload(draft("dora", title="Rushes of Day 12"))
    for user, name in ((dora, "received"), (admin, "all")):
        client.force_login(user)
        answer = client.get(reverse(f"packages:{name}"), {"q": text})
        assert answer.status_code == 200
        if text == "=dora":
            continue  # a sign is no part of a word
        if text.strip("\x00"):
            assert "Nothing found" in answer.content.decode()


def test_nobody_finds_packages_of_others(client, draft, alice, dora, paris):
    eve = make_user("eve", paris)
    upload(draft("dora", title="Secret"))
    for name in ("received", "archive", "sent"):
        assert look(client, eve, name, "secret") == []
    assert look(client, alice, "received", "secret") == [], "he sent it, and did not get it"
    assert look(client, dora, "sent", "secret") == []
    client.force_login(eve)
    assert client.get(reverse("packages:all"), {"q": "secret"}).status_code == 403


def test_private_recipients_are_found_by_their_sender_only(client, alice, dora, admin, paris):
    carol(paris, "hidden@example.com")
    package = drafts.create(alice, "Rushes", "", ["dora"], [("a.mov", 10)], private=["carol"])
    upload(package)
    for text in ("carol", "hidden"):
        assert look(client, dora, "received", text) == []
        assert look(client, alice, "sent", text) == ["Rushes"]
        assert look(client, admin, "all", text) == [], "the list of all packages does not name them either"
    assert look(client, User.objects.get(login="carol"), "received", "rushes") == ["Rushes"]


def test_the_address_of_a_recipient_is_known_to_the_sender_only(client, alice, dora, paris):
    carol(paris, "elsewhere@example.com")
    upload(drafts.create(alice, "Rushes", "", ["dora", "carol"], [("a.mov", 10)]))
    assert look(client, dora, "received", "carol") == ["Rushes"], "he is shown her name"
    assert look(client, dora, "received", "elsewhere") == []
    assert look(client, alice, "sent", "elsewhere") == ["Rushes"]


def test_lists_are_searched_as_they_are(client, draft, alice, dora):
    put_aside, deleted, recalled, kept = (upload(draft("dora", title=f"Rushes {n}")) for n in range(4))
    draft("dora", title="Rushes that are still coming up")
    Delivery.objects.filter(package=put_aside).update(archived_at=timezone.now())
    ending.hide(deleted.deliveries.get())
    ending.end(recalled.pk, Package.End.RECALLED)
    assert look(client, dora, "received", "rushes") == [kept.title]
    assert look(client, dora, "archive", "rushes") == [put_aside.title]
    assert len(look(client, alice, "sent", "rushes")) == 5


def test_a_package_is_in_the_index_only_if_it_was_made(draft, alice):
    with pytest.raises(drafts.Refused):
        drafts.create(alice, "Rushes", "", ["nobody"], [("a.mov", 10)])
    assert not Place.objects.exists()
    draft("bob")
    assert Place.objects.count() == 1


def test_many_are_found_page_by_page_also_when_most_of_them_are_over(client, draft, alice, dora, monkeypatch):
    monkeypatch.setattr(matching, "CHUNK", 4)
    User.objects.filter(pk=dora.pk).update(rows=3)
    packages = [upload(draft("dora", title=f"Rushes {n}")) for n in range(20)]
    for package in packages[4:17]:
        ending.end(package.pk, Package.End.EXPIRED)
    client.force_login(dora)
    seen, place = [], {"q": "rushes"}
    for _ in range(4):
        found = client.get(reverse("packages:received"), place).context["page"]
        seen.append([delivery.package.title for delivery in found])
        if found.behind is None:
            break
        place["behind"] = found.behind
    assert seen == [["Rushes 19", "Rushes 18", "Rushes 17"], ["Rushes 3", "Rushes 2", "Rushes 1"], ["Rushes 0"]]


def test_one_question_looks_at_no_more_than_so_many_places(client, draft, dora, monkeypatch):
    monkeypatch.setattr(finding, "SCAN", 5)
    packages = [upload(draft("dora", title=f"Rushes {n}")) for n in range(8)]
    for package in packages[1:]:
        ending.end(package.pk, Package.End.EXPIRED)
    monkeypatch.setattr(matching, "CHUNK", 5)
    client.force_login(dora)
    answer = client.get(reverse("packages:received"), {"q": "rushes"})
    assert "Nothing found" in answer.content.decode()
    behind = answer.context["page"].behind
    assert f"behind={behind}" in answer.content.decode()
    assert look(client, dora, "received", "rushes", behind=behind) == ["Rushes 0"]


@pytest.mark.parametrize("behind", ["x", "1e9", "9" * 30, "--1"])
def test_a_place_that_is_none_is_not_found(client, dora, behind):
    client.force_login(dora)
    assert client.get(reverse("packages:received"), {"q": "a", "behind": behind}).status_code == 404


def test_packages_that_were_there_before_are_put_in_batch_by_batch(client, draft, dora, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH", 2)
    monkeypatch.setattr(indexing, "SECONDS", -1)
    for n in range(5):
        upload(draft("dora", title=f"Rushes {n}"))
    Place.objects.all().delete()
    Indexing.objects.create()
    upload(draft("dora", title="Rushes 5"))
    assert look(client, dora, "received", "rushes") == ["Rushes 5"]
    assert indexing.build() == 2
    assert look(client, dora, "received", "rushes") == ["Rushes 5", "Rushes 4", "Rushes 3"]
    while indexing.build():
        pass
    assert look(client, dora, "received", "rushes") == [f"Rushes {n}" for n in (5, 4, 3, 2, 1, 0)]
    assert not Indexing.objects.exists()
    assert Place.objects.count() == 6


def test_who_is_called_otherwise_is_found_by_the_new_name(client, draft, alice, dora, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH", 1)
    for n in range(3):
        upload(draft("dora", title=f"Rushes {n}"))
    assert not Renamed.objects.exists()
    User.objects.filter(pk=dora.pk).update(rows=100)
    assert not Renamed.objects.exists()
    User.objects.filter(pk=dora.pk).update(name="Theodora")
    assert Renamed.objects.count() == 1
    indexing.rename()
    assert not Renamed.objects.exists()
    assert len(look(client, alice, "sent", "theodora")) == 3
    User.objects.filter(pk=alice.pk).update(name="Alicia")
    indexing.rename()
    assert len(look(client, dora, "received", "alicia")) == 3
    assert look(client, dora, "received", "alice example rushes 2") == ["Rushes 2"], "her address is as it was"


def test_who_is_renamed_again_meanwhile_is_written_once_more(draft, dora, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH", 1)
    monkeypatch.setattr(indexing, "SECONDS", -1)
    for _ in range(2):
        draft("dora")
    User.objects.filter(pk=dora.pk).update(name="Theodora")
    assert indexing.rename() == 1
    assert Renamed.objects.get().behind is not None
    User.objects.filter(pk=dora.pk).update(name="Thea")
    assert Renamed.objects.get().behind is None


def test_a_package_with_more_words_than_a_database_takes_is_found_by_the_first(client, alice, dora):
    note = " ".join(f"w{n:04d}ö" for n in range(2800))
    files = [(f"frame-{n:06d}-" + "ö" * 100 + f"{n}.dpx", 0) for n in range(20_000)]
    drafts.create(alice, "Rushes", note, ["dora"], files)
    for text in ("rushes", "w0000o", "w2799o", "frame 000005"):
        assert look(client, dora, "received", text) == ["Rushes"]


def test_html_is_text_in_every_field_of_a_search(client, draft, alice, dora):
    evil = '"><script>alert(1)</script>'
    upload(draft("dora", title=f"Rushes {evil}", note=evil))
    client.force_login(dora)
    page = client.get(reverse("packages:received"), {"q": evil}).content.decode()
    assert "<script>alert" not in page
    assert "Rushes &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'value="&quot;&gt;&lt;script&gt;' in page


def test_a_search_needs_as_many_queries_for_one_package_as_for_many(client, draft, dora, django_assert_max_num_queries):
    for n in range(12):
        upload(draft("dora", title=f"Rushes {n}"))
    client.force_login(dora)
    with django_assert_max_num_queries(15):
        client.get(reverse("packages:received"), {"q": "rushes"})
