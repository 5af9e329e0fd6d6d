"""One settings file for production, a laptop and the tests; what differs comes from ZHANGFANG_*.

docs/operations.md lists every variable. Without DATABASE_URL and REDIS_URL the addresses are those
of the embedded services of this checkout, which `manage.py up` starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from gateway import embedded, env, keys
from orders.admin.config import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = env.path("ZHANGFANG_HOME", BASE_DIR / ".data")
DEBUG = env.flag("ZHANGFANG_DEBUG", default=False)

PORT = env.integer("PORT", 8000, at_least=1, at_most=65535)
BASE_URL = (
    env.url("ZHANGFANG_BASE_URL", None, schemes=("http", "https")) or f"http://127.0.0.1:{PORT}"
).rstrip("/")
HTTPS = BASE_URL.startswith("https://")

# --- PostgreSQL and Redis ----------------------------------------------------------------------

_database_url = env.url("DATABASE_URL", None, schemes=("postgresql", "postgres"))
_redis_url = env.url("REDIS_URL", None, schemes=("redis", "rediss", "unix"))
EMBEDDED_POSTGRES = _database_url is None
EMBEDDED_REDIS = _redis_url is None
DEMO = env.flag("ZHANGFANG_DEMO", default=EMBEDDED_POSTGRES or (HOME / "demo.json").exists())
"""A house for rehearsals: demo merchants, simulators, secrets that may be generated."""
REDIS_URL = _redis_url or embedded.redis_url(HOME)
REDIS_PREFIX = env.text("ZHANGFANG_REDIS_PREFIX", "zf:")
# redis-py 8.1 waits 5 s by default and then retries ten times: a BLPOP of 7 s came back after 59 s.
# A client that waits for a reply sets its own, longer timeout and no retry.
REDIS_TIMEOUT_S = 5.0


DB_POOL = env.integer("ZHANGFANG_DB_POOL", 0, at_most=1000)
"""Connections of a web process, shared by its threads: one that waits for a channel's answer holds
none. 0, for workers and commands: one connection per thread, kept open."""


def _database(url: str) -> dict[str, Any]:
    parts = conninfo_to_dict(url)
    known = {name: str(parts.pop(name, "") or "") for name in ("dbname", "user", "password")}
    host, port = str(parts.pop("host", "") or ""), str(parts.pop("port", "") or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known["dbname"],
        "USER": known["user"],
        "PASSWORD": known["password"],
        "HOST": host,
        "PORT": port,
        # A new connection per request is four to eight times slower (measured). Django keeps none
        # itself where a pool does.
        "CONN_MAX_AGE": 0 if DB_POOL else None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "zhangfang",
            # Nobody waits for a row for ever, and a forgotten transaction holds no lock for ever.
            "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
            **({"pool": {"min_size": 1, "max_size": DB_POOL, "timeout": 10}} if DB_POOL else {}),
            **parts,
        },
    }


DATABASES = {"default": _database(_database_url or embedded.database_url(HOME))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Secrets -----------------------------------------------------------------------------------

_secrets = keys.load(HOME, may_generate=DEMO or EMBEDDED_POSTGRES)
SECRET_KEY = _secrets[keys.SECRET_KEY]
ENCRYPTION_KEYS = env.encryption_keys(_secrets[keys.ENCRYPTION_KEYS], name=keys.ENCRYPTION_KEYS)
"""{id: 32 bytes}, in order: the first encrypts, all decrypt."""

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Applications and middleware ---------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "gateway.apps.GatewayConfig",
    "orders.apps.OrdersConfig",
]

MIDDLEWARE = [
    "gateway.middleware.RequestIdMiddleware",
    "gateway.middleware.BodyLimitMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "gateway.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gateway.middleware.HtmxLoginMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "gateway.urls"
WSGI_APPLICATION = "gateway.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]

LOGIN_REDIRECT_URL = "admin:index"
LOGIN_URL = "admin:login"

# --- Words, time and numbers -------------------------------------------------------------------

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
# The console's counts are words with their own spelling; a separator would format them again.
USE_THOUSAND_SEPARATOR = False

# --- Static files ------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MAX_AGE = 3600

# --- Security ----------------------------------------------------------------------------------

ALLOWED_HOSTS = env.words(
    "ZHANGFANG_ALLOWED_HOSTS",
    sorted({urlsplit(BASE_URL).hostname or "", "localhost", "127.0.0.1", "[::1]"}),
)
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Twelve hours after the login, however busy: the console polls, so an idle timeout would never end.
SESSION_COOKIE_AGE = 12 * 3600
SESSION_SAVE_EVERY_REQUEST = False
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES = env.networks("ZHANGFANG_TRUSTED_PROXIES")
"""Our own proxies: what they wrote into X-Forwarded-For says who the caller is, and they must
overwrite X-Forwarded-Proto. Without them any client could claim an address, or HTTPS."""
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# alpine.js evaluates its attributes, so 'unsafe-eval' stays; no data is ever put into them.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src-elem 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

CONTENT_SECURITY_POLICY_DOCS = CONTENT_SECURITY_POLICY.replace(
    "style-src-elem 'self'", "style-src-elem 'self' 'unsafe-inline'"
)
"""For /api/docs/, which shows no data: swagger-ui writes its own style sheet into the page."""

MAX_BODY_BYTES = 1024 * 1024
"""Of a request to the API or of a callback; more is answered with 413."""
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

METRICS_TOKEN = env.text("ZHANGFANG_METRICS_TOKEN", "")
"""Bearer token for /metrics from elsewhere; without one only loopback is answered."""

# --- The API -----------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Zhangfang 账房",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Without the package's hook for enums: it gave two different statuses one name.
    "POSTPROCESSING_HOOKS": ["gateway.api.v1.schema.close_inputs"],
    # The pages of the documentation come from this server: no request to any outside host.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

ALLOW_PRIVATE_NOTICE_URLS = env.flag("ZHANGFANG_ALLOW_PRIVATE_NOTICE_URLS", default=DEMO)
"""Merchant notices may go to private and loopback addresses (rehearsals only)."""

PREPAY_DEADLINE_S = env.integer("ZHANGFANG_PREPAY_DEADLINE_S", 8, at_least=1, at_most=60)
"""How long a merchant waits for the answer of a prepay before the order goes on without him."""
PREPAY_WAITERS = env.integer("ZHANGFANG_PREPAY_WAITERS", 28, at_least=0)
"""Requests of one web process that wait at once, of its 40 threads; the next ones do not wait."""

NOTICE_DIALECTS = {
    "standard": "orders.standard",
    "daxpay": "gateway.api.daxpay.notices",
    "daxpay_g3": "gateway.api.daxpay.g3.notices",
    "minapp": "gateway.api.minapp.notices",
    "kaigedian": "gateway.api.kaigedian.notices",
}
"""In whose words merchants are told: a door's code → its module (orders/dialects.py)."""
DOORS = {
    "api": "gateway.api.v1.onboarding",
    "daxpay": "gateway.api.daxpay.onboarding",
    "kaigedian": "gateway.api.kaigedian.onboarding",
    "minapp": "gateway.api.minapp.onboarding",
}
"""How a merchant's system gets in: a door's code → its module (orders/doors.py)."""

