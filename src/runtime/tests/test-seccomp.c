// SPDX-License-Identifier: Apache-2.0
// Programs are judged by installing them in a child and making the calls.
#include "base/error.h"
#include "base/fd.h"
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNKNOWN_CALL 99999 // newer than any

static struct oci_seccomp *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct oci_seccomp *seccomp =
		berth_document_parse_text(&oci_seccomp_document, text, strlen(text), "seccomp", &error);
	g_assert_no_error(error);
	return seccomp;
}

struct program {
	void *bytes;
	size_t length;
	unsigned flags;
};

static struct program compile(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(oci_seccomp) seccomp = parse(text);
	struct program program;
	program.bytes = berth_seccomp_compile(seccomp, NULL, &program.length, &program.flags, &error);
	g_assert_no_error(error);
	return program;
}

// Makes one call under the program. Returns its errno (0: it went well), or -1000 - signal.
static int try_call(const struct program *program, long number, long first, long second)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0); // no core file
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    berth_seccomp_install(program->bytes, program->length, program->flags) < 0)
			_exit(250);
		long result = syscall(number, first, second, 0, 0, 0, 0);
		syscall(SYS_exit_group, result < 0 ? errno : 0);
	}
	int status;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(WIFEXITED(status) ? WEXITSTATUS(status) : 0, !=, 250);
	return WIFSIGNALED(status) ? -1000 - WTERMSIG(status) : WEXITSTATUS(status);
}

static int try_text(const char *text, long number, long first, long second)
{
	struct program program = compile(text);
	int result = try_call(&program, number, first, second);
	g_free(program.bytes);
	return result;
}

#define ALLOWING(rules) "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" rules "]}"
#define DENYING(rules)                                                                                                 \
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"exit_group\",\"getppid\",\"no_such_call\"]" \
	","                                                                                                            \
	"\"action\":\"SCMP_ACT_ALLOW\"}" rules "]}"

static void test_actions(void)
{
	static const struct {
		const char *text;
		int wanted;
	} cases[] = {
		{ALLOWING(""), 0},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\"}"), EPERM},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}"), ENOSYS},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0}"), 0},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_KILL\"}"), -1000 - SIGSYS},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_KILL_THREAD\"}"), -1000 - SIGSYS},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}"), -1000 - SIGSYS},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_TRAP\"}"), -1000 - SIGSYS},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_LOG\"}"), 0},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_TRACE\"}"), ENOSYS}, // no tracer
		{DENYING(""), EPERM},
		{DENYING(",{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\"}"), 0},
		{"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,\"syscalls\":[{\"names\":"
		 "[\"exit_group\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		 EACCES},
		{"{\"defaultAction\":\"SCMP_ACT_LOG\"}", 0},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(try_text(cases[i].text, SYS_getpid, 0, 0), ==, cases[i].wanted);
	}
}

// Each operator on getpgid's argument; 0 is a valid one, other numbers give ESRCH when they get through.
static void test_arguments(void)
{
	static const struct {
		const char *op;
		long value, two;
		long denied, let;
	} cases[] = {
		{"SCMP_CMP_EQ", 7, 0, 7, 0},          {"SCMP_CMP_NE", 0, 0, 7, 0},
		{"SCMP_CMP_LT", 5, 0, 0, 2000000000}, {"SCMP_CMP_LE", 5, 0, 5, 2000000000},
		{"SCMP_CMP_GT", 5, 0, 2000000000, 0}, {"SCMP_CMP_GE", 2000000000, 0, 2000000000, 0},
		{"SCMP_CMP_MASKED_EQ", 4, 4, 6, 0},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf(
			ALLOWING("{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99,\"args\":"
				 "[{\"index\":0,\"value\":%ld,\"valueTwo\":%ld,\"op\":\"%s\"}]}"),
			cases[i].value, cases[i].two, cases[i].op);
		g_test_message("%s", text);
		g_assert_cmpint(try_text(text, SYS_getpgid, cases[i].denied, 0), ==, 99);
		g_assert_cmpint(try_text(text, SYS_getpgid, cases[i].let, 0), !=, 99);
	}

	// Different arguments: and. The same argument twice: or.
	const char *both = ALLOWING("{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99,\"args\":["
				    "{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"},"
				    "{\"index\":1,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}");
	g_assert_cmpint(try_text(both, SYS_kill, 0, 0), ==, 99);
	g_assert_cmpint(try_text(both, SYS_kill, getpid(), 0), ==, 0);
	const char *either = ALLOWING("{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99,\"args\":"
				      "[{\"index\":0,\"value\":3,\"op\":\"SCMP_CMP_EQ\"},"
				      "{\"index\":0,\"value\":4,\"op\":\"SCMP_CMP_EQ\"}]}");
	g_assert_cmpint(try_text(either, SYS_getpgid, 3, 0), ==, 99);
	g_assert_cmpint(try_text(either, SYS_getpgid, 4, 0), ==, 99);
	g_assert_cmpint(try_text(either, SYS_getpgid, 0, 0), ==, 0);
}

