// SPDX-License-Identifier: Apache-2.0
#include "engine/tests/fixture.h"

#include "base/error.h"
#include "base/fd.h"
#include "engine/spec/spec-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define HOST(fields) "{'Cmd': ['true'], 'HostConfig': {'NetworkMode': 'none', " fields "}}"
#define CONFIG(fields) "{'Cmd': ['true'], " fields ", 'HostConfig': {'NetworkMode': 'none'}}"
#define PLAIN CONFIG("'Tty': false")
#define FOURTEEN                                                                                                       \
	"['CAP_CHOWN','CAP_DAC_OVERRIDE','CAP_FOWNER','CAP_FSETID','CAP_KILL','CAP_SETGID','CAP_SETUID',"              \
	"'CAP_SETPCAP','CAP_NET_BIND_SERVICE','CAP_NET_RAW','CAP_SYS_CHROOT','CAP_MKNOD','CAP_AUDIT_WRITE',"           \
	"'CAP_SETFCAP']"
#define PATH "'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'"

struct place {
	char *path, *root;
	int root_fd, folder_fd;
};

// A root with accounts, and a container's folder beside it.
static struct place new_place(void)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";
	static const char group[] = "root:x:0:\napp:x:1001:\naudio:x:29:app\n";
	struct place place = {.path = g_dir_make_tmp("berth-spec-XXXXXX", NULL)};

	place.root = g_build_filename(place.path, "root", NULL);
	g_autofree char *etc = g_build_filename(place.root, "etc", NULL);
	g_assert_cmpint(g_mkdir_with_parents(etc, 0755), ==, 0);
	g_autofree char *first = g_build_filename(etc, "passwd", NULL);
	g_autofree char *second = g_build_filename(etc, "group", NULL);
	g_assert_true(g_file_set_contents(first, passwd, -1, NULL) && g_file_set_contents(second, group, -1, NULL));
	place.root_fd = open(place.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	place.folder_fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return place;
}

static void remove_place(struct place *place)
{
	g_assert_true(berth_remove_tree_at(AT_FDCWD, place->path, NULL));
	berth_fd_clear(&place->root_fd);
	berth_fd_clear(&place->folder_fd);
	g_free(place->path);
	g_free(place->root);
}

static struct berth_container_record *plan(const char *request, const char *image)
{
	struct berth_abilities abilities = test_abilities();
	g_auto(GStrv) warnings = NULL;
	g_autoptr(GError) error = NULL;
	struct berth_container_record *record = test_plan(request, image, &abilities, &warnings, &error);

	g_assert_no_error(error);
	return record;
}

static struct oci_config *make(const struct place *place, const struct berth_container_record *record, GError **error)
{
	g_autoptr(berth_seccomp_profile) seccomp = berth_seccomp_profile_builtin(NULL);
	struct berth_spec_input input = {
		.record = record,
		.root_fd = place->root_fd,
		.folder = TEST_FOLDER,
		.cgroup_parent = "/berth",
		.init_program = "/usr/libexec/berth/berth-init",
		.seccomp = seccomp,
	};

	return berth_spec_make(&input, error);
}

