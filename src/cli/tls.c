// SPDX-License-Identifier: Apache-2.0
#include "cli/tls.h"

#include "base/error.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/context.h"

#include <string.h>
#include <unistd.h>

#define PROGRAM "berth-tls"

struct wanted {
	bool on, verify;
	char *files[BERTH_TLS_FILES]; // authority, certificate, key; NULL: none
};

static bool is_set(const char *name)
{
	const char *value = g_getenv(name);

	return value && *value;
}

static void wanted_clear(struct wanted *wanted)
{
	for (size_t i = 0; i < BERTH_TLS_FILES; i++)
		g_free(wanted->files[i]);
}

// A file that nobody named is used if it is there.
static char *if_there(const char *folder, const char *name)
{
	char *path = g_build_filename(folder, name, NULL);

	if (access(path, F_OK) == 0)
		return path;
	g_free(path);
	return NULL;
}

const char *const berth_tls_variables[BERTH_TLS_FILES] = {"BERTH_TLSCACERT", "BERTH_TLSCERT", "BERTH_TLSKEY"};

// By flags and environment.
static void want_default(const struct berth_cli *cli, struct wanted *wanted)
{
	const char *named[] = {cli->tls.authority, cli->tls.certificate, cli->tls.key};
	const char *environment = g_getenv("DOCKER_CERT_PATH");
	g_autofree char *own = berth_config_folder(cli);
	const char *folder = environment && *environment ? environment : own;

	for (size_t i = 0; i < BERTH_TLS_FILES; i++)
		named[i] = named[i] ? named[i] : g_getenv(berth_tls_variables[i]);
	wanted->verify = cli->tls.verify || is_set("DOCKER_TLS_VERIFY");
	wanted->on = wanted->verify || cli->tls.on || is_set("DOCKER_TLS") || named[0] || named[1] || named[2];
	for (size_t i = 0; i < BERTH_TLS_FILES && wanted->on; i++)
		wanted->files[i] = named[i] ? g_strdup(named[i]) : if_there(folder, berth_context_tls_files[i]);
}

// By the files of a context; one that has none is spoken to in the clear.
static bool want_context(const struct berth_cli *cli, struct wanted *wanted, GError **error)
{
	g_autofree char *top = berth_context_tls_folder(cli, cli->context);
	g_autofree char *folder = g_build_filename(top, "docker", NULL);
	BERTH_AUTO_JSON json_t *context = berth_context_load(cli, cli->context, error);

	if (!context)
		return false;
	const json_t *endpoint = json_object_get(json_object_get(context, "Endpoints"), "docker");
	bool skip = json_is_true(json_object_get(endpoint, "SkipTLSVerify"));
	for (size_t i = 0; i < BERTH_TLS_FILES; i++) {
		wanted->files[i] = if_there(folder, berth_context_tls_files[i]);
		wanted->on = wanted->on || wanted->files[i];
	}
	wanted->on = wanted->on || skip;
	wanted->verify = !skip;
	return true;
}

static char *find_program(GError **error)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

	self[MAX(length, 0)] = 0;
	g_autofree char *folder = g_path_get_dirname(self);
	g_autofree char *beside = g_build_filename(folder, PROGRAM, NULL);
	g_autofree char *libexec = g_build_filename(folder, "..", "libexec", "berth", PROGRAM, NULL);
	if (access(beside, X_OK) == 0)
		return g_steal_pointer(&beside);
	if (access(libexec, X_OK) == 0)
		return g_steal_pointer(&libexec);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "program " PROGRAM ", which speaks TLS: is neither %s nor %s",
			beside, libexec);
	return NULL;
}

static bool check(const struct wanted *wanted, GError **error)
{
	static const char *const flags[] = {"--tlscacert", "--tlscert", "--tlskey"};

	for (size_t i = 0; i < BERTH_TLS_FILES; i++)
		if (wanted->files[i] && access(wanted->files[i], R_OK) < 0)
			return berth_error_set(error, BERTH_ERROR_INVALID, "could not read %s (%s): %s",
					       wanted->files[i], flags[i], g_strerror(errno));
	if (!wanted->files[1] != !wanted->files[2])
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "a TLS certificate and its key go together: there is only %s",
				       wanted->files[wanted->files[1] ? 1 : 2]);
	return true;
}

static bool set_up(struct berth_cli *cli, const struct wanted *wanted, GError **error)
{
	g_autofree char *program = check(wanted, error) ? find_program(error) : NULL;
	const char *files[BERTH_TLS_FILES];

	if (!program)
		return false;
	for (size_t i = 0; i < BERTH_TLS_FILES; i++)
		files[i] = wanted->files[i] ? wanted->files[i] : "";
	const char *const words[] = {program, wanted->verify ? "verify" : "trust", files[0], files[1], files[2], NULL};
	berth_client_speak_tls(cli->client, words);
	return true;
}

bool berth_tls_connect(struct berth_cli *cli, GError **error)
{
	struct wanted wanted = {0};
	bool fine = true;

	if (!berth_client_is_tcp(cli->client))
		return true;
	if (strcmp(cli->context, BERTH_CONTEXT_DEFAULT) == 0)
		want_default(cli, &wanted);
	else
		fine = want_context(cli, &wanted, error);
	fine = fine && (!wanted.on || set_up(cli, &wanted, error));
	wanted_clear(&wanted);
	return fine;
}
