"""What happens between a message and a handler, without any broker: deadline, schema, errors.

The nameko entrypoint and the tests in plain processes both come through here, so what a test sees
is what the wire sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy.exc
import structlog

from shared.calls import CallContext, Reply
from shared.contracts.method import Method
from shared.db.units import Call
from shared.errors import LoyaltyError
from shared.errors.backend import BackendUnavailable, DeadlineExceeded

_log = structlog.get_logger(__name__)

Handler = Callable[..., Reply]


def dispatch(
    method: Method, handler: Handler, *, context: Mapping[str, Any], payload: Any
) -> dict[str, Any]:
    """Answer one call; never raises.

    ``handler`` is the bound method of the service: ``handler(call, **command)``. Returns
    ``{"status", "body", "replayed"}`` or ``{"error": {...}}``, JSON primitives only.
    """
    call_context = CallContext.from_wire(context)
    structlog.contextvars.bind_contextvars(
        request_id=call_context.request_id, method=method.routing_key
    )
    try:
        deadline_ms = call_context.deadline_ms
        if deadline_ms is not None and time.time() * 1000 >= deadline_ms:
            raise DeadlineExceeded
        command = method.load(payload)
        return handler(Call(call_context, method), **command).to_wire()
    except LoyaltyError as error:
        return {"error": error.to_wire()}
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError) as error:
        _log.warning("database_unavailable", error=str(error))
        return {"error": BackendUnavailable("The service's database does not answer.").to_wire()}
    except Exception:
        _log.exception("call_failed")
        return {"error": LoyaltyError("The service could not answer.").to_wire()}
    finally:
        structlog.contextvars.unbind_contextvars("request_id", "method")
