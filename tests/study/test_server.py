"""``hpogrid serve``: one search of jobs that share no disk."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpogrid.config.project import Project
from hpogrid.engine.run import JobSpec, Run, RunningAlready
from hpogrid.errors import UserError
from hpogrid.study.ledger import was_closed
from hpogrid.study.remote import Client, Unreachable
from hpogrid.study.server import LedgerServer
from hpogrid.study.study import read_study
from tests.engine.test_sharing import FINITE, WIDE, evaluate, project

TOKEN = "the-token"


@contextlib.contextmanager
def serving(folder: Path, port: int = 0, **tls: Path) -> Iterator[str]:
    """A server that knows every task, each in a folder of its own below ``folder``."""

    def find(key: str) -> Path | None:
        return folder / key if key.startswith("h-") else None

    server = LedgerServer(("127.0.0.1", port), TOKEN, find, **tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPOGRID_TOKEN", TOKEN)


def job(tmp_path: Path, number: int, config: Project, jobs: int = 3) -> Run:
    """A job on a machine of its own."""
    place = tmp_path / f"machine-{number}"
    return Run(config, JobSpec(number, 7, place / "ledger", place / "trials", True, jobs))


def sync(*runs: Run) -> None:
    for run in runs:
        run.poll(now=True)


@pytest.mark.parametrize("algorithm", ["grid", "random"])
def test_jobs_cover_a_finite_space_once(tmp_path: Path, algorithm: str) -> None:
    with serving(tmp_path / "server") as url:
        config = project(FINITE, algorithm=algorithm, storage=url)
        runs = [job(tmp_path, number, config) for number in range(3)]
        done: list[str] = []
        while found := [one for run in runs if (one := evaluate(run)) is not None]:
            done += found
        for run in runs:
            run.close()
        assert len(done) == len(set(done)) == 6
        (folder,) = (tmp_path / "server").iterdir()
        study, warnings = read_study(folder)
        assert len(study.finished) == 6
        assert warnings == []


def test_a_job_that_loses_the_server_delivers_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpogrid.study.remote._RETRY_SECONDS", 0.0)
    with serving(tmp_path / "server") as url:
        config = project(WIDE, storage=url)
        first, second = (job(tmp_path, number, config) for number in (0, 1))
        evaluate(first)
        sync(first, second)
        assert len(second.study) == 1
    for _ in range(3):
        evaluate(first)
    sync(first, second)
    assert len(second.study) == 1
    with serving(tmp_path / "server", port=int(url.rpartition(":")[2])):
        sync(first, second)
        assert len(second.study.finished) == 4


def test_a_job_that_ends_without_the_server_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path / "server") as url:
        first, second = (job(tmp_path, n, project(WIDE, storage=url)) for n in (0, 1))
        sync(first, second)
    port = int(url.rpartition(":")[2])
    evaluate(first)
    first.close()
    closing = threading.Thread(target=first.hand_over)
    closing.start()
    with serving(tmp_path / "server", port=port):
        closing.join(20)
        (folder,) = (tmp_path / "server").iterdir()
        assert len(read_study(folder)[0].finished) == 1
        assert was_closed(folder / first._writer.path.name)
    monkeypatch.setattr("hpogrid.study.exchange.CLOSING_SECONDS", 0.2)
    second.close()
    second.hand_over()
    assert f"could not be delivered; it is in {second._writer.path}" in caplog.text


def test_a_retry_on_another_machine_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpogrid.study.takeover.QUIET_SECONDS", 0.3)
    with serving(tmp_path / "server") as url:
        config = project(WIDE, storage=url, trials=4)
        run = job(tmp_path, 0, config)
        for _ in range(2):
            evaluate(run)
        sync(run)
        run._writer.close()
        shutil.rmtree(tmp_path / "machine-0")
        again = job(tmp_path, 0, config)
        assert again.attempt == 2
        while evaluate(again) is not None:
            pass
        again.close()
        (folder,) = (tmp_path / "server").iterdir()
        study, _ = read_study(folder)
        assert sorted(trial.id for trial in study.finished) == ["0-1", "0-2", "0-3", "0-4"]


def test_the_same_job_on_another_machine_is_refused_while_the_first_one_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpogrid.study.takeover.QUIET_SECONDS", 1.0)
    monkeypatch.setattr("hpogrid.engine.records.BEAT_SECONDS", 0.1)
    with serving(tmp_path / "server") as url:
        run = job(tmp_path, 0, project(WIDE, storage=url))
        evaluate(run)
        sync(run)
        ended = threading.Event()

        def live() -> None:
            while not ended.wait(0.05):
                sync(run)

        thread = threading.Thread(target=live)
        thread.start()
        try:
            with pytest.raises(RunningAlready, match="is growing"):
                job(tmp_path / "elsewhere", 0, project(WIDE, storage=url))
        finally:
            ended.set()
            thread.join()


def test_without_a_server_or_token_no_job_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="cannot be reached"):
        job(tmp_path, 0, project(WIDE, storage="http://127.0.0.1:9"))
    with serving(tmp_path / "server") as url:
        monkeypatch.setenv("HPOGRID_TOKEN", "wrong")
        with pytest.raises(UserError, match="401 Unauthorized") as caught:
            job(tmp_path, 0, project(WIDE, storage=url))
        assert "wrong" not in str(caught.value)
    monkeypatch.delenv("HPOGRID_TOKEN")
    with pytest.raises(UserError, match="set HPOGRID_TOKEN"):
        job(tmp_path, 0, project(WIDE, storage=url))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/h-1/ledgers/..%2f..%2fetc%2fpasswd", 400),
        ("GET", "/h-1/ledgers/job-0000.001.jsonl", 404),
        ("GET", "/other/ledgers", 404),
        ("GET", "/h-1/secrets", 404),
        ("PUT", "/h-1/ledgers/../../x.jsonl", 404),
        ("PUT", "/h-1/ledgers/notes.txt", 400),
        ("PUT", "/h-1/ledgers/job-0000.001.jsonl?at=5", 409),
        ("PUT", "/h-1/ledgers/job-0000.001.jsonl?at=x", 400),
        ("PUT", "/h-1/claims/abc.000", 400),
    ],
)
def test_bad_requests(tmp_path: Path, method: str, path: str, status: int) -> None:
    (tmp_path / "server" / "h-1").mkdir(parents=True)
    with serving(tmp_path / "server") as url:
        request = urllib.request.Request(
            url + path,
            method=method,
            data=b"{}" if method == "PUT" else None,
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        with caught.value as error:
            assert error.code == status
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
               "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    with serving(tmp_path / "server", certificate=certificate, key=key) as url:
        config = project(WIDE, storage=url)
        with pytest.raises(UserError, match="CERTIFICATE_VERIFY_FAILED"):
            job(tmp_path, 0, config)
        monkeypatch.setenv("HPOGRID_CA_FILE", str(certificate))
        assert evaluate(job(tmp_path, 0, config)) is not None


def test_a_server_that_goes_in_the_middle_of_an_answer_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_half() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 755\r\n\r\n")

        thread = threading.Thread(target=answer_half)
        thread.start()
        client = Client(f"http://127.0.0.1:{listening.getsockname()[1]}", "1")
        with pytest.raises(Unreachable, match="IncompleteRead"):
            client.ask("GET", "ledgers")
        thread.join()