static const struct {
	const char *request, *image, *path, *expected;
} values[] = {
	{PLAIN, NULL, "ociVersion", "'1.2.0'"},
	{PLAIN, NULL, "root", "{'path':'rootfs'}"},
	{PLAIN, NULL, "hostname", "'0123456789ab'"},
	{PLAIN, NULL, "domainname", NULL},
	{PLAIN, NULL, "annotations", NULL},
	{PLAIN, NULL, "linux cgroupsPath", "'/berth/" TEST_ID "'"},
	{PLAIN, NULL, "linux namespaces",
	 "[{'type':'mount'},{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'network'},{'type':'cgroup'}]"},
	{PLAIN, NULL, "linux maskedPaths 3", "'/proc/kcore'"},
	{PLAIN, NULL, "linux readonlyPaths", "['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']"},
	{PLAIN, NULL, "linux seccomp defaultAction", "'SCMP_ACT_ERRNO'"},
	{PLAIN, NULL, "linux rootfsPropagation", NULL},
	{PLAIN, NULL, "linux sysctl net.ipv4.ip_unprivileged_port_start", "'0'"},
	{PLAIN, NULL, "linux sysctl net.ipv4.ping_group_range", "'0 2147483647'"},
	{HOST("'Sysctls': {'net.ipv4.ip_unprivileged_port_start': '80', 'kernel.shmmax': '5'}"), NULL, "linux sysctl",
	 "{'kernel.shmmax':'5','net.ipv4.ip_unprivileged_port_start':'80','net.ipv4.ping_group_range':'0 2147483647'}"},
	// process
	{PLAIN, NULL, "process args", "['true']"},
	{PLAIN, "{'Entrypoint': ['/entry', 'a']}", "process args", "['/entry','a','true']"},
	{PLAIN, NULL, "process cwd", "'/'"},
	{CONFIG("'WorkingDir': '/srv'"), NULL, "process cwd", "'/srv'"},
	{PLAIN, NULL, "process env", "[" PATH ",'HOSTNAME=0123456789ab','HOME=/root']"},
	{CONFIG("'Tty': true, 'User': 'app', 'Env': ['A=1', 'PATH=/bin', 'B', 'HOSTNAME']"), "{'Env': ['B=2', 'C=3']}",
	 "process env", "['PATH=/bin','TERM=xterm','A=1','C=3','HOME=/home/app']"},
	{CONFIG("'Env': ['HOME=/x']"), NULL, "process env", "[" PATH ",'HOSTNAME=0123456789ab','HOME=/x']"},
	{CONFIG("'Tty': true"), NULL, "process terminal", "true"},
	{HOST("'ConsoleSize': [24, 80]"), NULL, "process consoleSize", NULL},
	{"{'Cmd': ['x'], 'Tty': true, 'HostConfig': {'NetworkMode': 'none', 'ConsoleSize': [24, 80]}}", NULL,
	 "process consoleSize", "{'height':24,'width':80}"},
	{PLAIN, NULL, "process user", "{'uid':0,'gid':0,'additionalGids':[0]}"},
	{CONFIG("'User': 'app'"), NULL, "process user", "{'uid':1000,'gid':1001,'additionalGids':[1001,29]}"},
	{"{'Cmd': ['x'], 'User': '5:6', 'HostConfig': {'NetworkMode': 'none', 'GroupAdd': ['audio', '77']}}", NULL,
	 "process user", "{'uid':5,'gid':6,'additionalGids':[6,29,77]}"},
	{PLAIN, NULL, "process oomScoreAdj", "0"},
	{HOST("'OomScoreAdj': -7"), NULL, "process oomScoreAdj", "-7"},
	{PLAIN, NULL, "process rlimits", "[]"},
	{HOST("'Ulimits': [{'Name': 'nofile', 'Soft': 5, 'Hard': 6}, {'Name': 'core', 'Soft': -1, 'Hard': -1}]"), NULL,
	 "process rlimits 0", "{'type':'RLIMIT_NOFILE','soft':5,'hard':6}"},
	{PLAIN, NULL, "process noNewPrivileges", NULL},
	{HOST("'SecurityOpt': ['no-new-privileges']"), NULL, "process noNewPrivileges", "true"},
	{HOST("'SecurityOpt': ['no-new-privileges:true']"), NULL, "process noNewPrivileges", "true"},
	{HOST("'SecurityOpt': ['no-new-privileges=false']"), NULL, "process noNewPrivileges", NULL},
	{HOST("'SecurityOpt': ['apparmor=mine']"), NULL, "process apparmorProfile", "'mine'"},
	{HOST("'SecurityOpt': ['apparmor=unconfined', 'label=disable']"), NULL, "process apparmorProfile", NULL},
	{HOST("'SecurityOpt': ['seccomp=unconfined']"), NULL, "linux seccomp", NULL},
	{HOST("'SecurityOpt': ['seccomp={\\\"defaultAction\\\": \\\"SCMP_ACT_LOG\\\"}']"), NULL,
	 "linux seccomp defaultAction", "'SCMP_ACT_LOG'"},
	{HOST("'Privileged': true, 'SecurityOpt': ['seccomp={\\\"defaultAction\\\": \\\"SCMP_ACT_LOG\\\"}']"), NULL,
	 "linux seccomp defaultAction", "'SCMP_ACT_LOG'"},
	{HOST("'Init': true"), NULL, "process args", "['/sbin/docker-init','--','true']"},
	{HOST("'Init': true"), NULL, "mounts destination=/sbin/docker-init",
	 "{'destination':'/sbin/docker-init','source':'/usr/libexec/berth/berth-init','type':'bind','options':"
	 "['rbind','rprivate','ro']}"},
	{HOST("'Init': true, 'PidMode': 'host'"), NULL, "process args", "['true']"},
	// capabilities
	{PLAIN, NULL, "process capabilities bounding", FOURTEEN},
	{PLAIN, NULL, "process capabilities effective", FOURTEEN},
	{PLAIN, NULL, "process capabilities permitted", FOURTEEN},
	{PLAIN, NULL, "process capabilities inheritable", "[]"},
	{PLAIN, NULL, "process capabilities ambient", "[]"},
	{CONFIG("'User': 'app'"), NULL, "process capabilities bounding", FOURTEEN},
	{CONFIG("'User': 'app'"), NULL, "process capabilities effective", "[]"},
	{CONFIG("'User': 'app'"), NULL, "process capabilities permitted", "[]"},
	{HOST("'CapDrop': ['ALL']"), NULL, "process capabilities bounding", "[]"},
	{HOST("'CapDrop': ['all'], 'CapAdd': ['net_admin', 'CAP_KILL']"), NULL, "process capabilities bounding",
	 "['CAP_KILL','CAP_NET_ADMIN']"},
	{HOST("'CapAdd': ['ALL'], 'CapDrop': ['CHOWN']"), NULL, "process capabilities bounding 0",
	 "'CAP_DAC_OVERRIDE'"},
	{HOST("'CapDrop': ['CHOWN', 'KILL'], 'CapAdd': ['CHOWN']"), NULL, "process capabilities bounding 4",
	 "'CAP_SETGID'"},
	// names
	{CONFIG("'Hostname': 'web', 'Domainname': 'example.org'"), NULL, "hostname", "'web'"},
	{CONFIG("'Hostname': 'web', 'Domainname': 'example.org'"), NULL, "domainname", "'example.org'"},
	{CONFIG("'Hostname': 'web', 'Domainname': 'example.org'"), NULL, "process env 1", "'HOSTNAME=web'"},
	{HOST("'UTSMode': 'host'"), NULL, "hostname", NULL},
	{HOST("'UTSMode': 'host'"), NULL, "linux namespaces type=uts", NULL},
	{HOST("'PidMode': 'host'"), NULL, "linux namespaces type=pid", NULL},
	{HOST("'IpcMode': 'host'"), NULL, "linux namespaces type=ipc", NULL},
	{HOST("'CgroupnsMode': 'host'"), NULL, "linux namespaces type=cgroup", NULL},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'host'}}", NULL, "linux namespaces type=network", NULL},
	{"{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'host'}}", NULL, "linux sysctl", "{}"},
	{HOST("'CgroupParent': 'teams/a'"), NULL, "linux cgroupsPath", "'/teams/a/" TEST_ID "'"},
	{HOST("'Annotations': {'a': 'b'}"), NULL, "annotations", "{'a':'b'}"},
	{HOST("'ReadonlyRootfs': true"), NULL, "root", "{'path':'rootfs','readonly':true}"},
	// mounts
	{PLAIN, NULL, "mounts 0",
	 "{'destination':'/proc','source':'proc','type':'proc','options':['nosuid','noexec','nodev']}"},
	{PLAIN, NULL, "mounts 1",
	 "{'destination':'/dev','source':'tmpfs','type':'tmpfs','options':['nosuid','strictatime','mode=755',"
	 "'size=65536k']}"},
	{PLAIN, NULL, "mounts 2",
	 "{'destination':'/dev/pts','source':'devpts','type':'devpts','options':['nosuid','noexec','newinstance',"
	 "'ptmxmode=0666','mode=0620','gid=5']}"},
	{PLAIN, NULL, "mounts 3",
	 "{'destination':'/sys','source':'sysfs','type':'sysfs','options':['nosuid','noexec','nodev','ro']}"},
	{PLAIN, NULL, "mounts 4",
	 "{'destination':'/sys/fs/"
	 "cgroup','source':'cgroup','type':'cgroup','options':['nosuid','noexec','nodev','ro']}"},
	{PLAIN, NULL, "mounts 5",
	 "{'destination':'/dev/mqueue','source':'mqueue','type':'mqueue','options':['nosuid','noexec','nodev']}"},
	{PLAIN, NULL, "mounts 6",
	 "{'destination':'/dev/shm','source':'shm','type':'tmpfs','options':['nosuid','noexec','nodev','mode=1777',"
	 "'size=67108864']}"},
	{PLAIN, NULL, "mounts 7",
	 "{'destination':'/etc/hostname','source':'" TEST_FOLDER "/hostname','type':'bind','options':['rbind',"
	 "'rprivate']}"},
	{PLAIN, NULL, "mounts 8 destination", "'/etc/hosts'"},
	{PLAIN, NULL, "mounts 9 destination", "'/etc/resolv.conf'"},
	{PLAIN, NULL, "mounts 10", NULL},
	{HOST("'ReadonlyRootfs': true"), NULL, "mounts destination=/etc/hosts options", "['rbind','rprivate','ro']"},
	{HOST("'ShmSize': 4096"), NULL, "mounts destination=/dev/shm options 4", "'size=4096'"},
	{HOST("'IpcMode': 'none'"), NULL, "mounts destination=/dev/shm", NULL},
	{HOST("'IpcMode': 'host'"), NULL, "mounts destination=/dev/shm",
	 "{'destination':'/dev/shm','source':'/dev/shm','type':'bind','options':['rbind','rprivate']}"},
	{HOST("'IpcMode': 'host'"), NULL, "mounts destination=/dev/mqueue type", "'mqueue'"},
	{HOST("'Binds': ['/a/b:/x/y', '/a:/x:ro', '/h:/etc/hosts']"), NULL, "mounts 11 destination", "'/x/y'"},
	{HOST("'Binds': ['/a/b:/x/y/z', '/a:/x:ro', '/h:/etc/hosts']"), NULL, "mounts 7 destination", "'/x'"},
	{HOST("'Binds': ['/a/b:/x/y', '/a:/x:ro', '/h:/etc/hosts']"), NULL, "mounts destination=/etc/hosts source",
	 "'/h'"},
	{HOST("'Binds': ['/a:/x:ro']"), NULL, "mounts destination=/x",
	 "{'destination':'/x','source':'/a','type':'bind','options':['rbind','rro','rprivate']}"},
	{HOST("'Binds': ['/dev:/dev']"), NULL, "mounts destination=/dev/pts", NULL},
	{HOST("'Binds': ['/dev:/dev']"), NULL, "mounts destination=/dev type", "'bind'"},
	{HOST("'Binds': ['/sys:/sys']"), NULL, "mounts destination=/sys/fs/cgroup", NULL},
	{HOST("'Binds': ['/x:/device']"), NULL, "mounts destination=/dev type", "'tmpfs'"},
	{HOST("'Tmpfs': {'/run': 'size=1m,exec'}"), NULL, "mounts destination=/run",
	 "{'destination':'/"
	 "run','source':'tmpfs','type':'tmpfs','options':['noexec','nosuid','nodev','size=1m','exec']}"},
	{HOST("'Tmpfs': {'/dev/shm': 'size=1m'}"), NULL, "mounts destination=/dev/shm options 3", "'size=1m'"},
	{CONFIG("'Volumes': {'/v': {}}"), NULL, "mounts destination=/v type", "'bind'"},
	// devices
	{PLAIN, NULL, "linux devices", "[]"},
	{PLAIN, NULL, "linux resources devices",
	 "[{'allow':false,'type':'a','access':'rwm'},{'allow':true,'type':'c','access':'m'},{'allow':true,'type':'b',"
	 "'access':'m'},{'allow':true,'type':'c','major':1,'minor':3,'access':'rwm'},{'allow':true,'type':'c','major':"
	 "1,"
	 "'minor':5,'access':'rwm'},{'allow':true,'type':'c','major':1,'minor':7,'access':'rwm'},{'allow':true,'type':"
	 "'c','major':1,'minor':8,'access':'rwm'},{'allow':true,'type':'c','major':1,'minor':9,'access':'rwm'},{'allow'"
	 ":"
	 "true,'type':'c','major':5,'minor':0,'access':'rwm'},{'allow':true,'type':'c','major':5,'minor':2,'access':"
	 "'rwm'},{'allow':true,'type':'c','major':136,'access':'rwm'}]"},
	{HOST("'Devices': [{'PathOnHost': '/dev/full', 'PathInContainer': '/dev/x', 'CgroupPermissions': 'r'}]"), NULL,
	 "linux resources devices 11", "{'allow':true,'type':'c','major':1,'minor':7,'access':'r'}"},
	{HOST("'Devices': [{'PathOnHost': '/dev/full', 'PathInContainer': '/dev/x'}]"), NULL, "linux devices 0 path",
	 "'/dev/x'"},
	{HOST("'Devices': [{'PathOnHost': '/dev/full', 'PathInContainer': '/dev/x'}]"), NULL, "linux devices 0 minor",
	 "7"},
	{HOST("'DeviceCgroupRules': ['c 10:* rw']"), NULL, "linux resources devices 11",
	 "{'allow':true,'type':'c','major':10,'access':'rw'}"},
	// privileged
	{HOST("'Privileged': true"), NULL, "linux seccomp", NULL},
	{HOST("'Privileged': true"), NULL, "linux maskedPaths", NULL},
	{HOST("'Privileged': true"), NULL, "linux resources devices", "[{'allow':true,'type':'a','access':'rwm'}]"},
	{HOST("'Privileged': true"), NULL, "linux devices path=/dev/null major", "1"},
	{HOST("'Privileged': true"), NULL, "linux devices path=/dev/console", NULL},
	{HOST("'Privileged': true"), NULL, "mounts destination=/sys options", "['nosuid','noexec','nodev']"},
	{HOST("'Privileged': true"), NULL, "mounts destination=/sys/fs/cgroup options", "['nosuid','noexec','nodev']"},
	{HOST("'Privileged': true"), NULL, "process capabilities inheritable", "[]"},
	{HOST("'Privileged': true, 'CapDrop': ['ALL']"), NULL, "process capabilities bounding 21", "'CAP_SYS_ADMIN'"},
	// limits
	{PLAIN, NULL, "linux resources memory", "{}"},
	{PLAIN, NULL, "linux resources cpu", "{}"},
	{PLAIN, NULL, "linux resources pids", NULL},
	{HOST("'Memory': 8388608, 'MemoryReservation': 6291456, 'MemorySwappiness': 5, 'OomKillDisable': true"), NULL,
	 "linux resources memory",
	 "{'limit':8388608,'reservation':6291456,'swap':16777216,'swappiness':5,'disableOOMKiller':true}"},
	{HOST("'NanoCpus': 1500000000, 'CpuShares': 512, 'CpusetCpus': '0,1', 'CpusetMems': '0'"), NULL,
	 "linux resources cpu", "{'shares':512,'quota':150000,'period':100000,'cpus':'0,1','mems':'0'}"},
	{HOST("'CpuPeriod': 20000, 'CpuQuota': 10000"), NULL, "linux resources cpu", "{'quota':10000,'period':20000}"},
	{HOST("'CpuQuota': -1"), NULL, "linux resources cpu", "{'quota':-1}"},
	{HOST("'PidsLimit': 9"), NULL, "linux resources pids", "{'limit':9}"},
	{HOST("'BlkioWeight': 300"), NULL, "linux resources blockIO", "{'weight':300}"},
};

