"""Which groups a person is in, compared with a slow and obvious way of finding out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posthouse.directory.groups import Groups, marks

NAMES = st.sampled_from([f"g{number}" for number in range(8)])
PEOPLE = st.sampled_from([f"p{number}" for number in range(5)])


@given(st.dictionaries(NAMES, st.lists(NAMES | PEOPLE, max_size=5), min_size=1), PEOPLE)
def test_the_closure_is_what_going_up_step_by_step_gives(members: dict[str, list[str]], person: str) -> None:
    found = {name for name, listed in members.items() if person in listed}
    while more := {name for name, listed in members.items() if found & set(listed)} - found:
        found |= more
    by_lists, by_word = Groups(), Groups()
    keys = {name: by_lists.add(f"cn={name}", name) for name in members}
    for name, listed in members.items():
        by_lists.add_members(keys[name], marks(f"CN={member}" for member in listed))
        by_word.add(f"cn={name}", name, [f"cn={up}" for up, others in members.items() if name in others])
    direct = [f"cn={name}" for name, listed in members.items() if person in listed]
    assert by_lists.names_of(by_lists.of(f"cn={person}", [])) == sorted(found)
    assert by_word.names_of(by_word.of(f"cn={person}", direct)) == sorted(found)


def test_the_primary_group_counts_and_leads_on() -> None:
    groups = Groups()
    groups.add("cn=users", "Domain Users", ["cn=all"], 513)
    groups.add("cn=all", "All")
    assert groups.names_of(groups.of("cn=p", [], primary=513)) == ["All", "Domain Users"]
    assert groups.names_of(groups.of("cn=p", [], primary=514)) == []


def test_a_group_is_found_by_either_name() -> None:
    groups = Groups()
    groups.add("CN=Sales\\, North,DC=a", "Sales, North")
    assert groups.find("sales, north") == groups.find("cn=Sales\\2C North, dc=A") != set()
    assert groups.find("Sales") == set()


def test_the_digest_is_the_same_only_while_nothing_has_changed() -> None:
    def digest(*members: str, name: str = "a", parents: tuple[str, ...] = ()) -> str:
        groups = Groups()
        key = groups.add("cn=a", name, parents)
        groups.add("cn=b", "b")
        groups.add_members(key, marks(members))
        return groups.digest()

    assert digest("cn=p", "cn=q") == digest("cn=q", "CN=P")
    different = [digest(), digest("cn=p"), digest("cn=b"), digest(name="A"), digest(parents=("cn=b",))]
    assert len(set(different)) == len(different)