static void test_newer_calls(void)
{
	// Named calls and older ones: the default. Newer ones: ENOSYS.
	g_assert_cmpint(try_text(DENYING(""), UNKNOWN_CALL, 0, 0), ==, ENOSYS);
	g_assert_cmpint(try_text(DENYING(""), SYS_clone3, 0, 0), ==, ENOSYS);
	g_assert_cmpint(try_text(DENYING(""), SYS_getpid, 0, 0), ==, EPERM);
	const char *named = DENYING(",{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\"}");
	g_assert_cmpint(try_text(named, SYS_clone3, 0, 0), ==, EPERM);
	g_assert_cmpint(try_text(named, SYS_clone3 + 1, 0, 0), ==, ENOSYS);

	// Not where the default is something else.
	g_assert_cmpint(
		try_text(ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\"}"), UNKNOWN_CALL, 0, 0), ==,
		ENOSYS); // the kernel's own
	const char *killing = "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"syscalls\":[{\"names\":[\"exit_group\"],"
			      "\"action\":\"SCMP_ACT_ALLOW\"}]}";
	g_assert_cmpint(try_text(killing, UNKNOWN_CALL, 0, 0), ==, -1000 - SIGSYS);
}

#ifdef __x86_64__
// One call by the 32-bit entry, which the 64-bit program can make too.
static long call_32(long number)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0L), "c"(0L), "d"(0L) : "memory");
	return result;
}

static int try_32(const char *text, long number)
{
	struct program program = compile(text);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    berth_seccomp_install(program.bytes, program.length, program.flags) < 0)
			_exit(250);
		long result = call_32(number);
		syscall(SYS_exit_group, result < 0 ? (int) -result : 0);
	}
	int status;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_free(program.bytes);
	return WIFSIGNALED(status) ? -1000 - WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_architectures(void)
{
	const char *listed =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
		"\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"syscalls\":[{\"names\":[\"exit_group\",\"getpid\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"}]}";

	if (call_32(20) != getpid()) {
		g_test_skip("this kernel has no 32-bit system calls");
		return;
	}
	g_assert_cmpint(try_32(DENYING(""), 20), ==, -1000 - SIGSYS); // not listed: killed
	g_assert_cmpint(try_32(listed, 20), ==, 0); // i386 getpid
	g_assert_cmpint(try_32(listed, 24), ==, EPERM); // i386 getuid
	g_assert_cmpint(try_32(listed, 400), ==, ENOSYS); // exit_group is 252 there
	g_assert_cmpint(try_text(listed, SYS_getpid, 0, 0), ==, 0);
	g_assert_cmpint(try_text(listed, SYS_getuid, 0, 0), ==, EPERM);
	g_assert_cmpint(try_text(listed, 400, 0, 0), ==, ENOSYS);
	g_assert_cmpint(try_text(listed, 0x40000000 + 102, 0, 0), ==, EPERM); // x32 getuid
	g_assert_cmpint(try_text(listed, 0x40000000 + 400, 0, 0), ==, ENOSYS);
}
#endif

static void test_flags(void)
{
	struct program program = compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
	g_assert_cmphex(program.flags, ==, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	g_free(program.bytes);
	program = compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
			  "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\",\"SECCOMP_FILTER_FLAG_TSYNC\"]}");
	g_assert_cmphex(program.flags, ==, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC);
	g_assert_cmpint(try_call(&program, SYS_getpid, 0, 0), ==, 0);
	g_free(program.bytes);
}