static void test_values(void)
{
	struct place place = new_place();

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s: %s", values[i].request, values[i].path);
		g_autoptr(berth_container_record) record = plan(values[i].request, values[i].image);
		g_autoptr(oci_config) config = make(&place, record, &error);
		g_assert_no_error(error);
		json_t *json = berth_document_print(&oci_config_document, config, 0);
		g_autofree char *value = test_value(json, values[i].path);
		g_assert_cmpstr(value, ==, values[i].expected);
		json_decref(json);
	}
	remove_place(&place);
}

static const struct {
	const char *request, *error;
} refusals[] = {
	{CONFIG("'User': 'nobody'"), "unable to find user nobody: no matching entries in passwd file"},
	{CONFIG("'User': '4294967296'"), "must be in range"},
	{HOST("'GroupAdd': ['wheel']"), "unable to find group wheel"},
	{HOST("'Devices': [{'PathOnHost': '/dev/no-such'}]"),
	 "error gathering device information while adding custom device \"/dev/no-such\": No such file or directory"},
	{HOST("'Devices': [{'PathOnHost': '/etc/passwd'}]"), "not a device node"},
	{HOST("'BlkioWeightDevice': [{'Path': '/dev/null', 'Weight': 100}]"), "device /dev/null: is no block device"},
	{HOST("'BlkioDeviceReadIOps': [{'Path': '/dev/no-such', 'Rate': 100}]"), "device /dev/no-such"},
	{HOST("'Binds': ['/no/such:/x:shared']"), "bind source /no/such"},
};

