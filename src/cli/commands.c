// SPDX-License-Identifier: Apache-2.0
// The names of the commands, in the order in which help lists them.
#include "cli/commands/commands.h"

static const struct berth_command_entry container_commands[] = {
	{"attach", &berth_command_attach, false},
	{"commit", &berth_command_commit, false},
	{"cp", &berth_command_cp, false},
	{"create", &berth_command_create, false},
	{"diff", &berth_command_diff, false},
	{"exec", &berth_command_exec, false},
	{"export", &berth_command_export, false},
	{"inspect", &berth_command_container_inspect, false},
	{"kill", &berth_command_kill, false},
	{"list", &berth_command_ps, true},
	{"logs", &berth_command_logs, false},
	{"ls", &berth_command_ps, false},
	{"pause", &berth_command_pause, false},
	{"port", &berth_command_port, false},
	{"prune", &berth_command_container_prune, false},
	{"ps", &berth_command_ps, true},
	{"remove", &berth_command_rm, true},
	{"rename", &berth_command_rename, false},
	{"restart", &berth_command_restart, false},
	{"rm", &berth_command_rm, false},
	{"run", &berth_command_run, false},
	{"start", &berth_command_start, false},
	{"stats", &berth_command_stats, false},
	{"stop", &berth_command_stop, false},
	{"top", &berth_command_top, false},
	{"unpause", &berth_command_unpause, false},
	{"update", &berth_command_update, false},
	{"wait", &berth_command_wait, false},
	{0},
};

static const struct berth_command_entry builder_mount_commands[] = {
	{"export", &berth_command_builder_mount_export, false},
	{"import", &berth_command_builder_mount_import, false},
	{0},
};

static const struct berth_command builder_mount_group = {.summary = "Manage cache mounts of builds",
							 .commands = builder_mount_commands};

static const struct berth_command_entry builder_commands[] = {
	{"build", &berth_command_build, false},
	{"du", &berth_command_builder_du, false},
	{"inspect", &berth_command_builder_inspect, false},
	{"ls", &berth_command_builder_ls, false},
	{"mount", &builder_mount_group, false},
	{"prune", &berth_command_builder_prune, false},
	{0},
};

static const struct berth_command_entry checkpoint_commands[] = {
	{"create", &berth_command_checkpoint_create, false}, {"list", &berth_command_checkpoint_ls, true},
	{"ls", &berth_command_checkpoint_ls, false},         {"remove", &berth_command_checkpoint_rm, true},
	{"rm", &berth_command_checkpoint_rm, false},         {0},
};

static const struct berth_command_entry context_commands[] = {
	{"create", &berth_command_context_create, false}, {"export", &berth_command_context_export, false},
	{"import", &berth_command_context_import, false}, {"inspect", &berth_command_context_inspect, false},
	{"list", &berth_command_context_ls, true},        {"ls", &berth_command_context_ls, false},
	{"remove", &berth_command_context_rm, true},      {"rm", &berth_command_context_rm, false},
	{"show", &berth_command_context_show, false},     {"update", &berth_command_context_update, false},
	{"use", &berth_command_context_use, false},       {0},
};

static const struct berth_command_entry image_commands[] = {
	{"bootstrap", &berth_command_bootstrap, false},
	{"build", &berth_command_build, false},
	{"history", &berth_command_history, false},
	{"import", &berth_command_import, false},
	{"inspect", &berth_command_image_inspect, false},
	{"list", &berth_command_images, true},
	{"load", &berth_command_load, false},
	{"ls", &berth_command_images, false},
	{"prune", &berth_command_image_prune, false},
	{"pull", &berth_command_pull, false},
	{"push", &berth_command_push, false},
	{"remove", &berth_command_rmi, true},
	{"rm", &berth_command_rmi, false},
	{"save", &berth_command_save, false},
	{"tag", &berth_command_tag, false},
	{"tree", &berth_command_image_tree, false},
	{0},
};

static const struct berth_command_entry manifest_commands[] = {
	{"annotate", &berth_command_manifest_annotate, false},
	{"create", &berth_command_manifest_create, false},
	{"inspect", &berth_command_manifest_inspect, false},
	{"push", &berth_command_manifest_push, false},
	{"rm", &berth_command_manifest_rm, false},
	{0},
};

static const struct berth_command_entry network_commands[] = {
	{"connect", &berth_command_network_connect, false},
	{"create", &berth_command_network_create, false},
	{"disconnect", &berth_command_network_disconnect, false},
	{"inspect", &berth_command_network_inspect, false},
	{"list", &berth_command_network_ls, true},
	{"ls", &berth_command_network_ls, false},
	{"prune", &berth_command_network_prune, false},
	{"remove", &berth_command_network_rm, true},
	{"rm", &berth_command_network_rm, false},
	{0},
};

