// SPDX-License-Identifier: Apache-2.0
#include "api/build-body.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>

#define LINE_MAX_BYTES 512
#define COPY_BLOCK (64 << 10)

struct part {
	char *kind, *name;
	int64_t length;
};

static void part_clear(struct part *part)
{
	g_clear_pointer(&part->kind, g_free);
	g_clear_pointer(&part->name, g_free);
}

static bool is_cut(GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "the body of the build ends early: the client has left");
}

static bool read_line(int fd, char *line, GError **error)
{
	for (size_t i = 0; i < LINE_MAX_BYTES; i++) {
		ssize_t count = berth_read_full(fd, line + i, 1);
		if (count < 1)
			return is_cut(error);
		if (line[i] == '\n') {
			line[i] = '\0';
			return true;
		}
	}
	return berth_error_set(error, BERTH_ERROR_INVALID,
			       "the body of the build: the line of a part is longer than %d", LINE_MAX_BYTES);
}

static bool read_part(int fd, struct part *ret, GError **error)
{
	char line[LINE_MAX_BYTES];

	if (!read_line(fd, line, error))
		return false;
	g_auto(GStrv) words = g_strsplit(line, " ", 3);
	char *end = NULL;
	ret->length = g_strv_length(words) == 3 ? g_ascii_strtoll(words[1], &end, 10) : -1;
	if (ret->length < 0 || end == words[1] || *end || !*words[2] || !g_utf8_validate(line, -1, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "the body of the build: expected \"KIND LENGTH NAME\" of a part");
	ret->kind = g_strdup(words[0]);
	ret->name = g_strdup(words[2]);
	return true;
}

static bool check_length(const struct part *part, int64_t limit, GError **error)
{
	return part->length <= limit || berth_error_set(error, BERTH_ERROR_INVALID,
							"%s %s: is larger than the limit of %" G_GINT64_FORMAT " bytes",
							part->kind, part->name, limit);
}

struct wiped {
	size_t size;
	char data[];
};

static void wipe(void *data)
{
	struct wiped *wiped = data;

	explicit_bzero(wiped->data, wiped->size);
	g_free(wiped);
}

// Bytes that are overwritten when nobody has them any more.
static GBytes *read_bytes(int fd, const struct part *part, GError **error)
{
	struct wiped *wiped = g_malloc(sizeof *wiped + (size_t) part->length + 1);

	wiped->size = (size_t) part->length;
	if (berth_read_full(fd, wiped->data, wiped->size) != part->length) {
		wipe(wiped);
		is_cut(error);
		return NULL;
	}
	return g_bytes_new_with_free_func(wiped->data, wiped->size, wipe, wiped);
}

static bool read_secret(struct berth_build_body *body, int fd, const struct part *part, GError **error)
{
	if (body->secrets->len >= BERTH_LIMIT_BUILD_SECRETS)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "secret %s: a build has at most %d",
				       part->name, BERTH_LIMIT_BUILD_SECRETS);
	if (!check_length(part, BERTH_LIMIT_BUILD_SECRET, error))
		return false;
	struct berth_build_secret secret = {NULL, read_bytes(fd, part, error)};
	if (!secret.value)
		return false;
	secret.id = g_strdup(part->name);
	g_array_append_val(body->secrets, secret);
	return true;
}

static bool read_dockerfile(struct berth_build_body *body, int fd, const struct part *part, GError **error)
{
	if (body->dockerfile)
		return berth_error_set(error, BERTH_ERROR_INVALID, "the body of the build has two Dockerfiles");
	if (!check_length(part, BERTH_LIMIT_DOCKERFILE, error))
		return false;
	body->dockerfile = read_bytes(fd, part, error);
	return body->dockerfile;
}

static struct berth_build_body_context *add_context(struct berth_build_body *body, const char *name, bool listed,
						    const char *folder, GError **error)
{
	struct berth_build_body_context *context;

	if (body->contexts->len >= BERTH_LIMIT_BUILD_CONTEXTS) {
		berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED, "context %s: a build has at most %d named ones",
				name, BERTH_LIMIT_BUILD_CONTEXTS);
		return NULL;
	}
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		berth_error_set_errno(error, errno, "making a file for context %s in %s", name, folder);
		return NULL;
	}
	context = g_new0(struct berth_build_body_context, 1);
	*context = (struct berth_build_body_context){g_strdup(name), fd, listed};
	g_ptr_array_add(body->contexts, context);
	return context;
}

