# SPDX-License-Identifier: Apache-2.0
"""The scenario "volumes" of walk.py: a volume's life, and what must hold of all volumes behind a crash."""
import io
import json
import os
import tarfile

TAR = ["Content-Type: application/x-tar"]
ETC = {"passwd", "group"}  # what the image has in /etc; the files of names are mount points
POINTS = {"hostname", "hosts", "resolv.conf"}


def archive():
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as file:
        for name in ("one", "two"):
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            file.addfile(entry, io.BytesIO(name.encode()))
    return output.getvalue()


class Expected:
    """Volumes that there may be or must be, and what may be in them: sets of file names, several if it is not sure."""

    def __init__(self, walk):
        self.walk = walk
        self.volumes = {}  # name -> (whether it must be there, whether it may be, list of contents)

    def ask(self, name, before, after, *request):
        """A request about a volume that leads from one of the states to the other."""
        self.volumes[name] = (before[0] and after[0], before[1] or after[1], before[2] + after[2])
        result = self.walk.ask(*request)
        self.volumes[name] = after
        return result


NOT, NEW, FULL, BOTH = (False, False, []), (True, True, [set()]), (True, True, [ETC]), (True, True, [{"one", "two"}])


def scenario(walk):
    expected = walk.volumes = Expected(walk)
    expected.ask("kept", NOT, NEW, "POST", "/volumes/create", {"Name": "kept"})
    expected.ask("kept", NEW, BOTH, "PUT", "/volumes/kept/archive", archive(), TAR)
    expected.ask("copy", NOT, BOTH, "POST", "/volumes/kept/clone?to=copy")

    expected.volumes["etc"] = (False, True, [set(), ETC])
    expected.volumes["mounted"] = (False, True, [set()])
    walk.create("user", "cat /kept/one; cat /part; sleep 1000", Binds=["etc:/etc", "/anonymous", "kept:/kept"], Mounts=[
        {"Type": "volume", "Source": "mounted", "Target": "/mounted", "VolumeOptions": {"DriverConfig": {"Options": {
            "type": "tmpfs", "device": "tmpfs"}}}},
        {"Type": "volume", "Source": "kept", "Target": "/part", "VolumeOptions": {"Subpath": "two"}},
        {"Type": "image", "Source": "busybox", "Target": "/image"}])
    expected.volumes["etc"], expected.volumes["mounted"] = FULL, NEW
    walk.step("user", {"created"}, {"running"}, "POST", "/containers/user/start")
    walk.step("user", {"running", "exited"}, {""}, "DELETE", "/containers/user?force=1&v=1")
    walk.settle()

    expected.ask("etc", FULL, NOT, "DELETE", "/volumes/etc")
    expected.volumes["copy"] = (False, True, [{"one", "two"}])
    expected.volumes["mounted"] = (False, True, [set()])
    walk.create("keeper", "true", Binds=["kept:/kept"])
    walk.ask("POST", '/volumes/prune?filters={"all":["1"]}')
    expected.volumes["copy"] = expected.volumes["mounted"] = NOT


def check(walk):
    """What was acknowledged is there, nothing is there that has no record, and nothing half of anything."""
    folder = walk.engine.folder
    listed = {volume["Name"]: volume for volume in json.loads(walk.ask("GET", "/volumes"))["Volumes"]}
    assert set(os.listdir(f"{folder}/data/volumes")) == set(listed), os.listdir(f"{folder}/data/volumes")
    expected = walk.volumes.volumes if walk.volumes else {}  # killed before its first request
    for name, (must, may, contents) in expected.items():
        assert may or name not in listed, f"volume {name} is there"
        assert not must or name in listed, f"volume {name} is lost"
        if name in listed:
            assert os.listdir(f"{folder}/data/volumes/{name}") == ["_data"], f"volume {name} has work left"
            found = set(os.listdir(f"{folder}/data/volumes/{name}/_data")) - POINTS
            assert found in contents, f"volume {name} has {found}, not {contents}"
    used = {mount.get("Name") for container in walk.containers() for mount in container["Mounts"]}
    lost = {name for name in set(listed) - set(expected) if name not in used}
    assert not lost, f"anonymous volumes of no container: {lost}"
    up = any(container["State"] == "running" for container in walk.containers())
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        mounted = [line.split()[4] for line in mounts if f"{folder}/run/volumes" in line]
    allowed = {f"{folder}/run/volumes", f"{folder}/run/volumes/mounted/fs"} if up else set()
    assert set(mounted) <= allowed, f"mounted: {mounted}"


def clean(walk):
    walk.ask("POST", '/volumes/prune?filters={"all":["1"]}')
    assert not os.listdir(f"{walk.engine.folder}/data/volumes")