static void test_refusals(void)
{
	struct place place = new_place();

	for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", refusals[i].request);
		g_autoptr(berth_container_record) record = plan(refusals[i].request, NULL);
		g_assert_null(make(&place, record, &error));
		g_assert_nonnull(error);
		if (!strstr(error->message, refusals[i].error))
			g_assert_cmpstr(error->message, ==, refusals[i].error);
	}
	remove_place(&place);
}

static void test_propagation(void)
{
	static const char mountinfo[] = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
					"23 22 8:2 / /srv rw - ext4 /dev/sda2 rw\n"
					"24 22 8:3 / /srv/a\\040b rw master:4 - ext4 /dev/sda3 rw\n"
					"25 22 8:4 / /private rw shared:9 - ext4 /dev/sda4 rw\n"
					"26 22 8:5 / /private rw - ext4 /dev/sda5 rw\n" // on top of the other
					"garbage\n";
	static const struct {
		const char *source;
		bool shared, right;
	} table[] = {
		{"/", true, true},           {"/etc", true, true},      {"/etc", false, true},
		{"/srv", true, false},       {"/srv/x", false, false},  {"/srvx", true, true},
		{"/srv/a b/c", false, true}, {"/srv/a b", true, false}, {"/private/x", true, false},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s %d", table[i].source, table[i].shared);
		g_assert_true(berth_spec_check_propagation(mountinfo, table[i].source, table[i].shared, &error) ==
			      table[i].right);
		g_assert_true(table[i].right == (error == NULL));
	}
	g_autoptr(GError) error = NULL;
	g_assert_false(berth_spec_check_propagation(mountinfo, "/srv/x", true, &error));
	g_assert_cmpstr(error->message, ==, "path /srv/x is mounted on /srv but it is not a shared mount");
}

