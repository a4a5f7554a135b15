// SPDX-License-Identifier: Apache-2.0
#include "engine/tests/fixture.h"

#include "base/error.h"
#include "base/limits.h"
#include "engine/log/log-plan.h"

#include <string.h>

#define HOST(fields) "{'Cmd': ['true'], 'HostConfig': {'NetworkMode': 'none', " fields "}}"
#define CONFIG(fields) "{'Cmd': ['true'], " fields ", 'HostConfig': {'NetworkMode': 'none'}}"
#define PLAIN CONFIG("'Tty': false")
#define NET(mode, endpoints)                                                                                           \
	"{'Cmd': ['true'], 'HostConfig': {'NetworkMode': '" mode                                                       \
	"'}, 'NetworkingConfig': {'EndpointsConfig': {" endpoints "}}}"
#define PORTS(bindings) "{'Cmd': ['true'], 'HostConfig': {'PortBindings': {" bindings "}}}"
#define MOUNT(fields) HOST("'Mounts': [{" fields "}]")
#define BIND(text) HOST("'Binds': ['" text "']")

// What a request comes to: its image, and for a path in the record the value there.
static const struct {
	const char *request, *image, *path, *expected;
} values[] = {
	// Defaults
	{PLAIN, NULL, "id", "'" TEST_ID "'"},
	{PLAIN, NULL, "state status", "'created'"},
	{PLAIN, NULL, "network", "'none'"},
	{PLAIN, NULL, "config Hostname", "'0123456789ab'"},
	{PLAIN, NULL, "hostConfig ShmSize", "67108864"},
	{PLAIN, NULL, "hostConfig IpcMode", "'private'"},
	{PLAIN, NULL, "hostConfig CgroupnsMode", "'private'"},
	{PLAIN, NULL, "hostConfig Runtime", "'berth'"},
	{PLAIN, NULL, "hostConfig RestartPolicy", "{'Name':'no','MaximumRetryCount':0}"},
	{PLAIN, NULL, "hostConfig LogConfig", "{'Type':'json-file','Config':{'max-size':'10m'}}"},
	{PLAIN, NULL, "hostConfig MaskedPaths 0", "'/proc/asound'"},
	{PLAIN, NULL, "hostConfig ReadonlyPaths 0", "'/proc/bus'"},
	{PLAIN, NULL, "hostConfig PidsLimit", "null"},
	{PLAIN, NULL, "mounts", "[]"},
	// The image's configuration
	{"{'HostConfig': {'NetworkMode': 'none'}}", "{'Cmd': ['a', 'b'], 'Entrypoint': ['e']}", "config Cmd",
	 "['a','b']"},
	{"{'HostConfig': {'NetworkMode': 'none'}}", "{'Cmd': ['a', 'b'], 'Entrypoint': ['e']}", "config Entrypoint",
	 "['e']"},
	{PLAIN, "{'Cmd': ['a'], 'Entrypoint': ['e']}", "config Entrypoint", "['e']"},
	{PLAIN, "{'Cmd': ['a'], 'Entrypoint': ['e']}", "config Cmd", "['true']"},
	{"{'Entrypoint': ['mine'], 'HostConfig': {'NetworkMode': 'none'}}", "{'Cmd': ['a'], 'Entrypoint': ['e']}",
	 "config Cmd", "null"},
	{CONFIG("'Entrypoint': ['']"), "{'Cmd': ['a'], 'Entrypoint': ['e']}", "config Entrypoint", "null"},
	{CONFIG("'Env': ['A=1', 'B', 'AB=x']"), "{'Env': ['A=2', 'B=2', 'C=3']}", "config Env",
	 "['A=1','B','AB=x','C=3']"},
	{CONFIG("'Labels': {'a': 'mine'}"), "{'Labels': {'a': 'theirs', 'b': 'theirs'}}", "config Labels",
	 "{'a':'mine','b':'theirs'}"},
	{CONFIG("'ExposedPorts': {'80/tcp': {}}"), "{'ExposedPorts': {'443/tcp': {}, '80/tcp': {}}}",
	 "config ExposedPorts", "{'443/tcp':{},'80/tcp':{}}"},
	{CONFIG("'Tty': true"), "{'User': 'app', 'WorkingDir': '/srv/../app/', 'StopSignal': 'INT'}", "config User",
	 "'app'"},
	{CONFIG("'Tty': true"), "{'WorkingDir': '/srv/../app/'}", "config WorkingDir", "'/app'"},
	{CONFIG("'Tty': true"), "{'StopSignal': 'INT'}", "config StopSignal", "'INT'"},
	{CONFIG("'User': 'me', 'WorkingDir': '/w'"), "{'User': 'app', 'WorkingDir': '/x'}", "config User", "'me'"},
	{CONFIG("'User': 'me', 'WorkingDir': '/w'"), "{'User': 'app', 'WorkingDir': '/x'}", "config WorkingDir",
	 "'/w'"},
	// Binds
	{BIND("/src:/dst"), NULL, "mounts 0 options", "['rbind','rprivate']"},
	{BIND("/src:/dst"), NULL, "mounts 0 writable", "true"},
	{BIND("/src:/dst"), NULL, "mounts 0 makeSource", "true"},
	{BIND("/src/../x/:/dst/./a/"), NULL, "mounts 0 source", "'/x'"},
	{BIND("/src/../x/:/dst/./a/"), NULL, "mounts 0 destination", "'/dst/a'"},
	{BIND("/src:/dst/../../../etc"), NULL, "mounts 0 destination", "'/etc'"},
	{BIND("/src:/dst:ro,z"), NULL, "mounts 0 options", "['rbind','rro','rprivate']"},
	{BIND("/src:/dst:ro,z"), NULL, "mounts 0 mode", "'ro,z'"},
	{BIND("/src:/dst:rshared"), NULL, "mounts 0 options", "['rbind','rshared']"},
	{BIND("/src:/dst:slave,Z,cached,rw"), NULL, "mounts 0 propagation", "'slave'"},
	{BIND("/vol"), NULL, "mounts 0 type", "'volume'"},
	{BIND("/vol"), NULL, "mounts 0 anonymous", "true"},
	{BIND("data:/vol:ro"), NULL, "mounts 0 name", "'data'"},
	{BIND("data:/vol:ro"), NULL, "mounts 0 options", "['rbind','rro','rprivate']"},
	{BIND("data:/vol:nocopy"), NULL, "mounts 0 noCopy", "true"},
	{HOST("'VolumeDriver': 'far', 'Binds': ['data:/v']"), NULL, "mounts 0 driver", "'far'"},
	{MOUNT("'Type': 'volume', 'Source': 'data', 'Target': '/v', 'VolumeOptions': {'Subpath': 'a/b', 'Labels': "
	       "{'k': 'v'}, 'DriverConfig': {'Name': 'local', 'Options': {'type': 'tmpfs'}}}"),
	 NULL, "mounts 0 subpath", "'a/b'"},
	{MOUNT("'Type': 'volume', 'Source': 'data', 'Target': '/v', 'VolumeOptions': {'DriverConfig': {'Options': "
	       "{'type': 'tmpfs'}}}"),
	 NULL, "mounts 0 driverOptions", "{'type':'tmpfs'}"},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/v', 'UID': 1000"), NULL, "mounts 0 uid", "1000"},
	{MOUNT("'Type': 'image', 'Source': 'busybox', 'Target': '/v', 'ImageOptions': {'Subpath': 'bin'}"), NULL,
	 "mounts 0 options", "['rbind','rro','rprivate']"},
	{BIND("/proc/uptime:/proc/uptime"), NULL, "mounts 0 destination", "'/proc/uptime'"},
	// Mounts
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/h', 'ReadOnly': true"), NULL, "mounts 0 options",
	 "['rbind','rro','rprivate']"},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/h', 'ReadOnly': true, 'BindOptions': {'NonRecursive': "
	       "true}"),
	 NULL, "mounts 0 options", "['bind','ro','rprivate']"},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/h', 'ReadOnly': true, 'BindOptions': "
	       "{'ReadOnlyNonRecursive': true}"),
	 NULL, "mounts 0 options", "['rbind','ro','rprivate']"},
	{MOUNT("'Type': 'bind', 'Source': '/none/x', 'Target': '/h', 'BindOptions': {'CreateMountpoint': true, "
	       "'Propagation': 'rslave'}"),
	 NULL, "mounts 0 makeSource", "true"},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/h'"), NULL, "mounts 0 makeSource", NULL},
	{MOUNT("'Type': 'tmpfs', 'Target': '/t', 'TmpfsOptions': {'SizeBytes': 4096, 'Mode': 1023, 'Options': "
	       "[['exec'], ['uid', '7']]}"),
	 NULL, "mounts 0 options", "['noexec','nosuid','nodev','exec','uid=7','size=4096','mode=1777']"},
	{MOUNT("'Type': 'volume', 'Target': '/v', 'VolumeOptions': {'NoCopy': true}"), NULL, "mounts 0 noCopy", "true"},
	{MOUNT("'Type': 'volume', 'Target': '/v', 'ReadOnly': true"), NULL, "mounts 0 options",
	 "['rbind','rro','rprivate']"},
	{HOST("'Tmpfs': {'/t': 'rw,size=64m,mode=1770'}"), NULL, "mounts 0 options",
	 "['noexec','nosuid','nodev','rw','size=64m','mode=1770']"},
	{HOST("'Tmpfs': {'/t': ''}"), NULL, "mounts 0 listed", NULL},
	// Volumes of the image: where nothing else is
	{CONFIG("'Volumes': {'/data': {}}"), "{'Volumes': {'/more/../x': {}}}", "mounts 1 destination", "'/x'"},
	{BIND("/src:/data"), "{'Volumes': {'/data/': {}}}", "mounts 1", NULL},
	{HOST("'Tmpfs': {'/data': ''}"), "{'Volumes': {'/data': {}}}", "mounts 1", NULL},
	{PLAIN, "{'Volumes': {'/../../etc': {}}}", "mounts 0 destination", "'/etc'"},
	// Limits
	{HOST("'Memory': 8388608"), NULL, "hostConfig MemorySwap", "16777216"},
	{HOST("'Memory': 8388608, 'MemorySwap': -1"), NULL, "hostConfig MemorySwap", "-1"},
	{HOST("'MemorySwappiness': -1"), NULL, "hostConfig MemorySwappiness", "null"},
	{HOST("'MemorySwappiness': 0"), NULL, "hostConfig MemorySwappiness", "0"},
	{HOST("'PidsLimit': -1"), NULL, "hostConfig PidsLimit", "null"},
	{HOST("'PidsLimit': 0"), NULL, "hostConfig PidsLimit", "null"},
	{HOST("'PidsLimit': 5"), NULL, "hostConfig PidsLimit", "5"},
	{HOST("'CpusetCpus': '0-1,3'"), NULL, "hostConfig CpusetCpus", "'0-1,3'"},
	// Host configuration
	{HOST("'Privileged': true"), NULL, "hostConfig MaskedPaths", "null"},
	{HOST("'MaskedPaths': [], 'ReadonlyPaths': []"), NULL, "hostConfig MaskedPaths", "[]"},
	{HOST("'SecurityOpt': ['systempaths=unconfined']"), NULL, "hostConfig ReadonlyPaths", "[]"},
	{HOST("'Devices': [{'PathOnHost': '/dev/fuse'}]"), NULL, "hostConfig Devices 0",
	 "{'PathOnHost':'/dev/fuse','PathInContainer':'/dev/fuse','CgroupPermissions':'rwm'}"},
	{HOST("'LogConfig': {'Type': 'none'}"), NULL, "hostConfig LogConfig", "{'Type':'none','Config':{}}"},
	{HOST("'LogConfig': {'Config': {'max-size': '1m'}}"), NULL, "hostConfig LogConfig Config", "{'max-size':'1m'}"},
	{"{'Cmd': ['true'], 'Hostname': 'web', 'HostConfig': {'NetworkMode': 'host'}}", NULL, "config Hostname",
	 "'web'"},
	{"{'Cmd': ['true'], 'HostConfig': {'NetworkMode': 'host'}}", NULL, "network", "'host'"},
	{"{'Cmd': ['true'], 'NetworkDisabled': true, 'HostConfig': {}}", NULL, "network", "'none'"},
	// Networks
	{"{'Cmd': ['true'], 'HostConfig': {'NetworkMode': 'default'}}", NULL, "hostConfig NetworkMode", "'bridge'"},
	{"{'Cmd': 'true'}", NULL, "hostConfig NetworkMode", "'bridge'"},
	{"{'Cmd': 'true'}", NULL, "endpoints", "[{'network':'','networkName':'bridge'}]"},
	{NET("default", "'default': {}"), NULL, "endpoints", "[{'network':'','networkName':'bridge'}]"},
	{NET("front", ""), NULL, "endpoints", "[{'network':'','networkName':'front'}]"},
	{NET("front", "'front': {'Aliases': ['a', 'b'], 'MacAddress': '02-42-AC-11-00-02', 'GwPriority': 7}"), NULL,
	 "endpoints",
	 "[{'network':'','networkName':'front','aliases':['a','b'],'mac':'02:42:ac:11:00:02','gatewayPriority':7}]"},
	{NET("front", "'front': {'IPAMConfig': {'IPv4Address': '10.0.0.9', 'IPv6Address': 'FD00::9'}, 'DriverOpts': "
		      "{'k': 'v'}, 'Links': ['db:data']}"),
	 NULL, "endpoints",
	 "[{'network':'','networkName':'front','links':['db:data'],'ipv4':'10.0.0.9','ipv6':'fd00::9','options':{'k':"
	 "'v'}}]"},
	// The mode's first, then by name.
	{NET("front", "'zoo': {}, 'front': null, 'back': {'Aliases': ['x']}"), NULL, "endpoints",
	 "[{'network':'','networkName':'front'},{'network':'','networkName':'back','aliases':['x']},{'network':'',"
	 "'networkName':'zoo'}]"},
	// Without a mode those that are named are all.
	{"{'Cmd': ['x'], 'NetworkingConfig': {'EndpointsConfig': {'mine': {}}}}", NULL, "endpoints",
	 "[{'network':'','networkName':'mine'}]"},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:other'}}", NULL, "endpoints", "[]"},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:other'}}", "{'ExposedPorts': {'80/tcp': {}}}",
	 "network", "'container:other'"},
	{"{'Cmd': ['x'], 'MacAddress': '02:42:ac:11:00:02'}", NULL, "endpoints 0 mac", "'02:42:ac:11:00:02'"},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'front', 'Links': ['db']}}", NULL, "endpoints 0 links",
	 "['db']"},
	{"{'Cmd': ['x'], 'HostConfig': {'Links': ['db:data']}}", NULL, "endpoints 0 links", NULL},
	{"{'Cmd': ['x'], 'HostConfig': {'PortBindings': {'80': [{'HostPort': '8000-8010'}], '53/UDP': [{'HostIp': "
	 "'127.0.0.1'}]}}}",
	 NULL, "hostConfig PortBindings",
	 "{'53/udp':[{'HostIp':'127.0.0.1','HostPort':''}],'80/tcp':[{'HostIp':'','HostPort':'8000-8010'}]}"},
};

