// SPDX-License-Identifier: Apache-2.0
// /etc/hostname, hosts and resolv.conf of a container. Every name that is written here was checked to have no control
// character, so nobody can smuggle in a line.
#include "engine/spec/spec.h"

#include "base/error.h"
#include "base/failpoint.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

#define FILE_MAX (1 << 20) // of the host's
#define BERTH_SPEC_RESOLVER "127.0.0.11"

static const char standard_hosts[] = "127.0.0.1\tlocalhost\n"
				     "::1\tlocalhost ip6-localhost ip6-loopback\n"
				     "fe00::\tip6-localnet\n"
				     "ff00::\tip6-mcastprefix\n"
				     "ff02::1\tip6-allnodes\n"
				     "ff02::2\tip6-allrouters\n";

// The host's file, ending in a newline; empty when there is none.
static GString *read_host(const char *path)
{
	g_autofree char *text = berth_read_file_at(AT_FDCWD, path, FILE_MAX, NULL, NULL);
	GString *out = g_string_new(text);

	if (out->len > 0 && out->str[out->len - 1] != '\n')
		g_string_append_c(out, '\n');
	return out;
}

// --add-host name:address; host-gateway stands for one or two.
static bool append_extra(GString *out, const char *extra, const struct berth_spec_files *files, GError **error)
{
	const char *colon = strchr(extra, ':'); // the address may have more of them

	if (!colon)
		return true;
	if (!g_str_equal(colon + 1, "host-gateway")) {
		g_string_append_printf(out, "%s\t%.*s\n", colon + 1, (int) (colon - extra), extra);
		return true;
	}
	if (!files->host_gateway || !*files->host_gateway)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "unable to derive the IP value for host-gateway (add-host %s): there is no "
				       "default bridge; give the engine --host-gateway-ip",
				       extra);
	for (char *const *address = files->host_gateway; *address; address++)
		g_string_append_printf(out, "%s\t%.*s\n", *address, (int) (colon - extra), extra);
	return true;
}

static char *make_hosts(const struct berth_container_record *record, const struct berth_spec_files *files,
			GError **error)
{
	bool host = g_str_equal(record->network, "host"), fine = true;
	GString *out = host ? read_host("/etc/hosts") : g_string_new(standard_hosts);

	for (char **extra = record->host_config->extra_hosts; fine && extra && *extra; extra++)
		fine = append_extra(out, *extra, files, error);
	if (files->hosts)
		g_string_append(out, files->hosts);
	return g_string_free(out, !fine);
}

static void append_list(GString *out, const char *keyword, char *const *words)
{
	if (!words || !*words)
		return;
	g_string_append(out, keyword);
	for (; *words; words++)
		g_string_append_printf(out, " %s", *words);
	g_string_append_c(out, '\n');
}

static bool is_line_of(const char *line, const char *keyword)
{
	size_t length = strlen(keyword);

	return strncmp(line, keyword, length) == 0 && (line[length] == ' ' || line[length] == '\t');
}

static char *const *chosen(char *const *own, char *const *standard)
{
	return own && *own ? own : standard && *standard ? standard : NULL;
}

static bool has_ndots(const GString *text, char *const *options)
{
	for (; options && *options; options++)
		if (g_str_has_prefix(*options, "ndots:"))
			return true;
	return !options && strstr(text->str, "ndots:");
}

// The host's, with those kinds of lines replaced that the container has its own of. "." searches nowhere.
static char *make_resolv_conf(const struct api_host_config *host, const struct berth_spec_files *files)
{
	char *const *servers = chosen(host->dns, files->dns);
	char *const *search = chosen(host->dns_search, files->dns_search);
	char *const *options = chosen(host->dns_options, files->dns_options);
	GString *theirs = read_host("/etc/resolv.conf");
	g_auto(GStrv) lines = g_strsplit(theirs->str, "\n", 0);
	GString *out = g_string_new(files->resolver ? "nameserver " BERTH_SPEC_RESOLVER "\n" : NULL);

	g_string_free(theirs, TRUE);
	for (char **line = lines; *line; line++) {
		bool replaced = ((servers || files->resolver) && is_line_of(*line, "nameserver")) ||
				(search && (is_line_of(*line, "search") || is_line_of(*line, "domain"))) ||
				(options && is_line_of(*line, "options"));
		if (**line && !replaced)
			g_string_append_printf(out, "%s\n", *line);
	}
	for (char *const *server = servers; !files->resolver && server && *server; server++)
		g_string_append_printf(out, "nameserver %s\n", *server);
	if (search && !g_str_equal(search[0], "."))
		append_list(out, "search", search);
	append_list(out, "options", options);
	if (files->names && !has_ndots(out, options))
		g_string_append(out, "options ndots:0\n");
	return g_string_free(out, FALSE);
}

// In place: the container does not run, so nobody reads half of it, and each start writes it anew.
static bool write_file(int folder_fd, const char *name, const char *text, GError **error)
{
	berth_fd fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return berth_error_set_errno(error, errno, "making the container's %s", name);
	return berth_write_all(fd, text, strlen(text), name, error);
}

bool berth_spec_write_files(int folder_fd, const struct berth_container_record *record,
			    const struct berth_spec_files *files, GError **error)
{
	g_autofree char *hostname = g_strconcat(record->config->hostname, "\n", NULL);
	g_autofree char *hosts = make_hosts(record, files, error);

	if (!hosts || !write_file(folder_fd, "hostname", hostname, error))
		return false;
	BERTH_FAILPOINT("container.files.hostname");
	if (!write_file(folder_fd, "hosts", hosts, error))
		return false;
	BERTH_FAILPOINT("container.files.hosts");
	return berth_spec_write_resolv_conf(folder_fd, record, files, error);
}

bool berth_spec_write_resolv_conf(int folder_fd, const struct berth_container_record *record,
				  const struct berth_spec_files *files, GError **error)
{
	g_autofree char *text = make_resolv_conf(record->host_config, files);

	return write_file(folder_fd, "resolv.conf", text, error);
}