static void test_notify(void)
{
	const char *text = ALLOWING("{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_NOTIFY\"}");
	g_autoptr(oci_seccomp) seccomp = parse(text);
	struct program program = compile(text);

	g_assert_true(berth_seccomp_notifies(seccomp));
	g_assert_cmphex(program.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER, !=, 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		int listener = berth_seccomp_install(program.bytes, program.length, program.flags);
		struct stat status;
		_exit(listener > 2 && fstat(listener, &status) == 0 ? 0 : 1);
	}
	int status;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	g_free(program.bytes);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"{\"defaultAction\":\"SCMP_ACT_MAYBE\"}", "SCMP_ACT_MAYBE"},
		{"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "default action"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "errno"},
		{"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}", "4095"},
		{"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}", "4095"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"FAST\"]}", "FAST"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}", "SCMP_ARCH_VAX"},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOWED\"}"), "SCMP_ACT_ALLOWED"},
		{ALLOWING("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":1}"), "getpid"},
		{ALLOWING("{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}"), "write"},
		{ALLOWING("{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":6,\"value\":1,"
			  "\"op\":\"SCMP_CMP_EQ\"}]}"),
		 "argument 6"},
		{ALLOWING("{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{\"index\":0,\"value\":1,"
			  "\"op\":\"EQ\"}]}"),
		 "'EQ'"},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(oci_seccomp) seccomp = parse(cases[i].text);
		size_t length;
		unsigned flags;
		g_test_message("%s", cases[i].text);
		g_assert_null(berth_seccomp_compile(seccomp, NULL, &length, &flags, &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_nonnull(strstr(error->message, cases[i].says));
	}
	g_assert_cmpint(berth_seccomp_install("x", 1, 0), ==, -1);
	g_assert_cmpint(berth_seccomp_install(NULL, 0, 0), ==, -1);
}

// The name of the only file in the cache.
static char *only_file(const char *root)
{
	g_autoptr(GDir) folder = g_dir_open(root, 0, NULL);
	char *name = folder ? g_strdup(g_dir_read_name(folder)) : NULL;
	g_assert_true(!folder || g_dir_read_name(folder) == NULL);
	return name;
}

static void check_same(const struct oci_seccomp *seccomp, const char *root, const struct program *wanted)
{
	g_autoptr(GError) error = NULL;
	size_t length;
	unsigned flags;
	g_autofree void *bytes = berth_seccomp_compile(seccomp, root, &length, &flags, &error);
	g_assert_no_error(error);
	g_assert_cmpmem(bytes, length, wanted->bytes, wanted->length);
	g_assert_cmphex(flags, ==, wanted->flags);
}

static void test_cache(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *top = g_dir_make_tmp("berth-seccomp-XXXXXX", NULL);
	g_autofree char *root = g_build_filename(top, "cache", NULL);
	struct program wanted = compile(DENYING(""));
	g_autoptr(oci_seccomp) seccomp = parse(DENYING(""));
	struct stat status;

	check_same(seccomp, root, &wanted);
	g_assert_cmpint(stat(root, &status), ==, 0);
	g_assert_cmpint(status.st_mode & 07777, ==, 0700);
	g_autofree char *name = only_file(root);
	g_autofree char *path = g_build_filename(root, name, NULL);
	g_assert_true(g_str_has_prefix(name, "seccomp-"));
	g_assert_cmpint(stat(path, &status), ==, 0);
	g_assert_cmpint(status.st_mode & 07777, ==, 0600);

	// It is read again: a valid file with another program (allow all) counts.
	g_autofree char *good = NULL;
	gsize good_length;
	g_assert_true(g_file_get_contents(path, &good, &good_length, NULL));
	g_autofree char *other = g_memdup2(good, good_length);
	const struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	uint64_t length = sizeof allow;
	size_t digest_length = 32;
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	g_checksum_update(checksum, (const uint8_t *) &allow, sizeof allow);
	memcpy(other + 8, &length, sizeof length);
	g_checksum_get_digest(checksum, (uint8_t *) other + 16, &digest_length);
	memcpy(other + 48, &allow, sizeof allow);
	berth_write_file_at(AT_FDCWD, path, other, 48 + sizeof allow, 0600, false, &error);
	g_assert_no_error(error);
	struct program allowing = {(void *) (uintptr_t) &allow, sizeof allow, wanted.flags};
	check_same(seccomp, root, &allowing);

	// Each way in which it can be damaged or not ours: compiled again, and mended.
	for (int damage = 0; damage < 8; damage++) {
		g_autofree char *bytes = g_memdup2(good, good_length);
		size_t size = good_length;
		g_test_message("damage %d", damage);
		switch (damage) {
		case 0:
			size = 0;
			break;
		case 1:
			size -= 8;
			break;
		case 2:
			bytes[good_length - 5] ^= 1;
			break;
		case 3:
			bytes[0] ^= 1;
			break;
		case 4:
			memset(bytes + 8, 0xff, 8);
			break;
		default:
			memcpy(bytes, other, 48 + sizeof allow);
			size = 48 + sizeof allow;
		}
		berth_write_file_at(AT_FDCWD, path, bytes, size, damage == 5 ? 0666 : 0600, false, &error);
		g_assert_no_error(error);
		if (damage == 5)
			g_assert_cmpint(chmod(path, 0666), ==, 0);
		g_autofree char *target = g_build_filename(top, "target", NULL);
		if (damage == 6) { // a link
			g_assert_cmpint(rename(path, target), ==, 0);
			g_assert_cmpint(symlink(target, path), ==, 0);
		}
		if (damage == 7 && geteuid() == 0)
			g_assert_cmpint(chown(path, 65534, 65534), ==, 0);
		else if (damage == 7)
			continue;
		check_same(seccomp, root, &wanted);
		g_assert_cmpint(lstat(path, &status), ==, 0);
		g_assert_true(S_ISREG(status.st_mode));
		g_autofree char *mended = NULL;
		gsize mended_length;
		g_assert_true(g_file_get_contents(path, &mended, &mended_length, NULL));
		g_assert_cmpmem(mended, mended_length, good, good_length);
	}

	// The listener does not make another program; other rules do.
	g_autoptr(oci_seccomp) listening = parse(DENYING(""));
	listening->listener_path = g_strdup("/run/listener");
	check_same(listening, root, &wanted);
	g_free(only_file(root));
	g_autoptr(oci_seccomp) more = parse(ALLOWING(""));
	size_t more_length;
	unsigned flags;
	g_free(berth_seccomp_compile(more, root, &more_length, &flags, &error));
	g_assert_no_error(error);
	g_autoptr(GDir) folder = g_dir_open(root, 0, NULL);
	g_assert_nonnull(g_dir_read_name(folder));
	g_assert_nonnull(g_dir_read_name(folder));

	// A folder that others may write in is not used, and one that cannot be made is no failure.
	g_assert_cmpint(chmod(root, 0777), ==, 0);
	berth_write_file_at(AT_FDCWD, path, other, 48 + sizeof allow, 0600, false, &error);
	check_same(seccomp, root, &wanted);
	check_same(seccomp, "/proc/nowhere", &wanted);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, top, NULL));
	g_free(wanted.bytes);
}

