# SPDX-License-Identifier: Apache-2.0
"""Containers that share namespaces: with the host, with each other."""
import os

import docker
import pytest

from conftest import eventually


def namespace(container, name):
    container.reload()
    return os.stat(f"/proc/{container.attrs['State']['Pid']}/ns/{name}").st_ino


def test_pid(engine, run, create):
    donor = run("exec sleep 600", name="donor")
    joiner = run("exec sleep 601", pid_mode="container:donor", name="joiner")
    assert joiner.attrs["HostConfig"]["PidMode"] == f"container:{donor.id}"
    assert namespace(donor, "pid") == namespace(joiner, "pid") != os.stat("/proc/self/ns/pid").st_ino
    assert b"UP" in run("ip link show lo", pid_mode="container:donor", detach=False)  # its own network is whole
    seen = run("ps -o args", pid_mode="container:donor", detach=False).decode()
    assert "sleep 600" in seen and "sleep 601" in seen
    # The whole namespace ends with its first process.
    donor.kill()
    assert joiner.wait()["StatusCode"] == 137
    with pytest.raises(docker.errors.APIError, match="cannot join PID of a non running container") as error:
        create("true", pid_mode="container:donor").start()
    assert error.value.response.status_code == 409
    with pytest.raises(docker.errors.APIError, match="No such container: nobody") as error:
        create("true", pid_mode="container:nobody")
    assert error.value.response.status_code == 400  # for 404 clients pull the image


def test_ipc(engine, run, create):
    donor = run("echo x >/dev/shm/file; exec sleep 600", name="donor", ipc_mode="shareable", shm_size="8m")
    eventually(lambda: run("cat /dev/shm/file 2>/dev/null || :", ipc_mode="container:donor", detach=False) == b"x\n",
               "the shared memory is one")
    joiner = run("exec sleep 600", name="joiner", ipc_mode="container:donor")
    assert namespace(donor, "ipc") == namespace(joiner, "ipc")
    assert b" 8192 " in run("df -k /dev/shm", ipc_mode="container:joiner", detach=False)  # whose it is goes through
    private = run("exec sleep 600", name="private")
    with pytest.raises(docker.errors.APIError, match=r"non-shareable IPC \(hint: use IpcMode:shareable"):
        create("true", ipc_mode="container:private").start()
    assert namespace(private, "ipc") != namespace(donor, "ipc")
    # The engine's death leaves it, the container's end takes it away.
    mount = f"{engine.folder}/run/{donor.id}/shm"
    assert os.path.ismount(mount)
    engine.stop(9)
    engine.start()
    assert os.path.ismount(mount)
    assert run("cat /dev/shm/file", ipc_mode="container:donor", detach=False) == b"x\n"
    donor.kill()
    donor.wait()
    eventually(lambda: not os.path.exists(mount), "the shared memory is gone")
    assert run("mount | grep -c /dev/shm || :", ipc_mode="none", detach=False) == b"0\n"


def test_host(run):
    for option, name in (("pid_mode", "pid"), ("ipc_mode", "ipc"), ("uts_mode", "uts")):
        container = run("exec sleep 600", **{option: "host"})
        assert namespace(container, name) == os.stat(f"/proc/self/ns/{name}").st_ino
        container.kill()


def test_network_of_another(run):
    """By descriptor: also after the engine's restart, and never by a number that somebody else has by now."""
    donor = run("exec sleep 600", name="donor")
    joiner = run("exec sleep 600", network_mode="container:donor")
    assert namespace(donor, "net") == namespace(joiner, "net")