static char *read_file(const struct place *place, const char *name)
{
	char *text = berth_read_file_at(place->folder_fd, name, 1 << 20, NULL, NULL);

	g_assert_nonnull(text);
	return text;
}

static void test_files(void)
{
	const struct berth_spec_files files = {0};
	struct place place = new_place();
	g_autoptr(berth_container_record) record = plan(
		"{'Cmd': ['x'], 'Hostname': 'web', 'HostConfig': {'NetworkMode': 'none', 'ExtraHosts': ['a:1.2.3.4', "
		"'b:fe80::1'], 'Dns': ['9.9.9.9', '2620:fe::fe'], 'DnsSearch': ['one.org', 'two.org'], 'DnsOptions': "
		"['ndots:2']}}",
		NULL);

	g_assert_true(berth_spec_write_files(place.folder_fd, record, &files, NULL));
	g_autofree char *hostname = read_file(&place, "hostname");
	g_autofree char *hosts = read_file(&place, "hosts");
	g_autofree char *resolv_conf = read_file(&place, "resolv.conf");
	g_assert_cmpstr(hostname, ==, "web\n");
	g_assert_true(g_str_has_prefix(hosts, "127.0.0.1\tlocalhost\n"));
	g_assert_true(g_str_has_suffix(hosts, "\n1.2.3.4\ta\nfe80::1\tb\n"));
	g_assert_true(g_str_has_suffix(resolv_conf,
				       "nameserver 9.9.9.9\nnameserver 2620:fe::fe\nsearch one.org two.org\n"
				       "options ndots:2\n"));
	const char *first = strstr(resolv_conf, "nameserver");
	g_assert_true(g_str_has_prefix(first, "nameserver 9.9.9.9\n")); // none of the host's

	g_autoptr(berth_container_record) host =
		plan("{'Cmd': ['x'], 'HostConfig': {'NetworkMode': 'host', 'ExtraHosts': ['a:1.2.3.4']}}", NULL);
	g_assert_true(berth_spec_write_files(place.folder_fd, host, &files, NULL));
	g_autofree char *again = read_file(&place, "hosts");
	g_autofree char *theirs = NULL;
	if (g_file_get_contents("/etc/hosts", &theirs, NULL, NULL))
		g_assert_true(g_str_has_prefix(again, g_strchomp(theirs)));
	g_assert_true(g_str_has_suffix(again, "1.2.3.4\ta\n"));
	remove_place(&place);
}

