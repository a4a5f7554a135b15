// SPDX-License-Identifier: Apache-2.0
// The fields of the API's documents of execs.
#include "spec/api-exec.h"

#define CONFIG struct api_exec_config
static const struct berth_field config_fields[] = {
	BERTH_STRING(CONFIG, user, "User", BERTH_OMIT_EMPTY),
	BERTH_BOOL(CONFIG, privileged, "Privileged", BERTH_OMIT_EMPTY),
	BERTH_BOOL(CONFIG, tty, "Tty", 0),
	BERTH_JSON(CONFIG, console_size, "ConsoleSize", BERTH_OMIT_EMPTY),
	BERTH_BOOL(CONFIG, attach_stdin, "AttachStdin", 0),
	BERTH_BOOL(CONFIG, attach_stdout, "AttachStdout", 0),
	BERTH_BOOL(CONFIG, attach_stderr, "AttachStderr", 0),
	BERTH_BOOL(CONFIG, detach, "Detach", BERTH_OMIT_EMPTY),
	BERTH_STRING(CONFIG, detach_keys, "DetachKeys", BERTH_OMIT_EMPTY),
	BERTH_STRING(CONFIG, detach_keys_lower, "detachKeys", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(CONFIG, env, "Env", BERTH_OMIT_EMPTY),
	BERTH_STRING(CONFIG, working_dir, "WorkingDir", BERTH_OMIT_EMPTY),
	BERTH_STRINGS(CONFIG, cmd, "Cmd", 0),
	{0},
};
const struct berth_document api_exec_config_document = {"exec", sizeof(CONFIG), config_fields};

static const struct berth_field created_fields[] = {
	BERTH_STRING(struct api_exec_created, id, "Id", 0),
	{0},
};
const struct berth_document api_exec_created_document = {"created exec", sizeof(struct api_exec_created),
							 created_fields};

#define START struct api_exec_start
static const struct berth_field start_fields[] = {
	BERTH_BOOL(START, detach, "Detach", 0),
	BERTH_BOOL(START, tty, "Tty", 0),
	BERTH_JSON(START, console_size, "ConsoleSize", BERTH_OMIT_EMPTY),
	{0},
};
const struct berth_document api_exec_start_document = {"exec start", sizeof(START), start_fields};

#define PROCESS struct api_exec_process
static const struct berth_field process_fields[] = {
	BERTH_STRINGS(PROCESS, arguments, "arguments", 0),     BERTH_STRING(PROCESS, entrypoint, "entrypoint", 0),
	BERTH_BOOL(PROCESS, privileged, "privileged", 0),      BERTH_BOOL(PROCESS, tty, "tty", 0),
	BERTH_STRING(PROCESS, user, "user", BERTH_OMIT_EMPTY), {0},
};
const struct berth_document api_exec_process_document = {"process of an exec", sizeof(PROCESS), process_fields};

#define INSPECT struct api_exec_inspect
static const struct berth_field inspect_fields[] = {
	BERTH_BOOL(INSPECT, can_remove, "CanRemove", 0),
	BERTH_STRING(INSPECT, container_id, "ContainerID", 0),
	BERTH_STRING(INSPECT, detach_keys, "DetachKeys", 0),
	BERTH_INT64_UNSET(INSPECT, exit_code, "ExitCode", BERTH_NULL_EMPTY),
	BERTH_STRING(INSPECT, id, "ID", 0),
	BERTH_BOOL(INSPECT, open_stderr, "OpenStderr", 0),
	BERTH_BOOL(INSPECT, open_stdin, "OpenStdin", 0),
	BERTH_BOOL(INSPECT, open_stdout, "OpenStdout", 0),
	BERTH_OBJECT(INSPECT, process_config, "ProcessConfig", &api_exec_process_document, 0),
	BERTH_BOOL(INSPECT, running, "Running", 0),
	BERTH_INT64(INSPECT, pid, "Pid", 0),
	{0},
};
const struct berth_document api_exec_inspect_document = {"exec's state", sizeof(INSPECT), inspect_fields};
