// SPDX-License-Identifier: Apache-2.0
#include "build/context/tests/garden.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

const char garden_plain[] =
	"git init -q r; cd r; mkdir d; echo one >f; echo run >d/x; chmod 755 d/x; ln -s ../f d/l; ln -s d s\n"
	"ln -s / root; ln -s ../.. d/up; git add .; git commit -qm one; git tag v1; git tag -am two v2\n"
	"git checkout -qb other; echo two >f; git commit -qam two; git checkout -q main; git rev-parse other "
	">../commit";

static void shell(const struct garden *garden, const char *script)
{
	const char *const arguments[] = {"/bin/sh", "-ec", script, NULL};
	g_autofree char *errors = NULL;
	g_auto(GStrv) environment = g_get_environ();
	GError *error = NULL;
	int status;

	environment = g_environ_setenv(environment, "GIT_CONFIG_GLOBAL", "/dev/null", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_COUNT", "2", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_KEY_0", "protocol.file.allow", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_VALUE_0", "always", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_KEY_1", "init.defaultBranch", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_VALUE_1", "main", true);
	for (const char *const *name = (const char *const[]){"AUTHOR", "COMMITTER", NULL}; *name; name++) {
		g_autofree char *who = g_strdup_printf("GIT_%s_NAME", *name);
		g_autofree char *where = g_strdup_printf("GIT_%s_EMAIL", *name);
		environment = g_environ_setenv(environment, who, "t", true);
		environment = g_environ_setenv(environment, where, "t@localhost", true);
	}
	g_spawn_sync(garden->path, (char **) arguments, environment, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
		     &errors, &status, &error);
	g_assert_no_error(error);
	if (status != 0)
		g_error("%s: %s", script, errors);
}

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	berth_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(bind(fd, (struct sockaddr *) &address, length), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *) &address, &length), ==, 0);
	return ntohs(address.sin_port);
}

static bool answers(unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t) port)};
	berth_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (struct sockaddr *) &address, sizeof address) == 0;
}

void garden_plant(struct garden *garden, const char *folder, const char *script)
{
	GError *error = NULL;

	garden->path = g_build_filename(folder, "garden", NULL);
	g_assert_cmpint(mkdir(garden->path, 0755), ==, 0);
	shell(garden, script);
	garden->port = free_port();
	g_autofree char *port = g_strdup_printf("--port=%u", garden->port);
	g_autofree char *base = g_strconcat("--base-path=", garden->path, NULL);
	// The program itself, not git's way to it: that would leave it behind when it is killed.
	const char *const arguments[] = {
		"/usr/lib/git-core/git-daemon", "--listen=127.0.0.1", port, base, "--export-all", "--reuseaddr", NULL};
	g_auto(GStrv) environment = g_get_environ();
	environment = g_environ_setenv(environment, "GIT_CONFIG_COUNT", "1", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_KEY_0", "safe.directory", true);
	environment = g_environ_setenv(environment, "GIT_CONFIG_VALUE_0", "*", true);
	g_spawn_async(NULL, (char **) arguments, environment,
		      G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
		      &garden->daemon, &error);
	g_assert_no_error(error);
	for (int i = 0; !answers(garden->port) && i < GARDEN_TRIES; i++)
		g_usleep(50000);
}

void garden_dig_over(struct garden *garden)
{
	kill(garden->daemon, SIGTERM);
	waitpid(garden->daemon, NULL, 0);
	g_free(garden->path);
}

char *garden_repository(const struct garden *garden, const char *rest)
{
	return g_strdup_printf("git://127.0.0.1:%u/%s", garden->port, rest);
}
