"""The calls of `hpogrid serve`: what their document says, who may make them, and who may stay."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from hpogrid.errors import UserError
from hpogrid.study.claims import Claim, digest
from hpogrid.study.serve import door, tokens
from hpogrid.study.serve.calls import LARGEST_BODY, ROOT, Claims, openapi, share_of
from hpogrid.study.serve.client import Answer, Client, Refused
from hpogrid.study.serve.share import Share
from hpogrid.study.serve.shelf import Shelf, UnknownCursor
from hpogrid.study.serve.tokens import Keyring, Right, WrongTokens, make_token, read_or_make_token
from tests.study.fuzz_serve import fuzz
from tests.study.serving import KEY, certificate_for, place, serving

LEDGER = "job-0000.001.jsonl"


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> str:
    token = read_or_make_token()
    monkeypatch.setenv("HPOGRID_TOKEN", token)
    return token


@pytest.fixture
def url(tmp_path: Path, owner: str) -> Iterator[str]:
    with serving(tmp_path / "server", more={"h-8": place(tmp_path / "server", "h-8", 2)}) as found:
        yield found


def ask(
    url: str, method: str, path: str, token: str = "", body: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    link = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    with contextlib.closing(link):
        link.request(method, path, body, {"Authorization": f"Bearer {token}"})
        answer = link.getresponse()
        data = answer.read()
    return answer.status, json.loads(data) if data.startswith(b"{") else {}


@pytest.mark.parametrize("examples", [6, pytest.param(25, marks=pytest.mark.slow)])
def test_the_document_is_kept(url: str, owner: str, examples: int) -> None:
    """Whatever may be asked is answered as the document says, and nothing is a fault."""
    import schemathesis
    from schemathesis.core.result import Ok

    schema = schemathesis.openapi.from_dict(openapi())
    headers = {"Authorization": f"Bearer {owner}"}

    def check(case: Any) -> None:
        if "task" in (case.path_parameters or {}):
            case.path_parameters["task"] = KEY
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = case.call(base_url=url, headers=headers)
        assert str(answer.status_code) in case.operation.definition.raw["responses"]

    few = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        few(given(case=found.ok().as_strategy())(check))()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{ROOT}/{KEY}/ledgers/..%2f..%2fetc%2fpasswd", 404),
        ("GET", f"{ROOT}/{KEY}/ledgers/{LEDGER}", 404),
        ("GET", f"{ROOT}/{KEY}/ledgers/notes.txt", 400),
        ("GET", f"{ROOT}/other/ledgers", 404),
        ("GET", f"{ROOT}/{KEY}/secrets", 404),
        ("GET", f"{ROOT}/", 404),
        ("GET", f"{ROOT}/{KEY}/ledgers/", 404),
        ("POST", f"{ROOT}/{KEY}/ledgers", 405),
        ("PUT", f"{ROOT}/{KEY}/ledgers/../../x.jsonl", 404),
        ("PUT", f"{ROOT}/{KEY}/ledgers/notes.txt", 400),
        ("PUT", f"{ROOT}/{KEY}/ledgers/{LEDGER}?at=5", 409),
        ("PUT", f"{ROOT}/{KEY}/ledgers/{LEDGER}?at=x", 400),
        ("PUT", f"{ROOT}/{KEY}/ledgers/{LEDGER}?at=%C2%B2", 400),
        ("PUT", f"{ROOT}/{KEY}/ledgers/{LEDGER}?at=" + "9" * 30, 400),
        ("PUT", f"{ROOT}/{KEY}/claims/abc/0", 400),
        ("PUT", f"{ROOT}/{KEY}/claims/{'a' * 24}/0", 400),
        ("PUT", f"{ROOT}/{KEY}/shares/x", 400),
        ("GET", f"{ROOT}/{KEY}/changes", 400),
        ("GET", f"{ROOT}/{KEY}/changes?after=x.1", 410),
    ],
)
def test_bad_requests(
    tmp_path: Path, url: str, owner: str, method: str, path: str, status: int
) -> None:
    body = b"[]" if method == "PUT" else None
    assert ask(url, method, path, owner, body)[0] == status
    assert ask(url, method, path, "wrong", body)[0] == 401
    left = {found.name for found in (tmp_path / "server").rglob("*") if found.is_file()}
    assert left <= {LEDGER}


def test_a_body_without_a_length_or_too_large_is_refused(url: str, owner: str) -> None:
    for head, status in (("", b"411"), (f"Content-Length: {LARGEST_BODY + 1}\r\n", b"413")):
        with socket.create_connection(urlsplit(url).netloc.split(":"), 10) as link:  # type: ignore[arg-type]
            link.sendall(
                f"PUT {ROOT}/{KEY}/ledgers/{LEDGER} HTTP/1.1\r\nHost: x\r\n{head}"
                f"Authorization: Bearer {owner}\r\n\r\n".encode()
            )
            assert link.recv(100).split()[1] == status


# --- who may -------------------------------------------------------------------------------------


def test_a_token_has_one_right_for_one_task(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def client(name: str, right: Right, task: str | None) -> Client:
        monkeypatch.setenv("HPOGRID_TOKEN", make_token(name, right, task, 1))
        return Client(url)

    worker, watcher = client("worker", "write", KEY), client("watcher", "read", None)
    assert worker.append(KEY, LEDGER, 0, b"{}\n") == 3
    assert set(watcher.listing(KEY).ledgers) == {LEDGER}
    assert [line.key for line in watcher.tasks()] == [KEY, "h-8"]
    assert [line.key for line in worker.tasks()] == [KEY]
    for refused in (
        lambda: worker.append("h-8", LEDGER, 0, b"{}\n"),
        lambda: worker.listing("h-8"),
        lambda: watcher.append(KEY, LEDGER, 3, b"{}\n"),
        lambda: watcher.claim(KEY, digest(b"x"), 0, Claim(0, {}, {})),
        lambda: watcher.open_share(KEY, 0),
    ):
        with pytest.raises(Refused, match="403 Forbidden: the token"):
            refused()
    tokens.revoke("worker")
    time.sleep(1.1)
    with pytest.raises(Refused, match="401"):
        worker.listing(KEY)


def test_tokens_end_and_are_kept_as_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_token("a", "read", None, 1)
    assert len(text) >= 43
    assert Keyring().find(text) is not None
    with pytest.raises(UserError, match="there is a token 'a' already"):
        make_token("a", "read", None, 1)
    (path,) = tokens._folder().iterdir()
    assert text not in path.read_text()
    later = time.time() + 2 * 86400
    monkeypatch.setattr("time.time", lambda: later)
    assert Keyring().find(text) is None
    assert Keyring().find("") is None
    path.write_bytes(b"{")
    assert tokens.list_tokens() == []
    with pytest.raises(UserError, match="there is no token 'b'; there are: none"):
        tokens.revoke("b")


def test_wrong_tokens_are_counted_and_a_right_one_is_never_turned_away(
    url: str, owner: str
) -> None:
    found = [ask(url, "GET", ROOT, "wrong")[0] for _ in range(12)]
    assert found == [401] * 10 + [429] * 2
    assert ask(url, "GET", ROOT, owner)[0] == 200
    now = [0.0]
    wrong = WrongTokens(lambda: now[0])
    assert [wrong.too_many("a") for _ in range(11)][-1]
    now[0] = 61.0
    assert not wrong.too_many("a")


# --- the files -----------------------------------------------------------------------------------


def shelf(folder: Path, now: list[float]) -> Shelf:
    return Shelf(folder, 2, lease=10.0, clock=lambda: now[0])


def test_repeated_and_reordered_appends_change_nothing(url: str, owner: str) -> None:
    client = Client(url)
    assert client.append(KEY, LEDGER, 0, b"1\n") == 2
    assert client.append(KEY, LEDGER, 2, b"2\n") == 4
    assert client.append(KEY, LEDGER, 0, b"1\n") == 4
    for at, data in ((0, b"x\n"), (6, b"4\n")):
        with pytest.raises(Answer, match="409: the ledger has 4 bytes"):
            client.append(KEY, LEDGER, at, data)
    assert client.read(KEY, LEDGER, 0) == b"1\n2\n"


def test_changes_follow_the_disk_whoever_writes_there(tmp_path: Path) -> None:
    now = [0.0]
    first, second = shelf(tmp_path, now), shelf(tmp_path, now)
    cursor = first.listing().cursor
    second.append(LEDGER, 0, b"1\n")
    now[0] = 1.0
    found = first.changes(cursor, None)
    assert [(part.at, part.data) for part in found.parts] == [(0, b"1\n")]
    second.append(LEDGER, 2, b"")
    os.utime(tmp_path / LEDGER, (5, 5))
    now[0] = 2.0
    again = first.changes(found.cursor, None)
    assert [(part.at, part.data) for part in again.parts] == [(2, b"")]
    with pytest.raises(UnknownCursor):
        second.changes(cursor, None)
    for odd in ("9" * 5000, "0" * 5000, "-1", "\xb2", ""):
        with pytest.raises(UnknownCursor):
            first.changes(f"{cursor.partition('.')[0]}.{odd}", None)


def test_a_share_is_given_away_only_by_who_lives_and_has_opened_it_or_is_dead(
    tmp_path: Path,
) -> None:
    now = [0.0]
    own = next(name for name in map(digest, (b"%d" % n for n in range(99)))
               if share_of(name, 2) == 0)  # fmt: skip
    theirs = Claim(1, {}, {})
    found = shelf(tmp_path, now)
    found.append(LEDGER, 0, b"{}\n")
    assert found.claim(own, 0, theirs) == "held"
    now[0] = 1.0
    assert found.changes(found.listing().cursor, 0).wanted
    assert not found.changes(found.listing().cursor, 1).wanted
    found.open_share(0)
    assert not found.changes(found.listing().cursor, 0).wanted
    assert found.claim(own, 0, theirs) == "yours"
    assert found.claim(own, 0, theirs) == "yours"
    assert found.claim(own, 0, Claim(0, {}, {})) == "taken"
    restarted = shelf(tmp_path / "b", now)
    restarted.append(LEDGER, 0, b"{}\n")
    now[0] = 5.0
    assert restarted.claim(own, 0, theirs) == "held"
    now[0] = 20.0
    assert restarted.claim(own, 0, theirs) == "yours"


def test_a_ledger_that_was_removed_begins_anew(tmp_path: Path) -> None:
    now = [0.0]
    found = shelf(tmp_path, now)
    found.append(LEDGER, 0, b"1\n")
    assert found.listing().ledgers[LEDGER].size == 2
    (tmp_path / LEDGER).unlink()
    assert found.listing().ledgers == {}
    cursor = found.listing().cursor
    assert found.append(LEDGER, 0, b"2\n") == 2
    now[0] = 1.0
    assert [part.data for part in found.changes(cursor, None).parts] == [b"2\n"]


def test_a_claim_follows_the_one_that_stands(tmp_path: Path) -> None:
    found = shelf(tmp_path, [0.0])
    name = next(name for name in map(digest, (b"%d" % n for n in range(99)))
                if share_of(name, 2) is None)  # fmt: skip
    assert found.claim(name, 7, Claim(0, {}, {})) == "yours"
    assert found.claim(name, 0, Claim(1, {}, {})) == "taken"
    assert found.claim(name, 7, Claim(1, {}, {})) == "yours"
    assert [(one.generation, one.claim.job) for one in found.claims().claims] == [(1, 1)]


class Desk:
    """A server for a `Share`, which may be out of reach."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.online = True
        self.shown = -float("inf")

    def claim(self, name: str, generation: int, claim: Claim) -> None:
        if self.shelf.claim(name, generation, claim) != "yours":
            raise Answer(409, "another job has it")

    def claims(self) -> Claims:
        return self.shelf.claims()

    def open_share(self, job: int) -> None:
        self.shelf.open_share(job)


