// SPDX-License-Identifier: Apache-2.0
// libseccomp makes the program; what it has not is put before it: system calls newer than any that the section names
// get ENOSYS in place of the default action's errno. The C library tries such a call and falls back to an older one
// only when it is told ENOSYS; EPERM breaks the program.
#include "runtime/seccomp.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "runtime/seccomp-cache.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ERRNO_MAX 4095 // the kernel's MAX_ERRNO
#define ARCHITECTURES_MAX 32
#define RULES_MAX 65536 // names of system calls in one section
#define PROGRAM_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))
#define WAIT_KILLABLE_RECV (1U << 5) // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19

static const struct action {
	const char *name;
	uint32_t value;
	bool takes_errno;
} actions[] = {
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
	{"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
	{"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
	{"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false},
};

static const struct operator
{
	const char *name;
	enum scmp_compare value;
}
operators[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

static const struct flag {
	const char *name;
	unsigned value;
} flags[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", WAIT_KILLABLE_RECV},
};

// The architectures: libseccomp's token, the kernel's seccomp_data.arch, the first number beyond the ordinary system
// calls, and the bit that all of x32's numbers have.
static const struct architecture {
	const char *name;
	uint32_t libseccomp, audit, end, base;
} architectures[] = {
	{"SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0x40000000, 0},
	{"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0x40000000, 0},
	{"SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, 0x80000000, 0x40000000},
	{"SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, 0x0f0000, 0},
	{"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 0x40000000, 0},
	{"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS, AUDIT_ARCH_MIPS, 0x40000000, 0},
	{"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64, AUDIT_ARCH_MIPS64, 0x40000000, 0},
	{"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32, AUDIT_ARCH_MIPS64N32, 0x40000000, 0},
	{"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL, AUDIT_ARCH_MIPSEL, 0x40000000, 0},
	{"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64, AUDIT_ARCH_MIPSEL64, 0x40000000, 0},
	{"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32, AUDIT_ARCH_MIPSEL64N32, 0x40000000, 0},
	{"SCMP_ARCH_PPC", SCMP_ARCH_PPC, AUDIT_ARCH_PPC, 0x40000000, 0},
	{"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64, AUDIT_ARCH_PPC64, 0x40000000, 0},
	{"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, 0x40000000, 0},
	{"SCMP_ARCH_S390", SCMP_ARCH_S390, AUDIT_ARCH_S390, 0x40000000, 0},
	{"SCMP_ARCH_S390X", SCMP_ARCH_S390X, AUDIT_ARCH_S390X, 0x40000000, 0},
	{"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC, AUDIT_ARCH_PARISC, 0x40000000, 0},
	{"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64, AUDIT_ARCH_PARISC64, 0x40000000, 0},
	{"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, 0x40000000, 0},
};

// Of the specification, and not of every libseccomp. A machine of one of these has a libseccomp that knows it as its
// own.
static const char *const foreign[] = {"SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
				      NULL};

// One compilation.
struct compiler {
	scmp_filter_ctx filter;
	uint32_t default_action;
	const struct architecture *used[ARCHITECTURES_MAX];
	int newest[ARCHITECTURES_MAX]; // number of the newest call named, less the base; -1: none
	unsigned used_count;
	unsigned names;
};

static bool find_action(const char *name, int64_t errno_ret, const char *where, uint32_t *ret, GError **error)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++) {
		const struct action *action = &actions[i];
		if (!g_str_equal(action->name, name))
			continue;
		if (errno_ret != BERTH_UNSET && !action->takes_errno)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "seccomp: %s: the action %s has no errno to answer", where, name);
		if (errno_ret != BERTH_UNSET && (errno_ret < 0 || errno_ret > ERRNO_MAX))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "seccomp: %s: errno %" G_GINT64_FORMAT " is not between 0 and %d", where,
					       errno_ret, ERRNO_MAX);
		*ret = action->value;
		if (action->takes_errno)
			*ret |= errno_ret == BERTH_UNSET ? EPERM : (uint32_t) errno_ret;
		return true;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: %s: unknown action '%s'", where, name);
}

static const struct architecture *find_architecture(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(architectures); i++)
		if (g_str_equal(architectures[i].name, name))
			return &architectures[i];
	return NULL;
}

static bool is_used(const struct compiler *compiler, const struct architecture *architecture)
{
	for (unsigned i = 0; i < compiler->used_count; i++)
		if (compiler->used[i] == architecture)
			return true;
	return false;
}

static void use(struct compiler *compiler, const struct architecture *architecture)
{
	compiler->newest[compiler->used_count] = -1;
	compiler->used[compiler->used_count++] = architecture;
}

// The machine's own architecture is always in; others only when they are named.
static bool add_architectures(struct compiler *compiler, char **names, GError **error)
{
	G_STATIC_ASSERT(G_N_ELEMENTS(architectures) <= ARCHITECTURES_MAX);
	for (unsigned i = 0; i < G_N_ELEMENTS(architectures); i++)
		if (architectures[i].libseccomp == seccomp_arch_native())
			use(compiler, &architectures[i]);
	for (char **name = names; name && *name; name++) {
		const struct architecture *architecture = find_architecture(*name);
		if (!architecture && g_strv_contains(foreign, *name))
			continue;
		if (!architecture)
			return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: unknown architecture '%s'", *name);
		if (is_used(compiler, architecture))
			continue;
		int result = seccomp_arch_add(compiler->filter, architecture->libseccomp);
		if (result == -EDOM) // another byte order: no program of it can run here
			continue;
		if (result < 0 && result != -EEXIST)
			return berth_error_set_errno(error, -result, "seccomp: architecture %s", *name);
		use(compiler, architecture);
	}
	return true;
}

static bool convert_argument(const struct oci_syscall_argument *argument, struct scmp_arg_cmp *ret, GError **error)
{
	if (argument->index < 0 || argument->index > 5)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "seccomp: argument %" G_GINT64_FORMAT " is not between 0 and 5",
				       argument->index);
	for (unsigned i = 0; i < G_N_ELEMENTS(operators); i++) {
		if (!g_str_equal(operators[i].name, argument->op))
			continue;
		// For MASKED_EQ OCI's value is the mask and valueTwo what must come out, as libseccomp has them too.
		*ret = (struct scmp_arg_cmp){(unsigned) argument->index, operators[i].value, argument->value,
					     argument->value_two};
		return true;
	}
	return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: unknown operator '%s'", argument->op);
}

// Notes the call as known on each architecture that has it.
static void note_name(struct compiler *compiler, const char *name)
{
	for (unsigned i = 0; i < compiler->used_count; i++) {
		const struct architecture *architecture = compiler->used[i];
		int number = seccomp_syscall_resolve_name_arch(architecture->libseccomp, name);
		if (number < 0 || (uint32_t) number >= architecture->end)
			continue;
		number -= (int) architecture->base;
		compiler->newest[i] = MAX(compiler->newest[i], number);
	}
}

static bool add_call(struct compiler *compiler, const char *name, uint32_t action, const struct scmp_arg_cmp *arguments,
		     unsigned count, bool separate, GError **error)
{
	if (++compiler->names > RULES_MAX)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "seccomp: more than %d names of system calls", RULES_MAX);
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR) // not known here: left out, as the specification asks
		return true;
	note_name(compiler, name);
	if (action == compiler->default_action)
		return true;

	int result = 0;
	if (separate)
		for (unsigned i = 0; i < count && result == 0; i++)
			result = seccomp_rule_add_array(compiler->filter, action, number, 1, &arguments[i]);
	else
		result = seccomp_rule_add_array(compiler->filter, action, number, count, arguments);
	if (result == -EEXIST)
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"seccomp: system call %s: two rules with different actions contradict each other", name);
	if (result < 0)
		return berth_error_set_errno(error, -result, "seccomp: system call %s", name);
	return true;
}

static bool add_rule(struct compiler *compiler, const struct oci_syscall_rule *rule, GError **error)
{
	struct scmp_arg_cmp arguments[6 * 8];
	unsigned count = rule->args ? rule->args->len : 0;
	unsigned seen = 0;
	bool separate = false;
	uint32_t action;

	const char *where = rule->names && rule->names[0] ? rule->names[0] : "a rule without names";
	if (!find_action(rule->action, rule->errno_ret, where, &action, error))
		return false;
	if (count > G_N_ELEMENTS(arguments))
		return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: a rule with more than %zu arguments",
				       G_N_ELEMENTS(arguments));
	for (unsigned i = 0; i < count; i++) {
		if (!convert_argument(g_ptr_array_index(rule->args, i), &arguments[i], error))
			return false;
		// Two conditions on one argument mean "or", as in runc: libseccomp has them as rules of their own.
		separate = separate || (seen >> arguments[i].arg & 1);
		seen |= 1U << arguments[i].arg;
	}
	for (char **name = rule->names; name && *name; name++) {
		if (action == SCMP_ACT_NOTIFY && g_str_equal(*name, "write"))
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "seccomp: SCMP_ACT_NOTIFY for write would stop the runtime itself");
		if (!add_call(compiler, *name, action, arguments, count, separate, error))
			return false;
	}
	return true;
}

static bool build(struct compiler *compiler, const struct oci_seccomp *seccomp, GError **error)
{
	// A binary tree of jumps in place of a list.
	int result = seccomp_attr_set(compiler->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (result < 0)
		return berth_error_set_errno(error, -result, "seccomp: make a binary tree");
	if (!add_architectures(compiler, seccomp->architectures, error))
		return false;
	for (unsigned i = 0; seccomp->syscalls && i < seccomp->syscalls->len; i++)
		if (!add_rule(compiler, g_ptr_array_index(seccomp->syscalls, i), error))
			return false;
	return true;
}

static void append(GByteArray *program, uint16_t code, uint8_t when_true, uint8_t when_false, uint32_t value)
{
	struct sock_filter instruction = {code, when_true, when_false, value};
	g_byte_array_append(program, (const uint8_t *) &instruction, sizeof instruction);
}

// For each architecture: calls after the newest named one and before the end of the ordinary numbers get ENOSYS;
// everything else goes on to libseccomp's program.
static void append_newer_calls(const struct compiler *compiler, GByteArray *program)
{
	uint32_t action = compiler->default_action;

	if ((action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO || action == SCMP_ACT_ERRNO(ENOSYS))
		return;
	for (unsigned i = 0; i < compiler->used_count; i++) {
		const struct architecture *architecture = compiler->used[i];
		if (compiler->newest[i] < 0)
			continue;
		append(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
		append(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, architecture->audit);
		append(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
		append(program, BPF_JMP | BPF_JGE | BPF_K, 2, 0, architecture->end);
		append(program, BPF_JMP | BPF_JGT | BPF_K, 0, 1, architecture->base + (uint32_t) compiler->newest[i]);
		append(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
	}
}

static bool export(const struct compiler *compiler, GByteArray *program, GError **error)
{
	berth_fd memory = memfd_create("seccomp", MFD_CLOEXEC);
	if (memory < 0)
		return berth_error_set_errno(error, errno, "seccomp: make a memory file");
	int result = seccomp_export_bpf(compiler->filter, memory);
	if (result < 0)
		return berth_error_set_errno(error, -result, "seccomp: make the program");
	if (lseek(memory, 0, SEEK_SET) < 0)
		return berth_error_set_errno(error, errno, "seccomp: read the program");
	size_t length;
	g_autofree char *bytes = berth_read_fd(memory, PROGRAM_MAX, &length, "seccomp: the program", error);
	if (!bytes)
		return false;
	append_newer_calls(compiler, program);
	g_byte_array_append(program, (const uint8_t *) bytes, (unsigned) length);
	if (program->len > PROGRAM_MAX)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "seccomp: the program is longer than the kernel's %d instructions",
				       BPF_MAXINSNS);
	return true;
}

static bool compile(const struct oci_seccomp *seccomp, GByteArray *program, GError **error)
{
	struct compiler compiler = {0};

	if (!find_action(seccomp->default_action, seccomp->default_errno_ret, "the default action",
			 &compiler.default_action, error))
		return false;
	if (compiler.default_action == SCMP_ACT_NOTIFY)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "seccomp: SCMP_ACT_NOTIFY cannot be the default action");
	compiler.filter = seccomp_init(compiler.default_action);
	if (!compiler.filter)
		return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: this kernel has no action %s",
				       seccomp->default_action);
	bool good = build(&compiler, seccomp, error) && export(&compiler, program, error);
	seccomp_release(compiler.filter);
	return good;
}

bool berth_seccomp_flags(const struct oci_seccomp *seccomp, unsigned *ret, GError **error)
{
	bool notifies = berth_seccomp_notifies(seccomp);

	if (seccomp->listener_metadata && *seccomp->listener_metadata &&
	    !(seccomp->listener_path && *seccomp->listener_path))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "seccomp: listenerMetadata: there is no listenerPath that it could go to");
	*ret = 0;
	for (char **name = seccomp->flags; name && *name; name++) {
		unsigned i = 0;
		while (i < G_N_ELEMENTS(flags) && !g_str_equal(flags[i].name, *name))
			i++;
		if (i == G_N_ELEMENTS(flags))
			return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: unknown flag '%s'", *name);
		*ret |= flags[i].value;
	}
	// Without a wish: no slowing down of the whole process for speculation, as runc has it.
	if (!seccomp->flags || !*seccomp->flags)
		*ret = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	if (notifies)
		*ret |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	else
		*ret &= ~WAIT_KILLABLE_RECV; // speaks of the listener, and is refused without one
	if (notifies && (*ret & SECCOMP_FILTER_FLAG_TSYNC))
		*ret |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	return true;
}

void *berth_seccomp_compile(const struct oci_seccomp *seccomp, const char *cache_root, size_t *ret_length,
			    unsigned *ret_flags, GError **error)
{
	if (!berth_seccomp_flags(seccomp, ret_flags, error))
		return NULL;
	g_autofree char *name = cache_root ? berth_seccomp_cache_name(seccomp) : NULL;
	void *cached = name ? berth_seccomp_cache_load(cache_root, name, PROGRAM_MAX, ret_length) : NULL;
	if (cached)
		return cached;

	g_autoptr(GByteArray) program = g_byte_array_new();
	if (!compile(seccomp, program, error))
		return NULL;
	if (name)
		berth_seccomp_cache_store(cache_root, name, program->data, program->len);
	*ret_length = program->len;
	return g_byte_array_free(g_steal_pointer(&program), FALSE);
}

bool berth_seccomp_check_names(const struct oci_seccomp *seccomp, GError **error)
{
	for (unsigned i = 0; seccomp->syscalls && i < seccomp->syscalls->len; i++) {
		const struct oci_syscall_rule *rule = g_ptr_array_index(seccomp->syscalls, i);
		for (char **name = rule->names; name && *name; name++)
			if (seccomp_syscall_resolve_name(*name) == __NR_SCMP_ERROR)
				return berth_error_set(error, BERTH_ERROR_INVALID, "seccomp: unknown system call '%s'",
						       *name);
	}
	return true;
}

void *berth_seccomp_decode(const char *text, size_t *ret_length, GError **error)
{
	g_autofree void *program = g_base64_decode(text, ret_length);

	if (*ret_length == 0 || *ret_length % sizeof(struct sock_filter) != 0 || *ret_length > PROGRAM_MAX) {
		berth_error_set(error, BERTH_ERROR_INVALID, "is no program of 1 to %d instructions in base64",
				BPF_MAXINSNS);
		return NULL;
	}
	return g_steal_pointer(&program);
}

int berth_seccomp_install(const void *program, size_t length, unsigned with_flags)
{
	struct sock_fprog filter = {
		.len = (unsigned short) (length / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *) (uintptr_t) program,
	};

	if (length == 0 || length > PROGRAM_MAX || length % sizeof(struct sock_filter) != 0) {
		errno = EINVAL;
		return -1;
	}
	int result = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, with_flags, &filter);
	if (result > 0 && !(with_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)) { // a thread that could not follow (TSYNC)
		errno = ESRCH;
		return -1;
	}
	return result;
}

bool berth_seccomp_notifies(const struct oci_seccomp *seccomp)
{
	for (unsigned i = 0; seccomp->syscalls && i < seccomp->syscalls->len; i++) {
		const struct oci_syscall_rule *rule = g_ptr_array_index(seccomp->syscalls, i);
		if (g_str_equal(rule->action, "SCMP_ACT_NOTIFY"))
			return true;
	}
	return false;
}