static const struct berth_command_entry secret_commands[] = {
	{"create", &berth_command_secret_create, false}, {"inspect", &berth_command_secret_inspect, false},
	{"list", &berth_command_secret_ls, true},        {"ls", &berth_command_secret_ls, false},
	{"remove", &berth_command_secret_rm, true},      {"rm", &berth_command_secret_rm, false},
	{"update", &berth_command_secret_update, false}, {0},
};

static const struct berth_command_entry volume_commands[] = {
	{"clone", &berth_command_volume_clone, false},
	{"create", &berth_command_volume_create, false},
	{"export", &berth_command_volume_export, false},
	{"import", &berth_command_volume_import, false},
	{"inspect", &berth_command_volume_inspect, false},
	{"list", &berth_command_volume_ls, true},
	{"ls", &berth_command_volume_ls, false},
	{"prune", &berth_command_volume_prune, false},
	{"remove", &berth_command_volume_rm, true},
	{"rm", &berth_command_volume_rm, false},
	{0},
};

static const struct berth_command_entry system_commands[] = {
	{"check", &berth_command_system_check, false},
	{"df", &berth_command_df, false},
	{"dial-stdio", &berth_command_dial_stdio, true},
	{"events", &berth_command_events, false},
	{"info", &berth_command_info, false},
	{"prune", &berth_command_system_prune, false},
	{0},
};

static const struct berth_command_entry generate_commands[] = {
	{"systemd", &berth_command_generate_systemd, false},
	{0},
};

static const struct berth_command builder_group = {.summary = "Manage builds", .commands = builder_commands};
static const struct berth_command context_group = {.summary = "Manage contexts", .commands = context_commands};
static const struct berth_command checkpoint_group = {.summary = "Manage checkpoints", .commands = checkpoint_commands};
static const struct berth_command container_group = {.summary = "Manage containers", .commands = container_commands};
static const struct berth_command generate_group = {.summary = "Print what others need to run containers",
						    .commands = generate_commands};
static const struct berth_command image_group = {.summary = "Manage images", .commands = image_commands};
static const struct berth_command manifest_group = {.summary = "Manage image manifests and manifest lists",
						    .commands = manifest_commands};
static const struct berth_command network_group = {.summary = "Manage networks", .commands = network_commands};
static const struct berth_command secret_group = {.summary = "Manage secrets of containers",
						  .commands = secret_commands};
static const struct berth_command volume_group = {.summary = "Manage volumes", .commands = volume_commands};
static const struct berth_command system_group = {.summary = "Manage the engine", .commands = system_commands};

const struct berth_command_entry berth_commands[] = {
	{"builder", &builder_group, false},
	{"buildx", &builder_group, true},
	{"checkpoint", &checkpoint_group, false},
	{"container", &container_group, false},
	{"context", &context_group, false},
	{"image", &image_group, false},
	{"manifest", &manifest_group, false},
	{"network", &network_group, false},
	{"secret", &secret_group, false},
	{"system", &system_group, false},
	{"volume", &volume_group, false},
	{"attach", &berth_command_attach, false},
	{"build", &berth_command_build, false},
	{"commit", &berth_command_commit, false},
	{"completion", &berth_command_completion, false},
	{"cp", &berth_command_cp, false},
	{"create", &berth_command_create, false},
	{"diff", &berth_command_diff, false},
	{"doctor", &berth_command_doctor, false},
	{"events", &berth_command_events, false},
	{"exec", &berth_command_exec, false},
	{"export", &berth_command_export, false},
	{"generate", &generate_group, false},
	{"help", &berth_command_help_text, false},
	{"history", &berth_command_history, false},
	{"images", &berth_command_images, false},
	{"import", &berth_command_import, false},
	{"info", &berth_command_info, false},
	{"inspect", &berth_command_inspect, false},
	{"kill", &berth_command_kill, false},
	{"load", &berth_command_load, false},
	{"login", &berth_command_login, false},
	{"logout", &berth_command_logout, false},
	{"logs", &berth_command_logs, false},
	{"man", &berth_command_man, false},
	{"pause", &berth_command_pause, false},
	{"port", &berth_command_port, false},
	{"ps", &berth_command_ps, false},
	{"pull", &berth_command_pull, false},
	{"push", &berth_command_push, false},
	{"rename", &berth_command_rename, false},
	{"restart", &berth_command_restart, false},
	{"rm", &berth_command_rm, false},
	{"rmi", &berth_command_rmi, false},
	{"run", &berth_command_run, false},
	{"save", &berth_command_save, false},
	{"search", &berth_command_search, false},
	{"start", &berth_command_start, false},
	{"stats", &berth_command_stats, false},
	{"stop", &berth_command_stop, false},
	{"tag", &berth_command_tag, false},
	{"top", &berth_command_top, false},
	{"unpause", &berth_command_unpause, false},
	{"update", &berth_command_update, false},
	{"version", &berth_command_version, false},
	{"wait", &berth_command_wait, false},
	{"__complete", &berth_command_complete, true},
	{0},
};