def test_a_job_that_was_taken_to_be_dead_asks_what_others_have_got_of_its_share(
    tmp_path: Path,
) -> None:
    now = [0.0]
    desk = Desk(shelf(tmp_path, now))
    share = Share(desk, 0, 2, lease=10.0)
    lost, kept = (key for key in (b"%d" % n for n in range(9)) if share_of(digest(key), 2) == 0)
    desk.shelf.append(LEDGER, 0, b"{}\n")
    desk.shelf.listing()
    desk.shown = time.monotonic() - 100.0
    share.see(wanted=False)
    now[0] = 100.0
    assert desk.shelf.claim(digest(lost), 0, Claim(1, {}, {})) == "yours"
    desk.shelf.append(LEDGER, 3, b"")
    desk.shown = time.monotonic()
    desk.online = False
    assert not share.may(kept)  # it does not know yet what others have got
    desk.online = True
    share.see(wanted=False)
    desk.online = False
    assert not share.may(lost)
    assert share.may(kept)


# --- who may stay --------------------------------------------------------------------------------


def test_strangers_leave_when_there_is_no_room(
    tmp_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_most_visits", lambda: 8)
    with serving(tmp_path) as url, contextlib.ExitStack() as stack:
        client = Client(url)
        assert client.listing(KEY)
        known = client._link.sock
        address = ("127.0.0.1", urlsplit(url).port or 0)
        for _ in range(30):
            stack.enter_context(socket.create_connection(address, 10))
        assert ask(url, "GET", ROOT, owner)[0] == 200
        assert client.listing(KEY)
        assert client._link.sock is known


def test_who_holds_many_connections_makes_room_for_others(
    tmp_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_most_visits", lambda: 8)
    with serving(tmp_path) as url, contextlib.ExitStack() as stack:
        port = urlsplit(url).port or 0

        def connect(host: str) -> socket.socket:
            made = socket.create_connection(("127.0.0.1", port), 10, source_address=(host, 0))
            return stack.enter_context(made)

        newcomer = connect("127.0.0.2")
        crowd = [connect("127.0.0.1") for _ in range(30)]
        with contextlib.suppress(ConnectionError):
            assert crowd[0].recv(1) == b""
        head = f"GET {ROOT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {owner}\r\n\r\n"
        newcomer.sendall(head.encode())
        assert newcomer.recv(100).split()[1] == b"200"


@pytest.mark.parametrize("tls", [False, True])
def test_who_says_nothing_or_little_must_leave(
    tmp_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    monkeypatch.setattr(door, "HEAD_SECONDS", 0.5)
    files = certificate_for(tmp_path) if tls else (None, None)
    with serving(tmp_path / "server", 0, *files) as url:
        address = ("127.0.0.1", urlsplit(url).port or 0)
        silent = socket.create_connection(address, 10)
        with silent, contextlib.suppress(ConnectionError):
            assert silent.recv(1) == b""
        slow = socket.create_connection(address, 10)
        if tls:
            context = ssl.create_default_context(cafile=str(files[0]))
            slow = context.wrap_socket(slow, server_hostname="127.0.0.1")
        with slow, pytest.raises((ConnectionError, ssl.SSLError)):
            dribble(slow)


def test_strangers_keep_no_job_from_its_work(
    tmp_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than there is room for, silent before the handshake or slow after it."""
    monkeypatch.setattr(door, "_most_visits", lambda: 40)
    certificate, key = certificate_for(tmp_path)
    monkeypatch.setenv("HPOGRID_CA_FILE", str(certificate))
    context = ssl.create_default_context(cafile=str(certificate))
    with serving(tmp_path / "server", 0, certificate, key) as url, contextlib.ExitStack() as stack:
        address = ("127.0.0.1", urlsplit(url).port or 0)
        client = Client(url)
        for number in range(60):
            link = stack.enter_context(socket.create_connection(address, 20))
            if number % 3 == 0:
                with contextlib.suppress(OSError):
                    link = context.wrap_socket(link, server_hostname="127.0.0.1")
                    stack.enter_context(link).sendall(b"GET / HT")
            assert client.append(KEY, LEDGER, 2 * number, b"1\n") == 2 * number + 2
        client.close()
        assert set(client.listing(KEY).ledgers) == {LEDGER}


@pytest.mark.parametrize("known", [False, True])
def test_whatever_comes_is_answered_or_refused(
    tmp_path: Path, url: str, owner: str, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """For longer: ``python -m tests.study.fuzz_serve``."""
    token = owner if known else None
    fuzz(url, KEY, tmp_path / "server", random.Random(1), token, 300)
    assert ask(url, "GET", f"{ROOT}/{KEY}/claims", owner)[0] == 200
    assert "Traceback" not in caplog.text


def test_what_is_wrong_in_the_middle_of_an_answer_ends_the_connection(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"HEAD {ROOT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 20) as link:
        link.sendall(head.encode() + b"no number\r\n")
        with contextlib.suppress(ConnectionError):
            while link.recv(1000):
                pass
    assert caplog.text == ""


def dribble(link: socket.socket) -> None:
    """Send a byte now and then, for as long as the other side lives."""
    for _ in range(200):
        link.sendall(b"G")
        time.sleep(0.05)
