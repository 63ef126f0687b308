"""``hpogrid serve``: one search of jobs that share no disk."""

from __future__ import annotations

import itertools
import math
import os
import random
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from hpogrid.config.project import Project
from hpogrid.engine.assignment import JobSpec
from hpogrid.engine.run import Run, RunningAlready
from hpogrid.errors import UserError
from hpogrid.study.ledger import was_closed
from hpogrid.study.remote import RemoteExchange
from hpogrid.study.serve.client import Client, Unreachable
from hpogrid.study.serve.tokens import read_or_make_token
from hpogrid.study.study import read_study
from tests.engine.test_sharing import FINITE, WIDE, evaluate, project
from tests.study.serving import KEY, certificate_for, serving


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    token = read_or_make_token()
    monkeypatch.setenv("HPOGRID_TOKEN", token)
    # A look whenever one is wanted, by jobs and by the server.
    monkeypatch.setattr("hpogrid.study.exchange._SHARE", math.inf)
    monkeypatch.setattr("hpogrid.study.serve.shelf._LOOK_SECONDS", 0.0)
    return token


def job(tmp_path: Path, number: int, config: Project, jobs: int = 3) -> Run:
    """A job on a machine of its own."""
    place = tmp_path / f"machine-{number}"
    return Run(config, JobSpec(number, 7, place / "ledger", place / "trials", True, jobs))


def exchange(run: Run) -> RemoteExchange:
    assert isinstance(run._exchange, RemoteExchange)
    return run._exchange


def sync(*runs: Run) -> None:
    for run in runs:
        exchange(run).sync()
    for run in runs:
        run.poll(now=True)


@pytest.mark.parametrize("algorithm", ["grid", "random"])
def test_jobs_cover_a_finite_space_once(tmp_path: Path, algorithm: str) -> None:
    with serving(tmp_path / "server") as url:
        config = project(FINITE, algorithm=algorithm, storage=url)
        runs = [job(tmp_path, number, config) for number in range(3)]
        done: list[str] = []
        while not all(run.over for run in runs):
            done += [one for run in runs if (one := evaluate(run)) is not None]
            sync(*runs)
        for run in runs:
            run.close()
        assert len(done) == len(set(done)) == 6
        (folder,) = (tmp_path / "server").iterdir()
        study, warnings = read_study(folder)
        assert len(study.finished) == 6
        assert warnings == []


def test_two_servers_on_one_folder_and_clocks_that_differ(tmp_path: Path) -> None:
    """By mistake; what the files say of the time is hours ahead or behind on both sides."""
    at = tmp_path / "server"
    with serving(at) as one, serving(at) as other:
        settings = [project(FINITE, algorithm="grid", storage=url) for url in (one, other, one)]
        runs = [job(tmp_path, number, config) for number, config in enumerate(settings)]
        done: list[str] = []
        hours = itertools.cycle([-7, 3, 0, 5])
        while not all(run.over for run in runs):
            done += [found for run in runs if (found := evaluate(run)) is not None]
            sync(*runs)
            for path in tmp_path.rglob("*.jsonl"):
                stamp = time.time() + 3600 * next(hours)
                os.utime(path, (stamp, stamp))
        for run in runs:
            run.close()
        assert len(done) == len(set(done)) == 6
        (folder,) = at.iterdir()
        assert len(read_study(folder)[0].finished) == 6


