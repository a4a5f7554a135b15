# SPDX-License-Identifier: Apache-2.0
"""What a run of the tests that was killed left is removed, and nothing else (scripts/predecessor.py)."""
import os
import subprocess
import sys
import tempfile

import pytest

from conftest import PATIENCE, TOP

sys.path.insert(0, f"{TOP}/scripts")
sys.dont_write_bytecode = True
import predecessor  # noqa: E402 pylint: disable=wrong-import-position,import-error

GROUPS = "/sys/fs/cgroup" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "/sys/fs/cgroup/pids"


class Left:
    """What a test of a run makes, as its journal tells of it."""

    def __init__(self, journal):
        self.folder = tempfile.mkdtemp(prefix="berth-test-")
        self.name = os.path.basename(self.folder)
        self.group = f"{GROUPS}/{self.name}/box"
        os.makedirs(f"{self.folder}/data/mount")
        subprocess.run(["mount", "-t", "tmpfs", "none", f"{self.folder}/data/mount"], check=True)
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        os.makedirs(self.group)
        ready = {"stdout": subprocess.PIPE, "text": True}
        clean = {name: value for name, value in os.environ.items() if name != predecessor.VARIABLE}
        # One that the group tells of alone, as a container's, one in the network, and one that its environment tells of.
        self.processes = [
            subprocess.Popen(["sh", "-c", 'echo $$ >"$0/cgroup.procs" && echo ready && exec sleep 1000', self.group],
                             env=clean, **ready),
            subprocess.Popen(["nsenter", f"--net=/run/netns/{self.name}", "sh", "-c", "echo ready; exec sleep 1000"],
                             env=clean, **ready),
            subprocess.Popen(["sh", "-c", "echo ready; exec sleep 1000"], env={**clean, predecessor.VARIABLE: journal},
                             **ready)]
        for process in self.processes:
            assert process.stdout.readline() == "ready\n"

    def told(self):
        return f"folder {self.folder}\nnetns {self.name}\n"

    def there(self):
        return [os.path.exists(self.folder), os.path.exists(f"/run/netns/{self.name}"), os.path.exists(self.group),
                *(process.poll() is None for process in self.processes)]

    def remove(self):
        for process in self.processes:
            process.kill()
            process.wait(PATIENCE)
            process.stdout.close()
        subprocess.run(["umount", f"{self.folder}/data/mount"], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", self.folder], check=True)
        subprocess.run(["rmdir", self.group, os.path.dirname(self.group)], stderr=subprocess.DEVNULL, check=False)


@pytest.fixture
def make(tmp_path):
    made = []

    def make(pid, begun, more=""):
        left = Left(f"{tmp_path}/{pid}")
        made.append(left)
        (tmp_path / str(pid)).write_text(f"{begun}\n{left.told()}{more}", encoding="ascii")
        return left
    yield make
    for left in made:
        left.remove()


def test_what_a_killed_run_left_is_removed(make, tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    keep = tmp_path / "berth-test-kept"
    keep.mkdir()
    link = f"{tempfile.gettempdir()}/berth-test-link-{os.getpid()}"
    os.symlink(keep, link)
    bad = f"folder {keep}\nfolder /etc\nfolder {tempfile.gettempdir()}/berth-x/../..\nfolder {link}\nnetns ../x\ncgroup .\nodd\n\n"
    try:
        dead = make(ended.pid, 1, bad)
        live = make(os.getpid(), predecessor.start_time(os.getpid()))
        removed = predecessor.clean(str(tmp_path))
        for process in dead.processes:
            process.wait(PATIENCE)
        assert not any(dead.there())
        assert all(live.there())
        assert sorted(removed) == sorted(dead.told().splitlines())
        assert keep.is_dir() and os.path.islink(link)
        assert not (tmp_path / str(ended.pid)).exists() and (tmp_path / str(os.getpid())).exists()
    finally:
        os.unlink(link)


def test_a_run_has_a_journal_for_as_long_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv(predecessor.VARIABLE, "of the run that this one is in")
    journals = f"{tmp_path}/new"
    predecessor.begin(journals)
    assert os.environ[predecessor.VARIABLE] == f"{journals}/{os.getpid()}"
    assert predecessor.clean(journals) == []
    assert os.listdir(journals) == [str(os.getpid())]
    predecessor.end()
    assert os.listdir(journals) == []
