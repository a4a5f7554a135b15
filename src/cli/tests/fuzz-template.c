// SPDX-License-Identifier: Apache-2.0
// Any text is a template or an error with a message; what is a template gives output within the limit, or an error.
#include "base/error.h"
#include "base/json.h"
#include "cli/template.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const text =
	"{\"name\": \"web\", \"n\": 5, \"neg\": -3, \"f\": 1.5e-7, \"yes\": true, \"null\": null, \"empty\": \"\","
	" \"list\": [\"a\", \"b\", null], \"map\": {\"b\": 2, \"a\": [1, {\"x\": \"y\"}]}, \"uni\": "
	"\"gr\\u00fc\\u4e16\"}";

static json_t *call_label(const json_t *object, char *const *arguments, GError **error)
{
	(void) object;
	if (arguments[0])
		return json_string_nocheck(arguments[0]);
	berth_error_set(error, BERTH_ERROR_INVALID, "no argument");
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct berth_template_method methods[] = {{"Label", call_label}, {0}};
	g_autoptr(GError) error = NULL;
	g_autofree char *source = g_strndup((const char *) data, size);
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(berth_template) template = berth_template_parse(source, &error);

	g_assert_true((template == NULL) == (error != NULL));
	if (!template)
		return 0;
	BERTH_AUTO_JSON json_t *json = berth_json_parse(text, strlen(text), "data", NULL);
	const struct berth_template_options options = {
		.methods = methods, .missing_is_error = size & 1, .header = size & 2};
	bool good = berth_template_execute(template, json, &options, out, &error);
	g_assert_true(good == (error == NULL));
	g_assert_true(out->len <= BERTH_LIMIT_TEMPLATE_OUTPUT);
	return 0;
}
