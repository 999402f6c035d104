"""Received, Sent, Server > Packages, and the page of a package (R59-R62)."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from posthouse.packages import lifecycle, receipts
from posthouse.packages.models import Delivery, Download, Package
from posthouse.packages.tree import Line, lines
from tests.conftest import make_user
from tests.packages.conftest import upload

HTML = "<script>alert(1)</script>"


@pytest.fixture
def dora(paris):
    return make_user("dora", paris)


def page(client, user, name, *args, **headers):
    client.force_login(user)
    answer = client.get(reverse(f"packages:{name}", args=args), headers=headers)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_received_lists_what_is_here_and_marks_what_was_not_fetched(client, draft, dora, alice):
    assert "Nothing here yet" in page(client, dora, "received")
    package = upload(draft("dora", title="Day 12"))
    draft("dora", title="Still uploading")
    text = page(client, dora, "received")
    assert "Day 12" in text
    assert "not yet downloaded" in text
    assert "Still uploading" not in text
    receipts.note(
        Download.objects.create(
            package=package,
            user=dora,
            delivery=package.deliveries.get(),
            size=10,
            sent=10,
            whole=10,
            address="::1",
            ended_at=timezone.now(),
        )
    )
    assert "not yet downloaded" not in page(client, dora, "received")


def test_sent_shows_each_status_and_links_it_to_the_relays_when_there_are_some(client, draft, alice, dora):
    relaying = upload(draft("bob"))
    local = upload(draft("dora"))
    text = page(client, alice, "sent")
    assert "Relaying" in text
    assert "Complete" in text
    assert reverse("relays:package", args=[relaying.pk]) in text
    assert reverse("relays:package", args=[local.pk]) not in text


def test_a_complete_package_that_was_relayed_keeps_its_link(client, draft, alice):
    package = upload(draft("bob"))
    lifecycle.set_status(package.pk, "relaying", "complete")
    assert reverse("relays:package", args=[package.pk]) in page(client, alice, "sent")


def test_lists_name_three_recipients_and_count_the_others(client, draft, alice, paris):
    for number in range(5):
        make_user(f"person{number}", paris)
    draft(*(f"person{number}" for number in range(5)))
    text = page(client, alice, "sent")
    assert "Person2" in text
    assert "Person3" not in text
    assert "and 2 more" in text


def test_lists_take_as_many_queries_for_many_packages_as_for_one(client, draft, alice, dora, admin):
    for name, user in (("sent", alice), ("received", dora), ("all", admin)):
        upload(draft("dora", "bob"))
        page(client, user, name)
        one = _queries(client, user, name)
        for _ in range(4):
            upload(draft("dora", "bob"))
        assert _queries(client, user, name) == one, name


def _queries(client, user, name):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        client.get(reverse(f"packages:{name}"))
    return len(queries)


def test_all_packages_are_listed_for_administrators_who_cannot_open_them(client, draft, admin, alice):
    package = upload(draft(title="Secret"))
    text = page(client, admin, "all")
    assert "Secret" in text
    assert f'{reverse("packages:detail", args=[package.pk])}"' not in text
    assert client.get(reverse("packages:detail", args=[package.pk])).status_code == 404
    client.force_login(alice)
    assert client.get(reverse("packages:all")).status_code == 403


def test_an_error_is_told_with_its_reason(client, draft, admin, alice):
    package = upload(draft())
    lifecycle.set_status(package.pk, "relaying", "error", "tokyo did not take it for 7 days.")
    assert "tokyo did not take it" in page(client, admin, "all")
    assert "tokyo did not take it" in page(client, alice, "detail", package.pk)


def test_a_list_polls_only_while_something_is_on_its_way(client, draft, alice, dora):
    upload(draft("dora"))
    assert "hx-trigger" not in page(client, alice, "sent")
    upload(draft("bob"))
    assert 'hx-headers=\'{"Posthouse-Poll": "1"}\'' in page(client, alice, "sent")
    polled = page(client, alice, "sent", **{"HX-Request": "true"})
    assert polled.lstrip().startswith('<div id="packages"')


def test_the_package_page_tells_all_and_links_into_the_data_plane(client, draft, alice, dora):
    package = upload(draft("dora", "bob", title="Day 12", note="Two\nlines", files=(("reels/a.mov", 1), ("b", 2))))
    text = page(client, dora, "detail", package.pk)
    for words in ("Day 12", "Two\nlines", "alice@example.com", "at tokyo", "at paris", "reels", "2 files, 3 bytes"):
        assert words in text
    place = f"/aspera/faspex/transfers/downloads/{package.pk}/"
    assert f'href="{place}all.zip"' in text
    for file in package.files.all():
        assert f'href="{place}{file.pk}"' in text


def test_html_is_shown_as_it_was_typed_everywhere(client, draft, alice, admin, paris):
    evil = make_user("evil", paris)
    evil.name = HTML
    evil.save()
    package = upload(draft("evil", title=HTML, note=HTML, files=((f"{HTML[:-1]}x", 1), ("<img src=x>", 1))))
    Download.objects.create(package=package, user=evil, size=1, address="::1")
    pages = [page(client, alice, name) for name in ("sent",)]
    pages += [page(client, evil, "received"), page(client, admin, "all")]
    pages += [page(client, alice, "detail", package.pk), page(client, alice, "people", package.pk)]
    for text in pages:
        assert HTML not in text
        assert "<img src=x>" not in text
        assert "&lt;script&gt;" in text


def test_only_the_sender_sees_everybodys_downloads(client, draft, alice, dora, paris):
    eve = make_user("eve", paris)
    package = upload(draft("dora", "eve"))
    for user in (dora, eve):
        Download.objects.create(package=package, user=user, size=10, sent=4, address="::1", ended_at=timezone.now())
    assert page(client, alice, "detail", package.pk).count("4 bytes of 10 bytes") == 2
    assert page(client, dora, "detail", package.pk).count("4 bytes of 10 bytes") == 1


def test_the_sender_sees_who_has_deleted_it(client, draft, alice, bob):
    package = upload(draft("bob"))
    Delivery.objects.update(hidden_at=timezone.now())
    assert "Deleted, not downloaded" in page(client, alice, "detail", package.pk)
    Delivery.objects.update(first_fetched_at=timezone.now(), fetched_at=timezone.now())
    assert "Downloaded, then deleted" in page(client, alice, "detail", package.pk)


def test_a_sender_is_told_that_far_downloads_are_not_listed(client, draft, alice, dora):
    assert "at other servers" in page(client, alice, "detail", upload(draft("bob")).pk)
    assert "at other servers" not in page(client, alice, "detail", upload(draft("dora")).pk)


def test_an_unfinished_package_asks_its_sender_to_choose_the_files_again(client, draft, alice):
    package = draft(files=(("a", 5), ("b", 7)))
    text = page(client, alice, "detail", package.pk)
    assert "choose the same files again to go on" in text
    assert "0 bytes of 12 bytes, 0 of 2 files" in text
    assert "all.zip" not in text


def test_the_live_part_is_polled_and_a_new_status_loads_the_page_anew(client, draft, alice):
    package = upload(draft("bob"))
    client.force_login(alice)
    url = reverse("packages:detail", args=[package.pk])
    same = client.get(url, {"was": "relaying"}, headers={"HX-Request": "true"})
    assert same.content.decode().lstrip().startswith('<div id="package-live"')
    lifecycle.set_status(package.pk, "relaying", "complete")
    assert client.get(url, {"was": "relaying"}, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "hx-get" not in client.get(url).content.decode()


def test_many_files_and_many_people_come_page_by_page(client, draft, alice, paris):
    everybody = [f"person{number}" for number in range(105)]
    from posthouse.accounts.models import User

    User.objects.bulk_create(
        User(login=n, name=n, email=f"{n}@example.com", home=paris, password="!") for n in everybody
    )
    package = draft(*everybody, files=tuple((f"folder/{number:03}", 1) for number in range(250)))
    text = page(client, alice, "detail", package.pk)
    assert "folder" in text
    assert "All 105 recipients" in text
    assert text.count('class="tree-line') == 51
    client.force_login(alice)
    second = client.get(reverse("packages:detail", args=[package.pk]), {"page": 2}).content.decode()
    assert second.count('class="tree-line') == 51
    assert page(client, alice, "people", package.pk).count('data-label="E-mail address"') == 50
    alice.rows = 25
    alice.save()
    assert page(client, alice, "people", package.pk).count('data-label="E-mail address"') == 25


def test_a_title_without_spaces_is_shown_whole(client, draft, alice):
    package = draft(title="x" * 200)
    assert "x" * 200 in page(client, alice, "detail", package.pk)


@pytest.mark.parametrize("name", ["detail", "people"])
def test_what_is_not_yours_is_not_there(client, draft, bob, dora, admin, name):
    package = upload(draft("bob"))
    for user, status in ((dora, 404), (admin, 404), (bob, 302)):  # Bob lives elsewhere: he has no session here
        client.force_login(user)
        assert client.get(reverse(f"packages:{name}", args=[package.pk])).status_code == status


def test_a_recipient_is_not_told_what_is_wrong_between_servers(client, draft, alice, dora):
    package = upload(draft("dora", "bob"))
    relays = reverse("relays:package", args=[package.pk])
    assert relays in page(client, alice, "detail", package.pk)
    assert relays not in page(client, dora, "detail", package.pk)
    lifecycle.set_status(package.pk, "relaying", "error", "tokyo: nothing answers at 10.1.2.3")
    assert "10.1.2.3" in page(client, alice, "detail", package.pk)
    assert "10.1.2.3" not in page(client, dora, "detail", package.pk)


def test_folders_are_drawn_once_and_files_below_them():
    drawn = list(lines([("a/b/1", 1), ("a/b/2", 2), ("a/3", 3), ("4", 4), ("c/5", 5)]))
    assert drawn == [
        Line("a", 0, None),
        Line("b", 1, None),
        Line("1", 2, 1),
        Line("2", 2, 2),
        Line("3", 1, 3),
        Line("4", 0, 4),
        Line("c", 0, None),
        Line("5", 1, 5),
    ]


def test_very_deep_folders_stay_on_the_screen():
    assert max(line.depth for line in lines([("/".join("abcdefghijk"), 1)])) == 6


def test_every_query_of_the_package_page_is_bounded(client, draft, alice, django_assert_max_num_queries):
    package = upload(draft("alice", "bob", files=tuple((str(n), 1) for n in range(30))))
    assert Delivery.objects.filter(package=package).count() == 2
    assert Package.objects.count() == 1
    client.force_login(alice)
    with django_assert_max_num_queries(22):
        client.get(reverse("packages:detail", args=[package.pk]))


def test_a_package_shows_its_sender_what_happened_to_it(client, draft, alice, dora):
    package = upload(draft("dora", title="Day 12 <b>"))
    text = page(client, alice, "detail", package.pk)
    assert "What happened" in text
    assert "“Day 12 &lt;b&gt;” was sent: 1 file, 10 bytes." in text
    assert reverse("audit:log") not in text, "the log is for administrators"
    assert "What happened" not in page(client, dora, "detail", package.pk), "what others do is not hers to know"


def test_an_administrator_who_receives_a_package_finds_its_events_in_the_log(client, draft, admin):
    package = upload(draft("admin", title="Day 12"))
    text = page(client, admin, "detail", package.pk)
    assert "was sent:" not in text
    assert f"{reverse('audit:log')}?account={package.pk}" in text


def test_a_package_leads_administrators_to_its_part_of_the_audit_log(client, draft, alice, admin):
    package = upload(draft("admin"))
    place = f"{reverse('audit:log')}?account={package.pk}"
    assert place in page(client, admin, "detail", package.pk)
    assert place in page(client, admin, "all")
    assert "was sent" in client.get(place).content.decode()
