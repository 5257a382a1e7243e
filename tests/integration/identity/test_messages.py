from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from services.identity import service as service_module
from services.identity.senders import AppriseSender, NotSent, sender_of
from shared.contracts.identity import rpc as contract
from shared.settings import Secret
from tests.integration.identity.conftest import MEMBER_ID, PHONE, Identity, is_token, make_identity
from tests.support.postgres import ServiceDatabase

REQUEST = {"phone": "138 0013 8000", "address": "192.0.2.1"}


@dataclass
class Phones:
    """Takes messages, or refuses them while it is ``away``."""

    got: list[tuple[str, str]] = field(default_factory=list)
    tried: int = 0
    away: bool = False

    def send(self, phone: str, text: str) -> None:
        self.tried += 1
        if self.away:
            raise NotSent
        self.got.append((phone, text))


@pytest.fixture
def phones(monkeypatch: pytest.MonkeyPatch) -> Phones:
    phones = Phones()
    monkeypatch.setattr(service_module, "sender_of", lambda _url: phones)
    return phones


@pytest.fixture
def production(service_database: Callable[[str], ServiceDatabase], phones: Phones) -> Identity:
    """The service outside the sandbox, with a provider."""
    made = make_identity(service_database("identity"), sandbox=False)
    made.service.settings = replace(made.service.settings, otp_sender=Secret("some:provider"))
    return made


def waiting(identity: Identity) -> int:
    found: int = identity.database.query("SELECT count(*) FROM otp_messages")[0][0]
    return found


@pytest.mark.rule("I2")
def test_code_goes_out_after_the_request_and_signs_in(production: Identity, phones: Phones) -> None:
    assert production.call(contract.REQUEST_OTP, REQUEST) == {"expires_in": 300}
    assert phones.got == []
    production.service.send_codes()
    ((phone, text),) = phones.got
    code = re.search(r"\b\d{6}\b", text)
    assert phone == PHONE
    assert code is not None
    grant = {"grant_type": "otp", "phone": PHONE, "code": code[0], "member_id": MEMBER_ID}
    assert is_token(production.reply(contract.ISSUE_TOKEN, grant))
    production.service.send_codes()
    assert (len(phones.got), waiting(production)) == (1, 0)


@pytest.mark.rule("M4", "I2")
def test_waiting_code_and_its_phone_lie_sealed(production: Identity, phones: Phones) -> None:
    production.call(contract.REQUEST_OTP, REQUEST)
    (row,) = production.database.query("SELECT sealed FROM otp_messages")
    production.service.send_codes()
    code = re.findall(r"\d{6}", phones.got[0][1])[0]
    assert code.encode() not in bytes(row.sealed)
    assert b"13800138000" not in bytes(row.sealed)


@pytest.mark.rule("I2")
def test_refused_message_is_tried_again_while_its_code_is_good(
    production: Identity, phones: Phones
) -> None:
    phones.away = True
    production.call(contract.REQUEST_OTP, REQUEST)
    tries = []
    for _ in range(30):
        production.service.send_codes()
        tries.append(phones.tried)
        production.clock.advance(seconds=10)
    # After 0, 10, 30, 70, 150 seconds; the next would come after the code's five minutes.
    assert [tries[n] for n in (0, 1, 2, 3, 6, 7, 14, 15, 29)] == [1, 2, 2, 3, 3, 4, 4, 5, 5]
    production.service.send_codes()
    assert waiting(production) == 0
    assert phones.tried == 5


def test_message_that_failed_once_arrives_later(production: Identity, phones: Phones) -> None:
    phones.away = True
    production.call(contract.REQUEST_OTP, REQUEST)
    production.service.send_codes()
    phones.away = False
    production.clock.advance(seconds=10)
    production.service.send_codes()
    assert (len(phones.got), waiting(production)) == (1, 0)


def test_replicas_send_a_code_once(production: Identity, phones: Phones) -> None:
    production.call(contract.REQUEST_OTP, REQUEST)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: production.service.send_codes(), range(4)))
    assert len(phones.got) == 1


def test_throttled_request_sends_nothing(production: Identity, phones: Phones) -> None:
    production.call(contract.REQUEST_OTP, REQUEST)
    assert production.error(contract.REQUEST_OTP, REQUEST)["code"] == "otp_throttled"
    production.service.send_codes()
    assert len(phones.got) == 1


def test_sandbox_without_a_provider_answers_the_code_and_queues_nothing(bare: Identity) -> None:
    assert bare.code()
    assert waiting(bare) == 0


class _Gateway(BaseHTTPRequestHandler):
    """An SMS gateway that notes what it gets, and refuses one number."""

    got: list[tuple[str, str]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.got.append((self.path, body["message"]))
        self.send_response(503 if self.path.endswith("0") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def gateway_url() -> Iterator[str]:
    _Gateway.got = []
    server = HTTPServer(("127.0.0.1", 0), _Gateway)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/sms/{{phone}}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_provider_gets_number_and_text_over_http(gateway_url: str) -> None:
    sender = sender_of(gateway_url)
    sender.send("+8613800138001", "123456 is your code.")
    assert len(_Gateway.got) == 1
    path, text = _Gateway.got[0]
    assert path.rstrip("/").endswith("8613800138001")
    assert text == "123456 is your code."
    with pytest.raises(NotSent):
        sender.send("+8613800138000", "123456 is your code.")


@pytest.mark.parametrize("url", ["", "nonsense", "json://127.0.0.1/", "nowhere://{phone}"])
def test_setting_that_names_no_provider_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a provider"):
        AppriseSender(url)


def test_console_prints_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    sender_of("console:").send(PHONE, "123456 is your code.")
    assert capsys.readouterr().err == f"{PHONE}: 123456 is your code.\n"