static void test_values(void)
{
	struct berth_abilities abilities = test_abilities();

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) warnings = NULL;
		g_test_message("%s: %s", values[i].request, values[i].path);
		g_autoptr(berth_container_record) record =
			test_plan(values[i].request, values[i].image, &abilities, &warnings, &error);
		g_assert_no_error(error);
		json_t *json = berth_document_print(&berth_container_record_document, record, 0);
		g_autofree char *value = test_value(json, values[i].path);
		g_assert_cmpstr(value, ==, values[i].expected);
		json_decref(json);
	}
}

// What is refused, and in which words.
static const struct {
	const char *request, *error;
	bool later; // not implemented, where others are invalid
} refusals[] = {
	{"{}", "No command specified", false},
	{"{'Entrypoint': [''], 'Cmd': []}", "No command specified", false},
	{CONFIG("'WorkingDir': 'srv'"), "the working directory 'srv' is invalid, it needs to be an absolute path",
	 false},
	{CONFIG("'Env': ['=x']"), "invalid environment variable: =x", false},
	{CONFIG("'Env': ['']"), "invalid environment variable: ", false},
	{CONFIG("'Hostname': 'a\\nb'"), "invalid hostname", false},
	{CONFIG("'Hostname': 'a b'"), "invalid hostname \"a b\"", false},
	{CONFIG("'Hostname': 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"),
	 "is longer than 64 bytes", false},
	{CONFIG("'Domainname': '../x'"), "invalid domainname", false},
	{CONFIG("'User': 'a\\nb'"), "invalid user", false},
	{CONFIG("'StopSignal': 'SIGNOT'"), "invalid signal: SIGNOT", false},
	{CONFIG("'StopTimeout': -2"), "invalid stop timeout -2", false},
	{CONFIG("'ExposedPorts': {'http': {}}"), "invalid port specification: \"http\"", false},
	{CONFIG("'ExposedPorts': {'0/tcp': {}}"), "invalid port specification", false},
	{CONFIG("'ExposedPorts': {'90-80/tcp': {}}"), "invalid port specification", false},
	{CONFIG("'ExposedPorts': {'80/icmp': {}}"), "invalid port specification", false},
	{CONFIG("'MacAddress': '01:42:ac:11:00:02'"), "invalid MAC address: 01:42:ac:11:00:02", false},
	{CONFIG("'Healthcheck': {'Test': ['true']}"), "unknown health check 'true'", false},
	{CONFIG("'Healthcheck': {'Test': ['CMD']}"), "CMD is followed by a command", false},
	{CONFIG("'Healthcheck': {'Test': ['CMD-SHELL', 'a', 'b']}"), "CMD-SHELL is followed by one command line",
	 false},
	{CONFIG("'Healthcheck': {'Interval': 999999}"), "Interval in Healthcheck cannot be less than 1ms", false},
	{CONFIG("'Healthcheck': {'Timeout': 1}"), "Timeout in Healthcheck cannot be less than 1ms", false},
	{CONFIG("'Healthcheck': {'StartPeriod': -5}"), "StartPeriod in Healthcheck cannot be less than 1ms", false},
	{CONFIG("'Healthcheck': {'StartInterval': 1}"), "StartInterval in Healthcheck cannot be less than 1ms", false},
	{CONFIG("'Healthcheck': {'Retries': -1}"), "Retries in Healthcheck cannot be negative", false},
	{HOST("'RestartPolicy': {'Name': 'on-unhealthy'}"), "'on-unhealthy' needs a health check", false},
	// Network
	{NET("none", "'none': {'Aliases': ['a']}"), "network-scoped alias is supported only for containers in user",
	 false},
	{NET("bridge", "'bridge': {'IPAMConfig': {'IPv4Address': '172.17.0.9'}}"),
	 "user specified IP address is supported on user defined networks only", false},
	{NET("front", "'front': {'IPAMConfig': {'IPv4Address': 'fd00::1'}}"), "invalid IPv4 address: fd00::1", false},
	{NET("front", "'front': {'IPAMConfig': {'IPv6Address': '10.0.0.1'}}"), "invalid IPv6 address: 10.0.0.1", false},
	{NET("front", "'front': {'IPAMConfig': {'LinkLocalIPs': ['169.254.1.1']}}"), "--link-local-ip", true},
	{NET("front", "'front': {'Aliases': ['a b']}"), "invalid alias \"a b\"", false},
	{NET("front", "'front': {'MacAddress': 'x'}"), "invalid MAC address: x", false},
	{NET("front", "'front': {'Links': ['a:b:c']}"), "bad format for links: a:b:c", false},
	{NET("host", "'front': {}"), "cannot attach both user-defined and non-user-defined network-modes", false},
	{NET("none", "'bridge': {}"), "cannot attach both user-defined and non-user-defined network-modes", false},
	{NET("container:a", "'front': {}"), "cannot attach both user-defined and non-user-defined network-modes",
	 false},
	{"{'Cmd': ['x'], 'MacAddress': '02:42:ac:11:00:02', 'HostConfig': {'NetworkMode': 'front'}, "
	 "'NetworkingConfig': "
	 "{'EndpointsConfig': {'front': {'MacAddress': '02:42:ac:11:00:03'}}}}",
	 "conflicting MAC addresses", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'host', 'Links': ['a']}}",
	 "conflicting options: host type networking can't be used with links", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:'}}", "invalid container format container:<name|id>",
	 false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:a', 'PortBindings': {'80/tcp': [{}]}}}",
	 "conflicting options: port publishing and the container type network mode", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:a', 'PublishAllPorts': true}}",
	 "conflicting options: port publishing and the container type network mode", false},
	{"{'Cmd': ['x'], 'ExposedPorts': {'80/tcp': {}}, 'HostConfig': {'NetworkMode': 'container:a'}}",
	 "conflicting options: port exposing and the container type network mode", false},
	{"{'Cmd': ['x'], 'Hostname': 'h', 'HostConfig': {'NetworkMode': 'container:a'}}",
	 "conflicting options: hostname and the network mode", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:a', 'Dns': ['9.9.9.9']}}",
	 "conflicting options: dns and the network mode", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:a', 'ExtraHosts': ['a:1.2.3.4']}}",
	 "conflicting options: custom host-to-IP mapping and the network mode", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'container:a', 'Links': ['a']}}",
	 "conflicting options: container type network can't be used with links", false},
	{"{'Cmd': ['x'], 'MacAddress': '02:42:ac:11:00:02', 'HostConfig': {'NetworkMode': 'container:a'}}",
	 "conflicting options: mac-address and the network mode", false},
	{PORTS("'http': [{}]"), "invalid port specification: \"http\"", false},
	{PORTS("'80-81/tcp': [{}]"), "a binding is of one port of the container", false},
	{PORTS("'80/tcp': [{}], '80': [{}]"), "\"80/tcp\" is there twice", false},
	{PORTS("'80/tcp': [{'HostPort': '70000'}]"), "invalid port specification: \"70000\"", false},
	{PORTS("'80/tcp': [{'HostPort': '90-80'}]"), "invalid port specification: \"90-80\"", false},
	{PORTS("'80/tcp': [{'HostPort': '-1'}]"), "invalid port specification: \"-1\"", false},
	{PORTS("'80/tcp': [{'HostIp': 'eth0'}]"), "invalid IP address: eth0", false},
	// Modes
	{HOST("'PidMode': 'x'"), "invalid PID mode: x", false},
	{HOST("'IpcMode': 'x'"), "invalid IPC mode: x", false},
	{HOST("'UTSMode': 'private'"), "invalid UTS mode: private", false},
	{HOST("'UsernsMode': 'keep-id'"), "invalid userns mode: keep-id", false},
	{HOST("'CgroupnsMode': 'x'"), "invalid cgroup namespace mode: x", false},
	{HOST("'PidMode': 'container:'"), "invalid PID mode: container:", false},
	{HOST("'IpcMode': 'container:'"), "invalid IPC mode: container:", false},
	{"{'Cmd': ['x'], 'Hostname': 'a', 'HostConfig': {'NetworkMode': 'none', 'UTSMode': 'host'}}",
	 "conflicting options: hostname and the UTS mode", false},
	// What this version has not
	{HOST("'StorageOpt': {'size': 'some'}"), "invalid size", false},
	{HOST("'DeviceRequests': [{'Count': -1}]"), "could not select device driver", false},
	{HOST("'KernelMemory': 10000000"), "--kernel-memory", true},
	{HOST("'DeviceRequests': {'a': 1}"), "DeviceRequests: is no array", false},
	{HOST("'CpuCount': 1"), "CpuCount", true},
	// Restart, log, security
	{HOST("'RestartPolicy': {'Name': 'often'}"), "invalid restart policy: unknown policy 'often'", false},
	{HOST("'RestartPolicy': {'Name': 'always', 'MaximumRetryCount': 1}"),
	 "maximum retry count can only be used with 'on-failure'", false},
	{HOST("'RestartPolicy': {'Name': 'on-failure', 'MaximumRetryCount': -1}"),
	 "maximum retry count cannot be negative", false},
	{HOST("'AutoRemove': true, 'RestartPolicy': {'Name': 'always'}"),
	 "can't create 'AutoRemove' container with restart policy", false},
	{HOST("'LogConfig': {'Type': 'paper'}"), "logger: no log driver named 'paper' is registered", false},
	{HOST("'LogConfig': {'Type': 'gelf'}"), "log driver 'gelf' is not in this version", true},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'colour': 'x'}}"),
	 "unknown log opt 'colour' for json-file log driver", false},
	{HOST("'LogConfig': {'Type': 'local', 'Config': {'tag': 'x'}}"), "unknown log opt 'tag' for local log driver",
	 false},
	{HOST("'LogConfig': {'Type': 'fluentd', 'Config': {'max-size': '1m'}}"),
	 "unknown log opt 'max-size' for fluentd log driver", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'tag': '{{.Colour}}'}}"), "{{.Colour}} is none of", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'tag': '{{.ID'}}"), "unclosed action", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'labels-regex': '('}}"), "labels-regex", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'mode': 'fast'}}"),
	 "logger: logging mode not supported: fast", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'max-buffer-size': '1m'}}"),
	 "max-buffer-size option is only supported with 'mode=non-blocking'", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'mode': 'non-blocking', 'max-buffer-size': 'x'}}"),
	 "max-buffer-size must be", false},
	{HOST("'LogConfig': {'Type': 'syslog', 'Config': {'syslog-address': 'localhost:514'}}"),
	 "syslog-address should be in form proto://address", false},
	{HOST("'LogConfig': {'Type': 'syslog', 'Config': {'syslog-address': 'tcp+tls://h:1'}}"),
	 "tcp+tls is not in this version", true},
	{HOST("'LogConfig': {'Type': 'syslog', 'Config': {'syslog-facility': 'sun'}}"), "invalid syslog facility",
	 false},
	{HOST("'LogConfig': {'Type': 'syslog', 'Config': {'syslog-format': 'rfc1'}}"), "Invalid syslog format", false},
	{HOST("'LogConfig': {'Type': 'syslog', 'Config': {'syslog-tls-cert': '/c'}}"), "syslog-tls-cert", true},
	{HOST("'LogConfig': {'Type': 'fluentd', 'Config': {'fluentd-address': 'tls://h:1'}}"), "tls is not", true},
	{HOST("'LogConfig': {'Type': 'fluentd', 'Config': {'fluentd-write-timeout': '1s'}}"), "fluentd-write-timeout",
	 true},
	{HOST("'LogConfig': {'Type': 'fluentd', 'Config': {'fluentd-async': 'perhaps'}}"), "fluentd-async must be",
	 false},
	{HOST("'LogConfig': {'Type': 'fluentd', 'Config': {'fluentd-retry-wait': 'soon'}}"), "fluentd-retry-wait",
	 false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'max-size': '0'}}"), "max-size", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'max-file': '0'}}"), "max-file", false},
	{HOST("'LogConfig': {'Type': 'json-file', 'Config': {'max-file': '1', 'compress': 'true'}}"),
	 "compress cannot be true", false},
	{HOST("'SecurityOpt': ['seccomp']"), "invalid --security-opt 1: \"seccomp\"", false},
	{HOST("'SecurityOpt': ['colour=red']"), "invalid --security-opt 2: \"colour=red\"", false},
	{HOST("'SecurityOpt': ['no-new-privileges=maybe']"), "invalid --security-opt 2", false},
	{HOST("'SecurityOpt': ['seccomp=/etc/profile.json']"), "Decoding seccomp profile failed", false},
	{HOST("'SecurityOpt': ['label=type:x']"), "SELinux labels are not in this version", true},
	{HOST("'CapAdd': ['FLY']"), "invalid CapAdd: unknown capability: \"FLY\"", false},
	{HOST("'CapDrop': ['FLY']"), "invalid CapDrop: unknown capability: \"FLY\"", false},
	{HOST("'MaskedPaths': ['proc']"), "MaskedPaths: 'proc' must be an absolute path", false},
	{HOST("'Sysctls': {'kernel.core_pattern': '|/x'}"), "sysctl 'kernel.core_pattern' is not allowed", false},
	{HOST("'Sysctls': {'net.ipv4.ip_forward': '1\\n2'}"), "the value has control characters", false},
	{HOST("'Sysctls': {'net..x': '1'}"), "sysctl 'net..x' is not allowed", false},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'host', 'Sysctls': {'net.ipv4.ip_forward': '1'}}}",
	 "shares the host's namespace", false},
	{HOST("'IpcMode': 'host', 'Sysctls': {'kernel.shmmax': '1'}"), "shares the host's namespace", false},
	{HOST("'Devices': [{'PathOnHost': 'dev/fuse'}]"), "invalid device mapping", false},
	{HOST("'Devices': [{'PathOnHost': '/dev/fuse', 'CgroupPermissions': 'rx'}]"), "invalid device mode: rx", false},
	{HOST("'DeviceCgroupRules': ['c 1:3']"), "invalid device cgroup rule format: 'c 1:3'", false},
	{HOST("'DeviceCgroupRules': ['c 1:3 rwmx']"), "invalid device cgroup rule format", false},
	{HOST("'DeviceCgroupRules': ['d 1:3 r']"), "invalid device cgroup rule format", false},
	{HOST("'Dns': ['one']"), "one is not an IP address", false},
	{HOST("'DnsSearch': ['a\\nnameserver 1.1.1.1']"), "bad dns search domain", false},
	{HOST("'DnsOptions': ['a b']"), "bad dns option", false},
	{HOST("'ExtraHosts': ['name']"), "bad format for add-host: \"name\"", false},
	{HOST("'ExtraHosts': ['name:1.2.3']"), "invalid IP address in add-host: \"1.2.3\"", false},
	{HOST("'ExtraHosts': ['a\\tb:1.2.3.4']"), "bad format for add-host", false},
	{HOST("'Links': [':b']"), "bad format for links: :b", false},
	{HOST("'ConsoleSize': [1]"), "ConsoleSize", false},
	{HOST("'Annotations': {'': 'x'}"), "annotation key", false},
	{HOST("'Isolation': 'hyperv'"), "invalid isolation 'hyperv' on linux", false},
	{HOST("'Runtime': 'kata'"), "unknown or invalid runtime name: kata", false},
	{HOST("'GroupAdd': ['']"), "invalid group to add", false},
	// Limits
	{HOST("'Memory': 1000"), "Minimum memory limit allowed is 6MB", false},
	{HOST("'Memory': -5"), "Minimum memory limit allowed is 6MB", false},
	{HOST("'Memory': 10000000, 'MemorySwap': 9000000"), "Minimum memoryswap limit should be larger", false},
	{HOST("'MemorySwap': 9000000"), "You should always set the Memory limit", false},
	{HOST("'MemorySwappiness': 101"), "valid memory swappiness range is 0-100", false},
	{HOST("'MemoryReservation': 5"), "Minimum memory reservation allowed is 6MB", false},
	{HOST("'Memory': 10000000, 'MemoryReservation': 20000000"), "can not be less than memory reservation", false},
	{HOST("'NanoCpus': 1000000000, 'CpuPeriod': 1000"), "Nano CPUs and CPU Period cannot both be set", false},
	{HOST("'NanoCpus': 1000000000, 'CpuQuota': 1000"), "Nano CPUs and CPU Quota cannot both be set", false},
	{HOST("'NanoCpus': 5000000000"), "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available",
	 false},
	{HOST("'NanoCpus': -1"), "Range of CPUs", false},
	{HOST("'CpuShares': -1"), "invalid CPU shares (-1)", false},
	{HOST("'CpuPeriod': 10"), "CPU cfs period can not be less than 1ms", false},
	{HOST("'CpuQuota': 10"), "CPU cfs quota can not be less than 1ms", false},
	{HOST("'CpusetCpus': '0-x'"), "Invalid value 0-x for cpuset cpus", false},
	{HOST("'CpusetCpus': '0-99999999'"), "Invalid value 0-99999999 for cpuset cpus", false},
	{HOST("'CpusetCpus': '3-5'"), "Requested CPUs are not available - requested 3-5, available: 0-3", false},
	{HOST("'CpusetMems': '1'"), "Requested memory nodes are not available - requested 1, available: 0", false},
	{HOST("'BlkioWeight': 5"), "Range of blkio weight is from 10 to 1000", false},
	{HOST("'BlkioDeviceReadBps': [{'Path': 'sda', 'Rate': 1}]"), "bad format for path", false},
	{HOST("'BlkioDeviceReadBps': [{'Path': '/dev/sda', 'Rate': -1}]"), "invalid rate for device", false},
	{HOST("'Ulimits': [{'Name': 'nofiles', 'Soft': 1, 'Hard': 1}]"), "invalid ulimit type: nofiles", false},
	{HOST("'Ulimits': [{'Name': 'nofile', 'Soft': 2, 'Hard': 1}]"),
	 "ulimit soft limit must be less than or equal to hard limit: 2 > 1", false},
	{HOST("'Ulimits': [{'Name': 'nofile', 'Soft': -1, 'Hard': 1}]"), "ulimit soft limit", false},
	{HOST("'Ulimits': [{'Name': 'core'}, {'Name': 'core'}]"), "ulimit core is given twice", false},
	{HOST("'OomScoreAdj': 1001"), "range for oom score adj is [-1000, 1000]", false},
	{HOST("'ShmSize': -1"), "SHM size can not be less than 0", false},
	{HOST("'CgroupParent': '/a/../../b'"), "invalid cgroup parent", false},
	// Binds
	{BIND("/a:/b:/c:/d"), "invalid volume specification: '/a:/b:/c:/d'", false},
	{BIND("/a:"), "invalid volume specification", false},
	{BIND(":/a"), "invalid volume specification", false},
	{BIND("/a:ro"), "invalid volume specification", false},
	{BIND("/a:b"), "invalid mount path: 'b' mount path must be absolute", false},
	{BIND("/a:/"), "invalid specification: destination can't be '/'", false},
	{BIND("/a:/b/../.."), "destination can't be '/'", false},
	{BIND("/a:/b:rx"), "invalid mode: rx", false},
	{BIND("/a:/b:ro,rw"), "invalid mode: ro,rw", false},
	{BIND("/a:/b:z,Z"), "invalid mode: z,Z", false},
	{BIND("/a:/b:shared,slave"), "invalid mode: shared,slave", false},
	{BIND("/a:/b:dev"), "invalid mode: dev", false},
	{BIND("/a:/b:nocopy"), "field VolumeOptions must not be specified", false},
	{BIND("d:/b"), "create d: volume name is too short", false},
	{BIND("-data:/b"), "create -data: \"-data\" includes invalid characters for a local volume name", false},
	{BIND("a/b:/b"), "use absolute path", false},
	{BIND("data:/b:rslave"), "invalid mode: rslave", false},
	{HOST("'Binds': ['data:/b', 'more:/b']"), "Duplicate mount point: /b", false},
	{BIND("/a:/proc"), "nothing may be mounted over /proc", false},
	{BIND("/a:/proc/self/attr"), "nothing may be mounted over /proc", false},
	{BIND("/a:/x/../proc/sys"), "nothing may be mounted over /proc", false},
	{BIND("/a:/b\\nc"), "control characters", false},
	{HOST("'Binds': ['/a:/b', '/c:/b/']"), "Duplicate mount point: /b", false},
	{HOST("'Binds': ['/a:/b'], 'Tmpfs': {'/b': ''}"), "Duplicate mount point: /b", false},
	{HOST("'Tmpfs': {'/t': 'size=lots'}"), "invalid tmpfs option \"size=lots\"", false},
	{HOST("'Tmpfs': {'/t': 'huge=always'}"), "invalid tmpfs option \"huge=always\"", false},
	{HOST("'Tmpfs': {'/t': 'remount'}"), "invalid tmpfs option", false},
	{HOST("'Tmpfs': {'t': ''}"), "mount path must be absolute", false},
	{HOST("'Tmpfs': {'/proc/sys': ''}"), "nothing may be mounted over /proc", false},
	// Mounts
	{MOUNT("'Type': 'bind', 'Source': '/'"), "field Target must not be empty", false},
	{MOUNT("'Type': 'bind', 'Target': '/x'"), "field Source must not be empty", false},
	{MOUNT("'Type': 'bind', 'Source': 'a', 'Target': '/x'"), "mount path must be absolute", false},
	{MOUNT("'Type': 'bind', 'Source': '/no/such/folder', 'Target': '/x'"),
	 "invalid mount config for type \"bind\": bind source path does not exist: /no/such/folder", false},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/x', 'BindOptions': {'Propagation': 'up'}"),
	 "invalid propagation mode: up", false},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/x', 'BindOptions': {'ReadOnlyForceRecursive': true}"),
	 "ReadOnlyForceRecursive", false},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/x', 'VolumeOptions': {}"), "field VolumeOptions", false},
	{MOUNT("'Type': 'tmpfs', 'Source': '/', 'Target': '/x'"), "field Source must not be specified", false},
	{MOUNT("'Type': 'tmpfs', 'Target': '/x', 'TmpfsOptions': {'Options': [['size', '1', '2']]}"),
	 "TmpfsOptions.Options[0]", false},
	{MOUNT("'Type': 'tmpfs', 'Target': '/x', 'TmpfsOptions': {'Mode': 99999}"), "TmpfsOptions", false},
	{MOUNT("'Type': 'volume', 'Source': '../x', 'Target': '/x'"), "includes invalid characters", false},
	{MOUNT("'Type': 'volume', 'Target': '/x', 'BindOptions': {}"), "field BindOptions", false},
	{MOUNT("'Type': 'volume', 'Target': '/x', 'VolumeOptions': {'Subpath': '/a'}"), "must be a relative path",
	 false},
	{MOUNT("'Type': 'volume', 'Target': '/x', 'VolumeOptions': {'Subpath': 'a/../../b'}"),
	 "must be a relative path", false},
	{MOUNT("'Type': 'volume', 'Target': '/x', 'VolumeOptions': {'DriverConfig': {'Options': {'size': 1}}}"),
	 "Options.size: expected a string", false},
	{MOUNT("'Type': 'volume', 'Target': '/x', 'UID': -1"), "field UID: -1 is no id", false},
	{MOUNT("'Type': 'bind', 'Source': '/', 'Target': '/x', 'GID': 4294967295"), "field GID", false},
	{MOUNT("'Type': 'tmpfs', 'Target': '/x', 'UID': 1"), "UID and GID are of binds and volumes", false},
	{MOUNT("'Type': 'image', 'Target': '/x'"), "field Source must not be empty", false},
	{MOUNT("'Type': 'image', 'Source': 'a', 'Target': '/x', 'VolumeOptions': {}"), "field VolumeOptions", false},
	{MOUNT("'Type': 'image', 'Source': 'a', 'Target': '/x', 'ImageOptions': {'Subpath': '..'}"),
	 "must be a relative path", false},
	{MOUNT("'Type': 'cluster', 'Source': 'a', 'Target': '/x'"), "not in this version", true},
	{MOUNT("'Type': 'nfs', 'Target': '/x'"), "mount type unknown", false},
	{CONFIG("'Volumes': {'/proc': {}}"), "nothing may be mounted over /proc", false},
	{CONFIG("'Volumes': {'data': {}}"), "mount path must be absolute", false},
};