// A section as big as an engine's default one: how long it takes to make, and to load.
static void test_big(void)
{
	g_autoptr(GString) text = g_string_new("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":"
#ifdef __x86_64__
					       "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]"
#else
					       "[]"
#endif
					       ",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[");
	g_autofree char *top = g_dir_make_tmp("berth-seccomp-XXXXXX", NULL);
	g_autoptr(GError) error = NULL;
	size_t length;
	unsigned flags;
	int64_t times[3];

	for (int number = 0; number < 430; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
		if (name && !strstr(name, "module") && number % 8 != 5)
			g_string_append_printf(text, "\"%s\",", name);
		free(name);
	}
	g_string_append(text, "\"getpid\",\"exit_group\"]}]}");
	g_autoptr(oci_seccomp) seccomp = parse(text->str);
	times[0] = g_get_monotonic_time();
	g_free(berth_seccomp_compile(seccomp, top, &length, &flags, &error));
	g_assert_no_error(error);
	times[1] = g_get_monotonic_time();
	struct program program = {berth_seccomp_compile(seccomp, top, &length, &flags, &error), length, flags};
	times[2] = g_get_monotonic_time();
	g_test_message("%zu bytes: compiled in %d us, loaded in %d us", length, (int) (times[1] - times[0]),
		       (int) (times[2] - times[1]));
	g_assert_cmpint(try_call(&program, SYS_getpid, 0, 0), ==, 0);
	g_assert_cmpint(try_call(&program, SYS_init_module, 0, 0), ==, EPERM);
	g_assert_cmpint(try_call(&program, UNKNOWN_CALL, 0, 0), ==, ENOSYS);
	g_free(program.bytes);
	g_assert_true(berth_remove_tree_at(AT_FDCWD, top, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seccomp/actions", test_actions);
	g_test_add_func("/seccomp/arguments", test_arguments);
	g_test_add_func("/seccomp/newer-calls", test_newer_calls);
#ifdef __x86_64__
	g_test_add_func("/seccomp/architectures", test_architectures);
#endif
	g_test_add_func("/seccomp/flags", test_flags);
	g_test_add_func("/seccomp/notify", test_notify);
	g_test_add_func("/seccomp/refused", test_refused);
	g_test_add_func("/seccomp/cache", test_cache);
	g_test_add_func("/seccomp/big", test_big);
	return g_test_run();
}
