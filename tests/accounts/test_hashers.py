"""A password costs a hundred megabytes to check: strangers must not be able to ask for a thousand checks at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from posthouse.accounts.hashers import AT_ONCE


class Counted:
    """Takes a while, and notes how many do so at the same time."""

    def __init__(self, result: object) -> None:
        self.result, self.now, self.most, self.lock = result, 0, 0, Lock()

    def __call__(self, *_: object) -> object:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return self.result


@pytest.mark.parametrize(("step", "result"), [("verify", False), ("encode", "argon2$")])
def test_only_a_few_passwords_are_hashed_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, step: str, result: object
) -> None:
    stored = make_password("a good secret")
    counted = Counted(result)
    monkeypatch.setattr(Argon2PasswordHasher, step, lambda *_: counted())
    act = {"verify": lambda _: check_password("guess", stored), "encode": lambda _: make_password("guess")}[step]
    with ThreadPoolExecutor(5 * AT_ONCE) as strangers:
        list(strangers.map(act, range(5 * AT_ONCE)))
    assert 1 < counted.most <= AT_ONCE


def test_passwords_that_were_hashed_before_are_still_good() -> None:
    hasher = Argon2PasswordHasher()
    assert check_password("a good secret", hasher.encode("a good secret", "0123456789abcdef"))
    assert hasher.verify("a good secret", make_password("a good secret"))
