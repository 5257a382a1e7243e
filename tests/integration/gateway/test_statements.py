from __future__ import annotations

import csv
import io
import re

import pytest

from gateway.resources import statements
from tests.support.platform import Person, Platform

PHONE = "+8613800138000"


@pytest.fixture
def shopper(platform: Platform) -> Person:
    till = platform.terminal()
    till.post("/v1/members", {"phone": PHONE, "channel": "store"})
    platform.settle()
    for number in range(3):
        sale = {
            "sale_id": f"s-{number}",
            "occurred_at": platform.now().isoformat().replace("+00:00", "Z"),
            "currency": "CNY",
            "member": {"type": "phone", "value": PHONE},
            "lines": [{"line_id": "1", "sku": "tea", "quantity": 1, "net_minor": 5_500}],
        }
        till.post("/v1/sales", sale)
    return platform.shopper(PHONE)


def path(platform: Platform) -> str:
    zone = platform.services["points"].programme.time_zone
    month = f"{platform.now().astimezone(zone):%Y-%m}"
    return f"/v1/members/me/points/statements/{month}"


def test_member_reads_a_month_page_by_page(platform: Platform, shopper: Person) -> None:
    first = shopper.get(f"{path(platform)}?limit=2")
    assert (first["opening_balance"], first["closing_balance"], first["entries"]) == (0, 165, 3)
    rest = shopper.get(f"{path(platform)}?limit=2&cursor={first['next_cursor']}")
    assert [item["reference"]["id"] for item in first["items"] + rest["items"]] == [
        "s-0", "s-1", "s-2",
    ]  # fmt: skip
    assert rest["next_cursor"] is None


def test_csv_holds_the_whole_month(
    platform: Platform, shopper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "MAX_LIMIT", 2)
    headers = {"Authorization": f"Bearer {shopper.token}", "Accept": "text/csv"}
    response = shopper.client.get(path(platform), headers=headers)
    assert response.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["type"] for row in rows] == [
        "opening_balance", "earn", "earn", "earn", "closing_balance", "lapses_next",
    ]  # fmt: skip
    assert [row["balance_after"] for row in rows] == ["0", "55", "110", "165", "165", ""]
    assert rows[1]["reference_id"] == "s-0"


def test_pdf_is_a_document_in_chinese_and_english(
    platform: Platform, shopper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {shopper.token}"}
    response = shopper.client.get(f"{path(platform)}?format=pdf", headers=headers)
    assert (response.status_code, response.content_type) == (200, "application/pdf")
    assert response.data.startswith(b"%PDF-")
    assert b"STSong-Light" in response.data
    assert len(re.findall(rb"/Type /Page\b", response.data)) == 1
    monkeypatch.setattr(statements, "LONGEST_DOCUMENT", 2)
    refused = shopper.get(f"{path(platform)}?format=pdf", status=422)
    assert refused["code"] == "statement_too_long"


def test_statement_of_others_is_not_found(platform: Platform, shopper: Person) -> None:
    other = path(platform).replace("me", "0192f3a0-0000-7000-8000-000000000001")
    assert shopper.get(other, status=404)["code"] == "not_found"
    assert shopper.get("/v1/members/me/points/statements/2026-13", status=404)
    assert shopper.get("/v1/members/me/points/statements/2190-01", status=404)
