// SPDX-License-Identifier: Apache-2.0
// `cp`, with Docker's rules of what its two arguments mean (cli/copy-path.h).
#include "base/error.h"
#include "base/fd.h"
#include "base/tree-tar.h"
#include "cli/client.h"
#include "cli/commands/commands.h"
#include "cli/extract.h"
#include "cli/output.h"
#include "cli/units.h"
#include "spec/api-files.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_INTERVAL (100 * G_TIME_SPAN_MILLISECOND)

struct options {
	bool archive, follow, quiet, quiet_given;
	char *owner;
};

#define AT(member) offsetof(struct options, member)
static const struct berth_flag flags[] = {
	{"archive", 'a', BERTH_FLAG_SWITCH, AT(archive), NULL,
	 "Archive mode: keep numeric owners and set-id bits (from a container; to one they always stay)"},
	{"chown", 0, BERTH_FLAG_TEXT, AT(owner), "user[:group]",
	 "Owner of all that is copied, as the destination knows it"},
	{"follow-link", 'L', BERTH_FLAG_SWITCH, AT(follow), NULL, "Always follow symbol link in SRC_PATH"},
	{"quiet", 'q', BERTH_FLAG_SWITCH, AT(quiet), NULL,
	 "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
	 .given_offset = AT(quiet_given)},
	{0},
};
#undef AT

// A copy on its way.
struct copy {
	struct berth_cli *cli;
	const struct options *options;
	char *container; // of the one end
	const char *source, *destination; // paths
	bool shown; // progress is
	const char *header;
	int64_t bytes, reported;
};

// "container:path", unless it is a path of the host: absolute, or "./a:b". *ret_path is borrowed.
static char *split_argument(const char *argument, const char **ret_path)
{
	const char *colon = strchr(argument, ':');

	*ret_path = argument;
	if (*argument == '/' || *argument == '.' || !colon)
		return NULL;
	*ret_path = colon + 1;
	return g_strndup(argument, (gsize) (colon - argument));
}

static char *size_text(int64_t bytes)
{
	return bytes < 1000 ? g_strdup_printf("%" G_GINT64_FORMAT "B", bytes) : berth_bytes_format(bytes);
}

static void count(struct copy *this, size_t length)
{
	int64_t now = this->shown ? g_get_monotonic_time() : 0;

	this->bytes += (int64_t) length;
	if (!this->shown || now - this->reported < REPORT_INTERVAL)
		return;
	g_autofree char *size = size_text(this->bytes);
	fprintf(stderr, "\r\033[K%s - %s", this->header, size);
	this->reported = now;
}

static void report(const struct copy *this, const char *to)
{
	g_autofree char *size = size_text(this->bytes);

	if (this->shown)
		fprintf(stderr, "\r\033[KSuccessfully copied %s to %s\n", size, to);
}

static struct api_path_stat *parse_stat(const struct berth_answer *answer)
{
	const char *text = berth_answer_path_stat(answer);
	gsize length = 0;
	g_autofree guchar *json = text ? g_base64_decode(text, &length) : NULL;

	return json ? berth_document_parse_text(&api_path_stat_document, (const char *) json, length,
						"X-Docker-Container-Path-Stat", NULL)
		    : NULL;
}

static GString *path_of(const struct copy *this, const char *path)
{
	GString *request = berth_path_new("/containers/%s/archive", this->container, false);

	berth_path_add(request, "path", path);
	return request;
}

// NULL if there is nothing at that path, or it is not known why.
static struct api_path_stat *stat_container(const struct copy *this, const char *path)
{
	g_autoptr(GString) request = path_of(this, path);
	g_autoptr(berth_answer) answer = berth_client_call(
		this->cli->client, &(struct berth_call){.method = "HEAD", .path = request->str}, NULL);

	return answer ? parse_stat(answer) : NULL;
}

// What a link in a container leads to.
static char *link_target(const char *path, const struct api_path_stat *stat)
{
	g_autofree char *folder = NULL, *base = NULL;

	if (stat->link_target && *stat->link_target == '/')
		return g_strdup(stat->link_target);
	berth_copy_split(path, &folder, &base);
	return g_build_filename(folder, stat->link_target, NULL);
}

// From a container

static gssize read_answer(void *data, void *buffer, size_t size, GError **error)
{
	return berth_answer_read(data, buffer, size, error);
}

struct reading {
	struct copy *copy;
	struct berth_answer *answer;
};

static gssize read_counted(void *data, void *buffer, size_t size, GError **error)
{
	struct reading *this = data;
	gssize length = read_answer(this->answer, buffer, size, error);

	if (length > 0)
		count(this->copy, (size_t) length);
	return length;
}

static bool check_output(const char *path, GError **error)
{
	g_autofree char *clean = berth_copy_clean(path), *folder = g_path_get_dirname(clean);
	struct stat status;

	if (stat(folder, &status) < 0 && errno == ENOENT)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "invalid output path: directory \"%s\" does not exist", folder);
	if (stat(path, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)))
		return berth_error_set(
			error, BERTH_ERROR_INVALID,
			"invalid output path: \"%s\" must be a directory or a regular file: got a device", path);
	return true;
}

