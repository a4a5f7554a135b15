// SPDX-License-Identifier: Apache-2.0
// `context export` and `context import`: a tar archive with meta.json and, beneath tls/, the files of its endpoints.
// What is imported may be a zip archive of the same.
#include "cli/context.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/commands/commands.h"
#include "cli/zip.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512
#define META "meta.json"
#define TLS "tls/"

// The head of a member as ustar has it; only what is used here has names.
struct member {
	char name[100];
	char mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
	char link[100], magic[8], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
G_STATIC_ASSERT(sizeof(struct member) == BLOCK);

static unsigned sum_of(const struct member *member)
{
	const unsigned char *bytes = (const unsigned char *) member;
	unsigned sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= offsetof(struct member, sum) && i < offsetof(struct member, type) ? ' ' : bytes[i];
	return sum;
}

static void append_member(GByteArray *archive, const char *name, unsigned mode, const char *text, size_t length)
{
	struct member member = {.type = text ? '0' : '5', .magic = "ustar\00000"};
	static const char nothing[BLOCK];

	g_strlcpy(member.name, name, sizeof member.name);
	g_snprintf(member.mode, sizeof member.mode, "%07o", mode);
	g_snprintf(member.uid, sizeof member.uid, "%07o", 0);
	g_snprintf(member.gid, sizeof member.gid, "%07o", 0);
	g_snprintf(member.size, sizeof member.size, "%011zo", length);
	g_snprintf(member.mtime, sizeof member.mtime, "%011o", 0);
	g_snprintf(member.sum, sizeof member.sum, "%06o", sum_of(&member));
	member.sum[7] = ' ';
	g_byte_array_append(archive, (const guint8 *) &member, BLOCK);
	if (!text)
		return;
	g_byte_array_append(archive, (const guint8 *) text, (guint) length);
	g_byte_array_append(archive, (const guint8 *) nothing, (guint) ((BLOCK - length % BLOCK) % BLOCK));
}

static bool append_tls(GByteArray *archive, const struct berth_cli *cli, const char *name, GError **error)
{
	g_autofree char *top = berth_context_tls_folder(cli, name);
	g_autofree char *folder = g_build_filename(top, "docker", NULL);

	append_member(archive, "tls", 0700, NULL, 0);
	if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
		return true;
	append_member(archive, TLS "docker", 0700, NULL, 0);
	for (size_t i = 0; i < BERTH_TLS_FILES; i++) {
		g_autofree char *path = g_build_filename(folder, berth_context_tls_files[i], NULL);
		g_autofree char *inside = g_strconcat(TLS "docker/", berth_context_tls_files[i], NULL);
		size_t length;
		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			continue;
		g_autofree char *text = berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_CONTEXT, &length, error);
		if (!text)
			return false;
		append_member(archive, inside, 0600, text, length);
	}
	return true;
}

static bool write_archive(const GByteArray *archive, const char *path, GError **error)
{
	bool output = strcmp(path, "-") == 0;

	if (output && isatty(STDOUT_FILENO))
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "cowardly refusing to export to a terminal, specify a file path");
	if (output)
		return berth_write_all(STDOUT_FILENO, archive->data, archive->len, "standard output", error);
	berth_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); // it may have keys
	if (fd < 0)
		return berth_error_set_errno(error, errno, "open %s", path);
	return berth_write_all(fd, archive->data, archive->len, path, error);
}

static int export_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	static const char end[2 * BLOCK];
	const char *name = arguments[0];
	g_autofree char *path = arguments[1] ? g_strdup(arguments[1]) : g_strconcat(name, ".dockercontext", NULL);
	BERTH_AUTO_JSON json_t *context =
		berth_context_check_name(name, error) ? berth_context_load(cli, name, error) : NULL;

	if (!context)
		return 1;
	g_autoptr(GByteArray) archive = g_byte_array_new();
	g_autofree char *meta = berth_json_text(context);
	append_member(archive, META, 0644, meta, strlen(meta));
	if (!append_tls(archive, cli, name, error))
		return 1;
	g_byte_array_append(archive, (const guint8 *) end, sizeof end);
	if (!write_archive(archive, path, error))
		return 1;
	if (strcmp(path, "-") != 0)
		fprintf(stderr, "Written file \"%s\"\n", path);
	return 0;
}

static bool import_meta(const struct berth_cli *cli, const char *name, const char *text, size_t length, GError **error)
{
	BERTH_AUTO_JSON json_t *read = berth_json_parse(text, length, META, error);
	BERTH_AUTO_JSON json_t *context = json_pack("{s:s}", "Name", name);

	if (!read)
		return false;
	if (!json_is_object(read) || !json_is_object(json_object_get(read, "Endpoints")))
		return berth_error_set(error, BERTH_ERROR_INVALID, META ": it has no endpoints");
	json_object_update(context, read);
	json_object_set_new(context, "Name", json_string(name));
	return berth_context_save(cli, context, error);
}

