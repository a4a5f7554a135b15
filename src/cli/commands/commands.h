// SPDX-License-Identifier: Apache-2.0
// All commands; cli/commands.c gives them their names.
#pragma once

#include "cli/command.h"

extern const struct berth_command berth_command_builder_mount_export, berth_command_builder_mount_import;
extern const struct berth_command berth_command_build, berth_command_builder_du, berth_command_builder_inspect,
	berth_command_builder_ls, berth_command_builder_prune, berth_command_context_create,
	berth_command_context_export, berth_command_context_import, berth_command_context_inspect,
	berth_command_context_ls, berth_command_context_rm, berth_command_context_show, berth_command_context_update,
	berth_command_context_use, berth_command_dial_stdio, berth_command_doctor;
extern const struct berth_command berth_command_attach, berth_command_bootstrap, berth_command_complete,
	berth_command_completion, berth_command_container_inspect, berth_command_container_prune, berth_command_create,
	berth_command_df, berth_command_events, berth_command_exec, berth_command_generate_systemd,
	berth_command_help_text, berth_command_history, berth_command_image_inspect, berth_command_image_prune,
	berth_command_image_tree, berth_command_images, berth_command_import, berth_command_info, berth_command_inspect,
	berth_command_kill, berth_command_load, berth_command_login, berth_command_logout, berth_command_logs,
	berth_command_man, berth_command_manifest_annotate, berth_command_manifest_create,
	berth_command_manifest_inspect, berth_command_manifest_push, berth_command_manifest_rm,
	berth_command_network_connect, berth_command_network_create, berth_command_network_disconnect,
	berth_command_network_inspect, berth_command_network_ls, berth_command_network_prune, berth_command_network_rm,
	berth_command_pause, berth_command_port, berth_command_ps, berth_command_pull, berth_command_push,
	berth_command_rename, berth_command_restart, berth_command_rm, berth_command_rmi, berth_command_run,
	berth_command_save, berth_command_search, berth_command_secret_create, berth_command_secret_inspect,
	berth_command_secret_ls, berth_command_secret_rm, berth_command_secret_update, berth_command_start,
	berth_command_stats, berth_command_stop, berth_command_system_check, berth_command_system_prune,
	berth_command_tag, berth_command_top, berth_command_unpause, berth_command_update, berth_command_version,
	berth_command_volume_clone, berth_command_volume_create, berth_command_volume_export,
	berth_command_volume_import, berth_command_volume_inspect, berth_command_volume_ls, berth_command_volume_prune,
	berth_command_volume_rm, berth_command_wait;
// checkpoint.c
extern const struct berth_command berth_command_checkpoint_create, berth_command_checkpoint_ls,
	berth_command_checkpoint_rm;
// cp.c, files.c
extern const struct berth_command berth_command_commit, berth_command_cp, berth_command_diff, berth_command_export;
