"""The address book as CSV: what comes in, what goes out, and lines that are wrong."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.contacts import importing, lists, table
from posthouse.contacts.models import Contact, PersonalList
from posthouse.contacts.table import Bad, Row

HEAD = "name,email,lists\n"


def read(text):
    return list(table.read(text))


def test_columns_are_found_by_what_other_programs_call_them_in_any_order():
    row = Row(2, "Eve", "eve@x.org", ("A", "B"))
    assert read("E-mail Address;Display Name;Groups\nEVE@x.org;Eve;A") == [Row(2, "Eve", "eve@x.org", ("A",))]
    assert read("email\tname\tlists\neve@x.org\tEve\tA; B;A") == [row]
    assert read('lists,email,name\n"A;B",eve@x.org, Eve \n\n') == [row]
    assert read("email\neve@x.org") == [Row(2, "", "eve@x.org", ())]


@pytest.mark.parametrize("text", ["", "\n\n", "Eve,eve@x.org", "name,lists\nEve,A"])
def test_a_file_without_the_column_is_refused_with_what_it_must_be_like(text):
    with pytest.raises(table.NoTable, match="name, email, lists"):
        read(text)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("Eve,,", "address is missing"),
        ("Eve", "address is missing"),
        ("Eve,eve@@x.org,", "is no e-mail address"),
        (f"Eve,{'e' * 300}@x.org,", "is no e-mail address"),
        (f"{'E' * 201},eve@x.org,", "201 characters"),
        (f"Eve,eve@x.org,{'E' * 201}", "201 characters"),
        ("E\u202eve,eve@x.org,", "U+202E"),
    ],
)
def test_each_bad_line_has_its_number_and_its_cure_and_the_others_are_good(line, sentence):
    first, bad, last = read(f"{HEAD}A,a@x.org,\n{line}\nB,b@x.org,")
    assert isinstance(bad, Bad)
    assert (bad.line, sentence in bad.sentence) == (3, True)
    assert (first, last) == (Row(2, "A", "a@x.org", ()), Row(4, "B", "b@x.org", ()))


def test_a_quotation_mark_that_is_missing_and_a_giant_field_are_told():
    assert isinstance(read(f'{HEAD}"{"x" * 200_000}",a@x.org,')[0], Bad)
    assert all(isinstance(one, Bad) for one in read(f'{HEAD}"Eve,eve@x.org'))


def test_files_of_spreadsheets_are_read_and_others_refused():
    assert table.decode("\ufeffé".encode()) == "é"
    assert table.decode("é".encode("utf-16")) == "é"
    for data in ("é".encode("latin-1"), b"\xff\xfe\x00"):
        with pytest.raises(table.NoTable, match="UTF-8"):
            table.decode(data)


names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="'"), min_size=1, max_size=30)


@given(
    st.lists(st.tuples(names, st.lists(names.filter(lambda one: ";" not in one), max_size=3, unique=True)), max_size=5)
)
def test_what_goes_out_comes_in_again_and_no_cell_is_a_formula(found):
    rows = [(name, f"u{n}@x.org", groups) for n, (name, groups) in enumerate(found)]
    text = table.write(rows)
    assert [(row.name, row.email, list(row.lists)) for row in read(text)] == rows
    for cells in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_a_file_makes_contacts_and_lists_and_says_what_it_did(alice, bob):
    Contact.objects.create(owner=alice, name="Old", email="eve@x.org")
    text = f"{HEAD}Eve,EVE@x.org,Cutters\nFrank,frank@x.org,cutters; New\nBobby,bob@example.com,New\nbad,bad,\n"
    for again in (False, True):
        outcome = importing.take(alice, text)
        assert (outcome.new, outcome.known, outcome.users) == ((0, 2, 1) if again else (1, 1, 1))
        assert [bad.line for bad in outcome.bad] == [5]
    assert dict(alice.contacts.values_list("email", "name")) == {"eve@x.org": "Eve", "frank@x.org": "Frank"}
    found = {one.name: {str(member) for member in lists.members(one)} for one in lists.of(alice)}
    assert found == {"Cutters": {"Eve", "Frank"}, "New": {"Frank", "Bob"}}


def test_an_export_makes_the_same_book_for_somebody_else(alice, bob, carla):
    importing.take(alice, f"{HEAD}=cmd|' /C calc'!A0,eve@x.org,A;B\n,bob@example.com,A\n,frank@x.org,\n")
    importing.take(carla, importing.export(alice))
    assert dict(carla.contacts.values_list("email", "name")) == dict(alice.contacts.values_list("email", "name"))
    assert importing.export(carla) == importing.export(alice)
    assert "'=cmd" in importing.export(alice)


def test_a_large_file_takes_few_queries_and_tells_a_bounded_number_of_bad_lines(alice, django_assert_max_num_queries):
    good = "".join(f"U{n},u{n}@x.org,Big\n" for n in range(5_000))
    bad = "x,y,\n" * 200
    with django_assert_max_num_queries(150):
        outcome = importing.take(alice, HEAD + good + bad)
    assert (outcome.new, len(outcome.bad), outcome.more) == (5_000, 50, 150)
    assert PersonalList.objects.get().members.count() == 5_000


def test_a_file_of_too_many_lines_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(table, "ROWS", 2)
    found = read(HEAD + "".join(f"U{n},u{n}@x.org,\n" for n in range(5)))
    assert [isinstance(one, Row) for one in found] == [True, True, False]
