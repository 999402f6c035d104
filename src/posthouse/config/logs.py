"""Log lines: structlog for everything, text for people at a terminal, JSON for machines, never a secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from posthouse.config.options import Options

HIDDEN = "(hidden)"
# A field is hidden if its name holds one of these words, whatever its value.
SECRET_WORDS = ("password", "secret", "token", "authorization", "cookie", "private", "csrf", "right")
# Loggers of others that speak of every request, or of what the pages already say to the person.
QUIET = {"django.request": logging.ERROR, "django.security": logging.ERROR, "_granian": logging.WARNING}


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field whose name speaks of a secret."""
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = HIDDEN
    return event


def configure(options: Options, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send the log lines of this process, and of every library in it, to `stream` (default: standard output)."""
    stream = stream or sys.stdout
    text = options.log == "text" or (options.log is None and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    last: list[Processor] = [_plain_record]
    if text:
        # A plain traceback: the renderer's own one shows the values of all variables, passwords among them.
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        last += [_visible, renderer]
    else:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]

    handler = logging.StreamHandler(stream)
    handler.setFormatter(ProcessorFormatter(processors=last, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(level, quiet))
    logging.captureWarnings(capture=True)

    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _visible(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Write out characters that could end the line, or steer the terminal: callers choose some of the values."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable() and name not in {"exception", "stack"}:
            event[name] = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
    return event


def _plain_record(logger: Any, method: str, event: EventDict) -> EventDict:
    return ProcessorFormatter.remove_processors_meta(logger, method, event)
