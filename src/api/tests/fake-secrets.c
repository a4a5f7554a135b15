// SPDX-License-Identifier: Apache-2.0
// Secrets of the engine that the API's tests have: it notes what it is asked for.
#include "api/tests/fake-engine.h"
#include "base/error.h"
#include "engine/secret/secrets.h"

char *berth_engine_secret_create(struct berth_engine *engine, const struct api_secret_create *create,
				 G_GNUC_UNUSED GError **error)
{
	fake_note(engine, "secret create %s %s", create->name, create->data);
	return g_strdup("secret1");
}

GPtrArray *berth_engine_secret_list(struct berth_engine *engine, G_GNUC_UNUSED GHashTable *filters,
				    G_GNUC_UNUSED GError **error)
{
	fake_note(engine, "secret list");
	return berth_objects_new();
}

struct api_secret *berth_engine_secret_inspect(struct berth_engine *engine, const char *secret, GError **error)
{
	fake_note(engine, "secret inspect %s", secret);
	berth_error_set(error, BERTH_ERROR_NOT_FOUND, "secret %s not found", secret);
	return NULL;
}

bool berth_engine_secret_update(struct berth_engine *engine, const char *secret, const struct api_secret_update *update,
				G_GNUC_UNUSED GError **error)
{
	fake_note(engine, "secret update %s %s", secret, update->data ? update->data : "-");
	return true;
}

bool berth_engine_secret_remove(struct berth_engine *engine, const char *secret, G_GNUC_UNUSED GError **error)
{
	fake_note(engine, "secret remove %s", secret);
	return true;
}
