"""Settings from the environment: read once at start, all mistakes reported at once.

Secrets are `Secret` values, whose text never shows in a log, a traceback or a ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from environs import Env, EnvError, EnvValidationError, validate

_POSITIVE = validate.Range(min=1)
DEFAULT_OTP_TEXT = "{code} is your code to sign in, good for 5 minutes. Give it to nobody."
_HOLDS_CODE = validate.Regexp(r"(?s).*\{code\}", error="Write {code} where the code goes.")
_HTTPS = validate.Regexp(r"\Z|https://.|http://127\.0\.0\.1[:/]", error="Not an https URL.")
_NOT_NEGATIVE = validate.Range(min=0)


class SettingsError(SystemExit):
    """The environment is unusable; the message names every variable that is wrong."""


class Secret:
    """A text that must not be printed."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap ``value``."""
        self._value = value

    def reveal(self) -> str:
        """Return the text, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Hide the text."""
        return "Secret(****)"

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What a service process needs to run."""

    service: str
    database_url: Secret
    migration_url: Secret
    amqp_url: Secret
    master_key: Secret
    """Base64 of 32 bytes: wraps the keys that encrypt stored fields (M4)."""
    lookup_key: Secret
    """Base64 of 32 bytes: keys the hashes by which encrypted values are found (M4, C8)."""
    previous_master_keys: tuple[Secret, ...] = ()
    """Master keys of before, which still open what they have sealed (M4)."""
    sandbox: bool = False
    metrics_port: int | None = None
    pool_size: int = 10
    max_workers: int = 10
    time_zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    entry_tier: str = "BRONZE"
    issuer: str = "loyalty"
    audience: str = "loyalty"
    otp_sender: Secret | None = None
    """Where identity sends one-time codes (I2); None leaves them unsent."""
    otp_text: str = DEFAULT_OTP_TEXT
    card_floor: int = 500
    """Most points a day that a member spends by a static card alone (M2)."""
    late_limit_hours: int = 72
    """How long after it happened points takes a sale or return (S5)."""
    online_within_minutes: int = 45
    """A till's report that comes later than this was made offline (S5)."""
    offline_allowance_points: int = 0
    """Most points a member may spend at tills that are offline, all of them together (S5)."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What the gateway needs to run."""

    amqp_url: Secret
    secret_key: Secret
    """Signs list cursors and quotes."""
    sandbox: bool = False
    rate_limits: bool = True
    limits_url: str = "memory://"
    limits_per_minute: dict[str, int] = field(
        default_factory=lambda: {
            "member": 120,
            "staff": 600,
            "terminal": 12_000,
            "shop": 60_000,
            "address": 300,
        }
    )
    """By kind of caller; ``address`` is for signing in, where no caller is known yet."""
    jwks_url: str = ""
    """Key set of an outside issuer that is trusted instead of identity (I1); empty for none."""
    trusted_proxies: int = 0
    """How many proxies of the operator's own stand in front, each adding to X-Forwarded-For."""
    issuer: str = "loyalty"
    audience: str = "loyalty"
    max_body_bytes: int = 2_000_000
    max_upload_bytes: int = 500_000_000
    """Of a file that a job reads."""
    metrics_port: int | None = None


