// SPDX-License-Identifier: Apache-2.0
// The API's documents of execs: further processes in a running container.
#pragma once

#include "base/document.h"

// The body of POST /containers/{id}/exec.
struct api_exec_config {
	char *user;
	bool privileged;
	bool tty;
	json_t *console_size; // [height, width]
	bool attach_stdin;
	bool attach_stdout;
	bool attach_stderr;
	bool detach; // accepted; the start says it
	char *detach_keys;
	char *detach_keys_lower; // the same as docker-py writes it, which Docker's reading takes, too
	char **env;
	char *working_dir;
	char **cmd;
};
extern const struct berth_document api_exec_config_document;

struct api_exec_created {
	char *id;
};
extern const struct berth_document api_exec_created_document;

// The body of POST /exec/{id}/start.
struct api_exec_start {
	bool detach;
	bool tty;
	json_t *console_size; // [height, width]
};
extern const struct berth_document api_exec_start_document;

struct api_exec_process {
	char **arguments;
	char *entrypoint;
	bool privileged;
	bool tty;
	char *user;
};
extern const struct berth_document api_exec_process_document;

struct api_exec_inspect {
	bool can_remove;
	char *container_id;
	char *detach_keys; // base64 of the keys
	int64_t exit_code; // BERTH_UNSET: it has none yet
	char *id;
	bool open_stderr;
	bool open_stdin;
	bool open_stdout;
	struct api_exec_process *process_config;
	bool running;
	int64_t pid;
};
extern const struct berth_document api_exec_inspect_document;

BERTH_DOCUMENT_AUTOPTR(api_exec_config, api_exec_config_document)
BERTH_DOCUMENT_AUTOPTR(api_exec_created, api_exec_created_document)
BERTH_DOCUMENT_AUTOPTR(api_exec_start, api_exec_start_document)
BERTH_DOCUMENT_AUTOPTR(api_exec_inspect, api_exec_inspect_document)