// The file of a context, -1 with *error.
static int find_context(struct berth_build_body *body, const struct part *part, bool listed, const char *folder,
			GError **error)
{
	struct berth_build_body_context *found = NULL;

	for (guint i = 0; i < body->contexts->len && !found; i++) {
		struct berth_build_body_context *context = body->contexts->pdata[i];
		found = strcmp(context->name, part->name) == 0 ? context : NULL;
	}
	if (!found)
		found = add_context(body, part->name, listed, folder, error);
	if (found && found->listed != listed) {
		berth_error_set(error, BERTH_ERROR_INVALID, "context %s: comes as an archive and as a listing",
				part->name);
		return -1;
	}
	return found ? found->fd : -1;
}

static bool read_context(struct berth_build_body *body, int fd, const struct part *part, const char *folder,
			 GError **error)
{
	bool listed = strcmp(part->kind, "listing") == 0;

	if (listed && part->length > BERTH_LIMIT_BUILD_LISTINGS - body->listed)
		return berth_error_set(error, BERTH_ERROR_RESOURCE_EXHAUSTED,
				       "the listings of the build's contexts are larger than %" G_GINT64_FORMAT
				       " bytes",
				       BERTH_LIMIT_BUILD_LISTINGS);
	body->listed += listed ? part->length : 0;
	int file = find_context(body, part, listed, folder, error);
	g_autofree char *block = g_malloc(COPY_BLOCK);

	if (file < 0)
		return false;
	for (int64_t left = part->length; left > 0;) {
		size_t wanted = (size_t) MIN(left, COPY_BLOCK);
		if (berth_read_full(fd, block, wanted) != (ssize_t) wanted)
			return is_cut(error);
		if (!berth_write_all(file, block, wanted, part->name, error))
			return false;
		left -= (int64_t) wanted;
	}
	return true;
}

// *ret_end: it was the last.
static bool read_one(struct berth_build_body *body, int fd, const char *folder, bool *ret_end, GError **error)
{
	struct part part = {0};
	bool fine = read_part(fd, &part, error);

	*ret_end = fine && strcmp(part.kind, "end") == 0;
	if (fine && !*ret_end) {
		if (strcmp(part.kind, "secret") == 0)
			fine = read_secret(body, fd, &part, error);
		else if (strcmp(part.kind, "dockerfile") == 0)
			fine = read_dockerfile(body, fd, &part, error);
		else if (strcmp(part.kind, "context") == 0 || strcmp(part.kind, "listing") == 0)
			fine = read_context(body, fd, &part, folder, error);
		else
			fine = berth_error_set(error, BERTH_ERROR_INVALID,
					       "the body of the build: unknown kind of part \"%s\"", part.kind);
	}
	part_clear(&part);
	return fine;
}

static void context_free(void *data)
{
	struct berth_build_body_context *context = data;

	berth_fd_clear(&context->fd);
	g_free(context->name);
	g_free(context);
}

bool berth_build_body_read(struct berth_build_body *body, int fd, const char *folder, GError **error)
{
	bool end = false;

	*body = (struct berth_build_body){
		.secrets = g_array_new(FALSE, FALSE, sizeof(struct berth_build_secret)),
		.contexts = g_ptr_array_new_with_free_func(context_free),
	};
	while (!end)
		if (!read_one(body, fd, folder, &end, error))
			return false;
	for (guint i = 0; i < body->contexts->len; i++) {
		const struct berth_build_body_context *context = body->contexts->pdata[i];
		if (lseek(context->fd, 0, SEEK_SET) < 0)
			return berth_error_set_errno(error, errno, "context %s", context->name);
	}
	return true;
}

void berth_build_body_clear(struct berth_build_body *body)
{
	for (guint i = 0; body->secrets && i < body->secrets->len; i++) {
		struct berth_build_secret *secret = &g_array_index(body->secrets, struct berth_build_secret, i);
		g_free((char *) (uintptr_t) secret->id);
		g_bytes_unref(secret->value);
	}
	g_clear_pointer(&body->secrets, g_array_unref);
	g_clear_pointer(&body->contexts, g_ptr_array_unref);
	g_clear_pointer(&body->dockerfile, g_bytes_unref);
}
