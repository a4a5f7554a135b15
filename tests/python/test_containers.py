# SPDX-License-Identifier: Apache-2.0
"""Containers through docker-py: from create to remove, and the texts and codes that clients look at."""
import re
import threading
import time

import docker
import pytest

from conftest import eventually


def status_of(error):
    return error.value.response.status_code


def test_run(run):
    assert run("echo hello; echo oops >&2", detach=False) == b"hello\n"
    assert run("echo oops >&2", detach=False, stderr=True, stdout=False) == b"oops\n"


def test_exit_status(run):
    assert run("exit 42").wait() == {"StatusCode": 42}
    assert run("sh -c 'kill -9 $$'; exit $?").wait()["StatusCode"] == 137  # PID 1 cannot kill itself
    with pytest.raises(docker.errors.ContainerError) as error:
        run("echo sorry >&2; exit 3", detach=False)
    assert error.value.exit_status == 3 and error.value.stderr == b"sorry\n"


def test_program_not_found(client):
    container = client.containers.create("busybox", ["/nothing/here"], network_mode="none")
    with pytest.raises(docker.errors.APIError, match="no such file or directory|executable file not found"):
        container.start()
    container.reload()
    assert container.status == "created" and container.attrs["State"]["ExitCode"] == 127


def test_create_and_inspect(client, create):
    container = create("sleep 60", name="inspected", environment={"A": "1"}, labels={"k": "v"}, user="nobody",
                       working_dir="/tmp", hostname="box", mem_limit="64m", tty=False, stop_signal="SIGINT",
                       restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})
    attributes = client.api.inspect_container("inspected")
    assert len(container.id) == 64 and attributes["Name"] == "/inspected"
    assert attributes["State"]["Status"] == "created" and attributes["Image"].startswith("sha256:")
    config, host = attributes["Config"], attributes["HostConfig"]
    assert "A=1" in config["Env"] and config["Labels"]["k"] == "v" and config["User"] == "nobody"
    assert config["Cmd"] == ["sh", "-c", "sleep 60"] and config["Hostname"] == "box"
    assert config["WorkingDir"] == "/tmp" and config["StopSignal"] == "SIGINT"
    assert host["Memory"] == 64 << 20 and host["NetworkMode"] == "none"
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    assert "none" in attributes["NetworkSettings"]["Networks"] and attributes["Mounts"] == []


def test_lookup(client, create):
    container = create("true", name="looked-up")
    for name in (container.id, container.id[:12], container.id[:5], "looked-up", "/looked-up"):
        assert client.containers.get(name).id == container.id


def test_environment_reaches_the_program(run):
    script = 'echo "$A $(id -u) $(pwd) $(hostname)"'
    output = run(script, detach=False, environment={"A": "1"}, user="65534", working_dir="/tmp", hostname="box")
    assert output == b"1 65534 /tmp box\n"


def test_missing_container(client):
    for call in (client.api.inspect_container, client.api.start, client.api.stop, client.api.kill, client.api.pause,
                 client.api.wait, client.api.remove_container, client.api.top, client.api.logs):
        with pytest.raises(docker.errors.NotFound, match="No such container: missing"):
            call("missing")


def test_missing_image(client):
    with pytest.raises(docker.errors.ImageNotFound, match="No such image: nothing:latest"):
        client.containers.create("nothing")


def test_name_conflict(create):
    create("true", name="taken")
    with pytest.raises(docker.errors.APIError, match="already in use") as error:
        create("true", name="taken")
    assert status_of(error) == 409


@pytest.mark.parametrize("name", ["-x", "a", "a/b", "a b", "ä"])
def test_bad_name(create, name):
    with pytest.raises(docker.errors.APIError) as error:
        create("true", name=name)
    assert status_of(error) == 400


def test_not_modified(engine, run):
    run("sleep 60", name="steady", stop_signal="SIGKILL")
    assert engine.ask("POST", "/containers/steady/start").startswith(b"HTTP/1.1 304 ")
    assert engine.ask("POST", "/containers/steady/stop").startswith(b"HTTP/1.1 204 ")
    assert engine.ask("POST", "/containers/steady/stop").startswith(b"HTTP/1.1 304 ")


