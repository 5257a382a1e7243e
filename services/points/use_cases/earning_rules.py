"""An earning rule's life: written, published version by version, retired (E2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from services.points.domain import rules as domain
from services.points.domain.programme import Programme
from services.points.repository import rules
from shared.audit import difference
from shared.db import UnitOfWork
from shared.errors import FieldError
from shared.errors.points import RuleNotValid, RuleStateConflict
from shared.ids import new_id

DRAFT, PUBLISHED, RETIRED = "draft", "published", "retired"


def create_rule(uow: UnitOfWork, **draft: Any) -> dict[str, Any]:
    """Store a draft, however unfinished; publishing judges it."""
    rule_id = new_id()
    rules.store(
        uow.connection,
        {
            "rule_id": rule_id,
            "kind": draft["kind"],
            "status": DRAFT,
            "terms": rules.terms_of(draft),
            "version": 0,
            "has_changes": True,
            "created_at": uow.now,
            "updated_at": uow.now,
            "created_by": uow.actor.key,
        },
    )
    uow.audit("rule.create", ("rule", rule_id), after={"status": DRAFT, "kind": draft["kind"]})
    return _answer(uow, rule_id)


def amend_rule(uow: UnitOfWork, *, rule_id: UUID, **changes: Any) -> dict[str, Any]:
    """Change the terms; what is published stays as it is until they are published too.

    Raises:
        NotFound: there is no such rule.
        RuleStateConflict: it is retired.
    """
    before = _lock(uow, rule_id)
    terms = {**before.terms, **rules.terms_of(changes)}
    rules.change(
        uow.connection,
        rule_id,
        kind=terms["kind"],
        terms=terms,
        has_changes=before.has_changes or terms != before.terms,
        updated_at=uow.now,
    )
    was, now = difference(before.terms, terms)
    uow.audit("rule.amend", ("rule", rule_id), before=was, after=now)
    return _answer(uow, rule_id)


def publish_rule(
    uow: UnitOfWork, *, programme: Programme, rule_id: UUID, effective_from: datetime | None
) -> dict[str, Any]:
    """Make the terms the rule's next version, good for sales from ``effective_from`` on.

    Raises:
        NotFound: there is no such rule.
        RuleStateConflict: it is retired, or its terms are published already.
        RuleNotValid: the terms contradict themselves or another rule, or would have been good
            before now.
    """
    # First of all, so that two publications never judge one another's absence.
    rules.renew_book(uow.connection)
    before = _lock(uow, rule_id)
    if not before.has_changes:
        raise RuleStateConflict("These terms are published already.")
    now = rules.floored(uow.now)
    since = effective_from or now
    rule = rules.rule_of(before.terms, str(rule_id), before.version + 1)
    problems = domain.problems(rule, since, programme.lot_terms)
    if since < now:
        problems.append(FieldError("effective_from", "in_past", "Sales of then are judged."))
    problems += domain.overlaps(rule, since, rules.load_book(uow.connection))
    if problems:
        raise RuleNotValid(errors=problems)
    rules.append_version(
        uow.connection,
        {
            "rule_id": rule_id,
            "version": rule.version,
            "terms": before.terms,
            "effective_from": since,
            "published_at": uow.now,
            "published_by": uow.actor.key,
        },
    )
    rules.change(
        uow.connection,
        rule_id,
        status=PUBLISHED,
        version=rule.version,
        has_changes=False,
        effective_from=since,
        updated_at=uow.now,
    )
    uow.audit(
        "rule.publish",
        ("rule", rule_id),
        before={"status": before.status, "version": before.version},
        after={"status": PUBLISHED, "version": rule.version, "effective_from": since},
    )
    return _answer(uow, rule_id)


def retire_rule(uow: UnitOfWork, *, rule_id: UUID) -> dict[str, Any]:
    """End a rule for good: what happens from now on is judged without it.

    Raises:
        NotFound: there is no such rule.
        RuleStateConflict: it is retired.
    """
    rules.renew_book(uow.connection)
    before = _lock(uow, rule_id)
    rules.change(
        uow.connection,
        rule_id,
        status=RETIRED,
        retired_at=rules.floored(uow.now),
        updated_at=uow.now,
    )
    was, now = {"status": before.status}, {"status": RETIRED}
    uow.audit("rule.retire", ("rule", rule_id), before=was, after=now)
    return _answer(uow, rule_id)


def _lock(uow: UnitOfWork, rule_id: UUID) -> Any:
    row = rules.get(uow.connection, rule_id, lock=True)
    if row.status == RETIRED:
        raise RuleStateConflict("The rule is retired.")
    return row


def _answer(uow: UnitOfWork, rule_id: UUID) -> dict[str, Any]:
    connection = uow.connection
    return rules.body(rules.get(connection, rule_id), rules.versions(connection, rule_id))
