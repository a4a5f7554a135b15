// SPDX-License-Identifier: Apache-2.0
// ssh wants to know the name of the user that it runs as, whom no system has: it sees a list of users of its own.
#include "build/context/git-ssh.h"

#include "base/error.h"
#include "base/fd.h"
#include "build/context/agent-socket.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define AGENT "default"
#define KNOWN_HOSTS "known_hosts"
#define PASSWD "passwd"
#define PORT "22"

struct inner {
	struct berth_build_git_ssh ssh;
	int work;
	char *name, *host;
	struct berth_build_agent_socket *socket;
};

bool berth_build_git_is_ssh(const char *remote)
{
	return g_str_has_prefix(remote, "ssh://") || !strstr(remote, "://");
}

// "[user@]host[:port]" of the URL, "user@host" of the short form.
static char *authority_of(const char *remote)
{
	bool url = g_str_has_prefix(remote, "ssh://");
	const char *begin = url ? remote + strlen("ssh://") : remote;
	size_t length = strcspn(begin, url ? "/" : ":");
	const char *at = memrchr(begin, '@', length);

	return at ? g_strndup(at + 1, length - (size_t) (at + 1 - begin)) : g_strndup(begin, length);
}

char *berth_build_git_ssh_host(const char *remote)
{
	g_autofree char *authority = authority_of(remote), *host = NULL;
	const char *port = NULL, *end = *authority == '[' ? strchr(authority, ']') : NULL;

	if (end) {
		host = g_ascii_strdown(authority + 1, end - authority - 1);
		port = end[1] == ':' ? end + 2 : NULL;
	} else {
		const char *colon = strchr(authority, ':');
		host = g_ascii_strdown(authority, colon ? colon - authority : -1);
		port = colon ? colon + 1 : NULL;
	}
	if (!*host)
		return NULL;
	return port && *port && !g_str_equal(port, PORT) ? g_strdup_printf("[%s]:%s", host, port)
							 : g_steal_pointer(&host);
}

static bool write_file(struct inner *this, const char *name, const char *text, GError **error)
{
	return berth_write_file_at(this->ssh.folder, name, text, strlen(text), 0644, false, error);
}

static bool make_folder(struct inner *this, GError **error)
{
	g_autofree char *random = g_uuid_string_random();

	this->name = g_strconcat("ssh-", random, NULL);
	if (mkdirat(this->work, this->name, 0755) < 0 ||
	    (this->ssh.folder = openat(this->work, this->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return berth_error_set_errno(error, errno, "make a folder for git's ssh");
	return true;
}

static bool make_files(struct inner *this, uint32_t id, const struct berth_build_ssh *caller, GError **error)
{
	g_autofree char *known = caller->known_hosts ? caller->known_hosts(caller->data, this->host, error) : NULL;
	g_autofree char *users = g_strdup_printf("root:x:0:0:root:/:/bin/false\n"
						 "berth:x:%u:%u:berth:/nonexistent:/bin/false\n",
						 id, id);

	if (caller->known_hosts && !known)
		return false;
	if (!write_file(this, KNOWN_HOSTS, known ? known : "", error) || !write_file(this, PASSWD, users, error))
		return false;
	this->ssh.passwd = id ? openat(this->ssh.folder, PASSWD, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	return !id || this->ssh.passwd >= 0 || berth_error_set_errno(error, errno, "open ssh's list of users");
}

static bool open_socket(struct inner *this, uint32_t id, const struct berth_build_ssh *caller, GError **error)
{
	const struct berth_build_agent_options options = {
		.folder = this->ssh.folder,
		.uid = id ? id : geteuid(),
		.gid = id ? id : getegid(),
		.mode = 0600,
		.id = AGENT,
		.connect = caller->agent,
		.data = caller->data,
	};
	const char *name;

	this->socket = berth_build_agent_socket_new(&options, &name, error);
	if (!this->socket)
		return false;
	// Whoever is not given a mount of it comes by way of this process.
	this->ssh.place = berth_build_git_place(1);
	g_autofree char *path = id && this->ssh.place ? g_strdup(this->ssh.place)
						      : g_strdup_printf("/proc/%d/fd/%d", getpid(), this->ssh.folder);
	this->ssh.command = g_strdup_printf(
		"ssh -F none -o BatchMode=yes -o ConnectTimeout=30 -o LogLevel=ERROR -o IdentityFile=none "
		"-o IdentityAgent=%s/%s -o PKCS11Provider=none -o PreferredAuthentications=publickey "
		"-o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o VerifyHostKeyDNS=no "
		"-o UserKnownHostsFile=%s/" KNOWN_HOSTS " -o GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts "
		"-o ProxyCommand=none -o PermitLocalCommand=no -o ForwardAgent=no -o ForwardX11=no "
		"-o ClearAllForwardings=yes -o ControlMaster=no -o ControlPath=none",
		path, name, path);
	return true;
}

struct berth_build_git_ssh *berth_build_git_ssh_new(const char *remote, uint32_t id,
						    const struct berth_build_tree_options *options, GError **error)
{
	g_autofree char *host = berth_build_git_ssh_host(remote);

	if (!options->ssh.agent) {
		berth_error_set(error, BERTH_ERROR_INVALID,
				"it is reached by ssh, and the build was lent no agent: it needs --ssh " AGENT);
		return NULL;
	}
	g_autofree char *program = g_find_program_in_path("ssh");
	if (!program) {
		berth_error_set(error, BERTH_ERROR_UNAVAILABLE,
				"it is reached by ssh, which is not installed on this host: install OpenSSH's client");
		return NULL;
	}
	if (!host) {
		berth_error_set(error, BERTH_ERROR_INVALID, "it has no host");
		return NULL;
	}
	struct inner *this = g_new0(struct inner, 1);
	this->work = options->work;
	this->host = g_steal_pointer(&host);
	this->ssh.folder = this->ssh.passwd = -1;
	if (make_folder(this, error) && make_files(this, id, &options->ssh, error) &&
	    open_socket(this, id, &options->ssh, error))
		return &this->ssh;
	berth_build_git_ssh_free(&this->ssh);
	return NULL;
}

void berth_build_git_ssh_free(struct berth_build_git_ssh *ssh)
{
	struct inner *this = (struct inner *) ssh; // its first member

	if (!this)
		return;
	if (this->socket)
		berth_build_agent_socket_free(this->socket);
	berth_fd_clear(&this->ssh.folder);
	berth_fd_clear(&this->ssh.passwd);
	berth_remove_tree_at(this->work, this->name, NULL);
	g_free(this->ssh.command);
	g_free(this->name);
	g_free(this->host);
	g_free(this);
}

void berth_build_git_ssh_explain(const struct berth_build_git_ssh *ssh, GError **error)
{
	const struct inner *this = (const struct inner *) ssh;

	if (!this || !error || !*error)
		return;
	if (strstr((*error)->message, "Host key verification failed"))
		g_prefix_error(error,
			       "the key of %s is not known: it has to be in the known_hosts of who builds, or in "
			       "/etc/ssh/ssh_known_hosts of the engine's host: ",
			       this->host);
	else if (strstr((*error)->message, "Permission denied"))
		g_prefix_error(error, "%s takes no key of the agent \"" AGENT "\" (--ssh): ", this->host);
}
