// SPDX-License-Identifier: Apache-2.0
#include "build/dockerfile/tests/dump.h"

static void add_words(GString *out, const char *const *words)
{
	for (; words && *words; words++)
		g_string_append_printf(out, " [%s]", *words);
}

static void add_command(GString *out, const struct berth_dockerfile_command *command)
{
	g_string_append(out, command->shell ? " shell" : " exec");
	add_words(out, command->words);
}

static void add_text(GString *out, const char *name, const char *value)
{
	if (value)
		g_string_append_printf(out, " %s=%s", name, value);
}

static void add_flag(GString *out, const char *name, bool given, bool value)
{
	if (given)
		g_string_append_printf(out, " %s=%s", name, value ? "yes" : "no");
}

static void add_run(GString *out, const struct berth_dockerfile_run *run)
{
	static const char *const networks[] = {"default", "none", "host"};

	add_command(out, &run->command);
	add_flag(out, "script", run->script, true);
	add_flag(out, "insecure", run->insecure, true);
	if (run->network_given)
		add_text(out, "network", networks[run->network]);
	for (const char *const *mount = run->mount_texts; *mount; mount++)
		add_text(out, "mount", *mount);
	for (const char *const *device = run->devices; *device; device++)
		add_text(out, "device", *device);
}

static void add_copy(GString *out, const struct berth_dockerfile_copy *copy)
{
	add_words(out, copy->sources);
	add_text(out, "to", copy->destination);
	add_text(out, "from", copy->from);
	add_text(out, "chown", copy->chown);
	add_text(out, "chmod", copy->chmod);
	add_text(out, "checksum", copy->checksum);
	for (const char *const *exclude = copy->excludes; *exclude; exclude++)
		add_text(out, "exclude", *exclude);
	add_flag(out, "link", copy->link, true);
	add_flag(out, "parents", copy->parents, true);
	add_flag(out, "keep", copy->keep_git_dir_given, copy->keep_git_dir);
	add_flag(out, "unpack", copy->unpack_given, copy->unpack);
}

static void add_health(GString *out, const struct berth_dockerfile_healthcheck *health)
{
	if (health->type == BERTH_DOCKERFILE_HEALTH_NONE) {
		g_string_append(out, " none");
		return;
	}
	add_command(out, &health->command);
	g_string_append_printf(out, " %lldms %lldms %lldms %lldms %d", (long long) health->interval / 1000000,
			       (long long) health->timeout / 1000000, (long long) health->start_period / 1000000,
			       (long long) health->start_interval / 1000000, health->retries);
}

static void add_instruction(GString *out, const struct berth_dockerfile_instruction *instruction)
{
	g_string_append_printf(out, "%u-%u %s", instruction->first_line, instruction->last_line,
			       berth_dockerfile_about(instruction->kind)->name);
	switch (instruction->kind) {
	case BERTH_DOCKERFILE_ADD:
	case BERTH_DOCKERFILE_COPY:
		add_copy(out, &instruction->copy);
		break;
	case BERTH_DOCKERFILE_ARG:
	case BERTH_DOCKERFILE_ENV:
	case BERTH_DOCKERFILE_LABEL:
		for (unsigned i = 0; i < instruction->pairs.count; i++) {
			const struct berth_dockerfile_pair *pair = &instruction->pairs.items[i];
			g_string_append_printf(out, " [%s%s%s]%s", pair->key, pair->value ? "=" : "",
					       pair->value ? pair->value : "", pair->legacy ? "old" : "");
			add_text(out, "comment", pair->comment);
		}
		break;
	case BERTH_DOCKERFILE_CMD:
	case BERTH_DOCKERFILE_ENTRYPOINT:
		add_command(out, &instruction->command);
		break;
	case BERTH_DOCKERFILE_EXPOSE:
	case BERTH_DOCKERFILE_SHELL:
	case BERTH_DOCKERFILE_VOLUME:
		add_words(out, instruction->words);
		break;
	case BERTH_DOCKERFILE_HEALTHCHECK:
		add_health(out, &instruction->healthcheck);
		break;
	case BERTH_DOCKERFILE_RUN:
		add_run(out, &instruction->run);
		break;
	default:
		g_string_append_printf(out, " <%s>", instruction->value);
	}
	for (unsigned i = 0; i < instruction->heredocs_count; i++) {
		const struct berth_dockerfile_heredoc *heredoc = &instruction->heredocs[i];
		g_string_append_printf(out, " %u<<%s%s%s{%s}", heredoc->fd, heredoc->chomp ? "-" : "", heredoc->name,
				       heredoc->expand ? "" : "'", heredoc->text);
	}
	g_string_append_c(out, '\n');
}

char *dump(const berth_dockerfile *file)
{
	GString *out = g_string_new(NULL);

	for (unsigned i = 0; i < file->arguments_count; i++)
		add_instruction(out, &file->arguments[i]);
	for (unsigned i = 0; i < file->stages_count; i++) {
		const struct berth_dockerfile_stage *stage = &file->stages[i];
		g_string_append_printf(out, "%u-%u FROM %s", stage->first_line, stage->last_line, stage->base);
		add_text(out, "as", stage->name);
		add_text(out, "platform", stage->platform);
		add_text(out, "comment", stage->comment);
		g_string_append_c(out, '\n');
		for (unsigned j = 0; j < stage->count; j++)
			add_instruction(out, &stage->instructions[j]);
	}
	return g_string_free(out, FALSE);
}
