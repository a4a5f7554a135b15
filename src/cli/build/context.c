// SPDX-License-Identifier: Apache-2.0
#include "cli/build/context.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/tree-tar.h"
#include "cli/build/ignore.h"
#include "cli/build/listing.h"
#include "cli/client.h"
#include "cli/container-options.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK (64 << 10)
#define PIECE (1 << 20) // of a named context
#define SNIFF 512 // bytes by which an archive is told from a Dockerfile
#define SMALL (64 << 10) // bytes of a context that is not worth a listing
#define ENTRY 512 // bytes that a file takes in an archive, at least
#define MAIN_CONTEXT "-"
#define CACHE_PREFIX "cache:" // of names of folders that hold a cache
#define PROGRESS_BYTES (1 << 20) // between two reports

struct berth_build_named {
	char *name, *address; // address: a URL, an image, …; NULL: it is a folder
	int folder;
};

struct berth_build_file {
	char *id;
	GBytes *value;
};

static void named_free(void *data)
{
	struct berth_build_named *named = data;

	berth_fd_clear(&named->folder);
	g_free(named->name);
	g_free(named->address);
	g_free(named);
}

static void file_free(void *data)
{
	struct berth_build_file *file = data;

	g_free(file->id);
	g_bytes_unref(file->value);
	g_free(file);
}

void berth_build_context_clear(struct berth_build_context *context)
{
	berth_fd_clear(&context->folder);
	g_free(context->remote);
	g_free(context->dockerfile);
	g_free(context->path);
	g_clear_pointer(&context->text, g_bytes_unref);
	g_clear_pointer(&context->head, g_byte_array_unref);
	g_clear_pointer(&context->named, g_ptr_array_unref);
	g_clear_pointer(&context->secrets, g_ptr_array_unref);
}

// Secrets and Dockerfiles

struct wiped {
	size_t size;
	char *text;
};

static void wipe(void *data)
{
	struct wiped *wiped = data;

	explicit_bzero(wiped->text, wiped->size);
	g_free(wiped->text);
	g_free(wiped);
}

static GBytes *wiped_bytes(char *text, size_t size)
{
	struct wiped *wiped = g_new(struct wiped, 1);

	*wiped = (struct wiped){size, text};
	return g_bytes_new_with_free_func(text, size, wipe, wiped);
}

static GBytes *read_fd(int fd, size_t limit, const char *name, GError **error)
{
	size_t size = 0;
	char *text = berth_read_fd(fd, limit, &size, name, error);

	return text ? wiped_bytes(text, size) : NULL;
}

static GBytes *read_file(const char *path, size_t limit, GError **error)
{
	berth_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		berth_error_set_errno(error, errno, "open %s", path);
		return NULL;
	}
	return read_fd(fd, limit, path, error);
}

// "id=x,src=file", "id=x,env=NAME", "id=x": of the environment, or the file of that name.
static bool read_secret(struct berth_build_context *context, const char *text, GError **error)
{
	g_auto(GStrv) fields = berth_split_csv(text, error);
	g_autofree char *id = NULL, *source = NULL, *variable = NULL;

	if (!fields)
		return false;
	for (char **field = fields; *field; field++) {
		g_auto(GStrv) pair = g_strsplit(*field, "=", 2);
		char **to = !pair[1]                                                        ? NULL
			    : strcmp(pair[0], "id") == 0                                    ? &id
			    : strcmp(pair[0], "env") == 0                                   ? &variable
			    : strcmp(pair[0], "src") == 0 || strcmp(pair[0], "source") == 0 ? &source
											    : NULL;
		if (!to && !(pair[1] && strcmp(pair[0], "type") == 0))
			return berth_error_set(error, BERTH_ERROR_INVALID, "--secret: unexpected key '%s' in '%s'",
					       pair[0], *field);
		if (to)
			g_free(*to), *to = g_strdup(pair[1]);
	}
	if (!id || !*id)
		return berth_error_set(error, BERTH_ERROR_INVALID, "--secret: id is missing");
	const char *name = variable ? variable : !source && g_getenv(id) ? id : NULL;
	const char *value = name ? g_getenv(name) : NULL;
	if (variable && !value)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				       "--secret id=%s: the environment has no variable %s", id, variable);
	GBytes *bytes = value ? wiped_bytes(g_strdup(value), strlen(value))
			      : read_file(source ? source : id, BERTH_LIMIT_BUILD_SECRET, error);
	if (!bytes) {
		g_prefix_error(error, "--secret id=%s: ", id);
		return false;
	}
	struct berth_build_file *file = g_new0(struct berth_build_file, 1);
	*file = (struct berth_build_file){g_steal_pointer(&id), bytes};
	g_ptr_array_add(context->secrets, file);
	return true;
}

