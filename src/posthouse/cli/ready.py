"""What a command needs before it can work: the options, then the files, then Django."""

from __future__ import annotations

import logging
import os
import sys
import tomllib

from pydantic import ValidationError

from posthouse.cli.errors import Stop
from posthouse.config import files
from posthouse.config.options import CONFIG_VARIABLE, Options, config_file


def options() -> Options:
    """Return the options in force, or stop with a sentence for each one that is wrong."""
    named = os.environ.get(CONFIG_VARIABLE)
    path = config_file()
    if named and (path is None or not path.is_file()):
        raise Stop(f"There is no settings file {named}. `posthouse init` makes one.", 2)
    try:
        return Options()
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"{path} is not valid TOML: {error}.", 2) from error
    except PermissionError as error:
        raise Stop(f"{path} cannot be read: {error.strerror}. Run this as the user that owns it.", 2) from error
    except ValidationError as error:
        raise Stop(f"A setting is wrong (in {path or 'the environment'}):\n{_sentences(error)}", 2) from error


def _sentences(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = "there is no such setting"
        lines.append(f"  {name}: {text}" if name else f"  {text}")
    return "\n".join(lines)


def initialised() -> Options:
    """Return the options of a server that `posthouse init` has completed, or stop with what is missing."""
    found = options()
    wrong = [problem for problem in files.problems(found) if problem.serious]
    if wrong:
        raise Stop("\n".join(f"{problem.sentence} {problem.cure}" for problem in wrong), 2)
    return found


def django_ready(quiet: bool = True) -> Options:
    """Load the apps of an initialised server and return its options. `quiet`: only warnings go to standard error."""
    found = initialised()
    setup(found, quiet)
    return found


def setup(found: Options, quiet: bool = True) -> None:
    """Load the apps. What this process writes from now on, the database first of all, is for its owner only."""
    from posthouse.config import logs

    os.umask(0o077)

    if quiet:
        logs.configure(found, sys.stderr, logging.WARNING)
    else:
        logs.configure(found)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "posthouse.config.settings")
    import django

    django.setup()