static void test_refusals(void)
{
	struct berth_abilities abilities = test_abilities();

	for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(GError) error = NULL;
		char **warnings = NULL;
		g_test_message("%s", refusals[i].request);
		g_assert_null(test_plan(refusals[i].request, NULL, &abilities, &warnings, &error));
		g_assert_null(warnings);
		int kind = refusals[i].later ? BERTH_ERROR_NOT_IMPLEMENTED : BERTH_ERROR_INVALID;
		g_assert_error(error, BERTH_ERROR, kind);
		if (!strstr(error->message, refusals[i].error))
			g_assert_cmpstr(error->message, ==, refusals[i].error);
	}
}

// An image may not say more than a request: its volume over /proc is refused too.
static void test_hostile_image(void)
{
	struct berth_abilities abilities = test_abilities();
	g_autoptr(GError) error = NULL;
	char **warnings = NULL;

	g_assert_null(test_plan(PLAIN, "{'Volumes': {'/proc/self': {}}}", &abilities, &warnings, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_nonnull(strstr(error->message, "nothing may be mounted over /proc"));
}

static const struct {
	const char *request, *image, *warning; // NULL: none
} warned[] = {
	{HOST("'Init': true"), NULL, NULL},
	{"{'Cmd': ['x']}", NULL, NULL},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'host', 'PortBindings': {'80/tcp': []}}}", NULL,
	 "Published ports are discarded when using host network mode"},
	{HOST("'PublishAllPorts': true"), NULL, "Published ports are discarded: the container has the network none"},
	{HOST("'ExtraHosts': ['name:host-gateway']"), NULL, NULL},
	{HOST("'Init': true, 'PidMode': 'host'"), NULL, "The init process is not used"},
	{HOST("'OomKillDisable': true"), NULL, "OOM killer is disabled for the container, but no memory limit is set"},
	{PLAIN, "{'Healthcheck': {'Test': ['CMD', 'x']}}", NULL},
	{CONFIG("'Healthcheck': {'Retries': 2}"), "{'Healthcheck': {'Test': ['CMD', 'x']}}", NULL},
	{CONFIG("'Healthcheck': {'Retries': 2}"), NULL, "The health options have no effect"},
	{CONFIG("'Healthcheck': {'Test': ['NONE']}"), "{'Healthcheck': {'Test': ['CMD', 'x']}}", NULL},
};