static bool is_url(const char *text)
{
	static const char *const beginnings[] = {"http://", "https://",    "git://", "git@",
						 "ssh://",  "github.com/", NULL};

	for (const char *const *beginning = beginnings; *beginning; beginning++)
		if (g_str_has_prefix(text, *beginning))
			return true;
	// "user@host:path" of git, if no file is called so
	const char *at = strchr(text, '@'), *colon = at ? strchr(at, ':') : NULL;
	return colon && at > text && colon > at + 1 && !memchr(text, '/', (size_t) (colon - text)) &&
	       access(text, F_OK) < 0;
}

// "NAME=PATH"; what is no folder here the engine knows: a URL, docker-image://, a stage.
static bool read_named(struct berth_build_context *context, const char *text, GError **error)
{
	const char *equals = strchr(text, '=');
	struct stat status;

	if (!equals || equals == text || !equals[1])
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid context value: %s, expected key=value",
				       text);
	struct berth_build_named *named = g_new0(struct berth_build_named, 1);
	named->name = g_strndup(text, (gsize) (equals - text));
	named->folder = -1;
	g_ptr_array_add(context->named, named);
	if (is_url(equals + 1) || strstr(equals + 1, "://") || g_str_has_prefix(equals + 1, "target:")) {
		named->address = g_strdup(equals + 1);
		return true;
	}
	if (g_str_has_prefix(equals + 1, "oci-layout:") || stat(equals + 1, &status) < 0)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND,
				       "--build-context %s: failed to find context path %s", text, equals + 1);
	named->folder = open(equals + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return named->folder >= 0 || berth_error_set_errno(error, errno, "--build-context %s", text);
}

// A cache in a folder of this machine is sent as a context.
static bool read_caches(struct berth_build_context *context, char *const *given, GError **error)
{
	for (guint i = 0; given && given[i]; i++) {
		g_autofree char *folder = berth_build_local_cache(given[i], "src", NULL);
		if (!folder)
			continue;
		struct berth_build_named *named = g_new0(struct berth_build_named, 1);
		named->name = g_strdup_printf(CACHE_PREFIX "%u", i);
		named->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		g_ptr_array_add(context->named, named);
		if (named->folder < 0)
			return berth_error_set_errno(error, errno, "--cache-from %s", given[i]);
	}
	return true;
}

// Contexts

static bool is_archive(const GByteArray *head)
{
	static const struct {
		const char *bytes;
		size_t size, offset;
	} marks[] = {{"\x1f\x8b", 2, 0},
		     {"BZh", 3, 0},
		     {"\xfd"
		      "7zXZ",
		      5, 0},
		     {"\x28\xb5\x2f\xfd", 4, 0},
		     {"ustar", 5, 257}};

	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
		if (head->len >= marks[i].offset + marks[i].size &&
		    memcmp(head->data + marks[i].offset, marks[i].bytes, marks[i].size) == 0)
			return true;
	return head->len > 0 && memchr(head->data, 0, head->len); // no text, at any rate
}

static bool open_input(struct berth_build_context *context, const char *file, GError **error)
{
	context->head = g_byte_array_new();
	g_byte_array_set_size(context->head, SNIFF);
	ssize_t count = berth_read_full(STDIN_FILENO, context->head->data, SNIFF);
	if (count < 0)
		return berth_error_set_errno(error, errno, "reading standard input");
	g_byte_array_set_size(context->head, (guint) count);
	if (is_archive(context->head)) {
		context->dockerfile = g_strdup(file);
		return true;
	}
	g_autoptr(GBytes) rest = read_fd(STDIN_FILENO, BERTH_LIMIT_DOCKERFILE, "standard input", error);
	if (!rest)
		return false;
	gsize size;
	const void *data = g_bytes_get_data(rest, &size);
	g_byte_array_append(context->head, data, (guint) size);
	context->text = g_byte_array_free_to_bytes(g_steal_pointer(&context->head));
	context->empty = true;
	return true;
}

// The Dockerfile of a folder: --file is relative to where we are.
static bool read_dockerfile(struct berth_build_context *context, const char *file, GError **error)
{
	g_autofree char *usual = g_build_filename(context->path, "Dockerfile", NULL);
	g_autofree char *lower = g_build_filename(context->path, "dockerfile", NULL);
	const char *path = file ? file : access(usual, F_OK) < 0 && access(lower, F_OK) == 0 ? lower : usual;

	if (file && strcmp(file, "-") == 0) {
		context->text = read_fd(STDIN_FILENO, BERTH_LIMIT_DOCKERFILE, "standard input", error);
		return context->text;
	}
	context->text = read_file(path, BERTH_LIMIT_DOCKERFILE, error);
	if (!context->text) {
		g_prefix_error(error, "failed to read dockerfile: ");
		return false;
	}
	g_autofree char *top = realpath(context->path, NULL), *whole = realpath(path, NULL);
	gsize length = top ? strlen(top) : 0;
	bool inside = top && whole && strncmp(whole, top, length) == 0 && whole[length] == '/';
	context->dockerfile = inside ? g_strdup(whole + length + 1) : g_path_get_basename(path);
	return true;
}

