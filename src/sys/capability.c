// SPDX-License-Identifier: Apache-2.0
#include "sys/capability.h"

#include "base/error.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

int berth_capability_number(const char *name)
{
	const char *prefix = "CAP_";

	if (strncasecmp(name, prefix, strlen(prefix)) == 0)
		name += strlen(prefix);
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcasecmp(name, names[i] + strlen(prefix)) == 0)
			return (int) i;
	return -1;
}

const char *berth_capability_name(int number)
{
	return number >= 0 && (size_t) number < G_N_ELEMENTS(names) ? names[number] : NULL;
}

// prctl() knows the capabilities from 0 to the last; halving finds the end in six calls, and without /proc.
int berth_capability_last(void)
{
	int low = 0, high = 64;

	while (high - low > 1) {
		int middle = (low + high) / 2;
		if (prctl(PR_CAPBSET_READ, middle, 0, 0, 0) >= 0)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool is_in(uint64_t set, int capability)
{
	return set >> capability & 1;
}

bool berth_capabilities_bound(const struct berth_capabilities *wanted, GError **error)
{
	int last = berth_capability_last();

	for (int i = 0; i <= last; i++) {
		if (is_in(wanted->bounding, i) || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		int errnum = errno;
		// Who may drop nothing has perhaps nothing to drop.
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			return berth_error_set_errno(error, errnum, "drop capability %s (%d) from the bounding set",
						     berth_capability_name(i) ? berth_capability_name(i) : "", i);
	}
	return true;
}

static uint64_t join_halves(uint32_t low, uint32_t high)
{
	return (uint64_t) high << 32 | low;
}

static uint64_t read_bounding(void)
{
	uint64_t set = 0;

	for (int i = 0, last = berth_capability_last(); i <= last; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= UINT64_C(1) << i;
	return set;
}

static bool raise_ambient(uint64_t set, GError **error)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return berth_error_set_errno(error, errno, "clear the ambient capabilities");
	for (int i = 0; i < 64; i++)
		if (is_in(set, i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return berth_error_set_errno(error, errno, "make capability %d ambient", i);
	return true;
}

bool berth_capabilities_apply(const struct berth_capabilities *wanted, uint64_t *ret_missing, GError **error)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return berth_error_set_errno(error, errno, "read the capabilities");
	uint64_t old_permitted = join_halves(data[0].permitted, data[1].permitted);
	uint64_t old_inheritable = join_halves(data[0].inheritable, data[1].inheritable);

	// capset(2)'s rules: nothing new becomes permitted, inheritable is at most that, what it was and the bounding
	// set.
	uint64_t permitted = wanted->permitted & old_permitted;
	uint64_t effective = wanted->effective & permitted;
	uint64_t inheritable = wanted->inheritable & (old_inheritable | old_permitted);
	if (inheritable & ~old_inheritable)
		inheritable &= old_inheritable | read_bounding();
	uint64_t ambient = wanted->ambient & permitted & inheritable;

	for (int half = 0; half < 2; half++) {
		data[half].permitted = (uint32_t) (permitted >> (32 * half));
		data[half].effective = (uint32_t) (effective >> (32 * half));
		data[half].inheritable = (uint32_t) (inheritable >> (32 * half));
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return berth_error_set_errno(error, errno, "set the capabilities");
	if (!raise_ambient(ambient, error))
		return false;
	// Buildah asks for ambient ones that it does not make inheritable, with every step: nobody can give those.
	uint64_t possible = wanted->ambient & wanted->permitted & wanted->inheritable;
	if (ret_missing)
		*ret_missing = (wanted->permitted & ~permitted) | (wanted->effective & ~effective) |
			       (wanted->inheritable & ~inheritable) | (possible & ~ambient);
	return true;
}
