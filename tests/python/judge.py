# SPDX-License-Identifier: Apache-2.0
"""What an answer must look like by Docker's description of its API (api-1.47.json beside this): statuses, fields,
types, enumerations, nulls. Every property that the description has must be there, unless Docker's engine leaves it out
when it is empty; none may be there that it does not have."""
import json
import os
import re
import urllib.parse

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "api-1.47.json"), encoding="utf-8") as table:
    TABLE = json.load(table)
SCHEMAS = TABLE["schemas"]
OPERATIONS = {f"{operation['method']} {operation['path']}": operation for operation in TABLE["operations"]}

# What Docker's engine leaves out when there is nothing to say, or on Linux: "schema.field", or "schema.*".
OMITTED = set("""
    ContainerState.Health
    ContainerSummary.SizeRw ContainerSummary.SizeRootFs ContainerSummary.HostConfig.Annotations
    GET/containers/{id}/json.SizeRw GET/containers/{id}/json.SizeRootFs GET/containers/{id}/json.Platform
    ContainerWaitResponse.Error
    Port.IP Port.PublicPort
    MountPoint.Name MountPoint.Driver
    ContainerConfig.ExposedPorts ContainerConfig.Healthcheck ContainerConfig.ArgsEscaped ContainerConfig.NetworkDisabled
    ContainerConfig.MacAddress ContainerConfig.StopSignal ContainerConfig.StopTimeout ContainerConfig.Shell
    ImageConfig.ExposedPorts ImageConfig.Healthcheck ImageConfig.ArgsEscaped ImageConfig.NetworkDisabled
    ImageConfig.MacAddress ImageConfig.StopSignal ImageConfig.StopTimeout ImageConfig.Shell
    HealthConfig.*
    HostConfig.Annotations HostConfig.StorageOpt HostConfig.Tmpfs HostConfig.Sysctls HostConfig.Mounts HostConfig.Init
    HostConfig.KernelMemoryTCP
    Mount.* Mount.BindOptions.* Mount.VolumeOptions.* Mount.TmpfsOptions.*
    EndpointIPAMConfig.*
    IPAMConfig.*
    NetworkContainer.*
    ImageSummary.Manifests ImageInspect.Variant ImageInspect.OsVersion ImageInspect.Created ImageInspect.RootFS.Layers
    Network.Peers
    Volume.CreatedAt Volume.Status Volume.ClusterVolume Volume.UsageData
    SystemInfo.KernelMemoryTCP SystemInfo.ProductLicense SystemInfo.DefaultAddressPools SystemInfo.Containerd
    SystemInfo.CDISpecDirs
    Runtime.runtimeArgs Runtime.status
    SwarmInfo.RemoteManagers SwarmInfo.Nodes SwarmInfo.Managers SwarmInfo.Cluster
    Commit.Expected
    SystemVersion.Experimental SystemVersion.BuildTime SystemVersion.Components[].Details
    ImageDeleteResponseItem.Untagged ImageDeleteResponseItem.Deleted
    OCIPlatform.* OCIDescriptor.*
    EventMessage.scope
    BuildCache.*
    ProcessConfig.privileged ProcessConfig.user
""".split())

# What Docker's engine has besides what is described, up to this version; or what Berth has of its own.
BESIDES = set("""
    EventMessage.status EventMessage.id EventMessage.from
    HostConfig.KernelMemory
    DeviceRequest.Driver
    ContainerSummary.NetworkSettings.Networks
    SystemInfo.OomKillDisable
    Mount.ImageOptions Mount.UID Mount.GID
    RegistryServiceConfig.CertificateFolders
    ImageInspect.ContainerConfig
""".split())

# What is null in Docker's answers where nothing is there, without being described so.
NULLS = re.compile(r"""
    ^(?:
    HostConfig\.(?:Binds|PortBindings|VolumesFrom|CapAdd|CapDrop|Dns|DnsOptions|DnsSearch|ExtraHosts|GroupAdd|Links|
        SecurityOpt|BlkioWeightDevice|BlkioDeviceReadBps|BlkioDeviceWriteBps|BlkioDeviceReadIOps|BlkioDeviceWriteIOps|
        Devices|DeviceCgroupRules|DeviceRequests|OomKillDisable|Ulimits|MemorySwappiness|MaskedPaths|ReadonlyPaths)|
    (?:ContainerConfig|ImageConfig)\.(?:Env|Cmd|Volumes|Entrypoint|OnBuild|Labels)|
    EndpointSettings\.(?:IPAMConfig|Links|Aliases|DNSNames)|
    GET/containers/\{id\}/json\.(?:ExecIDs|GraphDriver\.Data)|
    GET/exec/\{id\}/json\.ExitCode|  # it has not ended
    DriverData\.Data|
    PortMap\.\*|
    ImageSummary\.Labels|ImageInspect\.Config|ImageHistoryResponseItem\.Tags|
    Volume\.(?:Labels|Options)|VolumeListResponse\.Warnings|
    IPAM\.Options|
    SystemInfo\.(?:GenericResources|Warnings|RegistryConfig.*)|PluginsInfo\.(?:Authorization)|
    IndexInfo\.Mirrors|RegistryServiceConfig\.(?:Mirrors|InsecureRegistryCIDRs|AllowNondistributable\w+)|
    POST/containers/prune\.ContainersDeleted|POST/images/prune\.ImagesDeleted|
    POST/networks/prune\.NetworksDeleted|POST/volumes/prune\.VolumesDeleted|
    POST/build/prune\.CachesDeleted|
    GET/system/df\.(?:Images|Containers|Volumes|BuildCache)|
    SystemVersion\.Components\[\]\.Details
    )$""", re.VERBOSE)

TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}


def resolve(schema, name):
    """A schema without references and with its parts put together; and the name that rules know it by."""
    while "$ref" in schema:
        name = schema["$ref"]
        schema = SCHEMAS[name]
    if "allOf" in schema:
        parts = [resolve(part, name)[0] for part in schema["allOf"]]
        merged = {"type": parts[0].get("type"), "properties": {}}
        for part in parts:
            merged["properties"].update(part.get("properties", {}))
            for key in ("enum", "required", "values", "null"):
                if key in part:
                    merged[key] = part[key]
        schema = merged
    return schema, name


def is_of(value, kind):
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def misfits(value, schema, name):
    """Yields what of the value does not fit."""
    place = name
    schema, name = resolve(schema, name)
    if value is None:
        if not schema.get("null") and not NULLS.match(name) and not NULLS.match(place):
            yield f"{name}: is null"
        return
    kind = schema.get("type") or ("object" if "properties" in schema else None)
    if kind and not is_of(value, kind):
        yield f"{name}: is no {kind}: {value!r:.60}"
        return
    if "enum" in schema and value not in schema["enum"] and str(value) not in schema["enum"]:
        yield f"{name}: {value!r} is none of {schema['enum']}"
    if isinstance(value, list):
        for element in value:
            yield from misfits(element, schema.get("items", {}), f"{name}[]")
    elif isinstance(value, dict) and schema.get("properties"):
        yield from misfit_fields(value, schema, name)
    elif isinstance(value, dict) and "values" in schema:
        for element in value.values():
            yield from misfits(element, schema["values"], f"{name}.*")


def misfit_fields(value, schema, name):
    fields = schema["properties"]
    for key, field in fields.items():
        rule = f"{name}.{key}"
        if key in value:
            yield from misfits(value[key], field, rule)
        elif key in schema.get("required", ()) or not {rule, f"{name}.*"} & OMITTED:
            yield f"{rule}: is missing"
    for key in value.keys() - fields.keys():
        if f"{name}.{key}" not in BESIDES:
            yield f"{name}.{key}: is not described ({value[key]!r:.60})"


class Judge:
    def __init__(self, engine):
        self.engine = engine
        self.seen = set()  # (operation, status) that were provoked
        self.refused = set()  # operations that say that this version does not have them
        self.problems = []

    def ask(self, operation, status, *, query=None, body=None, raw=None, headers=(), version="", **names):
        """One request; its answer must have the status and fit. Returns the body: JSON if it is described, else bytes.
        None: the operation is refused by its name."""
        described = OPERATIONS[operation]
        path = described["path"]
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", urllib.parse.quote(value, safe="/:@"))
        for name in query or {}:
            assert name in described.get("query", {}), f"{operation}: {name} is not described"
        if query:
            path += "?" + urllib.parse.urlencode({name: json.dumps(value) if name == "filters" and not
                                                  isinstance(value, str) else value for name, value in query.items()}, True)
        if body is not None:
            raw, headers = json.dumps(body).encode(), [*headers, "Content-Type: application/json"]
        answer = self.engine.ask(described["method"], version + path, headers, raw)
        head, _, content = answer.partition(b"\r\n\r\n")
        got = int(head.split(b" ", 2)[1])
        lines = {line.split(b":", 1)[0].strip().lower(): line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")[1:]}
        if lines.get(b"transfer-encoding") == b"chunked":
            content = unchunk(content)
        if got == 501 and (described["method"] == "HEAD" or b"is not supported by this version" in content):
            self.refused.add(operation)
            return None
        where = f"{operation} {names or ''}"
        assert str(status) in described["statuses"], f"{where}: {status} is not described"
        if got != status:
            self.problems.append(f"{where}: {got} in place of {status}: {content[:300]!r}")
            return None
        self.seen.add((operation, status))
        schema = described["statuses"][str(status)]
        if not schema or described["method"] == "HEAD":
            return content
        if schema == {"type": "string"}:
            return content
        assert lines.get(b"content-type", b"").startswith(b"application/json"), f"{where}: {head!r}"
        assert content.endswith(b"\n"), f"{where}: without a line's end"
        value = json.loads(content.splitlines()[0] if operation == "GET /events" else content)
        self.problems += [f"{where}: {problem}" for problem in misfits(value, schema, operation.replace(" ", ""))]
        return value

    def settle(self):
        """Fails with what did not fit since the last time."""
        problems, self.problems = sorted(set(self.problems)), []
        assert not problems, "\n".join(problems)


def unchunk(data):
    content = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        if not int(size, 16):
            return content
        content, data = content + data[:int(size, 16)], data[int(size, 16) + 2:]
    raise AssertionError(f"a body in pieces that does not end: {content[-60:]!r}")