// "tls/ENDPOINT/FILE": nothing else may be written.
static bool import_tls(const struct berth_cli *cli, const char *name, const char *path, const char *text, size_t length,
		       GError **error)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);
	bool fine = g_strv_length(parts) == 3;

	for (char **part = parts; fine && *part; part++)
		fine = **part && **part != '.';
	if (!fine)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: expected tls/ENDPOINT/FILE", path);
	g_autofree char *top = berth_context_tls_folder(cli, name);
	g_autofree char *folder = g_build_filename(top, parts[1], NULL);
	berth_fd fd = berth_open_folder(folder, true, 0700, error);
	return fd >= 0 && berth_write_file_at(fd, parts[2], text, length, 0600, true, error);
}

struct import {
	const struct berth_cli *cli;
	const char *name;
	bool met; // meta.json
};

static bool import_member(void *data, const char *path, enum berth_zip_kind kind, const char *text, size_t length,
			  GError **error)
{
	struct import *this = data;

	if (kind == BERTH_ZIP_FOLDER)
		return true;
	if (kind != BERTH_ZIP_FILE)
		return berth_error_set(error, BERTH_ERROR_INVALID, "%s: it is neither a file nor a folder", path);
	if (strcmp(path, META) != 0)
		return import_tls(this->cli, this->name, path, text, length, error);
	this->met = true;
	return import_meta(this->cli, this->name, text, length, error);
}

static bool import_tar(struct import *this, const char *archive, size_t length, GError **error)
{
	for (size_t at = 0; at + BLOCK <= length && archive[at];) {
		struct member member;
		memcpy(&member, archive + at, BLOCK);
		at += BLOCK;
		g_autofree char *path = g_strndup(member.name, sizeof member.name);
		g_autofree char *number = g_strndup(member.size, sizeof member.size);
		g_autofree char *sum = g_strndup(member.sum, sizeof member.sum);
		guint64 size = g_ascii_strtoull(number, NULL, 8);
		if (g_ascii_strtoull(g_strchug(sum), NULL, 8) != sum_of(&member) || size > length - at)
			return berth_error_set(error, BERTH_ERROR_INVALID,
					       "it is no tar archive and no zip archive, or one that was cut off");
		enum berth_zip_kind kind = member.type == '0' || member.type == 0 ? BERTH_ZIP_FILE
					   : member.type == '5'                   ? BERTH_ZIP_FOLDER
										  : BERTH_ZIP_OTHER;
		if (!import_member(this, path, kind, archive + at, size, error))
			return false;
		at += MIN(length - at, (size + BLOCK - 1) / BLOCK * BLOCK);
	}
	return true;
}

static bool import_members(struct import *this, const char *archive, size_t length, GError **error)
{
	bool good = berth_zip_is(archive, length)
			    ? berth_zip_read(archive, length, BERTH_LIMIT_CONTEXT_ARCHIVE, import_member, this, error)
			    : import_tar(this, archive, length, error);

	return good &&
	       (this->met || berth_error_set(error, BERTH_ERROR_INVALID, "unexpected context file: it has no " META));
}

static int import_main(struct berth_cli *cli, G_GNUC_UNUSED const void *options, char **arguments, GError **error)
{
	const char *name = arguments[0], *path = arguments[1];
	bool input = strcmp(path, "-") == 0;
	size_t length = 0;

	if (!berth_context_check_name(name, error))
		return 1;
	g_autoptr(GError) missing = NULL;
	BERTH_AUTO_JSON json_t *there = berth_context_load(cli, name, &missing);
	if (!g_error_matches(missing, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
		if (there)
			berth_error_set(error, BERTH_ERROR_CONFLICT, "context \"%s\" already exists", name);
		else
			g_propagate_error(error, g_steal_pointer(&missing));
		return 1;
	}
	g_autofree char *archive =
		input ? berth_read_fd(STDIN_FILENO, BERTH_LIMIT_CONTEXT_ARCHIVE, &length, "standard input", error)
		      : berth_read_file_at(AT_FDCWD, path, BERTH_LIMIT_CONTEXT_ARCHIVE, &length, error);
	if (!archive)
		return 1;
	struct import import = {cli, name, false};
	if (!import_members(&import, archive, length, error)) {
		g_prefix_error(error, "importing %s: ", path);
		berth_context_remove(cli, name, NULL);
		return 1;
	}
	puts(name);
	fprintf(stderr, "Successfully imported context \"%s\"\n", name);
	return 0;
}

const struct berth_command berth_command_context_export = {
	.arguments = "CONTEXT [FILE|-]",
	.summary = "Export a context to a tar archive FILE or a tar stream on STDOUT",
	.description = "The archive has the context's TLS key, if there is one.",
	.min_arguments = 1,
	.max_arguments = 2,
	.completes = "context",
	.main = export_main,
	.local = true,
};

const struct berth_command berth_command_context_import = {
	.arguments = "CONTEXT FILE|-",
	.summary = "Import a context from a tar or zip file",
	.min_arguments = 2,
	.max_arguments = 2,
	.main = import_main,
	.local = true,
};