@pytest.mark.slow
def test_requests_that_are_replayed_in_any_order_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str, bytes]] = []
    once = Client._once

    def noted(client: Client, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        sent.append((method, target, body))
        return once(client, method, target, body)

    with serving(tmp_path / "server") as url:
        with monkeypatch.context() as patched:
            patched.setattr(Client, "_once", noted)
            runs = [job(tmp_path, n, project(FINITE, storage=url), 2) for n in range(2)]
            while not all(run.over for run in runs):
                for run in runs:
                    evaluate(run)
                sync(*runs)
            for run in runs:
                run.close()
                run.hand_over()
        before = content(tmp_path / "server")
        rng, client = random.Random(1), Client(url)
        for method, target, body in rng.sample(2 * sent, 2 * len(sent)):
            client._once(method, target, body)
        assert content(tmp_path / "server") == before
    assert any("/claims/" in target for _, target, _ in sent)


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_job_that_loses_the_server_delivers_later(tmp_path: Path) -> None:
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
    nobody = project(WIDE, storage="http://127.0.0.1:9", serve_patience=0.3)
    with pytest.raises(UserError, match=r"cannot be reached: .*tried for 0.3 s"):
        job(tmp_path, 0, nobody)
    with serving(tmp_path / "server") as url:
        monkeypatch.setenv("HPOGRID_TOKEN", "wrong")
        with pytest.raises(UserError, match="refuses: 401 Unauthorized") as caught:
            job(tmp_path, 0, project(WIDE, storage=url))
        assert "wrong:" not in str(caught.value)
    monkeypatch.delenv("HPOGRID_TOKEN")
    with pytest.raises(UserError, match="set HPOGRID_TOKEN"):
        job(tmp_path, 0, project(WIDE, storage=url))
    monkeypatch.setenv("HPOGRID_TOKEN", "not a token")
    with pytest.raises(UserError, match="holds no token"):
        job(tmp_path, 0, project(WIDE, storage=url))


def test_a_job_waits_for_a_server_that_starts_later(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as url:
        port = int(url.rpartition(":")[2])
    runs: list[Run] = []
    config = project(WIDE, storage=url)
    starting = threading.Thread(target=lambda: runs.append(job(tmp_path, 0, config)))
    starting.start()
    starting.join(0.3)
    assert not runs
    with serving(tmp_path / "server", port=port):
        starting.join(10)
        assert evaluate(runs[0]) is not None


def test_alone_each_job_takes_from_its_own_share_only(tmp_path: Path) -> None:
    space = {"a": {"method": "uniformint", "dimension": {"low": 1, "high": 60}}}
    with serving(tmp_path / "server") as url:
        config = project(space, algorithm="grid", storage=url)
        runs = [job(tmp_path, number, config) for number in range(3)]
        sync(*runs)
        done = [evaluate(run) for run in runs]
    for run in runs:
        while (found := evaluate(run)) is not None:
            done.append(found)
        assert run.waiting
    assert 15 < len(done) < 60
    assert len(set(done)) == len(done)
    with serving(tmp_path / "server", port=int(url.rpartition(":")[2])):
        sync(*runs)
        for run in runs:
            run._rest_until = 0.0
        while not all(run.over for run in runs):
            done += [found for run in runs if (found := evaluate(run)) is not None]
            sync(*runs)
        ends = [run.close() for run in runs]
        (folder,) = (tmp_path / "server").iterdir()
        assert len(read_study(folder)[0].finished) == 60
    assert len(done) == len(set(done)) == 60
    for end in ends:
        assert "the server was out of reach 1 time, for" in end
        assert "of this job's own share meanwhile" in end


def test_a_job_that_was_added_has_no_share_to_take_from_alone(tmp_path: Path) -> None:
    space = {"a": {"method": "uniformint", "dimension": {"low": 1, "high": 60}}}
    with serving(tmp_path / "server") as url:
        config = project(space, algorithm="grid", storage=url)
        runs = [job(tmp_path, number, config) for number in range(3)]
        place = tmp_path / "machine-3"
        spec = JobSpec(3, 7, place / "ledger", place / "trials", True, n_jobs=5, begun_with=3)
        runs.append(Run(config, spec))
        sync(*runs)
        done = [evaluate(run) for run in runs]
    for run in runs:
        while (found := evaluate(run)) is not None:
            done.append(found)
        assert run.waiting
    assert len(done) > 15
    assert len(set(done)) == len(done)
    assert not any("share" in note for note in exchange(runs[3]).account())


def test_a_line_that_is_longer_than_a_part_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpogrid.study.remote._PART_BYTES", 1000)
    with serving(tmp_path / "server") as url:
        first, second = (job(tmp_path, n, project(WIDE, storage=url)) for n in (0, 1))
        assignment = first.next()
        assert assignment is not None
        first.report(assignment.trial, {"loss": 1.0, "predictions": list(range(2000))})
        first.finish(assignment.trial)
        first.close()
        sync(first, second)
        assert [trial.id for trial in second.study.finished] == ["0-1"]
        (folder,) = (tmp_path / "server").iterdir()
        name = first._writer.path.name
        assert (folder / name).read_bytes() == first._writer.path.read_bytes()


def test_what_a_job_took_alone_before_it_was_killed_is_handed_in(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as url:
        config = project(FINITE, storage=url)
        run = job(tmp_path, 0, config, 1)
        sync(run)
    done = []
    while (found := evaluate(run)) is not None:
        done.append(found)
    assert done
    assert run.waiting
    run._writer.close()
    with serving(tmp_path / "server", port=int(url.rpartition(":")[2])) as url:
        again = job(tmp_path, 0, config, 1)
        sync(again)
        assert len(Client(url).claims(KEY).claims) == len(done)


def test_a_job_that_waits_in_vain_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpogrid.engine.run._REST_SECONDS", 0.0)
    with serving(tmp_path / "server") as url:
        run = job(tmp_path, 0, project(FINITE, storage=url, serve_patience=0.5))
        sync(run)
    while not run.over:
        evaluate(run)
    assert "the server has been out of reach for" in run.close()


def test_the_unfinished_point_of_a_closed_job_is_taken_over_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as url:
        config = project(FINITE, storage=url)
        first, second = (job(tmp_path, number, config, 2) for number in (0, 1))
        lost = first.next()
        assert lost is not None
        first.stop("it was told to")
        first.close()
        done = []
        while not second.over:
            done.append(evaluate(second))
            sync(second)
        assert sorted(filter(None, done)).count(repr(lost.config)) == 1
        assert len(set(filter(None, done))) == 6


@pytest.mark.parametrize("size", [0, 40])
def test_a_ledger_that_is_just_being_created_is_no_trouble(tmp_path: Path, size: int) -> None:
    with serving(tmp_path / "server") as url:
        run = job(tmp_path, 0, project(WIDE, storage=url))
        (tmp_path / "server" / KEY).mkdir(parents=True, exist_ok=True)
        (tmp_path / "server" / KEY / "job-0001.001.jsonl").write_bytes(b"{" * size)
        sync(run)
        again = job(tmp_path, 2, project(WIDE, storage=url))
        sync(again)
        assert evaluate(run) is not None
        assert evaluate(again) is not None


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = certificate_for(tmp_path)
    with serving(tmp_path / "server", certificate=certificate, key=key) as url:
        config = project(WIDE, storage=url, serve_patience=0)
        with pytest.raises(UserError, match=r"the certificate is not trusted: .*HPOGRID_CA_FILE"):
            job(tmp_path, 0, config)
        monkeypatch.setenv("HPOGRID_CA_FILE", str(certificate))
        assert evaluate(job(tmp_path, 0, config)) is not None
        for path in (tmp_path / "missing.pem", key.with_name("empty.pem")):
            monkeypatch.setenv("HPOGRID_CA_FILE", str(path))
            with pytest.raises(UserError, match=f"HPOGRID_CA_FILE: cannot use {path}: "):
                Client(url)
            key.with_name("empty.pem").touch()


def test_no_token_crosses_a_network_as_it_is() -> None:
    for url in ("http://127.0.0.2:8765", "http://localhost:8765", "http://[::1]:8765"):
        Client(url).close()
    for url in ("http://my.host:8765", "http://192.0.2.1:8765", "http://[2001:db8::1]:8765"):
        with pytest.raises(UserError, match="beyond this machine the token needs TLS"):
            Client(url)


def test_a_server_that_goes_in_the_middle_of_an_answer_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_half() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 755\r\n\r\n")

        thread = threading.Thread(target=answer_half)
        thread.start()
        client = Client(f"http://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(Unreachable, match="IncompleteRead"):
            client.listing("1")
        thread.join()
