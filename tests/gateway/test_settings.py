"""Settings, middleware and logs: what every request and every log line can rely on."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery.schedules import schedule
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from gateway import logs
from gateway.beat import SeededScheduler
from gateway.celery import app

ROOT = Path(__file__).parents[2]


def _settings_in_a_new_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {n: v for n, v in os.environ.items() if not n.startswith("ZHANGFANG_")}
    return subprocess.run(
        [sys.executable, "-c", f"from gateway import settings as s\n{code}"],
        env={**clean, **environment}, cwd=ROOT, text=True, capture_output=True, check=False,
    )  # fmt: skip


def test_a_real_database_without_secrets_does_not_start(tmp_path):
    done = _settings_in_a_new_process("print(s.DEMO)", ZHANGFANG_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "ZHANGFANG_SECRET_KEY and ZHANGFANG_ENCRYPTION_KEYS: not set" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_https_turns_on_secure_cookies_and_hsts(tmp_path):
    done = _settings_in_a_new_process(
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS)",
        ZHANGFANG_HOME=str(tmp_path), ZHANGFANG_DEMO="1",
        ZHANGFANG_BASE_URL="https://pay.example.com",
    )  # fmt: skip
    assert done.stdout == "True True 31536000\n"


def test_a_database_url_keeps_its_socket_and_its_options(tmp_path):
    done = _settings_in_a_new_process(
        "d = s.DATABASES['default']\n"
        "print(d['HOST'], d['NAME'], d['USER'], d['OPTIONS']['sslmode'])",
        ZHANGFANG_HOME=str(tmp_path), ZHANGFANG_DEMO="1",
        DATABASE_URL="postgresql://zf:p%40ss@/books?host=/run/pg&sslmode=require",
    )  # fmt: skip
    assert done.stdout == "/run/pg books zf require\n"


@pytest.mark.django_db
def test_models_and_migrations_agree():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_celery_keeps_database_connections_between_tasks():
    assert app.conf.get("CELERY_DB_REUSE_MAX") == 100_000_000


def test_celery_has_the_settings_that_the_engine_relies_on():
    assert app.conf.task_ignore_result is True
    assert app.conf.task_acks_late is False
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
    options = app.conf.broker_transport_options
    assert options["visibility_timeout"] == 600
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (5, 5)


@pytest.mark.django_db(transaction=True)
def test_the_beat_schedule_is_written_once_and_then_belongs_to_the_operators():
    def start() -> None:
        SeededScheduler(app=app, lazy=True).setup_schedule()

    start()
    assert set(PeriodicTask.objects.filter(name__in=settings.CELERY_BEAT_SCHEDULE)) == set(
        PeriodicTask.objects.exclude(name="celery.backend_cleanup")
    )
    hourly = IntervalSchedule.from_schedule(schedule(3600))
    hourly.save()
    PeriodicTask.objects.filter(name="sweep").update(interval=hourly)
    start()
    assert PeriodicTask.objects.get(name="sweep").interval == hourly


def test_the_policy_allows_no_outside_host():
    response = Client().get("/healthz")
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy


def test_a_harmless_request_id_is_kept():
    response = Client().get("/healthz", headers={"X-Request-ID": "shop-2026-11-20.0001"})
    assert response["X-Request-ID"] == "shop-2026-11-20.0001"


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "a b c d e f g", 'x"}{"level":"x', "<script>1"]
)
def test_a_harmful_request_id_is_replaced(given):
    response = Client().get("/healthz", headers={"X-Request-ID": given})
    assert response["X-Request-ID"] != given
    assert len(response["X-Request-ID"]) == 24


@override_settings(MAX_BODY_BYTES=1000)
def test_a_callback_over_the_limit_gets_413_and_its_rule():
    response = Client().post("/callback/wechat/any/", b"x" * 1001, content_type="application/json")
    assert response.status_code == 413
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["code"]) == (413, "body_too_large")
    assert "1000 bytes" in problem["detail"]


def test_a_poll_of_a_logged_out_page_is_sent_to_the_login_page():
    response = Client().get(
        "/admin/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/orders/?q=1"},
    )
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/admin/login/?next=%2Fadmin%2Forders%2F%3Fq%3D1"


def test_the_browser_chooses_the_language():
    chinese = Client().get("/admin/login/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    english = Client().get("/admin/login/", headers={"Accept-Language": "en-GB,en;q=0.9"})
    other = Client().get("/admin/login/", headers={"Accept-Language": "fi"})
    assert chinese["Content-Language"] == "zh-hans"
    assert english["Content-Language"] == "en"
    assert other["Content-Language"] == "zh-hans"


SECRETS = [
    ("Authorization: Bearer zf_12345678_abcDEF", "zf_12345678_abcDEF"),
    ('{"api_key": "zf_12345678_abcDEF"}', "zf_12345678_abcDEF"),
    ("apiv3_key=0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
    ("{'password': 'hunter22'}", "hunter22"),
    ('{"auth_code": "134567890123456789"}', "134567890123456789"),
    ("Pay(auth_code='134567890123456789')", "134567890123456789"),
    ("postgresql://zf:hunter22@db/books", "hunter22"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEv\n-----END PRIVATE KEY-----", "MIIEv"),
    ('WECHATPAY2-SHA256-RSA2048 mchid="19",signature="abcd"', "abcd"),
]


@pytest.mark.parametrize(("line", "secret"), SECRETS)
def test_a_secret_does_not_reach_the_log(line, secret):
    assert secret not in logs.scrub(line)


@pytest.mark.parametrize(
    "line", ["order P01JD paid, 30 fen", "refund_status: refunding", "GET /api/v1/pay-orders 200"]
)
def test_a_line_without_secrets_is_left_alone(line):
    assert logs.scrub(line) == line


def _formatted(record: logging.LogRecord) -> dict[str, str]:
    assert logs.RequestFilter().filter(record) and logs.ScrubFilter().filter(record)
    line: dict[str, str] = json.loads(logs.JsonFormatter().format(record))
    return line


def test_a_log_line_is_one_json_object_with_the_request_id():
    logs.request_id.set("request-0001")
    record = logging.LogRecord("x", logging.INFO, "f", 1, "paid\n%s", ("币",), None)
    line = _formatted(record)
    assert (line["request_id"], line["message"], line["level"]) == (
        "request-0001",
        "paid\n币",
        "INFO",
    )


def test_a_traceback_is_scrubbed_too():
    try:
        raise ValueError("password=hunter22")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "boom", (), sys.exc_info())
    line = _formatted(record)
    assert "ValueError" in line["trace"]
    assert "hunter22" not in line["trace"]


def test_a_wrong_format_string_does_not_cost_the_line():
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%d of %d", ("one",), None)
    assert _formatted(record)["message"] == "%d of %d"
