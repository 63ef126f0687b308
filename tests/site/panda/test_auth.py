"""Credentials: what is found, and the sentence for what is not."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from pathlib import Path

import pytest

from hpogrid.errors import UserError
from hpogrid.site.panda.auth import login, redact

VARIABLES = (
    "PANDA_AUTH", "PANDA_AUTH_VO", "OIDC_AUTH_VO", "PANDA_AUTH_ID_TOKEN", "OIDC_AUTH_ID_TOKEN",
    "OIDC_AUTH_TOKEN_FILE", "PANDA_CONFIG_ROOT", "X509_USER_PROXY", "PANDA_NICKNAME",
)  # fmt: skip


def token(**claims: object) -> str:
    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.{'s' * 40}"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "no-proxy"))


@pytest.fixture
def oidc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PANDA_AUTH", "oidc")
    monkeypatch.setenv("PANDA_AUTH_VO", "atlas")
    monkeypatch.setenv("PANDA_CONFIG_ROOT", str(tmp_path))
    monkeypatch.setenv("OIDC_AUTH_TOKEN_FILE", str(tmp_path / "token"))
    return tmp_path / "token"


def test_a_token(oidc: Path) -> None:
    soon = time.time() + 3600
    oidc.write_text(token(name="Me Myself", preferred_username="me", exp=soon) + "\n")
    found = login()
    assert (found.kind, found.account) == ("token", "me")
    assert found.expires == pytest.approx(soon)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (token(exp=1), "expired at 1970"),
        ("nonsense", "is not a token"),
        ("a.b.c", "is not a token"),
        ("a." + base64.urlsafe_b64encode(b"[1]").decode() + ".c", "is not a token"),
    ],
)
def test_tokens_that_are_not_good(oidc: Path, text: str, words: str) -> None:
    oidc.write_text(text)
    with pytest.raises(UserError, match=words):
        login()


def test_no_token(oidc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        login()
    monkeypatch.delenv("OIDC_AUTH_TOKEN_FILE")
    with pytest.raises(UserError, match="no PanDA token: log in with pbook"):
        login()


def test_an_old_cached_token_can_be_renewed_by_the_client(
    oidc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OIDC_AUTH_TOKEN_FILE")
    cache = oidc.parent / ".token"
    cache.write_text(json.dumps({"id_token": token(exp=1), "refresh_token": "r" * 30}))
    assert login().kind == "token"
    cache.write_text(json.dumps({"id_token": token(exp=1)}))
    with pytest.raises(UserError, match="expired"):
        login()
    cache.write_text("{")
    with pytest.raises(UserError, match="damaged"):
        login()


def test_the_vo_is_missing(oidc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANDA_AUTH_VO")
    with pytest.raises(UserError, match="export PANDA_AUTH_VO=atlas"):
        login()


def test_no_proxy() -> None:
    with pytest.raises(UserError, match=r"no grid proxy .*voms-proxy-init"):
        login()


def test_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proxy, tool = tmp_path / "proxy", tmp_path / "voms-proxy-info"
    proxy.touch()
    monkeypatch.setenv("X509_USER_PROXY", str(proxy))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="voms-proxy-info is not installed"):
        login()
    tool.write_text(
        '#!/bin/sh\n[ "$3" = -all ] && echo "attribute : nickname = me (atlas)" || echo 7200\n'
    )
    tool.chmod(0o755)
    found = login()
    assert (found.kind, found.account) == ("proxy", "me")
    tool.write_text("#!/bin/sh\necho 0\n")
    with pytest.raises(UserError, match="has expired"):
        login()


def test_a_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PANDA_AUTH", "x509_no_grid")
    with pytest.raises(UserError, match="PANDA_NICKNAME"):
        login()


def test_an_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANDA_AUTH", "magic")
    with pytest.raises(UserError, match="PANDA_AUTH is 'magic'"):
        login()


def test_no_token_survives_redaction(oidc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = token(preferred_username="me")
    oidc.write_text(f"{secret}\n")
    monkeypatch.setenv("OIDC_AUTH_ID_TOKEN", "another-secret-of-mine")
    other = token(name="of somebody else")
    text = redact(f"{secret} Bearer {other} another-secret-of-mine {other}")
    assert not re.search(r"eyJ|another-secret", text)
    assert (
        redact("user.me.hpogrid.p.out.20261121 refused") == "user.me.hpogrid.p.out.20261121 refused"
    )
    assert os.environ["OIDC_AUTH_ID_TOKEN"]