static bool read_id(const char *text, uint32_t *ret)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX - 1, &value, NULL))
		return false;
	*ret = (uint32_t) value;
	return true;
}

// Of the host.
static bool find_owner(const char *text, uint32_t owner[2], GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 2);
	const char *user = parts[0] ? parts[0] : "", *group = parts[0] ? parts[1] : NULL;
	const struct passwd *account = read_id(user, &owner[0]) ? getpwuid(owner[0]) : getpwnam(user);

	if (account)
		owner[0] = account->pw_uid;
	else if (!read_id(user, &owner[0]))
		return berth_error_set(error, BERTH_ERROR_INVALID, "--chown: no such user: %s", user);
	if (!group) {
		owner[1] = account ? account->pw_gid : 0;
		return true;
	}
	const struct group *entry = read_id(group, &owner[1]) ? NULL : getgrnam(group);
	if (entry)
		owner[1] = entry->gr_gid;
	return entry || read_id(group, &owner[1]) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "--chown: no such group: %s", group);
}

// The archive's top has the name of a link's target; the link's own is wanted, if not that of the destination.
static void rename_top(const struct berth_copy_end *source, struct berth_copy_plan *plan)
{
	g_autofree char *folder = NULL, *base = NULL;

	berth_copy_split(source->path, &folder, &base);
	if (!plan->from)
		plan->to = g_strdup(source->rebase);
	g_free(plan->from);
	plan->from = g_steal_pointer(&base);
}

static bool unpack(struct copy *this, struct berth_answer *answer, const struct berth_copy_end *source,
		   const char *destination, GError **error)
{
	__attribute__((cleanup(berth_copy_end_clear))) struct berth_copy_end end = {0};
	__attribute__((cleanup(berth_copy_plan_clear))) struct berth_copy_plan plan = {0};
	struct reading reading = {this, answer};
	uint32_t owner[2];

	if (!berth_copy_destination(destination, &end, error) || !berth_copy_plan(source, &end, &plan, error) ||
	    (this->options->owner && !find_owner(this->options->owner, owner, error)))
		return false;
	if (source->rebase)
		rename_top(source, &plan);
	berth_fd folder = open(plan.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return berth_error_set_errno(error, errno, "open %s", plan.folder);
	const struct berth_extract extract = {
		.folder = folder,
		.plan = &plan,
		.owners = this->options->archive,
		.owner = this->options->owner ? owner : NULL,
	};
	g_autoptr(berth_tar_reader) reader = berth_tar_reader_new(read_counted, &reading);
	return berth_extract(reader, &extract, error);
}

static bool copy_from(struct copy *this, GError **error)
{
	bool output = strcmp(this->destination, "-") == 0;
	g_autofree char *destination = output ? NULL : berth_copy_absolute(this->destination);
	__attribute__((cleanup(berth_copy_end_clear))) struct berth_copy_end source = {.exists = true};

	if (destination && !check_output(destination, error))
		return false;
	g_autoptr(api_path_stat) link = this->options->follow ? stat_container(this, this->source) : NULL;
	if (link && link->mode & API_MODE_LINK) {
		g_autofree char *target = link_target(this->source, link);
		berth_copy_rebase(this->source, target, &source.path, &source.rebase);
	} else {
		source.path = g_strdup(this->source);
	}
	g_autoptr(GString) request = path_of(this, source.path);
	g_autoptr(berth_answer) answer = berth_client_call(
		this->cli->client, &(struct berth_call){.method = "GET", .path = request->str}, error);
	if (!answer)
		return false;
	if (output)
		return berth_output_copy(answer, NULL, error);
	g_autoptr(api_path_stat) stat = parse_stat(answer);
	source.folder = stat && stat->mode & API_MODE_FOLDER;
	bool done = unpack(this, answer, &source, destination, error);
	if (done)
		report(this, destination);
	return done;
}

// To a container

struct sending {
	struct copy *copy;
	const struct berth_copy_plan *plan;
	const struct berth_copy_end *source;
	bool (*write)(void *to, const void *bytes, size_t length);
	void *to;
};

static bool write_counted(void *data, const void *bytes, size_t length)
{
	struct sending *this = data;

	count(this->copy, length);
	return this->write(this->to, bytes, length);
}

// What is mounted in a folder of the host is copied with it.
static bool enters(G_GNUC_UNUSED void *data, G_GNUC_UNUSED int folder)
{
	return true;
}

static bool send_tree(void *data, bool (*write)(void *to, const void *bytes, size_t length), void *to, GError **error)
{
	struct sending *this = data;
	g_autofree char *folder = NULL, *base = NULL;

	this->write = write;
	this->to = to;
	berth_copy_split(this->source->path, &folder, &base);
	const char *own = this->source->rebase ? this->source->rebase : base;
	const char *name = this->plan->from ? this->plan->to : own;
	berth_fd fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open %s", folder);
	const struct berth_tree_tar tree = {
		.write = write_counted,
		.data = this,
		.name = strcmp(name, "/") == 0 ? "" : name,
		.enters = enters,
	};
	return berth_tree_tar_write(&tree, fd, strcmp(base, "/") == 0 ? "." : base, error);
}

static bool put(struct copy *this, const char *folder, int input, struct sending *sending, GError **error)
{
	g_autoptr(GString) request = path_of(this, folder);

	berth_path_add(request, "noOverwriteDirNonDir", "true");
	if (this->options->archive)
		berth_path_add(request, "copyUIDGID", "true");
	berth_path_add(request, "chown", this->options->owner);
	const struct berth_call call = {
		.method = "PUT",
		.path = request->str,
		.upload = true,
		.upload_fd = input,
		.produce = sending ? send_tree : NULL,
		.produce_data = sending,
	};
	g_autoptr(berth_answer) answer = berth_client_call(this->cli->client, &call, error);
	return answer != NULL;
}

// What is at the destination, through a link if it is one.
static bool find_destination(struct copy *this, struct berth_copy_end *ret, GError **error)
{
	g_autoptr(api_path_stat) stat = stat_container(this, this->destination);

	*ret = (struct berth_copy_end){.path = g_strdup(this->destination)};
	if (stat && stat->mode & API_MODE_LINK) {
		char *target = link_target(this->destination, stat);
		g_free(ret->path);
		ret->path = target;
		g_clear_pointer(&stat, api_path_stat_free);
		stat = stat_container(this, target);
	}
	if (stat && stat->mode & API_MODE_DEVICE)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "destination \"%s:%s\" must be a directory or a regular file: got a device",
				       this->container, this->destination);
	ret->exists = stat != NULL;
	ret->folder = stat && stat->mode & API_MODE_FOLDER;
	return true;
}