def test_conflicts(create, run):
    stopped, running = create("true"), run("sleep 60")
    for call in (stopped.kill, stopped.pause, stopped.unpause, running.unpause, running.remove):
        with pytest.raises(docker.errors.APIError) as error:
            call()
        assert status_of(error) == 409, call
    with pytest.raises(docker.errors.APIError, match="stop the container before removing or force remove"):
        running.remove()


def test_stop_sends_the_signal(run):
    container = run("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: b"ready" in container.logs(), "the trap is set")
    container.stop(timeout=20)
    assert container.wait()["StatusCode"] == 7 and container.logs() == b"ready\nbye\n"


def test_stop_kills_after_its_time(run):
    container = run("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: b"ready" in container.logs(), "the trap is set")
    begun = time.monotonic()
    container.stop(timeout=1)
    assert time.monotonic() - begun > 0.9
    assert container.wait()["StatusCode"] == 137


def test_kill(run):
    container = run("trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done")
    eventually(lambda: b"ready" in container.logs(), "the trap is set")
    container.kill("SIGUSR1")
    eventually(lambda: b"usr1" in container.logs(), "the signal arrives")
    with pytest.raises(docker.errors.APIError) as error:
        container.kill("SIGNONSENSE")
    assert status_of(error) == 400
    container.kill(9)
    assert container.wait()["StatusCode"] == 137


def test_restart(run):
    container = run("echo started; exec sleep 60", stop_signal="SIGKILL")
    eventually(lambda: container.logs() == b"started\n", "it runs")
    container.restart(timeout=1)
    eventually(lambda: container.logs() == b"started\nstarted\n", "it runs again")
    container.reload()
    assert container.status == "running"


def test_restart_policy(client, run):
    container = run("exit 1", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})
    eventually(lambda: client.api.inspect_container(container.id)["RestartCount"] == 2, "it was tried twice")
    eventually(lambda: client.containers.get(container.id).status == "exited", "it is given up")


def test_restart_policies_at_boot(engine, client, run):
    wanted = {"always": "running", "unless-stopped": "exited", "no": "exited"}
    containers = {name: run("exec sleep 60", restart_policy={"Name": name}, stop_signal="SIGKILL") for name in wanted}
    steady = run("exec sleep 60", restart_policy={"Name": "unless-stopped"})
    for container in containers.values():
        container.stop()
    engine.restart()
    eventually(lambda: client.containers.get(containers["always"].id).status == "running", "it is started again")
    assert {name: client.containers.get(container.id).status for name, container in containers.items()} == wanted
    assert client.api.inspect_container(steady.id)["RestartCount"] == 0


def test_stopped_while_restarting(client, run):
    container = run("exit 1", restart_policy={"Name": "always"})
    eventually(lambda: client.api.inspect_container(container.id)["RestartCount"] >= 2, "it is tried again")
    container.stop()
    count = client.api.inspect_container(container.id)["RestartCount"]
    time.sleep(1.5)
    attributes = client.api.inspect_container(container.id)
    assert attributes["RestartCount"] == count and attributes["State"]["Status"] == "exited"


def test_pause(client, run):
    container = run("while :; do echo tick; sleep 0.02; done")
    eventually(lambda: container.logs(), "it ticks")
    container.pause()
    assert client.containers.get(container.id).status == "paused"

    def quiet():  # what it wrote before may be on its way
        before = container.logs()
        time.sleep(0.2)
        return container.logs() == before
    eventually(quiet, "it does not tick")
    before = container.logs()
    container.unpause()
    eventually(lambda: container.logs() != before, "it ticks again")


def test_killed_and_paused(client, run):
    """What was killed must not be frozen before it has taken its signal: it would never end."""
    container = run("i=0; while [ $i -lt 8 ]; do { while :; do :; done; } & i=$((i + 1)); done; wait")

    def pause():
        try:
            while True:
                client.api.pause(container.id)
        except docker.errors.APIError as error:
            refusals.append(error.explanation)
    for _ in range(6):
        refusals = []
        pauser = threading.Thread(target=pause)
        pauser.start()
        container.kill()
        pauser.join()
        assert re.search("is not running|is already paused", refusals[0]), refusals
        assert container.wait()["StatusCode"] == 137
        container.start()


def test_rename(client, create):
    container = create("true", name="before")
    create("true", name="other")
    container.rename("after")
    assert client.containers.get("after").id == container.id
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("before")
    with pytest.raises(docker.errors.APIError, match="already in use"):
        container.rename("other")


def test_list_filters(client, create, run):
    running = run("sleep 60", name="one-up", labels={"tier": "web"})
    exited = run("exit 3", name="two-over", labels={"tier": "db"})
    exited.wait()
    created = create("true", name="three-new")

    def ids(**filters):
        return {container.id for container in client.containers.list(all=True, filters=filters)}
    assert {container.id for container in client.containers.list()} == {running.id}
    assert ids() == {running.id, exited.id, created.id}
    assert ids(status="exited") == {exited.id} and ids(status=["created", "running"]) == {created.id, running.id}
    assert ids(label="tier") == {running.id, exited.id} and ids(label="tier=db") == {exited.id}
    assert ids(name="one") == {running.id} and ids(id=created.id[:12]) == {created.id}
    assert ids(exited=3) == {exited.id} and ids(ancestor="busybox") == ids()
    assert ids(before="three-new") == {running.id, exited.id} and ids(since="two-over") == {created.id}
    assert [container.id for container in client.containers.list(limit=1)] == [created.id]
    with pytest.raises(docker.errors.APIError, match="invalid filter") as error:
        ids(colour="red")
    assert status_of(error) == 400


def test_list_fields(client, run):
    run("sleep 60", name="listed")
    entry = client.api.containers()[0]
    assert entry["Names"] == ["/listed"] and entry["Image"] == "busybox" and entry["State"] == "running"
    assert entry["Status"].startswith("Up ") and entry["Command"] == "sh -c 'sleep 60'"
    assert entry["HostConfig"]["NetworkMode"] == "none" and isinstance(entry["Created"], int)


def test_top(run):
    container = run("sleep 61 & sleep 62; true")
    top = eventually(lambda: (lambda top: len(top["Processes"]) == 3 and top)(container.top()), "three processes")
    column = top["Titles"].index("CMD")
    assert sum("sleep 6" in process[column] for process in top["Processes"]) >= 2
    container.kill()
    container.wait()
    with pytest.raises(docker.errors.APIError, match="is not running"):
        container.top()


def test_auto_remove(client, run):
    container = run("true", auto_remove=True)
    eventually(lambda: not client.containers.list(all=True, filters={"id": container.id}, ignore_removed=True),
               "it is removed")


def test_remove(client, create, run):
    create("true", name="gone").remove()
    run("sleep 60", name="forced").remove(force=True)
    assert client.containers.list(all=True) == []


def test_prune(client, create, run):
    stopped, running = create("true"), run("sleep 60")
    report = client.containers.prune()
    assert report["ContainersDeleted"] == [stopped.id] and report["SpaceReclaimed"] >= 0
    assert [container.id for container in client.containers.list(all=True)] == [running.id]


def test_file_system_is_kept(client, run):
    container = run("if [ -e /kept ]; then cat /kept; else echo kept >/kept; fi")
    container.wait()
    container.start()
    container.wait()
    assert container.logs() == b"kept\n"


def test_read_only(run):
    assert b"Read-only file system" in run("touch /x 2>&1; true", detach=False, read_only=True)


def test_bind_mount(run, tmp_path):
    (tmp_path / "file").write_text("from the host\n")
    volumes = {str(tmp_path): {"bind": "/host", "mode": "ro"}}
    assert run("cat /host/file; touch /host/x 2>/dev/null || echo refused", detach=False, volumes=volumes) == \
        b"from the host\nrefused\n"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"Image":1}', b'{"Image":"busybox"}}', b"", b"null"])
def test_bad_bodies(engine, body):
    answer = engine.ask("POST", "/containers/create", ["Content-Type: application/json"], body)
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_content_type(engine):
    answer = engine.ask("POST", "/containers/create", ["Content-Type: text/plain"], b'{"Image":"busybox"}')
    assert answer.startswith(b"HTTP/1.1 400 ") and b"must be 'application/json'" in answer


def test_parallel_life_cycles(run):
    containers = [run(f"echo {i}; exit {i}") for i in range(8)]
    assert [container.wait()["StatusCode"] for container in containers] == list(range(8))
    assert [container.logs() for container in containers] == [f"{i}\n".encode() for i in range(8)]
