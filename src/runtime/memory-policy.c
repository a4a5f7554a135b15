// SPDX-License-Identifier: Apache-2.0
// linux.memoryPolicy: from which memory nodes the process gets its pages (set_mempolicy(2)). The process sets it
// itself, last before its program, which inherits it.
#include "runtime/setup.h"

#include "base/error.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WEIGHTED_INTERLEAVE 6 // MPOL_WEIGHTED_INTERLEAVE, Linux 6.9

static const struct {
	const char *name;
	unsigned value;
	bool takes_nodes, needs_nodes;
} modes[] = {
	{"MPOL_DEFAULT", MPOL_DEFAULT, false, false},     {"MPOL_BIND", MPOL_BIND, true, true},
	{"MPOL_INTERLEAVE", MPOL_INTERLEAVE, true, true}, {"MPOL_WEIGHTED_INTERLEAVE", WEIGHTED_INTERLEAVE, true, true},
	{"MPOL_PREFERRED", MPOL_PREFERRED, true, false},  {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY, true, true},
	{"MPOL_LOCAL", MPOL_LOCAL, false, false},
};

static const struct {
	const char *name;
	unsigned value;
} flags[] = {
	{"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING},
	{"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
	{"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
};

static bool add_flags(char *const *names, unsigned *mode, GError **error)
{
	for (; names && *names; names++) {
		size_t i = 0;
		while (i < G_N_ELEMENTS(flags) && !g_str_equal(flags[i].name, *names))
			i++;
		if (i == G_N_ELEMENTS(flags))
			return berth_error_set(error, BERTH_ERROR_INVALID, "linux.memoryPolicy.flags: %s is not known",
					       *names);
		*mode |= flags[i].value;
	}
	return true;
}

static bool convert(const struct oci_memory_policy *wanted, unsigned *ret_mode, cpu_set_t *ret_nodes, GError **error)
{
	const char *name = wanted->mode ? wanted->mode : "";
	bool given = wanted->nodes && *wanted->nodes;
	size_t i = 0;

	while (i < G_N_ELEMENTS(modes) && !g_str_equal(modes[i].name, name))
		i++;
	if (i == G_N_ELEMENTS(modes))
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.memoryPolicy.mode: %s is not known", name);
	if (given && !modes[i].takes_nodes)
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.memoryPolicy.nodes: %s has none", name);
	if (!given && modes[i].needs_nodes)
		return berth_error_set(error, BERTH_ERROR_INVALID, "linux.memoryPolicy.nodes: %s needs them", name);
	CPU_ZERO(ret_nodes);
	// Kernel's lists of nodes are written as those of processors.
	if (given && !berth_affinity_parse(wanted->nodes, ret_nodes))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "linux.memoryPolicy.nodes: \"%s\" is no list of nodes like 0-3,7",
				       wanted->nodes);
	*ret_mode = modes[i].value;
	return add_flags(wanted->flags, ret_mode, error);
}

bool berth_memory_policy_check(const struct oci_memory_policy *wanted, GError **error)
{
	unsigned mode;
	cpu_set_t nodes;

	return !wanted || convert(wanted, &mode, &nodes, error);
}

bool berth_memory_policy_set(const struct oci_memory_policy *wanted, GError **error)
{
	unsigned mode;
	cpu_set_t nodes;

	if (!wanted)
		return true;
	if (!convert(wanted, &mode, &nodes, error))
		return false;
	// The kernel takes the number of bits and one.
	if (syscall(SYS_set_mempolicy, (int) mode, CPU_COUNT(&nodes) ? &nodes : NULL,
		    CPU_COUNT(&nodes) ? CPU_SETSIZE + 1 : 0) < 0)
		return berth_error_set_errno(error, errno, "linux.memoryPolicy: %s of nodes \"%s\"", wanted->mode,
					     wanted->nodes ? wanted->nodes : "");
	return true;
}
