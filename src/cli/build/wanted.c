// SPDX-License-Identifier: Apache-2.0
#include "cli/build/wanted.h"

#include "base/error.h"
#include "base/fd.h"
#include "cli/client.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MESSAGE_MAX 4096

struct berth_build_wanted {
	struct berth_cli *cli;
	struct berth_build_context *context;
	char *build;
	GArray *senders; // pid_t
	int messages[2]; // what senders say goes from the second to the first
};

// What a sender reads.
struct sending {
	struct berth_build_wanted *wanted;
	const char *name;
};

struct berth_build_wanted *berth_build_wanted_new(struct berth_cli *cli, struct berth_build_context *context,
						  const char *build)
{
	struct berth_build_wanted *this = g_new0(struct berth_build_wanted, 1);

	*this = (struct berth_build_wanted){
		cli, context, g_strdup(build), g_array_new(FALSE, FALSE, sizeof(pid_t)), {-1, -1}};
	return this;
}

static bool produce(void *data, bool (*write)(void *to, const void *bytes, size_t length), void *to, GError **error)
{
	const struct sending *this = data;
	GError *failure = NULL;

	if (berth_build_context_send_archive(this->wanted->context, this->name, write, to, &failure))
		return true;
	// That the engine wants no more of it is for the engine to explain.
	if (failure->code != BERTH_ERROR_CANCELED)
		berth_write_all(this->wanted->messages[1], failure->message,
				MIN(strlen(failure->message), (size_t) MESSAGE_MAX), "the client", NULL);
	g_propagate_error(error, failure);
	return false;
}

static void send_it(struct berth_build_wanted *this, const char *name)
{
	struct sending sending = {this, name};
	g_autoptr(GString) path = berth_path_new("/build/%s/context", this->build, false);

	berth_path_add(path, "name", name);
	const struct berth_call call = {
		.method = "POST", .path = path->str, .upload = true, .produce = produce, .produce_data = &sending};
	g_autoptr(berth_answer) answer G_GNUC_UNUSED = berth_client_call(this->cli->client, &call, NULL);
}

bool berth_build_wanted_send(struct berth_build_wanted *this, const char *name, GError **error)
{
	pid_t parent = getpid();

	if (this->messages[0] < 0 && pipe2(this->messages, O_CLOEXEC | O_NONBLOCK) < 0)
		return berth_error_set_errno(error, errno, "make a pipe for what is sent");
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return berth_error_set_errno(error, errno, "start a process that sends context %s", name);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == parent)
			send_it(this, name);
		_exit(0);
	}
	g_array_append_val(this->senders, pid);
	return true;
}

char *berth_build_wanted_end(struct berth_build_wanted *this)
{
	char message[MESSAGE_MAX];
	ssize_t length = 0;

	if (!this)
		return NULL;
	for (guint i = 0; i < this->senders->len; i++)
		while (waitpid(g_array_index(this->senders, pid_t, i), NULL, 0) < 0 && errno == EINTR)
			;
	if (this->messages[0] >= 0)
		length = read(this->messages[0], message, sizeof message);
	berth_fd_clear(&this->messages[0]);
	berth_fd_clear(&this->messages[1]);
	g_array_unref(this->senders);
	g_free(this->build);
	g_free(this);
	return length > 0 ? g_strndup(message, (gsize) length) : NULL;
}
