"""Making a package: what is stored, and what is refused with a sentence."""

from __future__ import annotations

import pytest

from posthouse.accounts.models import User
from posthouse.packages import drafts, limits
from posthouse.packages.models import Delivery, File, Package
from tests.conftest import make_user


def refusal(sender: User, **fields) -> dict[str, list[str]]:
    call = {"title": "T", "note": "", "recipients": ["bob"], "files": [("a", 1)]} | fields
    with pytest.raises(drafts.Refused) as caught:
        drafts.create(sender, **call)
    assert not Package.objects.exists()
    return caught.value.errors


def test_a_new_package_awaits_its_files_in_the_order_in_which_they_are_shown(draft, alice, paris):
    package = draft("bob", title=" Rushes\nof day 12 ", note="a\r\nb", files=(("b/2", 5), ("b/10", 7), ("a", 1)))
    assert (package.title, package.note, package.sender, package.origin) == ("Rushes of day 12", "a\nb", alice, paris)
    assert (package.status, package.size, package.file_count) == ("uploading", 13, 3)
    assert [(file.number, file.path, file.size) for file in package.files.all()] == [
        (0, "a", 1),
        (1, "b/2", 5),
        (2, "b/10", 7),
    ]


def test_a_recipient_named_twice_in_whatever_case_gets_it_once(draft, bob):
    assert [delivery.recipient for delivery in draft("bob", "BOB", " Bob ").deliveries.all()] == [bob]


def test_a_sender_may_send_to_himself(draft, alice):
    assert draft("alice").deliveries.get().recipient == alice


def test_text_is_stored_as_it_was_written_html_and_all(draft):
    package = draft(title="<b>x</b>", note="<script>&amp;", files=(("<img src=x>.txt", 1),))
    assert (package.title, package.note, package.files.get().path) == ("<b>x</b>", "<script>&amp;", "<img src=x>.txt")


def test_control_characters_that_nobody_can_see_do_not_stop_a_package(draft):
    package = draft(title="a\x00b\ud800", note="1\x0b2\x00")
    assert (package.title, package.note) == ("ab", "12")


def test_all_that_is_wrong_is_told_at_once_by_field(alice, bob):
    errors = refusal(alice, title=" ", note="x" * 20_001, recipients=[], files=[])
    assert errors == {
        "title": ["Give the package a title."],
        "note": ["The note has 20,001 characters; 20,000 is the most. Shorten it."],
        "recipients": ["Name at least one recipient."],
        "files": ["Choose at least one file."],
    }


def test_a_title_that_is_too_long_is_refused_and_one_that_just_fits_is_not(draft, alice, bob):
    assert "201 characters" in refusal(alice, title="x" * 201)["title"][0]
    assert draft(title="x" * 200).title == "x" * 200


def test_people_who_cannot_get_packages_are_named(alice, bob, paris):
    make_user("gone", paris, is_active=False)
    errors = refusal(alice, recipients=["bob", "nobody", "gone", "<b>"])
    assert [sentence.split("”")[0] for sentence in errors["recipients"]] == [
        "Nobody here is called “nobody",
        "Nobody here is called “gone",
        "Nobody here is called “<b>",
    ]


def test_bad_and_clashing_file_names_are_named(alice, bob):
    errors = refusal(alice, files=[("../x", 1), ("a", 1), ("A", 1), ("b", -1)])
    assert len(errors["files"]) == 3


def test_a_thousand_bad_names_do_not_make_a_thousand_sentences(alice, bob):
    errors = refusal(alice, files=[(f"../{number}", 1) for number in range(1000)])
    assert len(errors["files"]) == drafts.SENTENCES + 1
    assert errors["files"][-1] == "And 980 more like these."


def test_the_limits_are_kept(alice, bob):
    assert "50,001 files" in refusal(alice, files=[(str(n), 1) for n in range(limits.FILES + 1)])["files"][0]
    assert "10,001" in refusal(alice, recipients=[str(n) for n in range(limits.RECIPIENTS + 1)])["recipients"][0]
    assert "8 PiB" in refusal(alice, files=[("a", limits.SIZE), ("b", 1)])["files"][0]


def test_a_local_account_sends_only_to_people_of_this_server(bob, paris):
    keeper = make_user("keeper", paris, local=True)
    assert "belongs to this server only" in refusal(keeper)["recipients"][0]
    make_user("dora", paris)
    assert drafts.create(keeper, "T", "", ["dora"], [("a", 1)]).status == "uploading"


def test_somebody_without_a_home_server_is_served_at_the_master(draft, paris):
    User.objects.create(login="nomad", name="Nomad", email="n@example.com")
    assert draft("nomad").deliveries.get().home == paris


def test_a_package_of_empty_files_is_complete_at_once(draft, alice):
    package = draft("alice", files=(("a", 0), ("b", 0)))
    assert package.status == "complete"
    assert package.files.filter(blob__isnull=False).count() == 2


def test_many_files_are_made_in_few_queries(draft, alice, django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        draft("alice", files=tuple((f"folder/{number}.txt", 1) for number in range(5000)))
    assert File.objects.count() == 5000
    assert Delivery.objects.count() == 1
