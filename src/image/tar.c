// SPDX-License-Identifier: Apache-2.0
// libarchive converts names to the locale's character set and composes them on the way, so that two files could become
// one. In the C locale it keeps the bytes of those that are not ASCII, and warns of that.
#include "image/tar.h"

#include "base/error.h"

#include <string.h>

#define HARMLESS_WARNING "to current locale"
#define SHOWN 200 // characters of a name in a message

static la_ssize_t give(G_GNUC_UNUSED struct archive *archive, void *data, const void **ret)
{
	struct berth_tar *this = data;

	*ret = NULL;
	return berth_layer_stream_next(this->stream, ret, &this->failure);
}

bool berth_tar_open(struct berth_tar *this, struct berth_source source, int64_t limit, bool hashed, GError **error)
{
	*this = (struct berth_tar){.stream = berth_layer_stream_new(source, limit, hashed, error)};
	if (!this->stream)
		return false;
	this->locale = newlocale(LC_ALL_MASK, "C", NULL);
	this->before = uselocale(this->locale);
	this->archive = archive_read_new();
	archive_read_support_format_tar(this->archive);
	return archive_read_open(this->archive, this, NULL, give, NULL) == ARCHIVE_OK || berth_tar_failed(this, error);
}

void berth_tar_close(struct berth_tar *this)
{
	archive_read_free(this->archive);
	berth_layer_stream_free(this->stream);
	g_clear_error(&this->failure);
	if (this->locale) {
		uselocale(this->before);
		freelocale(this->locale);
	}
}

bool berth_tar_failed(struct berth_tar *this, GError **error)
{
	const char *why = archive_error_string(this->archive);

	if (!this->failure)
		return berth_error_set(error, BERTH_ERROR_INVALID, "damaged: %s", why ? why : "unreadable");
	g_propagate_error(error, g_steal_pointer(&this->failure));
	return false;
}

int berth_tar_next(struct berth_tar *this, struct archive_entry **ret, GError **error)
{
	int result = archive_read_next_header(this->archive, ret);

	if (result == ARCHIVE_EOF && !this->failure)
		return 0;
	if (result == ARCHIVE_OK)
		return 1;
	if (result == ARCHIVE_WARN) {
		const char *why = archive_error_string(this->archive);
		if (why && strstr(why, HARMLESS_WARNING))
			return 1;
	}
	berth_tar_failed(this, error);
	return -1;
}

bool berth_tar_finish(struct berth_tar *this, char *digest, GError **error)
{
	return berth_layer_stream_finish(this->stream, digest, error);
}

static bool append_part(GString *path, const char *part, size_t length, GError **error)
{
	if (length == 2 && memcmp(part, "..", 2) == 0)
		return berth_error_set(error, BERTH_ERROR_INVALID, "\"..\" in a name would lead out of the root");
	if (path->len > 0)
		g_string_append_c(path, '/');
	g_string_append_len(path, part, (gssize) length);
	return true;
}

char *berth_tar_clean(const char *name, size_t max_length, size_t max_depth, GError **error)
{
	g_autoptr(GString) path = g_string_new(NULL);
	size_t depth = 0;

	if (strlen(name) > max_length) {
		berth_error_set(error, BERTH_ERROR_INVALID, "its name is longer than %zu bytes", max_length);
		return NULL;
	}
	while (*name) {
		size_t length = strcspn(name, "/");
		if (length > 0 && !(length == 1 && *name == '.')) {
			if (!append_part(path, name, length, error))
				return NULL;
			if (++depth > max_depth) {
				berth_error_set(error, BERTH_ERROR_INVALID, "its path has more than %zu parts",
						max_depth);
				return NULL;
			}
		}
		name += length + (name[length] == '/');
	}
	return g_string_free(g_steal_pointer(&path), false);
}

char *berth_tar_printable(const char *name)
{
	g_autofree char *valid = g_utf8_make_valid(name, -1);

	return g_utf8_strlen(valid, -1) > SHOWN ? g_utf8_substring(valid, 0, SHOWN) : g_steal_pointer(&valid);
}
