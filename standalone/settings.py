"""Settings of the one-process mode; what the parts need besides is derived from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from environs import Env, EnvValidationError, validate

from shared.settings import Secret
from standalone.refusal import WRONG_SETTING, Refusal


@dataclass(frozen=True, slots=True)
class StandaloneSettings:
    """What an operator of one process may choose."""

    data_dir: Path
    host: str
    port: int
    """0 lets the system choose a free one; the banner tells which."""
    admin_password: Secret | None
    """None lets the first start generate one and print it once."""
    metrics_port: int | None


def standalone_settings() -> StandaloneSettings:
    """Read ``LOYALTY_*`` variables.

    Raises:
        Refusal: naming every variable that is wrong.
    """
    env = Env(eager=False)
    data_dir = env.path("LOYALTY_DATA_DIR", default=Path("var"))
    host = env.str("LOYALTY_HOST", default="127.0.0.1", validate=validate.Length(min=1))
    port = env.int("LOYALTY_PORT", default=8080, validate=validate.Range(0, 65_535))
    password = env.str("LOYALTY_ADMIN_PASSWORD", default=None, validate=validate.Length(min=1))
    metrics_port = env.int("LOYALTY_METRICS_PORT", default=None)
    try:
        env.seal()
    except EnvValidationError as error:
        wrong: dict[str, list[str]] = dict(error.error_messages)  # type: ignore[arg-type]
        reasons = "; ".join(f"{name}: {' '.join(why)}" for name, why in wrong.items())
        raise Refusal(f"Settings are wrong: {reasons}", WRONG_SETTING) from None
    return StandaloneSettings(
        data_dir=Path(str(data_dir)).expanduser().absolute(),
        host=str(host),
        port=int(str(port)),
        admin_password=Secret(str(password)) if password is not None else None,
        metrics_port=metrics_port if isinstance(metrics_port, int) else None,
    )


def publish_to_environment(values: dict[str, str]) -> None:
    """Set what the parts read from the environment, so that one way of reading serves all modes."""
    os.environ.update(values)