static bool open_context(struct berth_build_context *context, const char *argument, const char *file, GError **error)
{
	if (strcmp(argument, "-") == 0) {
		if (file && strcmp(file, "-") == 0)
			return berth_error_set(
				error, BERTH_ERROR_INVALID,
				"invalid argument: can't use stdin for both build context and dockerfile");
		return open_input(context, file, error);
	}
	if (is_url(argument)) {
		context->remote = g_strdup(argument);
		if (file && strcmp(file, "-") == 0) {
			context->text = read_fd(STDIN_FILENO, BERTH_LIMIT_DOCKERFILE, "standard input", error);
			return context->text;
		}
		context->dockerfile = g_strdup(file);
		return true;
	}
	context->path = g_strdup(argument);
	context->folder = open(argument, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (context->folder < 0 && errno == ENOENT)
		return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "unable to prepare context: path \"%s\" not found",
				       argument);
	if (context->folder < 0)
		return berth_error_set_errno(error, errno, "unable to prepare context: path \"%s\"", argument);
	return read_dockerfile(context, file, error);
}

bool berth_build_context_open(struct berth_build_context *context, const struct berth_build_options *options,
			      const char *argument, GError **error)
{
	context->folder = -1;
	context->named = g_ptr_array_new_with_free_func(named_free);
	context->secrets = g_ptr_array_new_with_free_func(file_free);
	for (char **secret = options->secrets; secret && *secret; secret++)
		if (!read_secret(context, *secret, error))
			return false;
	for (char **named = options->contexts; named && *named; named++)
		if (!read_named(context, *named, error))
			return false;
	return read_caches(context, options->cache_from, error) &&
	       open_context(context, argument, options->file, error);
}

void berth_build_context_query(const struct berth_build_context *context, GString *path)
{
	berth_path_add(path, "remote", context->remote);
	berth_path_add(path, "dockerfile", context->dockerfile);
	for (guint i = 0; i < context->named->len; i++) {
		const struct berth_build_named *named = context->named->pdata[i];
		g_autofree char *pair = g_strconcat(named->name, "=", named->address, NULL);
		if (named->address)
			berth_path_add(path, "context", pair);
	}
}

// Sending

struct sending {
	struct berth_build_context *context;
	bool (*write)(void *to, const void *bytes, size_t length);
	void *to;
	struct berth_build_ignore *ignore; // of the folder at hand
	const char *name; // of the named context at hand
	GByteArray *piece; // of it
	int64_t told; // progress
};

static bool put(struct sending *this, const void *bytes, size_t length)
{
	struct berth_build_context *context = this->context;

	context->sent += (int64_t) length;
	if (context->progress && context->sent - this->told >= PROGRESS_BYTES) {
		this->told = context->sent;
		context->progress(context->data, context->sent);
	}
	return this->write(this->to, bytes, length);
}

static bool put_part(struct sending *this, const char *kind, const char *name, const void *bytes, size_t length)
{
	g_autofree char *line = g_strdup_printf("%s %zu %s\n", kind, length, name);

	return put(this, line, strlen(line)) && (length == 0 || put(this, bytes, length));
}

static bool put_bytes(struct sending *this, const char *kind, const char *name, GBytes *bytes)
{
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);

	return put_part(this, kind, name, data, size);
}

static bool write_archive(void *data, const void *bytes, size_t length)
{
	return put(data, bytes, length);
}

static bool write_piece(void *data, const void *bytes, size_t length)
{
	struct sending *this = data;

	g_byte_array_append(this->piece, bytes, (guint) length);
	if (this->piece->len < PIECE)
		return true;
	bool sent = put_part(this, "context", this->name, this->piece->data, this->piece->len);
	g_byte_array_set_size(this->piece, 0);
	return sent;
}

static bool enters(G_GNUC_UNUSED void *data, G_GNUC_UNUSED int folder)
{
	return true;
}

static enum berth_tar_pick pick(void *data, const char *name, bool folder)
{
	const struct sending *this = data;

	return berth_build_ignore_pick(this->ignore, name, folder);
}

