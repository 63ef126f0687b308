"""The faults of Rucio, each in one sentence; no server is needed for them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from rucio.common import exception

from hpogrid.data.rucio import Did, Missing, Rucio
from hpogrid.errors import RunError, UserError
from tests.commands import refused


@pytest.fixture
def rucio() -> Rucio:
    found = object.__new__(Rucio)
    found.errors = exception

    class Client:
        account = "me"

    found.client = Client()
    return found


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exception.DataIdentifierNotFound("x"), Missing, "there is no it in Rucio"),
        (exception.CannotAuthenticate("password: abc123"), UserError, "Rucio refuses"),
        (exception.AccessDenied("no"), UserError, "Rucio refuses"),
        (exception.ConfigNotFound("x"), UserError, "set RUCIO_CONFIG"),
        (exception.MissingClientParameter("x"), UserError, "set RUCIO_CONFIG"),
        (exception.ServerConnectionException("x"), RunError, "does not answer"),
        (requests.ConnectionError("refused"), RunError, "does not answer: refused"),
        (requests.ReadTimeout("slow"), RunError, "does not answer: slow"),
        (exception.UnsupportedOperation("closed"), RunError, "closed"),
        (exception.InvalidRSEExpression("x"), RunError, "Rucio"),
        (KeyError("client_proxy"), UserError, "incomplete: KeyError"),
    ],
)
def test_one_sentence(rucio: Rucio, error: Exception, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=re.escape(words)) as found, rucio.explained("it"):
        raise error
    assert "\n" not in str(found.value)
    assert "abc123" not in str(found.value)


def test_names(rucio: Rucio) -> None:
    assert rucio.did("user.you.x") == Did("user.you", "user.you.x")
    assert rucio.did("x.y") == Did("user.me", "x.y")
    assert rucio.did("s:n/") == Did("s", "n")
    for text in ("a b", "x;y", "s:n:m", "s:"):
        with pytest.raises(UserError, match="no name of a dataset"):
            rucio.did(text)


def configuration(folder: Path, **more: str) -> Path:
    settings = {
        "rucio_host": "http://127.0.0.1:9", "auth_host": "http://127.0.0.1:9",
        "auth_type": "userpass", "username": "me", "password": "s3cret-word", "account": "me",
        "request_retries": "2", "auth_token_file_path": str(folder / "token"), **more,
    }  # fmt: skip
    path = folder / "rucio.cfg"
    path.write_text("[client]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    return path


def run(code: str, **environment: str) -> str:
    """The error of the program in a process of its own: the library reads its settings once."""
    import os
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "hpogrid", *code.split()],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2), done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_the_server_is_down(tmp_path: Path) -> None:
    said = run("data list", RUCIO_CONFIG=str(configuration(tmp_path)))
    assert "the Rucio server does not answer" in said
    assert "s3cret-word" not in said


def test_no_configuration(tmp_path: Path) -> None:
    said = run("data list", RUCIO_CONFIG=str(tmp_path / "none"), RUCIO_HOME=str(tmp_path))
    assert "set RUCIO_CONFIG to a rucio.cfg" in said


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "rucio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rucio", None)
    assert "pip install 'hpogrid[rucio]'" in refused("data", "list")


def test_upload_needs_no_server_to_list_the_files(tmp_path: Path, capsys: Any) -> None:
    assert "no such file" in refused("data", "upload", tmp_path / "x", "--dataset", "user.me.x")
