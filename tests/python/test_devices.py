# SPDX-License-Identifier: Apache-2.0
"""Devices of CDI specifications (--device VENDOR/CLASS=NAME, --gpus), and what is said where there are none."""
import json
import os
import subprocess

import docker
import pytest

from conftest import BUILD

SPEC = {
    "cdiVersion": "0.6.0", "kind": "vendor.com/box", "containerEdits": {"env": ["ALL=1"]},
    "devices": [{"name": "one", "containerEdits": {
        "env": ["ONE=1", "PATH=/bin:/of/cdi"],
        "deviceNodes": [{"path": "/dev/box", "hostPath": "/dev/zero", "permissions": "r", "fileMode": 0o640, "gid": 7},
                        {"path": "/dev/full-box", "type": "c", "major": 1, "minor": 7},
                        {"path": "/dev/closed", "hostPath": "/dev/fuse", "permissions": "w"}],
        "additionalGids": [4321]}},
                {"name": "two", "containerEdits": {"env": ["TWO=1"]}}]}


@pytest.fixture
def specs(engine, tmp_path):
    """Two folders of specifications, of which the second counts more."""
    folders = [tmp_path / "etc", tmp_path / "run"]
    for folder in folders:
        folder.mkdir()
    mounted = tmp_path / "mounted"
    mounted.write_text("what the vendor brings\n")
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ncat >/dev/null\necho \"$1 $HOOKED\" >>{tmp_path}/hooked\n")
    hook.chmod(0o755)
    spec = json.loads(json.dumps(SPEC))
    spec["devices"][1]["containerEdits"].update({
        "mounts": [{"hostPath": str(mounted), "containerPath": "/mnt/of/vendor", "options": ["ro", "nosuid"]}],
        "hooks": [{"hookName": "createRuntime", "path": str(hook), "args": ["hook", "ran"], "env": ["HOOKED=yes"]}]})
    (folders[0] / "vendor.json").write_text(json.dumps(spec))
    (folders[1] / "gpu.yaml").write_text("cdiVersion: '0.5.0'\nkind: nvidia.com/gpu\ndevices:\n" + "".join(
        f"- name: '{name}'\n  containerEdits: {{env: ['GPU{name}=1']}}\n" for name in ("all", "0", "1")))
    engine.stop()
    engine.start("--cdi-spec-dir", str(folders[0]), "--cdi-spec-dir", str(folders[1]))
    yield tmp_path
    engine.restart()


def berth(engine, *words):
    return subprocess.run([f"{BUILD}/berth", "-H", f"unix://{engine.socket}", *words], capture_output=True, text=True,
                          check=False)


def test_devices(engine, specs, client):
    script = ("env | grep -E '^(ALL|ONE|TWO|PATH)='; stat -c '%a %g' /dev/box; head -c 3 /dev/box | wc -c; "
              "(: 2>/dev/null </dev/closed) 2>/dev/null || echo write only; (: >/dev/closed) && echo opened; id -G; cat /mnt/of/vendor; "
              "touch /mnt/of/vendor 2>/dev/null || echo ro; stat -c %t:%T /dev/full-box")
    done = berth(engine, "run", "--rm", "--network", "none", "--device", "vendor.com/box=one", "--device",
                 "vendor.com/box=two", "busybox", "sh", "-c", script)
    lines = done.stdout.split("\n")
    assert sorted(lines[:4]) == ["ALL=1", "ONE=1", "PATH=/bin:/of/cdi", "TWO=1"], done
    assert lines[4:6] == ["640 7", "3"] and "write only" in lines and "opened" in lines and "what the vendor brings" in lines, done
    assert "ro" in lines and "1:7" in lines and any("4321" in line.split() for line in lines), done
    assert (specs / "hooked").read_text() == "ran yes\n"
    assert client.info()["CDISpecDirs"] == [str(specs / "etc"), str(specs / "run")]
    # Docker's own command asks in the same way; of two folders the later one counts.
    spec = json.loads(json.dumps(SPEC))
    spec["devices"][0]["containerEdits"] = {"env": ["ONE=2"]}
    (specs / "run/vendor.json").write_text(json.dumps(spec))
    done = subprocess.run(["docker", "-H", f"unix://{engine.socket}", "run", "--rm", "--network", "none", "--device",
                           "vendor.com/box=one", "busybox", "env"], capture_output=True, text=True, check=False)
    assert "ONE=2\n" in done.stdout, done
    (specs / "run/again.json").write_text(json.dumps(spec))
    done = berth(engine, "run", "--rm", "--network", "none", "--device", "vendor.com/box=one", "busybox")
    assert done.returncode != 0 and "two files of the same folder have it" in done.stderr


def test_gpus(engine, specs):
    for words, wanted in ((["all"], ["GPUall=1"]), (["2"], ["GPU0=1", "GPU1=1"]), (['"device=1"'], ["GPU1=1"])):
        done = berth(engine, "run", "--rm", "--network", "none", "--gpus", *words, "busybox", "env")
        assert [line for line in sorted(done.stdout.split("\n")) if line.startswith("GPU")] == wanted, done
    done = berth(engine, "run", "--rm", "--network", "none", "--gpus", "3", "busybox", "env")
    assert "unresolvable CDI devices nvidia.com/gpu=2 (of 2 specifications" in done.stderr
    (specs / "run/broken.json").write_text('{"cdiVersion": "0.6.0"')
    done = berth(engine, "run", "--rm", "--network", "none", "--device", "none.com/x=y", "busybox", "env")
    assert "unresolvable CDI devices none.com/x=y" in done.stderr and "run/broken.json:" in done.stderr


@pytest.mark.parametrize("requests, words, code", [
    ([{"Driver": "cdi", "DeviceIDs": ["nothing"]}], 'invalid CDI device name "nothing"', 400),
    ([{"Driver": "cdi", "Count": 1}], "the driver cdi takes DeviceIDs", 400),
    ([{"Driver": "other", "Capabilities": [["gpu"]]}], 'could not select device driver "other" with capabilities', 400),
    ([{"Capabilities": [["tpu"]], "Count": 1}], 'could not select device driver "" with capabilities: .*tpu', 400),
    ([{"Capabilities": [["gpu"]], "Count": 1, "DeviceIDs": ["0"]}], "cannot set both Count and DeviceIDs", 400),
    ([{"Capabilities": [["gpu"]], "Count": 1, "Options": {"a": "b"}}], "Options: a CDI specification takes none", 501),
])
def test_refused(client, requests, words, code):
    with pytest.raises(docker.errors.APIError, match=words) as error:
        answer = client.api._post_json(client.api._url("/containers/create"), data={
            "Image": "busybox", "HostConfig": {"DeviceRequests": requests}})
        client.api._raise_for_status(answer)
    assert error.value.response.status_code == code


def test_no_specification(client, run, create):
    container = create("true", device_requests=[docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])])
    with pytest.raises(docker.errors.APIError, match="unresolvable CDI devices nvidia.com/gpu=all"):
        container.start()


def test_images_add_none(engine, specs, client, create):
    """What an image says, or an annotation, never gives a device."""
    container = create("env", labels={"cdi.k8s.io/x": "vendor.com/box=one", "devices": "vendor.com/box=one"})
    container.start()
    container.wait()
    assert b"ONE" not in container.logs()
