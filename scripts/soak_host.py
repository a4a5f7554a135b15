# SPDX-License-Identifier: Apache-2.0
"""What the kernel has of the soak's engine, and whether that, the engine's view and the clients' knowledge agree."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.parse

from soak_known import Wrong


def processes_of(soak):
    """Monitors of this engine, by the container that they are of (None: they wait for one)."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", errors="replace") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == "berth-monitor" and any(soak.engine.folder in word for word in words):
            found[int(pid)] = words[1] if len(words) > 1 and re.fullmatch("[0-9a-f]{64}", words[1]) else None
    return found


def sweep(engine):
    """Ends what an engine that was killed has left: processes in its groups, and mounts in its folder. (Its groups and its
    folder are removed with it.)"""
    groups = [root for root, _, _ in os.walk("/sys/fs/cgroup") if engine.cgroup in root.split("/")]
    for group in groups:  # who is frozen in a v1 group is not even killed
        if os.path.exists(f"{group}/freezer.state"):
            with contextlib.suppress(OSError), open(f"{group}/freezer.state", "w") as file:
                file.write("THAWED")

    def inside():
        found = set()
        for group in groups:
            try:
                with open(f"{group}/cgroup.procs") as file:
                    found |= set(map(int, file.read().split()))
            except OSError:  # a threaded group, or one that is gone
                pass
        return found

    def gone():
        pids = inside()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids
    eventually(gone)
    with open("/proc/self/mounts") as file:
        mounted = [line.split(" ")[1] for line in file]
    for point in sorted((point for point in mounted if point.startswith(f"{engine.folder}/")), reverse=True):
        subprocess.run(["umount", "-l", point], check=False)


def cgroups_of(soak):
    found = set()
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        if os.path.basename(root) == soak.engine.cgroup:
            found |= set(folders)
            folders[:] = []
    return {name for name in found if re.fullmatch("[0-9a-f]{64}", name)}


def folders_of(soak, path):
    try:
        return {name for name in os.listdir(f"{soak.engine.folder}/{path}") if re.fullmatch("[0-9a-f]{64}", name)}
    except FileNotFoundError:
        return set()


def interfaces_of(soak):
    output = subprocess.run(["ip", "-n", soak.network, "-o", "link"], capture_output=True, text=True, check=True).stdout
    return {line.split(": ")[1].split("@")[0] for line in output.splitlines()} - {"lo"}


