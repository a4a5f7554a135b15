// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec-record.h"

#include "runtime/state.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

static const struct berth_field record_fields[] = {
	BERTH_OBJECT(struct berth_exec_record, process, "process", &oci_process_document, BERTH_OMIT_EMPTY),
	BERTH_STRING(struct berth_exec_record, chroot, "chroot", BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_exec_record, personality, "personality", &oci_personality_document, BERTH_OMIT_EMPTY),
	BERTH_OBJECT(struct berth_exec_record, memory_policy, "memoryPolicy", &oci_memory_policy_document,
		     BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_exec_record, no_new_keyring, "noNewKeyring", BERTH_OMIT_EMPTY),
	BERTH_BOOL(struct berth_exec_record, filter, "filter", BERTH_OMIT_EMPTY),
	BERTH_UINT64(struct berth_exec_record, filter_flags, "filterFlags", BERTH_OMIT_EMPTY),
	BERTH_OBJECTS(struct berth_exec_record, uid_mappings, "uidMappings", &oci_id_mapping_document,
		      BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document berth_exec_record_document = {BERTH_STATE_EXEC, sizeof(struct berth_exec_record),
							  record_fields};

char *berth_exec_record_text(const struct berth_setup *setup)
{
	const struct oci_root *root = setup->config->root;
	const char *path = setup->root_path ? setup->root_path : root ? root->path : "/";
	bool joined = setup->joined_namespaces & CLONE_NEWNS && !g_str_equal(path, "/");
	struct berth_exec_record record = {
		.process = setup->config->process,
		.chroot = joined ? (char *) path : NULL,
		.personality = setup->section->personality,
		.memory_policy = setup->section->memory_policy,
		.no_new_keyring = setup->create->no_new_keyring,
		.filter = setup->seccomp != NULL,
		.filter_flags = setup->seccomp_flags,
		.uid_mappings = setup->section->uid_mappings,
	};

	return berth_document_print_text(&berth_exec_record_document, &record, 0);
}

// Nobody reads the files before the container's creator is done, and they lie where nothing outlives the machine.
static bool write_new(int folder, const char *name, const void *data, size_t length, GError **error)
{
	berth_fd fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "make %s", name);
	return berth_write_all(fd, data, length, name, error);
}

bool berth_exec_record_write(int folder, const struct berth_setup *setup, const char *text, GError **error)
{
	return (!setup->seccomp ||
		write_new(folder, BERTH_STATE_FILTER, setup->seccomp, setup->seccomp_length, error)) &&
	       write_new(folder, BERTH_STATE_EXEC, text, strlen(text), error);
}

struct berth_exec_record *berth_exec_record_read(int folder, const char *id, GError **error)
{
	g_autoptr(GError) problem = NULL;
	size_t length = 0;
	g_autofree char *text = berth_read_file_at(folder, BERTH_STATE_EXEC, BERTH_LIMIT_JSON, &length, &problem);

	if (text)
		return berth_document_parse_text(&berth_exec_record_document, text, length, BERTH_STATE_EXEC, error);
	if (g_error_matches(problem, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
		berth_error_set(error, BERTH_ERROR_CONFLICT, "container %s is not running: it is being created", id);
	else
		g_propagate_prefixed_error(error, g_steal_pointer(&problem), "container %s: ", id);
	return NULL;
}

void *berth_exec_record_filter(int folder, const char *id, size_t *ret_length, GError **error)
{
	void *program = berth_read_file_at(folder, BERTH_STATE_FILTER, BERTH_LIMIT_JSON, ret_length, error);

	if (!program)
		g_prefix_error(error, "container %s: ", id);
	return program;
}
