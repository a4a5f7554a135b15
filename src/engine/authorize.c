// SPDX-License-Identifier: Apache-2.0
// Docker's authorization plugins: each in turn is shown the request, and the answer before it goes out. The first that
// does not allow it ends that; one that fails has not allowed it.
#include "engine/internal.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "plugin/plugin.h"

#include <string.h>

// Not shown to plugins: they are secrets of the user's towards others.
static const char *const secret_headers[] = {"Authorization", "X-Registry-Auth", "X-Registry-Config"};

static json_t *headers_json(GHashTable *headers)
{
	json_t *object = json_object();
	GHashTableIter iter;
	void *key, *value;

	if (!headers)
		return object;
	g_hash_table_iter_init(&iter, headers);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		bool secret = false;
		for (size_t i = 0; i < G_N_ELEMENTS(secret_headers); i++)
			secret = secret || g_ascii_strcasecmp(key, secret_headers[i]) == 0;
		g_autofree char *text = g_utf8_make_valid(value, -1);
		if (!secret)
			json_object_set_new(object, key, json_string(text));
	}
	return object;
}

static void set_text(json_t *object, const char *name, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);

	json_object_set_new(object, name, json_string(valid));
}

static void set_body(json_t *object, const char *name, const void *body, size_t length)
{
	if (!body || length == 0)
		return;
	g_autofree char *text = g_base64_encode(body, length);
	json_object_set_new(object, name, json_string(text));
}

static json_t *request_json(const struct berth_authorization *request)
{
	json_t *object = json_object();

	set_text(object, "User", request->user);
	set_text(object, "UserAuthNMethod", request->user_method);
	set_text(object, "RequestMethod", request->method);
	set_text(object, "RequestUri", request->uri);
	set_body(object, "RequestBody", request->body, request->length);
	json_object_set_new(object, "RequestHeaders", headers_json(request->headers));
	if (request->certificates) {
		json_t *list = json_array();
		for (char *const *certificate = request->certificates; *certificate; certificate++) {
			g_autofree char *text = g_base64_encode((const guchar *) *certificate, strlen(*certificate));
			json_array_append_new(list, json_string(text));
		}
		json_object_set_new(object, "RequestPeerCertificates", list);
	}
	return object;
}

// Asks one. `question` is borrowed.
static bool ask(struct berth_engine *engine, const char *plugin, const char *method, json_t *question, GError **error)
{
	g_autoptr(GError) failure = NULL;
	BERTH_AUTO_JSON json_t *answer = berth_plugin_call(engine->plugins, plugin, BERTH_PLUGIN_AUTHORIZATION, method,
							   json_incref(question), &failure);

	if (!answer)
		return berth_error_set(error, BERTH_ERROR_FORBIDDEN,
				       "authorization denied: plugin %s failed with error: %s", plugin,
				       failure->message);
	if (json_is_true(json_object_get(answer, "Allow")))
		return true;
	const char *words = json_string_value(json_object_get(answer, "Msg"));
	return berth_error_set(error, BERTH_ERROR_FORBIDDEN, "authorization denied by plugin %s: %.*s", plugin,
			       BERTH_LIMIT_PLUGIN_WORDS, words ? words : "");
}

static bool ask_all(struct berth_engine *engine, char *const *plugins, const char *method, json_t *question,
		    GError **error)
{
	for (; plugins && *plugins; plugins++)
		if (!ask(engine, *plugins, method, question, error))
			return false;
	return true;
}

static char **copy_plugins(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	char **plugins = g_strdupv((char **) engine->options.authorization);
	pthread_mutex_unlock(&engine->lock);
	return plugins;
}

bool berth_engine_authorizes(struct berth_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	bool any = engine->options.authorization && *engine->options.authorization;
	pthread_mutex_unlock(&engine->lock);
	return any;
}

bool berth_engine_authorize(struct berth_engine *engine, const struct berth_authorization *request, char ***ret_plugins,
			    GError **error)
{
	g_auto(GStrv) plugins = copy_plugins(engine);
	BERTH_AUTO_JSON json_t *question = request_json(request);

	if (!ask_all(engine, plugins, "AuthZReq", question, error))
		return false;
	*ret_plugins = g_steal_pointer(&plugins);
	return true;
}

bool berth_engine_authorize_answer(struct berth_engine *engine, char *const *plugins,
				   const struct berth_authorization *request, unsigned status, GHashTable *headers,
				   const void *body, size_t length, GError **error)
{
	BERTH_AUTO_JSON json_t *question = request_json(request);

	json_object_set_new(question, "ResponseStatusCode", json_integer(status));
	json_object_set_new(question, "ResponseHeaders", headers_json(headers));
	set_body(question, "ResponseBody", body, length);
	return ask_all(engine, plugins, "AuthZRes", question, error);
}
