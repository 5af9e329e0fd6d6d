"""The environment is read loudly: what is wrong stops the process and names the variable."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway import env, keys

KEY = base64.b64encode(bytes(range(32))).decode()


def test_a_missing_text_without_a_default_names_its_variable(monkeypatch):
    monkeypatch.delenv("ZF_X", raising=False)
    with pytest.raises(ImproperlyConfigured, match="ZF_X is not set"):
        env.text("ZF_X")
    assert env.text("ZF_X", "default") == "default"


@pytest.mark.parametrize(
    ("word", "value"), [("1", True), ("Yes", True), ("0", False), ("off", False), ("", False)]
)
def test_a_flag_understands_its_words(monkeypatch, word, value):
    monkeypatch.setenv("ZF_X", word)
    assert env.flag("ZF_X", default=not value) is value


def test_a_flag_does_not_guess(monkeypatch):
    monkeypatch.setenv("ZF_X", "ture")
    with pytest.raises(ImproperlyConfigured, match="ZF_X='ture': write 1 or 0"):
        env.flag("ZF_X", default=False)


@pytest.mark.parametrize("word", ["eighty", "8.0", "0", "70000"])
def test_a_number_out_of_its_bounds_is_refused(monkeypatch, word):
    monkeypatch.setenv("PORT", word)
    with pytest.raises(ImproperlyConfigured, match="PORT"):
        env.integer("PORT", 8000, at_least=1, at_most=65535)


def test_a_url_of_the_wrong_kind_is_refused_without_repeating_its_password(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/x")
    with pytest.raises(ImproperlyConfigured, match="must begin with") as caught:
        env.url("DATABASE_URL", None, schemes=("postgresql", "postgres"))
    assert "hunter2" not in str(caught.value)


def test_encryption_keys_keep_their_order_and_the_first_one_encrypts():
    parsed = env.encryption_keys(f"new:{KEY}, old:{KEY}", name="K")
    assert list(parsed) == ["new", "old"]
    assert parsed["new"] == bytes(range(32))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (KEY, "written id:base64"),
        (f":{KEY}", "written id:base64"),
        ("a:not base64!", "not base64"),
        ("a:" + base64.b64encode(b"short").decode(), "has 5 bytes, not 32"),
        (f"a:{KEY},a:{KEY}", "there twice"),
    ],
)
def test_a_bad_encryption_key_is_refused(value, sentence):
    with pytest.raises(ImproperlyConfigured, match=sentence):
        env.encryption_keys(value, name="K")


def test_secrets_are_made_once_and_only_their_owner_may_read_them(monkeypatch, tmp_path):
    monkeypatch.delenv(keys.SECRET_KEY)
    monkeypatch.delenv(keys.ENCRYPTION_KEYS)
    first = keys.load(tmp_path, may_generate=True)
    assert keys.load(tmp_path, may_generate=True) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(env.encryption_keys(first[keys.ENCRYPTION_KEYS], name="K")["k1"]) == 32


def test_with_a_real_database_a_missing_secret_is_an_error_and_nothing_is_made(
    monkeypatch, tmp_path
):
    monkeypatch.delenv(keys.SECRET_KEY)
    with pytest.raises(ImproperlyConfigured, match="ZHANGFANG_SECRET_KEY: not set"):
        keys.load(tmp_path, may_generate=False)
    assert list(tmp_path.iterdir()) == []


def test_the_first_writer_of_a_private_file_wins_and_leaves_no_scraps(tmp_path: Path):
    place = tmp_path / "secrets.json"
    keys.write_private(place, {"n": 1}, replace=False)
    keys.write_private(place, {"n": 2}, replace=False)
    assert place.read_text() == '{\n "n": 1\n}'
    assert list(tmp_path.iterdir()) == [place]
