# SPDX-License-Identifier: Apache-2.0
"""Secrets of plain containers: on a tmpfs in the container, in the database, and nowhere else."""
import io
import json
import os
import subprocess
import tarfile

import pytest

from conftest import BUILD, eventually

VALUE = "vErY-sEcReT-vAlUe"


@pytest.fixture
def berth(engine):
    made = []

    def berth(*words, value=None):
        done = subprocess.run([f"{BUILD}/berth", "-H", f"unix://{engine.socket}", *words], input=value,
                              capture_output=True, text=True, check=False)
        if words[:2] == ("secret", "create") and done.returncode == 0:
            made.append(words[2])
        return done
    yield berth
    for container in engine.client().containers.list(all=True):
        container.remove(force=True)
    for name in made:
        berth("secret", "rm", name)


def test_commands(berth, tmp_path):
    created = berth("secret", "create", "--label", "a=b", "one", "-", value=VALUE)
    assert created.returncode == 0 and len(created.stdout.strip()) == 64
    (tmp_path / "file").write_text("x")
    assert berth("secret", "create", "two", str(tmp_path / "file")).returncode == 0
    assert "secret one already exists" in berth("secret", "create", "one", "-", value="y").stderr
    assert berth("secret", "ls", "--format", "{{.Name}} {{.Labels}}").stdout == "one a=b\ntwo \n"
    assert berth("secret", "ls", "-q", "--filter", "name=one").stdout == created.stdout
    inspected = json.loads(berth("secret", "inspect", "one", created.stdout[:12]).stdout)
    assert [secret["Spec"] for secret in inspected] == [{"Name": "one", "Labels": {"a": "b"}}] * 2
    assert berth("secret", "inspect", "--format", "{{.Spec.Name}}", "one").stdout == "one\n"
    assert berth("inspect", "--type", "secret", "--format", "{{.Spec.Name}}", "one").stdout == "one\n"
    # One that is named like another's id does not take its place.
    assert berth("secret", "create", created.stdout.strip(), "-", value="z").returncode == 0
    assert berth("secret", "inspect", "--format", "{{.Spec.Name}}", created.stdout.strip()).stdout == "one\n"
    for words, why in ((("create", ".x", "-"), "invalid secret name"), (("create", "y/z", "-"), "invalid secret name"),
                       (("inspect", "none"), "secret none not found"), (("rm", "none"), "secret none not found"),
                       (("create", "e", "/nonexistent"), "No such file")):
        done = berth("secret", *words, value="x")
        assert done.returncode == 1 and why in done.stderr, done
    assert "larger than 0" in berth("secret", "create", "empty", "-", value="").stderr
    assert berth("secret", "create", "big", "-", value="x" * (500 * 1024 + 1)).returncode == 1


def test_in_a_container(engine, berth, client):
    berth("secret", "create", "one", "-", value=VALUE)
    script = ("cat /run/secrets/one; echo; stat -c '%a %u:%g' /run/secrets/* /etc/key; cat /etc/key; echo; "
              "touch /run/secrets/x 2>/dev/null || echo ro; grep ' /run/secrets ' /proc/mounts | cut -d' ' -f3; "
              "id >/dev/null; exec sleep 600")
    for mode in ("host", "auto"):
        done = berth("run", "-d", "--name", "box", "--network", "none", "--userns", mode, "--secret", "one", "--secret",
                     "source=one,target=key,uid=3,gid=4,mode=0400", "--secret", "one,target=/etc/key", "busybox", "sh",
                     "-c", script)
        assert done.returncode == 0, done
        box = client.containers.get("box")
        eventually(lambda: b"tmpfs" in box.logs(), "its words")
        assert box.logs().decode().split("\n")[:-1] == [VALUE, "400 3:4", "444 0:0", "444 0:0", VALUE, "ro", "tmpfs"]
        assert "is in use by container" in berth("secret", "rm", "one").stderr
        # Nothing that is told of the container has it.
        assert VALUE not in json.dumps(client.api.inspect_container("box"))
        # An engine that finds it running gives it what another was killed before giving it.
        engine.stop(9)
        given = [f"{engine.folder}/run/{box.id}/secrets/{name}" for name in ("run/one", "run/key", "file/2")]
        for path in given:
            with open(path, "w") as file:
                file.write("old")
        engine.start()
        for path in given:
            with open(path) as file:
                assert file.read() == VALUE, path
        # After the engine's death and the container's restart it has it again.
        box.restart(timeout=0)
        eventually(lambda: box.logs().count(b"tmpfs") == 2, "its words")
        assert box.logs().decode().count(VALUE) == 4
        berth("secret", "update", "one", "-", value="another")
        pid = client.api.inspect_container("box")["State"]["Pid"]
        for path in ("run/secrets/one", "run/secrets/key", "etc/key"):
            with open(f"/proc/{pid}/root/{path}") as file:
                assert file.read() == "another", path
        berth("secret", "update", "one", "-", value=VALUE)
        mount = f"{engine.folder}/run/{box.id}/secrets"
        assert os.path.ismount(mount)
        box.kill()
        box.wait()
        eventually(lambda: not os.path.exists(mount), "the files are gone")
        for folder, _, files in os.walk(f"{engine.folder}/data/snapshots/{box.id}"):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    assert VALUE.encode() not in file.read()
        box.remove()
    for name in os.listdir(f"{engine.folder}/data"):
        if name.startswith("berth.db"):
            assert os.stat(f"{engine.folder}/data/{name}").st_mode & 0o077 == 0, name


def test_refused(berth):
    berth("secret", "create", "one", "-", value=VALUE)
    for secret, why in (("none", "secret none not found"), ("one,target=../x", "is neither a name nor an absolute path"),
                        ("one,target=a/b", "is neither a name nor an absolute path"),
                        ("one,mode=8", 'invalid mode: "8"'), ("one,type=env", "unexpected key 'type'"),
                        ("", "the secret's name is missing")):
        done = berth("create", "--network", "none", "--secret", secret, "busybox")
        assert done.returncode != 0 and why in done.stderr, done
    done = berth("create", "--network", "none", "--secret", "one", "--secret", "one,uid=3", "busybox")
    assert "two have the target one" in done.stderr


def test_exports_and_commits(berth, client):
    berth("secret", "create", "one", "-", value=VALUE)
    berth("run", "-d", "--name", "box", "--network", "none", "--secret", "one", "busybox", "sleep", "600")
    data = b"".join(client.containers.get("box").export())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert not [name for name in archive.getnames() if name.startswith("run/secrets/")]
    assert VALUE.encode() not in data