def service_settings(service: str) -> ServiceSettings:
    """Read the settings of one service.

    Raises:
        SettingsError: at least one variable is missing or wrong; names all of them.
    """
    env = Env(eager=False)
    url = env.str(f"LOYALTY_{service.upper()}_DATABASE_URL")
    values = {
        "database_url": url,
        "migration_url": env.str(f"LOYALTY_{service.upper()}_MIGRATION_URL", default=url),
        "amqp_url": env.str("LOYALTY_AMQP_URL"),
        "master_key": env.str("LOYALTY_MASTER_KEY"),
        "lookup_key": env.str("LOYALTY_LOOKUP_KEY"),
    }
    plain = {
        "sandbox": env.bool("LOYALTY_SANDBOX", default=False),
        "metrics_port": env.int("LOYALTY_METRICS_PORT", default=None),
        "pool_size": env.int("LOYALTY_POOL_SIZE", default=10),
        "max_workers": env.int("LOYALTY_MAX_WORKERS", default=10),
        "time_zone": env.str("LOYALTY_TIME_ZONE", default="Asia/Shanghai"),
        "currency": env.str("LOYALTY_CURRENCY", default="CNY"),
        "entry_tier": env.str("LOYALTY_ENTRY_TIER", default="BRONZE"),
        "issuer": env.str("LOYALTY_ISSUER", default="loyalty"),
        "audience": env.str("LOYALTY_AUDIENCE", default="loyalty"),
        "otp_text": env.str("LOYALTY_OTP_TEXT", default=DEFAULT_OTP_TEXT, validate=_HOLDS_CODE),
        "card_floor": env.int("LOYALTY_CARD_FLOOR", default=500, validate=_POSITIVE),
        "late_limit_hours": env.int("LOYALTY_LATE_LIMIT_HOURS", default=72, validate=_POSITIVE),
        "online_within_minutes": env.int(
            "LOYALTY_ONLINE_WITHIN_MINUTES", default=45, validate=_POSITIVE
        ),
        "offline_allowance_points": env.int(
            "LOYALTY_OFFLINE_ALLOWANCE_POINTS", default=0, validate=validate.Range(0, 10**6)
        ),
    }
    otp_sender = env.str("LOYALTY_OTP_SENDER", default="")
    previous: list[str] = env.list("LOYALTY_PREVIOUS_MASTER_KEYS", default=[])
    _seal(env)
    secrets = {name: Secret(str(value)) for name, value in values.items()}
    return ServiceSettings(
        service=service,
        previous_master_keys=tuple(Secret(key) for key in previous or ()),
        otp_sender=Secret(str(otp_sender)) if otp_sender else None,
        **secrets,  # type: ignore[arg-type]
        **plain,  # type: ignore[arg-type]
    )


def gateway_settings() -> GatewaySettings:
    """Read the settings of the gateway.

    Raises:
        SettingsError: at least one variable is missing or wrong; names all of them.
    """
    env = Env(eager=False)
    amqp_url = env.str("LOYALTY_AMQP_URL")
    secret_key = env.str("LOYALTY_GATEWAY_SECRET")
    limits = {
        role: env.int(f"LOYALTY_RATE_LIMIT_{role.upper()}", default=default)
        for role, default in GatewaySettings(Secret(""), Secret("")).limits_per_minute.items()
    }
    plain = {
        "sandbox": env.bool("LOYALTY_SANDBOX", default=False),
        "rate_limits": env.str("LOYALTY_RATE_LIMITS", default="on") != "off",
        "jwks_url": env.str("LOYALTY_JWKS_URL", default="", validate=_HTTPS),
        "trusted_proxies": env.int("LOYALTY_TRUSTED_PROXIES", default=0, validate=_NOT_NEGATIVE),
        "limits_url": env.str("LOYALTY_LIMITS_URL", default="memory://"),
        "issuer": env.str("LOYALTY_ISSUER", default="loyalty"),
        "audience": env.str("LOYALTY_AUDIENCE", default="loyalty"),
        "max_body_bytes": env.int("LOYALTY_MAX_BODY_BYTES", default=2_000_000),
        "max_upload_bytes": env.int("LOYALTY_MAX_UPLOAD_BYTES", default=500_000_000),
        "metrics_port": env.int("LOYALTY_METRICS_PORT", default=None),
    }
    _seal(env)
    return GatewaySettings(
        amqp_url=Secret(str(amqp_url)),
        secret_key=Secret(str(secret_key)),
        limits_per_minute=limits,
        **plain,  # type: ignore[arg-type]
    )


def _seal(env: Env) -> None:
    try:
        env.seal()
    except EnvValidationError as error:
        wrong: dict[str, list[str]] = dict(error.error_messages)  # type: ignore[arg-type]
        lines = [f"  {name}: {', '.join(why)}" for name, why in wrong.items()]
        raise SettingsError("Settings are missing or wrong:\n" + "\n".join(lines)) from None
    except EnvError as error:
        raise SettingsError(f"Settings are missing or wrong:\n  {error}") from None
