"""Log lines: JSON for machines, text for people, secrets for nobody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from posthouse.config import logs
from posthouse.config.options import Options


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)


def test_a_json_line_holds_the_event_and_its_fields() -> None:
    stream = io.StringIO()
    logs.configure(Options(log="json"), stream)
    structlog.get_logger("posthouse.test").info("package closed", package="42", files=3)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["package"], line["files"], line["level"]) == ("package closed", "42", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_have_the_same_form() -> None:
    stream = io.StringIO()
    logs.configure(Options(log="json"), stream)
    logging.getLogger("some.library").warning("%s is slow", "the disk")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("the disk is slow", "warning")


def test_without_a_terminal_the_default_is_json() -> None:
    stream = io.StringIO()
    logs.configure(Options(log=None), stream)
    structlog.get_logger().info("hello")
    assert json.loads(stream.getvalue())["event"] == "hello"


def test_text_is_for_people() -> None:
    stream = io.StringIO()
    logs.configure(Options(log="text"), stream)
    structlog.get_logger().info("hello", package="42")
    assert "hello" in stream.getvalue()
    assert "package=42" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "name", ["password", "new_password", "Authorization", "session_cookie", "upload_right", "token"]
)
def test_secrets_are_hidden_whatever_the_form(form: str, name: str) -> None:
    stream = io.StringIO()
    logs.configure(Options.model_validate({"log": form}), stream)
    structlog.get_logger().info("hello", **{name: "hunter2"})
    logging.getLogger("library").warning("hello", extra={name: "hunter2"})
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count(logs.HIDDEN) == 2


def test_an_exception_comes_with_its_traceback() -> None:
    stream = io.StringIO()
    logs.configure(Options(log="json"), stream)
    try:
        raise ValueError("no good")
    except ValueError:
        structlog.get_logger().exception("it failed")
    assert "ValueError: no good" in json.loads(stream.getvalue())["exception"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_does_not_tell_the_values_of_variables(form: str) -> None:
    def log_in(password: str) -> None:
        raise ValueError(f"broken by {len(password)} characters")

    secret = f"hunter{2}"  # a traceback may show this line
    stream = io.StringIO()
    logs.configure(Options.model_validate({"log": form}), stream)
    for logger in [structlog.get_logger(), logging.getLogger("library")]:
        try:
            log_in(secret)
        except ValueError:
            logger.exception("it failed")
    assert stream.getvalue().count("broken by 7 characters") == 2
    assert secret not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_caller_chose_neither_begins_a_line_nor_steers_the_terminal(form: str) -> None:
    stream = io.StringIO()
    logs.configure(Options.model_validate({"log": form}), stream)
    structlog.get_logger().warning("call refused", path="/a\n2026 [info] all is well\x1b[2J\u202e", title="été")
    logging.getLogger("library").warning("no\nsuch path")
    assert len(stream.getvalue().splitlines()) == 2
    assert not {"\x1b", "\u202e"} & set(stream.getvalue())
    assert form == "json" or "title=été" in stream.getvalue()
