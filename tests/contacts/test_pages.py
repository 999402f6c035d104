"""The pages of the address book: each person's own."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from posthouse.contacts import forms
from posthouse.contacts.models import Contact, Member, PersonalList

BOOK = "/aspera/faspex/contacts/"


@pytest.fixture
def browser(alice):
    client = Client()
    client.force_login(alice)
    return client


def get(browser, place="", **query):
    return browser.get(f"{BOOK}{place}", query, secure=True)


def post(browser, place, **data):
    return browser.post(f"{BOOK}{place}", data, secure=True)


def test_contacts_are_made_found_changed_and_deleted(browser, alice):
    assert post(browser, "new", name="Eve", email="Eve@X.org").status_code == 302
    contact = Contact.objects.get()
    assert (contact.owner, contact.email) == (alice, "eve@x.org")
    assert b"Eve" in get(browser, q="EV").content
    assert b"Nobody found" in get(browser, q="x\0y").content
    assert post(browser, f"{contact.pk}/", name="<b>Eve</b>", email="eve@x.org").status_code == 302
    assert b"&lt;b&gt;Eve" in get(browser).content
    assert forms.TAKEN in post(browser, "new", name="", email="EVE@x.org").content.decode()
    assert "taken off your lists" in get(browser, f"{contact.pk}/delete").content.decode()
    assert Contact.objects.exists()
    assert post(browser, f"{contact.pk}/delete").status_code == 302
    assert not Contact.objects.exists()


def test_lists_are_made_filled_renamed_and_deleted(browser, alice, bob):
    assert post(browser, "lists/new", name="Cutters").status_code == 302
    found = PersonalList.objects.get()
    page = f"lists/{found.pk}/"
    assert forms.SAME_NAME in post(browser, "lists/new", name="CUTTERS").content.decode()
    post(browser, page, change="members", names="bob\neve@x.org\nnobody")
    content = get(browser, page).content.decode()
    assert "Bob" in content
    assert "“nobody” is neither" in content
    post(browser, page, change="name", name="Editors")
    post(browser, f"{page}remove/{Member.objects.get(user=bob).pk}")
    assert [str(member) for member in Member.objects.all()] == ["eve@x.org"]
    assert b"Editors" in get(browser, "lists/").content
    assert "People on it: 1." in get(browser, f"{page}delete").content.decode()
    assert PersonalList.objects.exists()
    post(browser, f"{page}delete")
    assert not PersonalList.objects.exists()
    assert Contact.objects.exists()


def test_a_file_is_imported_and_exported(browser, alice):
    file = SimpleUploadedFile("c.csv", b"name,email\nEve,eve@x.org\nx,y\n")
    content = post(browser, "import", file=file).content.decode()
    assert "1 contact is new" in content
    assert "Line 3: “y” is no e-mail address" in content
    answer = get(browser, "export")
    assert answer.content == b"name,email,lists\r\nEve,eve@x.org,\r\n"
    assert "attachment" in answer["Content-Disposition"]
    for data in (b"\x80", b"x", b"", b"x" * (forms.FILE + 1)):
        assert post(browser, "import", file=SimpleUploadedFile("c.csv", data)).status_code == 200
    assert Contact.objects.count() == 1


def test_nobody_reaches_what_is_in_the_book_of_another(browser, alice, bob):
    contact = Contact.objects.create(owner=bob, name="Secret Eve", email="eve@x.org")
    found = PersonalList.objects.create(owner=bob, name="Secret list")
    member = Member.objects.create(list=found, contact=contact)
    mine = PersonalList.objects.create(owner=alice, name="Mine")
    for place in ("", "lists/", "export"):
        assert b"Secret" not in get(browser, place).content
    for place in (f"{contact.pk}/", f"{contact.pk}/delete", f"lists/{found.pk}/", f"lists/{found.pk}/delete"):
        assert get(browser, place).status_code == 404
    for place in (
        f"{contact.pk}/",
        f"{contact.pk}/delete",
        f"lists/{found.pk}/",
        f"lists/{found.pk}/delete",
        f"lists/{found.pk}/remove/{member.pk}",
        f"lists/{mine.pk}/remove/{member.pk}",
    ):
        assert post(browser, place, name="x", email="x@x.org").status_code == 404
    assert Member.objects.count() == 1


@pytest.mark.parametrize("place", ["", "new", "import", "export", "lists/", "lists/new"])
def test_strangers_are_sent_to_the_log_in(db, place):
    assert get(Client(), place).status_code == 302


def test_a_page_costs_the_same_however_many_there_are(browser, alice, django_assert_max_num_queries):
    Contact.objects.bulk_create(Contact(owner=alice, name=f"N{n}", email=f"n{n}@x.org") for n in range(300))
    with django_assert_max_num_queries(10):
        content = get(browser).content
    assert b"Next" in content


def test_a_row_asks_before_it_deletes(browser, alice):
    contact = Contact.objects.create(owner=alice, name="Eve", email="eve@x.org")
    found = PersonalList.objects.create(owner=alice, name="Mine")
    for place, row in (("", f"{contact.pk}/delete"), ("lists/", f"lists/{found.pk}/delete")):
        content = get(browser, place).content.decode()
        assert f'href="{BOOK}{row}"' in content
        assert f'action="{BOOK}{row}"' not in content
