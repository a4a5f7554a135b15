# SPDX-License-Identifier: Apache-2.0
"""Changing limits and restart policies of containers that are there: in the kernel, in the database, and not at all."""
import os
import subprocess

import docker
import pytest

from conftest import BUILD, eventually

MIB = 1 << 20


def value_of(engine, container, v1, v2):
    """A limit as the kernel has it: v1 is "controller/file"; None if this host has it nowhere."""
    path = f"{engine.cgroup}/{container.id}"
    controller, file = v1.split("/")
    for folder, name in ((f"/sys/fs/cgroup/{controller}", file), ("/sys/fs/cgroup", v2)):
        full = f"{folder}/{path}/{name}"
        if os.path.exists(full):
            with open(full) as text:
                return text.read().split("\n")[0]
    return None


def update(engine, container, **limits):
    client = engine.client()
    answer = client.api._post_json(client.api._url("/containers/{0}/update", container.id), data=limits)
    client.api._raise_for_status(answer)
    return answer.json()


def test_while_it_runs(engine, run, client):
    container = run("sleep 600", mem_limit=64 * MIB)
    update(engine, container, Memory=96 * MIB, MemorySwap=-1, CpuShares=512, CpuQuota=50000, CpuPeriod=100000,
           PidsLimit=77, CpusetCpus="0", MemoryReservation=32 * MIB)
    assert value_of(engine, container, "memory/memory.limit_in_bytes", "memory.max") == str(96 * MIB)
    assert value_of(engine, container, "memory/memory.soft_limit_in_bytes", "memory.low") == str(32 * MIB)
    assert value_of(engine, container, "cpu/cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
    assert value_of(engine, container, "pids/pids.max", "pids.max") == "77"
    assert value_of(engine, container, "cpuset/cpuset.cpus", "cpuset.cpus") == "0"
    container.reload()
    host = container.attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["CpuShares"], host["PidsLimit"]) == (96 * MIB, -1, 512, 77)
    assert not update(engine, container, PidsLimit=0)["Warnings"]
    assert value_of(engine, container, "pids/pids.max", "pids.max") == "max"
    # What the engine is told survives its death, and the monitor serves the next one.
    engine.stop(9)
    engine.start()
    update(engine, container, PidsLimit=78)
    assert value_of(engine, container, "pids/pids.max", "pids.max") == "78"
    assert client.api.inspect_container(container.id)["HostConfig"]["Memory"] == 96 * MIB


def test_docker_words(engine, run, client):
    container = run("sleep 600", mem_limit=64 * MIB, nano_cpus=500000000)
    swap = client.api.inspect_container(container.id)["HostConfig"]["MemorySwap"]
    for limits, code, words in (
            ({"Memory": 4 * MIB}, 400, "Minimum memory limit allowed is 6MB"),
            ({"Memory": swap + 1}, 409, "Memory limit should be smaller than already set memoryswap limit"),
            ({"MemorySwap": 32 * MIB}, 400, "Minimum memoryswap limit should be larger than memory limit"),
            ({"CpuPeriod": 100000}, 409, "CPU Period cannot be updated as NanoCPUs has already been set"),
            ({"CpuQuota": 100000}, 409, "CPU Quota cannot be updated as NanoCPUs has already been set"),
            ({"CpusetCpus": "0-8000"}, 400, "Requested CPUs are not available"),
            ({"BlkioWeight": 5}, 400, "Range of blkio weight is from 10 to 1000"),
            ({"RestartPolicy": {"Name": "sometimes"}}, 400, "invalid restart policy: unknown policy 'sometimes'"),
            ({"OomKillDisable": True}, 501, "OomKillDisable of a container cannot be changed"),
            ({"Devices": [{"PathOnHost": "/dev/null"}]}, 501, "Devices of a container cannot be changed"),
            ({"CgroupParent": "/x"}, 501, "CgroupParent of a container cannot be changed"),
            ({"KernelMemory": MIB}, 501, "KernelMemory of a container cannot be changed")):
        before = client.api.inspect_container(container.id)["HostConfig"]
        with pytest.raises(docker.errors.APIError, match=words) as error:
            update(engine, container, **limits)
        assert error.value.response.status_code == code, limits
        assert client.api.inspect_container(container.id)["HostConfig"] == before


def test_kernel_refuses(engine, run, client):
    """Less memory than is in use: neither the kernel nor the database keep any of the request."""
    container = run("x=$(head -c 30000000 /dev/zero | tr '\\0' x); echo ready; sleep 600; :", mem_limit=128 * MIB)
    eventually(lambda: b"ready" in container.logs(), "the container has its memory")
    before = client.api.inspect_container(container.id)["HostConfig"]
    pids = value_of(engine, container, "pids/pids.max", "pids.max")
    with pytest.raises(docker.errors.APIError, match="are not enough: [0-9]+ are in use"):
        update(engine, container, Memory=8 * MIB, MemorySwap=8 * MIB, PidsLimit=50)
    assert client.api.inspect_container(container.id)["HostConfig"] == before
    assert value_of(engine, container, "memory/memory.limit_in_bytes", "memory.max") == str(128 * MIB)
    assert value_of(engine, container, "pids/pids.max", "pids.max") == pids
    container.reload()
    assert container.status == "running"


def test_stopped_and_policy(engine, create, run):
    container = create("sleep 600")
    update(engine, container, Memory=32 * MIB, RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3})
    container.start()
    assert value_of(engine, container, "memory/memory.limit_in_bytes", "memory.max") == str(32 * MIB)
    container.reload()
    assert container.attrs["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    # One that waits for its next start does not wait any longer.
    restless = run("exit 3", restart_policy={"Name": "always"})
    eventually(lambda: restless.reload() or restless.attrs["RestartCount"] > 2, "it is started again and again")
    eventually(lambda: update(engine, restless, RestartPolicy={"Name": "no"}) and (
        restless.reload() or restless.status == "exited"), "it stays ended")
    removed = run("sleep 600", auto_remove=True)
    with pytest.raises(docker.errors.APIError, match="because AutoRemove is enabled"):
        update(engine, removed, RestartPolicy={"Name": "always"})


def test_command_line(engine, run):
    container = run("sleep 600")
    for program in (f"{BUILD}/berth", "docker"):
        memory = "48m" if program == "docker" else "40m"
        done = subprocess.run([program, "-H", f"unix://{engine.socket}", "update", "-m", memory, "--memory-swap", "-1",
                               "--cpus", "0.5", "--restart", "always", container.id], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0 and done.stdout == f"{container.id}\n", done
        assert value_of(engine, container, "memory/memory.limit_in_bytes", "memory.max") == str(
            int(memory[:-1]) * MIB)
        assert value_of(engine, container, "cpu/cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
    done = subprocess.run([f"{BUILD}/berth", "-H", f"unix://{engine.socket}", "update", container.id],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "you must provide one or more flags" in done.stderr