static bool put_folder(struct sending *this, int folder, const char *dockerfile, berth_tar_write_fn *write,
		       GError **error)
{
	this->ignore = berth_build_ignore_read(folder, dockerfile, error);
	if (!this->ignore)
		return false;
	const struct berth_tree_tar options = {
		.write = write, .data = this, .enters = enters, .pick = pick, .whole_seconds = true};
	bool done = berth_tree_tar_write(&options, folder, ".", error);
	g_clear_pointer(&this->ignore, berth_build_ignore_free);
	return done;
}

static bool put_pieces(struct sending *this, const char *kind, const char *name, const GByteArray *bytes)
{
	for (guint at = 0; at < bytes->len; at += PIECE)
		if (!put_part(this, kind, name, bytes->data + at, MIN(bytes->len - at, PIECE)))
			return false;
	return true;
}

// In place of an archive. *ret_listed false: the folder is so small that it is sent.
static bool put_listing(struct sending *this, const char *name, int folder, const char *dockerfile, bool *ret_listed,
			GError **error)
{
	struct berth_build_listing listing;

	*ret_listed = false;
	if (!this->context->lists || g_str_has_prefix(name, CACHE_PREFIX))
		return true;
	struct berth_build_ignore *ignore = berth_build_ignore_read(folder, dockerfile, error);
	bool done = ignore && berth_build_listing_make(folder, ignore, &listing, error);
	if (ignore)
		berth_build_ignore_free(ignore);
	if (!done)
		return false;
	*ret_listed = listing.content + listing.entries * ENTRY > SMALL;
	done = !*ret_listed || put_pieces(this, "listing", name, listing.bytes);
	g_byte_array_unref(listing.bytes);
	return done;
}

static bool put_named(struct sending *this, const struct berth_build_named *named, GError **error)
{
	bool listed = named->folder < 0;

	if (!listed && !put_listing(this, named->name, named->folder, NULL, &listed, error))
		return false;
	if (listed)
		return true;
	this->name = named->name;
	this->piece = g_byte_array_new();
	bool done =
		put_folder(this, named->folder, NULL, write_piece, error) &&
		(this->piece->len == 0 || put_part(this, "context", named->name, this->piece->data, this->piece->len));
	g_clear_pointer(&this->piece, g_byte_array_unref);
	return done;
}

static bool put_input(struct sending *this, GError **error)
{
	g_autofree char *block = g_malloc(BLOCK);
	const GByteArray *head = this->context->head;
	ssize_t count;

	bool more = head->len == 0 || put(this, head->data, head->len);
	while (more && (count = berth_read_full(STDIN_FILENO, block, BLOCK)) != 0) {
		if (count < 0)
			return berth_error_set_errno(error, errno, "reading standard input");
		more = put(this, block, (size_t) count);
	}
	return true;
}

bool berth_build_context_send(void *data, bool (*write)(void *to, const void *bytes, size_t length), void *to,
			      GError **error)
{
	struct berth_build_context *context = data;
	struct sending this = {.context = context, .write = write, .to = to};

	for (guint i = 0; i < context->secrets->len; i++) {
		const struct berth_build_file *file = context->secrets->pdata[i];
		if (!put_bytes(&this, "secret", file->id, file->value))
			return false;
	}
	if (context->text && !put_bytes(&this, "dockerfile", "-", context->text))
		return false;
	for (guint i = 0; i < context->named->len; i++)
		if (!put_named(&this, context->named->pdata[i], error))
			return false;
	bool listed = false;
	if (context->folder >= 0 &&
	    !put_listing(&this, MAIN_CONTEXT, context->folder, context->dockerfile, &listed, error))
		return false;
	if (!put_part(&this, "end", "-", NULL, 0))
		return false;
	bool done = context->head ? put_input(&this, error)
		    : context->folder >= 0 && !listed
			    ? put_folder(&this, context->folder, context->dockerfile, write_archive, error)
			    : true;
	if (done && context->progress)
		context->progress(context->data, context->sent);
	return done;
}

bool berth_build_context_send_archive(struct berth_build_context *context, const char *name,
				      bool (*write)(void *to, const void *bytes, size_t length), void *to,
				      GError **error)
{
	struct sending this = {.context = context, .write = write, .to = to};

	context->progress = NULL; // the engine tells of it
	if (strcmp(name, MAIN_CONTEXT) == 0 && context->folder >= 0)
		return put_folder(&this, context->folder, context->dockerfile, write_archive, error);
	for (guint i = 0; i < context->named->len; i++) {
		const struct berth_build_named *named = context->named->pdata[i];
		if (named->folder >= 0 && strcmp(named->name, name) == 0)
			return put_folder(&this, named->folder, NULL, write_archive, error);
	}
	return berth_error_set(error, BERTH_ERROR_NOT_FOUND, "the engine wants context \"%s\", which there is not",
			       name);
}
