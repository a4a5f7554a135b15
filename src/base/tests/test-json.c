// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

#include <stdint.h>
#include <string.h>

static json_t *parse(const char *text, GError **error)
{
	return berth_json_parse(text, strlen(text), "text", error);
}

static void test_big_integers(void)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_JSON json_t *json =
		parse("{\"a\": 18446744073709551615, \"b\": 9223372036854775807, "
		      "\"c\": \"18446744073709551615\", \"d\": 9223372036854775808, \"e\": 1.5e3}",
		      &error);
	g_assert_no_error(error);
	g_assert_true(json_is_real(json_object_get(json, "a")));
	g_assert_cmpint(json_integer_value(json_object_get(json, "b")), ==, INT64_MAX);
	g_assert_cmpstr(json_string_value(json_object_get(json, "c")), ==, "18446744073709551615");
	g_assert_true(json_is_real(json_object_get(json, "d")));
	g_assert_cmpfloat(json_real_value(json_object_get(json, "e")), ==, 1500);
}

static void test_refusals(void)
{
	static const char *const texts[] = {
		"", "{", "{} x", "{\"a\": 1, \"a\": 2}", "{\"a\": \"\\u0000\"}", "nul", "{\"a\": 01}", "{\"a\": -}",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(parse(texts[i], &error));
		g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
		g_assert_true(g_str_has_prefix(error->message, "text: line "));
	}
}

// Messages go into documents, which have valid text only.
static void test_refusal_is_text(void)
{
	static const char text[] = "\"\\\xde\x9f\"\\";
	g_autoptr(GError) error = NULL;

	g_assert_null(berth_json_parse(text, sizeof text - 1, "test", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
	g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

static void test_size_limit(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_malloc(BERTH_LIMIT_JSON + 1);
	memset(text, ' ', BERTH_LIMIT_JSON + 1);
	memcpy(text, "{}", 2);
	BERTH_AUTO_JSON json_t *good = berth_json_parse(text, BERTH_LIMIT_JSON, "text", &error);
	g_assert_no_error(error);
	g_assert_true(json_is_object(good));
	g_assert_null(berth_json_parse(text, BERTH_LIMIT_JSON + 1, "text", &error));
	g_assert_error(error, BERTH_ERROR, BERTH_ERROR_INVALID);
}

static void test_text_keeps_order(void)
{
	g_autoptr(GError) error = NULL;
	BERTH_AUTO_JSON json_t *json = parse("{\"z\": 1, \"a\": [true, null]}", &error);
	g_autofree char *text = berth_json_text(json);
	g_assert_cmpstr(text, ==, "{\"z\":1,\"a\":[true,null]}");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/json/big-integers", test_big_integers);
	g_test_add_func("/json/refusals", test_refusals);
	g_test_add_func("/json/refusal-is-text", test_refusal_is_text);
	g_test_add_func("/json/size-limit", test_size_limit);
	g_test_add_func("/json/text-keeps-order", test_text_keeps_order);
	return g_test_run();
}