// What a monitor is told: the request's check with what it does not say from the image's, then the defaults.
static void test_health(void)
{
	static const struct {
		const char *config, *image, *args;
		int64_t interval, timeout, start_interval, retries;
	} cases[] = {
		{"'Healthcheck': {'Test': ['CMD', 'a', 'b']}", NULL, "a b", 30, 30, 5, 3},
		{"'Healthcheck': {'Test': ['CMD-SHELL', 'a b']}", NULL, "/bin/sh -c a b", 30, 30, 5, 3},
		{"'Shell': ['/x', '-y'], 'Healthcheck': {'Test': ['CMD-SHELL', 'a']}", NULL, "/x -y a", 30, 30, 5, 3},
		{"'Healthcheck': {'Interval': 7000000000, 'Retries': 9}",
		 "{'Shell': ['/s'], 'Healthcheck': {'Test': ['CMD-SHELL', 'i'], 'Timeout': 2000000000, 'Retries': 4}}",
		 "/s i", 7, 2, 5, 9},
		{"'Healthcheck': {'Test': ['NONE']}", "{'Healthcheck': {'Test': ['CMD', 'i']}}", NULL, 0, 0, 0, 0},
		{"'Healthcheck': {'Test': []}", NULL, NULL, 0, 0, 0, 0},
	};
	struct berth_abilities abilities = test_abilities();

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) warnings = NULL;
		g_autofree char *request = g_strdup_printf("{'Cmd': ['x'], %s}", cases[i].config);
		g_autoptr(berth_container_record) record =
			test_plan(request, cases[i].image, &abilities, &warnings, &error);
		g_assert_no_error(error);
		g_autoptr(berth_health_check) check = berth_plan_health(record->config);
		g_assert_cmpint(check != NULL, ==, cases[i].args != NULL);
		if (!check)
			continue;
		g_autofree char *args = g_strjoinv(" ", check->args);
		g_assert_cmpstr(args, ==, cases[i].args);
		g_assert_cmpint(check->interval, ==, cases[i].interval * 1000000000);
		g_assert_cmpint(check->timeout, ==, cases[i].timeout * 1000000000);
		g_assert_cmpint(check->start_interval, ==, cases[i].start_interval * 1000000000);
		g_assert_cmpint(check->retries, ==, cases[i].retries);
	}
}

