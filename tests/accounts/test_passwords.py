"""What a password may not be."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from posthouse.accounts.models import User


@pytest.mark.parametrize("password", ["margarethe-vega", "margarethe.vega1", "Margarethe Vega"])
def test_a_password_like_ones_own_name_is_refused(db: None, password: str) -> None:
    user = User(login="margarethe.vega", name="Margarethe Vega", email="mv@example.com")
    with pytest.raises(ValidationError, match="too similar"):
        validate_password(password, user)
