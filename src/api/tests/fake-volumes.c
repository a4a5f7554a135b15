// SPDX-License-Identifier: Apache-2.0
// The fake engine has one volume, "data".
#include "api/tests/fake-engine.h"

#include "base/error.h"
#include "engine/volume/volumes.h"

#include <string.h>
#include <unistd.h>

static struct api_volume *the_volume(const char *name, GError **error)
{
	if (strcmp(name, "data") != 0) {
		berth_error_set(error, BERTH_ERROR_NOT_FOUND, "get %s: no such volume", name);
		return NULL;
	}
	struct api_volume *volume = berth_document_new(&api_volume_document);
	volume->name = g_strdup(name);
	volume->driver = g_strdup("local");
	volume->mountpoint = g_strdup("/data");
	volume->scope = g_strdup("local");
	return volume;
}

GPtrArray *berth_engine_volume_list(struct berth_engine *engine, GHashTable *filters, bool size, GError **error)
{
	(void) error;
	fake_note(engine, "volumes %d %d", filters != NULL, size);
	return g_ptr_array_new();
}

struct api_volume *berth_engine_volume_create(struct berth_engine *engine, const struct api_volume_create *create,
					      GError **error)
{
	fake_note(engine, "volume create %s", create->name);
	return the_volume(create->name ? create->name : "", error);
}

struct api_volume *berth_engine_volume_inspect(struct berth_engine *engine, const char *name, GError **error)
{
	(void) engine;
	return the_volume(name, error);
}

bool berth_engine_volume_remove(struct berth_engine *engine, const char *name, bool force, GError **error)
{
	g_autoptr(api_volume) volume = the_volume(name, error);

	fake_note(engine, "volume remove %s %d", name, force);
	return volume != NULL;
}

struct api_volume_prune_report *berth_engine_volume_prune(struct berth_engine *engine, GHashTable *filters, bool all,
							  GError **error)
{
	struct api_volume_prune_report *report = berth_document_new(&api_volume_prune_report_document);

	(void) filters, (void) error;
	fake_note(engine, "volume prune %d", all);
	report->volumes_deleted = g_new0(char *, 1);
	return report;
}

bool berth_engine_volume_export(struct berth_engine *engine, const char *name, berth_volume_write_fn *write, void *data,
				GError **error)
{
	g_autoptr(api_volume) volume = the_volume(name, error);

	(void) engine;
	return volume && write(data, "archive", strlen("archive"));
}

bool berth_engine_volume_import(struct berth_engine *engine, const char *name, int fd, GError **error)
{
	g_autoptr(api_volume) volume = the_volume(name, error);
	char text[64];
	ssize_t length, total = 0;

	while (volume && (length = read(fd, text, sizeof text)) > 0)
		total += length;
	fake_note(engine, "volume import %s %d", name, (int) total);
	return volume != NULL;
}

struct api_volume *berth_engine_volume_clone(struct berth_engine *engine, const char *name, const char *to,
					     GError **error)
{
	fake_note(engine, "volume clone %s %s", name, to);
	return the_volume(name, error);
}