static void test_warnings(void)
{
	struct berth_abilities abilities = test_abilities();

	for (size_t i = 0; i < G_N_ELEMENTS(warned); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) warnings = NULL;
		g_test_message("%s", warned[i].request);
		g_autoptr(berth_container_record) record =
			test_plan(warned[i].request, warned[i].image, &abilities, &warnings, &error);
		g_assert_no_error(error);
		g_assert_cmpuint(g_strv_length(warnings), ==, warned[i].warning ? 1 : 0);
		if (warned[i].warning)
			g_assert_nonnull(strstr(warnings[0], warned[i].warning));
	}
}

// A kernel that can limit nothing: all is discarded, each with a warning.
static void test_no_abilities(void)
{
	static const char request[] =
		HOST("'Memory': 10000000, 'MemoryReservation': 8000000, 'MemorySwappiness': 5, 'OomKillDisable': true, "
		     "'CpuShares': 5, 'CpuPeriod': 5000, 'CpusetCpus': '0', 'PidsLimit': 5, 'BlkioWeight': 50, "
		     "'BlkioDeviceReadBps': [{'Path': '/dev/sda', 'Rate': 1}]");
	static const char *const numbers[] = {"Memory",    "MemoryReservation", "MemorySwap",
					      "CpuShares", "CpuPeriod",         "BlkioWeight"};
	struct berth_abilities abilities = {.cpus = 1};
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) warnings = NULL;
	g_autoptr(berth_container_record) record = test_plan(request, NULL, &abilities, &warnings, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(g_strv_length(warnings), ==, 10);
	json_t *json = berth_document_print(&api_host_config_document, record->host_config, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
		g_assert_cmpint(json_integer_value(json_object_get(json, numbers[i])), ==, 0);
	json_decref(json);
	g_assert_null(record->host_config->cpuset_cpus);
	g_assert_cmpint(record->host_config->pids_limit, ==, BERTH_UNSET);
	g_assert_cmpint(record->host_config->oom_kill_disable, ==, -1);
	g_assert_cmpuint(record->host_config->blkio_device_read_bps->len, ==, 0);

	abilities.memory = true;
	g_auto(GStrv) again = NULL;
	g_autoptr(berth_container_record) limited =
		test_plan(HOST("'Memory': 10000000"), NULL, &abilities, &again, &error);
	g_assert_cmpuint(g_strv_length(again), ==, 1);
	g_assert_nonnull(strstr(again[0], "Memory limited without swap"));
	g_assert_cmpint(limited->host_config->memory_swap, ==, -1);

	abilities.selinux = true;
	g_assert_null(test_plan(BIND("/a:/b:z"), NULL, &abilities, &again, &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NOT_IMPLEMENTED);
}

// Volumes have names that differ by container and place and do not change when planned again.
static void test_volume_names(void)
{
	struct berth_abilities abilities = test_abilities();
	const struct berth_container_mount *mounts[4];
	struct berth_container_record *records[2];

	for (int i = 0; i < 2; i++) {
		g_auto(GStrv) warnings = NULL;
		records[i] = test_plan(CONFIG("'Volumes': {'/a': {}, '/b': {}}"), NULL, &abilities, &warnings, NULL);
		g_assert_cmpuint(records[i]->mounts->len, ==, 2);
		mounts[2 * i] = records[i]->mounts->pdata[0];
		mounts[2 * i + 1] = records[i]->mounts->pdata[1];
	}
	g_assert_cmpstr(mounts[0]->name, ==, mounts[2]->name);
	g_assert_cmpstr(mounts[1]->name, ==, mounts[3]->name);
	g_assert_cmpstr(mounts[0]->name, !=, mounts[1]->name);
	g_assert_true(mounts[0]->anonymous && mounts[1]->anonymous);
	g_assert_cmpuint(strlen(mounts[0]->name), ==, 64);
	berth_container_record_free(records[0]);
	berth_container_record_free(records[1]);
}

static void test_log(void)
{
	g_autoptr(api_log_config) config = berth_document_new(&api_log_config_document);
	struct berth_log_plan log;

	config->type = g_strdup("json-file");
	config->config = berth_map_new();
	g_assert_true(berth_log_plan_make(config, &log, NULL));
	g_assert_true(log.compress && log.format && log.max_file == 5 && log.max_size == 20 << 20);
	g_hash_table_insert(config->config, g_strdup("max-size"), g_strdup("-1"));
	g_assert_true(berth_log_plan_make(config, &log, NULL));
	g_assert_true(!log.compress && log.max_size == -1);
	g_hash_table_insert(config->config, g_strdup("max-size"), g_strdup("10k"));
	g_hash_table_insert(config->config, g_strdup("max-file"), g_strdup("3"));
	g_hash_table_insert(config->config, g_strdup("compress"), g_strdup("false"));
	g_assert_true(berth_log_plan_make(config, &log, NULL));
	g_assert_true(!log.compress && log.max_size == 10240 && log.max_file == 3);
	g_free(config->type);
	config->type = g_strdup("none");
	g_assert_true(berth_log_plan_make(config, &log, NULL));
	g_assert_true(!log.format && !log.target && !log.compress);
}

// "[" and `count` times the format and "]".
static char *repeat(const char *format, int count, char open, char close)
{
	GString *out = g_string_new(NULL);

	for (int i = 0; i < count; i++) {
		g_string_append_c(out, i ? ',' : open);
		for (const char *c = format; *c; c++)
			*c == '#' ? g_string_append_printf(out, "%d", i) : (void) g_string_append_c(out, *c);
	}
	g_string_append_c(out, close);
	return g_string_free(out, FALSE);
}

static void test_limits(void)
{
	struct berth_abilities abilities = test_abilities();

	for (int extra = 0; extra < 2; extra++) {
		g_autofree char *tmpfs = repeat("'/t#': ''", BERTH_LIMIT_MOUNTS + extra, '{', '}');
		g_autofree char *env = repeat("'A#=1'", BERTH_LIMIT_ENVIRONMENT + extra, '[', ']');
		g_autofree char *first = g_strdup_printf(HOST("'Tmpfs': %s"), tmpfs);
		g_autofree char *second = g_strdup_printf(CONFIG("'Env': %s"), env);
		g_autofree char *image = g_strdup_printf("{'Env': %s}", env);
		const char *const requests[][2] = {{first, NULL}, {second, NULL}, {PLAIN, image}};
		for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
			g_autoptr(GError) error = NULL;
			g_auto(GStrv) warnings = NULL;
			g_autoptr(berth_container_record) record =
				test_plan(requests[i][0], requests[i][1], &abilities, &warnings, &error);
			g_assert_true((record != NULL) == (extra == 0));
			g_assert_true(!error || g_str_has_prefix(error->message, "more than "));
		}
	}
}

// The record survives the database.
static void test_round_trip(void)
{
	struct berth_abilities abilities = test_abilities();
	g_auto(GStrv) warnings = NULL;
	g_autoptr(berth_container_record) record =
		test_plan(HOST("'Binds': ['/a:/b:ro', '/v'], 'Tmpfs': {'/t': 'size=1m'}, 'Memory': 10000000"),
			  "{'Env': ['A=1'], 'Labels': {'l': 'v'}}", &abilities, &warnings, NULL);
	g_autofree char *text = berth_document_print_text(&berth_container_record_document, record, 0);
	g_autoptr(berth_container_record) again =
		berth_document_parse_text(&berth_container_record_document, text, strlen(text), "record", NULL);
	g_assert_nonnull(again);
	g_autofree char *second = berth_document_print_text(&berth_container_record_document, again, 0);
	g_assert_cmpstr(text, ==, second);
}

// On the host of the test, whatever it can.
static void test_this_host(void)
{
	struct berth_abilities abilities;

	berth_abilities_load(&abilities);
	g_assert_cmpint(abilities.cpus, >=, 1);
	g_assert_true(!abilities.swap || abilities.memory);
	berth_abilities_clear(&abilities);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/plan/values", test_values);
	g_test_add_func("/plan/refusals", test_refusals);
	g_test_add_func("/plan/hostile-image", test_hostile_image);
	g_test_add_func("/plan/warnings", test_warnings);
	g_test_add_func("/plan/health", test_health);
	g_test_add_func("/plan/no-abilities", test_no_abilities);
	g_test_add_func("/plan/volume-names", test_volume_names);
	g_test_add_func("/plan/log", test_log);
	g_test_add_func("/plan/limits", test_limits);
	g_test_add_func("/plan/round-trip", test_round_trip);
	g_test_add_func("/plan/this-host", test_this_host);
	return g_test_run();
}