// A record whose volume's folder lies in this place.
static struct berth_container_record *plan_volume(const struct place *place, const char *destination)
{
	g_autofree char *request = g_strdup_printf(CONFIG("'Volumes': {'%s': {}}"), destination);
	struct berth_container_record *record = plan(request, NULL);
	struct berth_container_mount *mount = record->mounts->pdata[0];

	g_clear_pointer(&mount->driver, g_free); // as earlier versions wrote it
	g_free(mount->source);
	mount->source = g_build_filename(place->path, "volumes", "v", NULL);
	return record;
}

static void shell(const struct place *place, const char *script)
{
	g_autofree char *quoted = g_shell_quote(script);
	g_autofree char *command = g_strdup_printf("cd '%s' && sh -ec %s", place->root, quoted);

	g_assert_cmpint(system(command), ==, 0); // NOLINT: the words are this test's own
}

static void check_copied(const struct place *place)
{
	struct stat status;
	char target[64] = "";
	char value[16] = "";

	g_assert_cmpint(fstatat(place->folder_fd, "volumes/v", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_mode, ==, S_IFDIR | 01750);
	g_assert_cmpuint(status.st_uid, ==, 1000);
	g_assert_cmpint(fstatat(place->folder_fd, "volumes/v/in/file", &status, 0), ==, 0);
	g_assert_cmpuint(status.st_mode, ==, S_IFREG | 04711);
	g_assert_cmpuint(status.st_uid, ==, 7);
	g_assert_cmpuint(status.st_gid, ==, 8);
	g_assert_cmpint(status.st_mtim.tv_sec, ==, 1600000000);
	g_assert_cmpuint(status.st_nlink, ==, 2);
	g_assert_cmpint(readlinkat(place->folder_fd, "volumes/v/link", target, sizeof target - 1), ==, 11);
	g_assert_cmpstr(target, ==, "/etc/shadow");
	g_assert_cmpint(fstatat(place->folder_fd, "volumes/v/pipe", &status, 0), ==, 0);
	g_assert_true(S_ISFIFO(status.st_mode));
	g_autofree char *file = g_build_filename(place->path, "volumes/v/in/file", NULL);
	if (getxattr(file, "user.note", value, sizeof value) < 0)
		g_test_message("the file system keeps no user attributes: %s", g_strerror(errno));
	else
		g_assert_cmpstr(value, ==, "kept");
	g_assert_cmpint(faccessat(place->folder_fd, "volumes/v.new", F_OK, 0), ==, -1);
}

static void test_volumes(void)
{
	if (geteuid() != 0) {
		g_test_skip("only root may give files to others");
		return;
	}
	struct place place = new_place();
	g_autoptr(GError) error = NULL;
	g_autofree char *file = g_build_filename(place.root, "data/in/file", NULL);
	g_autofree char *left = g_build_filename(place.path, "volumes/v.new/half", NULL);
	g_autofree char *kept = g_build_filename(place.path, "volumes/v/own", NULL);

	shell(&place, "mkdir -p data/in; echo x > data/in/file; chown 7:8 data/in/file; chmod 4711 data/in/file; "
		      "ln -s /etc/shadow data/link; ln data/in/file data/twin; mkfifo data/pipe; chown 1000 data; "
		      "chmod 1750 data");
	if (setxattr(file, "user.note", "kept", 4, 0) < 0)
		g_test_message("the file system keeps no user attributes: %s", g_strerror(errno));
	shell(&place, "touch -d @1600000000 data/in/file; chmod 4711 data/in/file");
	g_assert_cmpint(g_mkdir_with_parents(left, 0755), ==, 0); // of an attempt that was cut off
	g_autoptr(berth_container_record) record = plan_volume(&place, "/data");
	g_assert_true(berth_spec_make_volumes(place.root_fd, record, &error));
	g_assert_no_error(error);
	check_copied(&place);

	// What a container left in it stays, and nothing is copied again.
	shell(&place, "rm ../volumes/v/link; echo y > ../volumes/v/own");
	g_assert_true(berth_spec_make_volumes(place.root_fd, record, &error));
	g_assert_cmpint(g_access(kept, F_OK), ==, 0);
	g_assert_cmpint(faccessat(place.folder_fd, "volumes/v/link", F_OK, AT_SYMLINK_NOFOLLOW), ==, -1);
	remove_place(&place);
}

// The image's folder is a link out of the root, a file, or not there; or its copy is not wanted.
static void test_volumes_of_odd_places(void)
{
	static const struct {
		const char *script, *destination;
		bool no_copy, empty;
	} table[] = {
		{"ln -s ../../../../../../../../../../etc data", "/data", false, false}, // the root's own etc
		{"echo x > data", "/data/more", false, true},
		{"true", "/data", false, true},
		{"mkdir data; echo x > data/file", "/data", true, true},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		struct place place = new_place();
		g_autoptr(GError) error = NULL;
		g_test_message("%s", table[i].script);
		shell(&place, table[i].script);
		g_autoptr(berth_container_record) record = plan_volume(&place, table[i].destination);
		((struct berth_container_mount *) record->mounts->pdata[0])->no_copy = table[i].no_copy;
		bool made = berth_spec_make_volumes(place.root_fd, record, &error);
		g_assert_true(made || i == 1);
		g_assert_cmpint(faccessat(place.folder_fd, "volumes/v/shadow", F_OK, 0), ==, -1);
		g_assert_cmpint(faccessat(place.folder_fd, "volumes/v/file", F_OK, 0), ==, -1);
		g_assert_cmpint(faccessat(place.folder_fd, "volumes/v/passwd", F_OK, 0), ==, table[i].empty ? -1 : 0);
		remove_place(&place);
	}
}

static void test_bind_sources(void)
{
	struct place place = new_place();
	g_autoptr(GError) error = NULL;
	g_autofree char *missing = g_build_filename(place.path, "new/folder", NULL);
	g_autofree char *bad = g_build_filename(place.root, "etc/passwd/x", NULL);
	g_autofree char *request = g_strdup_printf(HOST("'Binds': ['%s:/x', '/etc/passwd:/y']"), missing);
	g_autofree char *second = g_strdup_printf(HOST("'Binds': ['%s:/x']"), bad);
	g_autoptr(berth_container_record) record = plan(request, NULL);
	g_autoptr(berth_container_record) odd = plan(second, NULL);

	g_assert_true(berth_spec_make_bind_sources(record, &error));
	g_assert_true(g_file_test(missing, G_FILE_TEST_IS_DIR));
	g_assert_true(berth_spec_make_bind_sources(record, &error));
	g_assert_false(berth_spec_make_bind_sources(odd, &error));
	g_assert_true(g_str_has_prefix(error->message, "bind source "));
	remove_place(&place);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spec/values", test_values);
	g_test_add_func("/spec/refusals", test_refusals);
	g_test_add_func("/spec/propagation", test_propagation);
	g_test_add_func("/spec/files", test_files);
	g_test_add_func("/spec/volumes", test_volumes);
	g_test_add_func("/spec/volumes-of-odd-places", test_volumes_of_odd_places);
	g_test_add_func("/spec/bind-sources", test_bind_sources);
	return g_test_run();
}
