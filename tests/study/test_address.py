from __future__ import annotations

import time

import pytest

from hpogrid.errors import UserError
from hpogrid.study.address import check_no_secret, filled, masked, why, without_secret
from hpogrid.study.mlflow_uri import check_uri
from hpogrid.study.storage import check_url


@pytest.mark.parametrize(
    "url",
    [
        "http://host:5000/?token=Sesame",
        "http://host:5000/#access_token=Sesame",
        "https://Sesame@host",
        "https://:Sesame@host",
        "http://me:Sesame@host/path?x=1",
        "mysql://host/db?user=me&password=Sesame",
        "postgresql://host/db?sslpassword=Sesame",
        "postgresql://me:Ses/ame@host/db",
        "postgresql://me:Ses@ame@host/db",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Dme%3BPWD%3DSesame",
        "https://host/?X-Amz-Signature=Sesame",
        "https://host/?api_key=Sesame",
    ],
)
def test_secrets_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UserError, match="keep the password out") as refused:
        check_no_secret("mlflow", url, "set it elsewhere")
    assert "Ses" not in str(refused.value)
    if "odbc" not in url:
        assert "ame" not in without_secret(url).replace("name", "")
    check = check_uri if url.startswith(("http", "mssql")) else check_url
    with pytest.raises(UserError, match="keep the password out"):
        check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000/",
        "http://${ME}:${PASSWORD}@host",
        "http://host/?token=${TOKEN}",
        "postgresql://me@host:5432/db?sslmode=require&sslkey=/home/me/key.pem",
        "mysql://me:${PASSWORD}@host/db?auth_plugin=caching_sha2_password",
        "databricks://profile",
        "sqlite:////home/me/mlflow.db",
    ],
)
def test_an_address_without_a_secret_is_taken(url: str) -> None:
    check_no_secret("mlflow", url, "")


def test_the_server_of_hpogrid_keeps_its_token_out_of_configs_too() -> None:
    with pytest.raises(UserError, match="HPOGRID_TOKEN"):
        check_url("http://127.0.0.1:8787/?token=Sesame")


def test_a_variable_is_written_as_its_place_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "p@ss/w:rd%41#?")
    monkeypatch.setenv("FOLDER", "home/me")
    monkeypatch.setenv("HOST", "db.example:5432")
    quoted = "p%40ss%2Fw%3Ard%2541%23%3F"
    assert filled("storage", "x://${WORD}:${WORD}@${HOST}/${FOLDER}?a=${WORD}") == (
        f"x://{quoted}:{quoted}@db.example:5432/home/me?a={quoted}"
    )
    assert filled("storage", "journal:///${FOLDER}/j.log") == "journal:///home/me/j.log"
    with pytest.raises(UserError, match="NOT_THERE is not set"):
        filled("storage", "x://${NOT_THERE}@host")


def test_what_a_library_says_repeats_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "p@ss")
    url = "x://me:${WORD}@host"
    assert (
        why(url, ValueError("no way with p@ss or p%40ss")) == "ValueError: no way with *** or ***"
    )


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://me:Sesame@host/db now",
        "see http://host:5000/?token=Sesame and go on",
        "MLFLOW_TRACKING_PASSWORD=Sesame",
        'api_key: "Sesame street"',
        """{'password': 'Sesame'}""",
        '{"access_token": "Sesame", "epoch": 3}',
        "Authorization: Bearer Sesame123",
        "password: 123456",
        "api_token=123456",
        "the word is OpenSesame-1234",
    ],
)
def test_what_a_script_prints_is_shown_without_secrets(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPOGRID_TOKEN", "OpenSesame-1234")
    assert "Sesame" not in masked(text)
    assert "123456" not in masked(text)
    assert masked(text) != text


@pytest.mark.parametrize(
    "text",
    [
        "epoch 3: loss 0.25, tokens: 512, key: 7, forward pass: 12 ms",
        "https://host/path?x=1",
        'File "/home/me/project/train.py", line 7',
        "Traceback (most recent call last):\n  KeyError: 'lr'",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/home/me/project")
    assert masked(text) == text


def test_a_long_word_takes_no_longer_than_many_short_ones() -> None:
    began = time.process_time()
    assert masked("x" * 50_000) == "x" * 50_000
    assert time.process_time() - began < 5