def elements_of(soak):
    output = subprocess.run(["nsenter", f"--net=/run/netns/{soak.network}", "nft", "list", "ruleset"],
                            capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\b2[0-9]{4}\b", output))


def blobs_of(soak):
    found = set()
    for kind in ("blobs/sha256", "ingest"):
        path = f"{soak.engine.folder}/data/{kind}"
        found |= {f"{kind}/{name}" for name in (os.listdir(path) if os.path.isdir(path) else ())}
    return found


def far_mounts_of(soak):
    """Which container has which of the plugin's volumes, by the calls that the plugin got."""
    found = set()
    with open(soak.calls) as calls:
        for method, *of in (line.rstrip("\n").split(" ") for line in calls):
            if method == "VolumeDriver.Mount":
                found.add(tuple(of))
            elif method == "VolumeDriver.Unmount":
                found.discard(tuple(of))
    return found


def namespaces_of(soak, running):
    """Ranges of ids of the containers that have such of their own."""
    ranges = []
    for ident in running:
        state = json.loads(soak.call("GET", f"/containers/{ident}/json")[1])
        if state["HostConfig"]["UsernsMode"].startswith("auto"):
            with open(f"/proc/{state['State']['Pid']}/uid_map") as file:
                ranges += [tuple(map(int, line.split()[1:])) for line in file]
    return sorted(ranges)


def compare(soak, what, found, wanted):
    if found != wanted:
        soak.fail("the end", f"{what}: {sorted(map(str, found - wanted))} too many, "
                             f"{sorted(map(str, wanted - found))} missing")


def eventually(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)


def agree(soak, clients):
    """The clients' acknowledgements, the engine's view, the kernel's objects."""
    listed = json.loads(soak.call("GET", "/containers/json?all=1")[1])
    mine = {box.name: box for client in clients for box in client.boxes.values()}
    compare(soak, "containers", {container["Names"][0][1:] for container in listed}, set(mine))
    running = {container["Id"] for container in listed if container["State"] in ("running", "paused")}
    compare(soak, "running containers", running, {box.id for box in mine.values() if box.running})
    everything = {container["Id"] for container in listed}
    eventually(lambda: cgroups_of(soak) == running and folders_of(soak, "run") == running and
               folders_of(soak, "data/containers") == everything)
    compare(soak, "control groups", cgroups_of(soak), running)
    compare(soak, "run folders", folders_of(soak, "run"), running)
    compare(soak, "monitors", set(processes_of(soak).values()) - {None}, running)
    compare(soak, "folders of containers", folders_of(soak, "data/containers"), everything)
    alive = [box for box in mine.values() if box.running]
    compare(soak, "published ports in the firewall", elements_of(soak), {str(box.port) for box in alive if box.port})
    compare(soak, "mounts of the plugin", far_mounts_of(soak),
            {(mount["Source"], box.id) for box in alive for mount in box.config.get("Mounts", ())})
    ranges = namespaces_of(soak, running)
    for (start, size), (following, _) in zip(ranges, ranges[1:]):
        if start + size > following:
            soak.fail("the end", f"two containers have the user id {following}: {ranges}")
    for client in clients:
        for box in list(client.boxes.values()):
            try:
                client.check_logs(box)
            except Wrong as wrong:
                soak.fail("the end", wrong)


def clear(soak):
    for container in json.loads(soak.call("GET", "/containers/json?all=1")[1]):
        status, content = soak.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        if status not in (204, 404):
            soak.fail("the end", f"removing {container['Names']}: {status} {content!r}")
    there = {network["Id"]: network for network in json.loads(soak.call("GET", "/networks")[1])}
    gone = json.loads(soak.call("POST", "/networks/prune")[1])["NetworksDeleted"]
    left = [json.loads(soak.call("GET", f"/networks/{network}")[1]) for network, found in there.items()
            if found["Name"].startswith("net-") and found["Name"] not in gone]
    if left:
        soak.fail("the end", f"networks are not pruned: {left}")
    soak.call("POST", "/volumes/prune?filters=" + urllib.parse.quote('{"all":["1"]}'))
    left = [f"/volumes/{volume['Name']}" for volume in json.loads(soak.call("GET", "/volumes")[1])["Volumes"] or ()]
    left += [f"/berth/secrets/{secret['ID']}" for secret in json.loads(soak.call("GET", "/berth/secrets")[1])]
    left += [f"/images/{image['Id']}?force=1" for image in json.loads(soak.call("GET", "/images/json?all=1")[1])
             if "busybox:latest" not in image["RepoTags"]]
    for path in left:
        status, content = soak.call("DELETE", path)
        if status not in (200, 204):
            soak.fail("the end", f"removing {path}: {status} {content!r}")


def resources(soak):
    pid = soak.engine.process.pid
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    if "VmRSS" not in fields:  # a zombie
        soak.fail("the end", "the engine has ended")
        return 0, 0, 0
    return len(os.listdir(f"/proc/{pid}/fd")), int(fields["VmRSS"].split()[0]) << 10, int(fields["Threads"])


def nothing_left(soak, bridges):
    eventually(lambda: not (cgroups_of(soak) or folders_of(soak, "run") or folders_of(soak, "data/containers") or
                            set(processes_of(soak).values()) - {None} or interfaces_of(soak) - bridges))
    compare(soak, "control groups", cgroups_of(soak), set())
    compare(soak, "monitors", set(processes_of(soak).values()) - {None}, set())
    for path in ("run", "data/containers", "data/snapshots"):
        left = folders_of(soak, path)
        compare(soak, path, left if path != "data/snapshots" else left & soak.ids, set())
    compare(soak, "interfaces", interfaces_of(soak) - bridges, set())
    for name in interfaces_of(soak) - bridges:
        soak.say(subprocess.run(["ip", "-n", soak.network, "-d", "link", "show", name], capture_output=True, text=True,
                                check=False).stdout)
    compare(soak, "published ports in the firewall", elements_of(soak), set())
    with open("/proc/self/mountinfo") as mounts:
        compare(soak, "mounts", {line.split()[4] for line in mounts if soak.engine.folder in line}, set())
    compare(soak, "blobs", blobs_of(soak), soak.blobs)
    compare(soak, "mounts of the plugin", far_mounts_of(soak), set())
    compare(soak, "volumes of the plugin", set(os.listdir(soak.far)), set())
    for path in ("networks", "volumes"):
        left = {name for name in os.listdir(f"{soak.engine.folder}/data/{path}") if name.startswith(("vol-", "extra-", "net-", "far-", "away-"))} \
            if os.path.isdir(f"{soak.engine.folder}/data/{path}") else set()
        compare(soak, path, left, set())