static bool copy_to(struct copy *this, GError **error)
{
	__attribute__((cleanup(berth_copy_end_clear))) struct berth_copy_end source = {0}, destination = {0};
	__attribute__((cleanup(berth_copy_plan_clear))) struct berth_copy_plan plan = {0};
	struct sending sending = {this, &plan, &source, NULL, NULL};
	bool input = strcmp(this->source, "-") == 0;
	g_autofree char *path = input ? NULL : berth_copy_absolute(this->source);

	if (path && !berth_copy_source(path, this->options->follow, &source, error))
		return false;
	if (!find_destination(this, &destination, error))
		return false;
	if (input && !destination.folder)
		return berth_error_set(error, BERTH_ERROR_INVALID, "destination \"%s:%s\" must be a directory",
				       this->container, this->destination);
	if (!input && !berth_copy_plan(&source, &destination, &plan, error))
		return false;
	if (!put(this, input ? destination.path : plan.folder, STDIN_FILENO, input ? NULL : &sending, error))
		return false;
	g_autofree char *to = g_strconcat(this->container, ":", destination.path, NULL);
	if (!input)
		report(this, to);
	return true;
}

static int cp_main(struct berth_cli *cli, const void *data, char **arguments, GError **error)
{
	const struct options *options = data;
	struct copy copy = {.cli = cli, .options = options};
	bool done = false;

	if (!*arguments[0] || !*arguments[1]) {
		berth_error_set(error, BERTH_ERROR_INVALID, "%s can not be empty",
				*arguments[0] ? "destination" : "source");
		return 1;
	}
	g_autofree char *from = split_argument(arguments[0], &copy.source);
	g_autofree char *to = split_argument(arguments[1], &copy.destination);
	copy.container = from ? from : to;
	copy.shown = options->quiet_given ? !options->quiet : isatty(STDOUT_FILENO) != 0;
	copy.header = from ? "Copying from container" : "Copying to container";
	if (from && to)
		berth_error_set(error, BERTH_ERROR_INVALID, "copying between containers is not supported");
	else if (!from && !to)
		berth_error_set(error, BERTH_ERROR_INVALID, "must specify at least one container source");
	else
		done = from ? copy_from(&copy, error) : copy_to(&copy, error);
	return done ? 0 : 1;
}

const struct berth_command berth_command_cp = {
	.arguments = "CONTAINER:SRC_PATH DEST_PATH|-",
	.summary = "Copy files/folders between a container and the local filesystem",
	.description = "The other way round: cp SRC_PATH|- CONTAINER:DEST_PATH. Use '-' as the source to read a tar "
		       "archive from stdin and extract it to a directory destination in a "
		       "container. Use '-' as the destination to stream a tar archive of a container source to stdout.",
	.flags = flags,
	.options_size = sizeof(struct options),
	.min_arguments = 2,
	.max_arguments = 2,
	.completes = "place",
	.main = cp_main,
};
