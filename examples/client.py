"""A small client of the platform's HTTP API.

What a client of the API has to do, and does here:

- sign in by one of the grants of ``POST /v1/auth/token`` and again when the token has run out;
- send an ``Idempotency-Key`` with every change (A3), the same one when it repeats the request;
- repeat on 429, 503, 504 and lost connections, after ``Retry-After`` where the answer names it;
- read refusals as problem details with a stable ``code`` (A2).
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

Json: TypeAlias = dict[str, Any]
"""A JSON object; its fields are described by the server's ``/openapi.json``."""

ATTEMPTS = 6
"""How often a request is sent at most."""

LONGEST_WAIT_S = 30.0
"""A ``Retry-After`` beyond this is not waited for; the answer is handed to the caller."""

_REPEATABLE = frozenset({429, 503, 504})
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; ``replayed`` if it had done this before (A3)."""

    status: int
    body: Json
    replayed: bool = False

    @property
    def ok(self) -> bool:
        """Whether the request was granted."""
        return self.status < httpx.codes.BAD_REQUEST

    @property
    def code(self) -> str:
        """The problem's stable code, or ``http_<status>`` where something else answered."""
        return str(self.body.get("code") or f"http_{self.status}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, for whoever watches a client."""

    method: str
    path: str
    params: Mapping[str, str]
    body: Json | None
    answer: Answer
    seconds: float


class Refused(Exception):
    """The server refused a request that its caller needed to succeed."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        detail = answer.body.get("detail") or answer.body.get("title") or ""
        fields = "; ".join(
            f"{each.get('field')}: {each.get('message')}" for each in answer.body.get("errors", ())
        )
        super().__init__(
            f"{method} {path}: {answer.status} {answer.code}. {detail} {fields}".strip()
        )
        self.answer = answer


class Unreachable(Exception):
    """No answer came, however often the request was sent."""


class Login:
    """Somebody who signs in; fetches a token when one is needed and keeps it until it is refused.

    Args:
        grant: Makes the body of ``POST /v1/auth/token``.
    """

    def __init__(self, grant: Callable[["ApiClient"], Json]) -> None:
        self._grant = grant
        self._token: str | None = None
        self._lock = threading.Lock()

    def token(self, client: "ApiClient") -> str:
        """A valid access token.

        Raises:
            Refused: If the sign-in is refused.
        """
        with self._lock:
            if self._token is None:
                answer = client.call("POST", "/v1/auth/token", body=self._grant(client))
                self._token = str(answer["access_token"])
            return self._token

    def forget(self) -> None:
        """Drop the token: it has run out, or the sandbox clock has moved past its end."""
        with self._lock:
            self._token = None


def by_password(username: str, password: str) -> Login:
    """A member of staff."""
    return Login(lambda _: {"grant_type": "password", "username": username, "password": password})


def by_secret(client_id: str, client_secret: str) -> Login:
    """A terminal or a shop's backend."""
    return Login(
        lambda _: {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
    )


def by_sandbox_otp(phone: str) -> Login:
    """A shopper on a sandbox server, which answers with the code it would have sent (A8)."""

    def grant(client: "ApiClient") -> Json:
        sent = client.call("POST", "/v1/auth/otp", body={"phone": phone})
        return {"grant_type": "otp", "phone": phone, "code": sent["sandbox_code"]}

    return Login(grant)


@dataclass(slots=True)
class ApiClient:
    """A connection to one server; safe to share between threads.

    Attributes:
        base_url: Where the server listens, e.g. ``http://127.0.0.1:8080``.
        watch: Called with every answered request but those under ``/v1/auth``, which carry secrets.
        transport: For tests: answers instead of a network.
        sleep: For tests: waits instead of the clock.
        attempts: How often a request is sent at most.
    """

    base_url: str
    watch: Callable[[Exchange], None] | None = None
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    attempts: int = ATTEMPTS
    _http: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Open the connection pool."""
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=60.0,
            transport=self.transport,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        login: Login | None = None,
        body: Json | None = None,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        """Send a request that has to succeed and return the answer's body.

        Raises:
            Refused: If the server refuses it.
            Unreachable: If no answer comes.
        """
        answer = self.send(method, path, login=login, body=body, key=key, params=params)
        if not answer.ok:
            raise Refused(method, path, answer)
        return answer.body

    def send(
        self,
        method: str,
        path: str,
        *,
        login: Login | None = None,
        body: Json | None = None,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return whatever the server says to it.

        Args:
            method: HTTP method.
            path: Path below the base URL.
            login: Who asks; nobody by default.
            body: The JSON object to send.
            key: The ``Idempotency-Key``; a repetition carries the same.
            params: The query string.

        Raises:
            Refused: If signing in is refused.
            Unreachable: If no answer comes.
        """
        began = time.perf_counter()
        answer = self._authorized(_Request(method, path, login, body, key, dict(params or {})))
        if self.watch is not None and not path.startswith("/v1/auth/"):
            seconds = time.perf_counter() - began
            self.watch(Exchange(method, path, dict(params or {}), body, answer, seconds))
        return answer

    def _authorized(self, request: "_Request") -> Answer:
        """Repeat once with a new token where the old one is refused."""
        answer = self._persistent(request)
        if answer.status == _UNAUTHORIZED and request.login is not None:
            request.login.forget()
            answer = self._persistent(request)
        return answer

    def _persistent(self, request: "_Request") -> Answer:
        """Repeat while the server is busy or away."""
        problem: Exception | None = None
        for attempt in range(self.attempts):
            wait_s = min(0.2 * 2**attempt, 5.0)
            try:
                response = self._http.request(
                    request.method,
                    request.path,
                    headers=request.headers(self),
                    json=request.body,
                    params=request.params,
                )
            except httpx.TransportError as error:
                problem = error
            else:
                named_s = _retry_after_s(response)
                if not _may_repeat(response) or (named_s or 0) > LONGEST_WAIT_S:
                    return _answer(response)
                if attempt == self.attempts - 1:
                    return _answer(response)
                wait_s = wait_s if named_s is None else named_s
            self.sleep(wait_s)
        raise Unreachable(f"{request.method} {request.path}: {problem}") from problem


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent, as often as it takes."""

    method: str
    path: str
    login: Login | None
    body: Json | None
    key: str | None
    params: dict[str, str]

    def headers(self, client: ApiClient) -> dict[str, str]:
        headers = {}
        if self.login is not None:
            headers["Authorization"] = f"Bearer {self.login.token(client)}"
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        return headers


def _may_repeat(response: httpx.Response) -> bool:
    """Busy, away, or still working on the same key (A3)."""
    if response.status_code in _REPEATABLE:
        return True
    return _answer(response).code == "request_in_progress"


def _retry_after_s(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _answer(response: httpx.Response) -> Answer:
    """Read a response; whatever is no JSON object (a proxy's page) has an empty body."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    return Answer(
        status=response.status_code,
        body=body if isinstance(body, dict) else {},
        replayed=response.headers.get("Idempotency-Replayed") == "true",
    )