# --- Celery ------------------------------------------------------------------------------------

QUEUES = ("pay", "callback", "call", "sync", "notice", "bulk")


def _broker(url: str) -> str:
    # kombu's name for redis over a unix socket, with the database as `virtual_host`.
    if not url.startswith("unix://"):
        return url
    path, _query, options = url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?{options.replace('db=', 'virtual_host=')}"


CELERY_BROKER_URL = _broker(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": REDIS_PREFIX,
    # A message that runs or waits longer than this gets a second concurrent copy; a drain ends
    # after 30 s, and nothing here uses eta or countdown.
    "visibility_timeout": 600,
    # By default a dead worker's message comes back only 100 s after that timeout.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 5,
    "socket_timeout": 10,
    "socket_connect_timeout": REDIS_TIMEOUT_S,
    "socket_keepalive": True,
    "health_check_interval": 15,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_RESULT_BACKEND = None
CELERY_TASK_ACKS_LATE = False  # a lost message is found by the sweep; a second copy is worse
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULER = "gateway.beat.SeededScheduler"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Written into the database once; operators may edit it there afterwards.
    "sweep": {
        "task": "orders.tasks.sweep",
        "schedule": 2.0,
        # No "expires": on two machines whose clocks differ every sweep would arrive expired.
        "options": {"queue": "sync"},
    },
    "prune": {
        "task": "orders.tasks.prune",
        "schedule": 3600.0,
        "options": {"queue": "sync"},
    },
}

# --- The engine (orders/engine) ------------------------------------------------------------------

ENGINE_LEASE_S = env.integer("ZHANGFANG_LEASE_S", 45, at_least=3, at_most=600)
"""How long a claimed call or notice belongs to its worker; timeouts on the wire are cut to fit."""
ENGINE_WIRE_THREADS = env.integer("ZHANGFANG_WIRE_THREADS", 100, at_least=1, at_most=1000)
"""Calls to channels that one worker process keeps in flight (100 is the knee for one GIL)."""
ENGINE_NOTICE_THREADS = env.integer("ZHANGFANG_NOTICE_THREADS", 64, at_least=1, at_most=1000)
"""Deliveries to merchants that one worker process keeps in flight."""

# --- Logs --------------------------------------------------------------------------------------

LOG_LEVEL = env.text("ZHANGFANG_LOG_LEVEL", "INFO").upper()
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "gateway.logs.RequestFilter"},
        "scrub": {"()": "gateway.logs.ScrubFilter"},
    },
    "formatters": {
        "json": {"()": "gateway.logs.JsonFormatter"},
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "plain" if DEBUG else "json",
            "filters": ["request", "scrub"],
        }
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        name: {"level": "WARNING"}  # a line every two seconds says nothing
        for name in ("django.server", "celery.beat", "celery.worker.strategy", "celery.app.trace")
    },
}
