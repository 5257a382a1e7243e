"""Logs: one JSON object a line, with the request id that HTTP, RPC and events share."""

from __future__ import annotations

import logging
import sys

import structlog
import structlog.tracebacks

# Without local variables: they hold what callers sent, phones and secrets included.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_SECRET_WORDS = ("password", "secret", "token", "code", "phone", "email", "name", "authorization")


def configure_logging(*, process: str, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's logging to stderr as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _stamp(process),
        _redact,
    ]
    structlog.configure(
        processors=[
            *shared,
            _TRACEBACKS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _TRACEBACKS],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("amqp", "kombu", "pika", "nameko", "alembic", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _stamp(process: str) -> structlog.typing.Processor:
    """Name the process in every line, whichever thread wrote it."""

    def stamp(
        _logger: object, _name: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    return stamp


def _redact(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Blank values whose key promises something personal or secret: the last line of defence."""
    for key in event:
        if key in _SECRET_WORDS:
            event[key] = "****"
    return event
