// SPDX-License-Identifier: Apache-2.0
#include "engine/log/log-plan.h"

#include "base/error.h"
#include "base/flags.h"
#include "base/moment.h"

#include <string.h>

#define DEFAULT_SIZE (20 << 20)
#define DEFAULT_FILES 5
#define FILES_MAX 1000
#define DEFAULT_BUFFER (1 << 20) // of mode non-blocking
#define FLUENTD_BUFFER (1 << 20) // lines
#define FLUENTD_RETRY_WAIT 1000 // milliseconds
#define FACILITY_DAEMON 3

struct berth_log_driver {
	const char *name;
	const char *format, *file; // its own files; NULL: it has none
	bool remote;
	const char *const *options;
};

#define COMMON "labels", "labels-regex", "env", "env-regex", "tag"
static const char *const json_options[] = {"max-size", "max-file", "compress", COMMON, NULL};
static const char *const local_options[] = {"max-size", "max-file", "compress", NULL};
static const char *const journald_options[] = {COMMON, NULL};
static const char *const syslog_options[] = {"syslog-address",
					     "syslog-facility",
					     "syslog-format",
					     "syslog-tls-ca-cert",
					     "syslog-tls-cert",
					     "syslog-tls-key",
					     "syslog-tls-skip-verify",
					     COMMON,
					     NULL};
static const char *const fluentd_options[] = {"fluentd-address",
					      "fluentd-async",
					      "fluentd-async-reconnect-interval",
					      "fluentd-buffer-limit",
					      "fluentd-max-retries",
					      "fluentd-request-ack",
					      "fluentd-retry-wait",
					      "fluentd-sub-second-precision",
					      "fluentd-write-timeout",
					      COMMON,
					      NULL};
static const struct berth_log_driver drivers[] = {
	{"json-file", "json-file", "%-json.log", false, json_options},
	{"local", "local", "local.log", false, local_options},
	{"journald", NULL, NULL, true, journald_options},
	{"syslog", NULL, NULL, true, syslog_options},
	{"fluentd", NULL, NULL, true, fluentd_options},
	{"none", NULL, NULL, false, NULL},
};
#define CACHE_FILE "container-cached.log"
const char *const berth_log_driver_names[] = {"fluentd", "journald", "json-file", "local", "none", "syslog", NULL};

// Options of every driver: Docker takes them with any.
static const char *const common_options[] = {
	"mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress", NULL};

struct parser {
	struct berth_log_plan *plan;
	const char *name, *value;
	int compress; // -1: nothing was said
	bool cache_disabled, buffer_given;
};

static bool wrong(const struct parser *parser, const char *expected, GError **error)
{
	return berth_error_set(error, BERTH_ERROR_INVALID, "%s must be %s: \"%s\"", parser->name, expected,
			       parser->value);
}

static bool take_switch(const struct parser *parser, bool *ret, GError **error)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True", NULL};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False", NULL};

	*ret = g_strv_contains(yes, parser->value);
	return *ret || g_strv_contains(no, parser->value) || wrong(parser, "true or false", error);
}

static bool take_size(struct parser *parser, GError **error)
{
	int64_t *size = &parser->plan->max_size;
	bool unlimited = g_str_equal(parser->value, "-1");

	*size = -1;
	return unlimited || (berth_bytes_parse(parser->value, size, NULL) && *size > 0) ||
	       wrong(parser, "a positive number or -1", error);
}

static bool take_files(struct parser *parser, GError **error)
{
	return g_ascii_string_to_signed(parser->value, 10, 1, FILES_MAX, &parser->plan->max_file, NULL) ||
	       wrong(parser, "1 to 1000", error);
}

static bool take_compress(struct parser *parser, GError **error)
{
	bool compress;

	if (!take_switch(parser, &compress, error))
		return false;
	parser->compress = compress;
	return true;
}

static bool take_text(const struct parser *parser, const char **ret)
{
	*ret = parser->value;
	return true;
}

static bool take_regex(const struct parser *parser, const char **ret, GError **error)
{
	GError *failure = NULL;
	GRegex *regex = g_regex_new(parser->value, 0, 0, &failure);

	*ret = parser->value;
	if (regex) {
		g_regex_unref(regex);
		return true;
	}
	berth_error_set(error, BERTH_ERROR_INVALID, "%s: %s", parser->name, failure->message);
	g_error_free(failure);
	return false;
}

static bool take_mode(const struct parser *parser, GError **error)
{
	parser->plan->never_waits = g_str_equal(parser->value, "non-blocking");
	return parser->plan->never_waits || g_str_equal(parser->value, "blocking") || !*parser->value ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "logger: logging mode not supported: %s", parser->value);
}

static bool take_facility(const struct parser *parser, GError **error)
{
	static const char *const names[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
					    "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
					    "",       "",       "",       "",       "local0",   "local1",
					    "local2", "local3", "local4", "local5", "local6",   "local7"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (*names[i] && g_str_equal(names[i], parser->value)) {
			parser->plan->facility = (int64_t) i;
			return true;
		}
	return g_ascii_string_to_signed(parser->value, 10, 0, G_N_ELEMENTS(names) - 1, &parser->plan->facility, NULL) ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "invalid syslog facility: %s", parser->value);
}

static bool take_syslog(const struct parser *parser, GError **error)
{
	static const char *const formats[] = {"", "rfc3164", "rfc5424", "rfc5424micro", NULL};
	static const char *const schemes[] = {"unix://", "unixgram://", "tcp://", "udp://"};

	if (g_str_has_prefix(parser->name, "syslog-tls"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "log opt '%s' for syslog log driver: TLS is not in this version", parser->name);
	if (g_str_equal(parser->name, "syslog-facility"))
		return take_facility(parser, error);
	if (g_str_equal(parser->name, "syslog-format"))
		return g_strv_contains(formats, parser->value)
			       ? take_text(parser, &parser->plan->syslog_format)
			       : berth_error_set(error, BERTH_ERROR_INVALID, "Invalid syslog format: %s",
						 parser->value);
	parser->plan->address = *parser->value ? parser->value : NULL;
	if (g_str_has_prefix(parser->value, "tcp+tls://"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "syslog-address %s: tcp+tls is not in this version", parser->value);
	for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
		if (g_str_has_prefix(parser->value, schemes[i]))
			return true;
	return !*parser->value ||
	       berth_error_set(error, BERTH_ERROR_INVALID, "syslog-address should be in form proto://address, got %s",
			       parser->value);
}

static bool take_fluentd(const struct parser *parser, GError **error)
{
	struct berth_log_plan *plan = parser->plan;
	const char *name = parser->name + strlen("fluentd-");
	int64_t nanoseconds;

	if (g_str_equal(name, "async"))
		return take_switch(parser, &plan->async, error);
	if (g_str_equal(name, "request-ack"))
		return take_switch(parser, &plan->request_ack, error);
	if (g_str_equal(name, "sub-second-precision"))
		return take_switch(parser, &plan->sub_second, error);
	if (g_str_equal(name, "buffer-limit"))
		return (berth_bytes_parse(parser->value, &plan->buffer_limit, NULL) && plan->buffer_limit > 0) ||
		       wrong(parser, "a positive number", error);
	if (g_str_equal(name, "max-retries"))
		return g_ascii_string_to_signed(parser->value, 10, 0, G_MAXINT32, &plan->max_retries, NULL) ||
		       wrong(parser, "a number", error);
	if (g_str_equal(name, "retry-wait")) {
		if (!berth_duration_parse(parser->value, &nanoseconds, NULL) || nanoseconds < 0)
			return wrong(parser, "a duration", error);
		plan->retry_wait = nanoseconds / 1000000;
		return true;
	}
	if (!g_str_equal(name, "address"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "log opt '%s' for fluentd log driver is not in this version", parser->name);
	const char *scheme = strstr(parser->value, "://");
	if (g_str_has_prefix(parser->value, "tls://"))
		return berth_error_set(error, BERTH_ERROR_NOT_IMPLEMENTED,
				       "fluentd-address %s: tls is not in this version", parser->value);
	if (scheme && !g_str_has_prefix(parser->value, "tcp://") && !g_str_has_prefix(parser->value, "unix://"))
		return berth_error_set(error, BERTH_ERROR_INVALID, "unsupported scheme for fluentd address: %s",
				       parser->value);
	plan->address = *parser->value ? parser->value : NULL;
	return true;
}

// Options that several drivers have.
static bool take_common(struct parser *parser, GError **error)
{
	struct berth_log_plan *plan = parser->plan;
	const char *name = parser->name;

	if (g_str_equal(name, "max-size") || g_str_equal(name, "cache-max-size"))
		return take_size(parser, error);
	if (g_str_equal(name, "max-file") || g_str_equal(name, "cache-max-file"))
		return take_files(parser, error);
	if (g_str_equal(name, "compress") || g_str_equal(name, "cache-compress"))
		return take_compress(parser, error);
	if (g_str_equal(name, "cache-disabled"))
		return take_switch(parser, &parser->cache_disabled, error);
	if (g_str_equal(name, "mode"))
		return take_mode(parser, error);
	if (g_str_equal(name, "max-buffer-size")) {
		parser->buffer_given = true;
		return (berth_bytes_parse(parser->value, &plan->buffer, NULL) && plan->buffer > 0) ||
		       wrong(parser, "a positive number", error);
	}
	if (g_str_equal(name, "labels"))
		return take_text(parser, &plan->labels);
	if (g_str_equal(name, "env"))
		return take_text(parser, &plan->env);
	if (g_str_equal(name, "labels-regex"))
		return take_regex(parser, &plan->labels_regex, error);
	if (g_str_equal(name, "env-regex"))
		return take_regex(parser, &plan->env_regex, error);
	return take_text(parser, &plan->tag);
}

static bool take_option(struct parser *parser, GError **error)
{
	const struct berth_log_driver *driver = parser->plan->driver;
	bool common = g_strv_contains(common_options, parser->name);

	if (common && g_str_has_prefix(parser->name, "cache-") && !driver->remote)
		return true; // there is no cache of what can be read anyway
	if (!common && !g_strv_contains(driver->options, parser->name))
		return berth_error_set(error, BERTH_ERROR_INVALID, "unknown log opt '%s' for %s log driver",
				       parser->name, driver->name);
	if (g_str_has_prefix(parser->name, "syslog-"))
		return take_syslog(parser, error);
	if (g_str_has_prefix(parser->name, "fluentd-"))
		return take_fluentd(parser, error);
	return take_common(parser, error);
}

static const struct berth_log_driver *find_driver(const char *name, GError **error)
{
	static const char *const elsewhere[] = {"gelf", "awslogs", "splunk", "etwlogs", "gcplogs", "logentries", NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
		if (g_str_equal(drivers[i].name, name))
			return &drivers[i];
	if (g_strv_contains(elsewhere, name))
		berth_error_set(
			error, BERTH_ERROR_NOT_IMPLEMENTED,
			"log driver '%s' is not in this version; there are fluentd, journald, json-file, local, "
			"none and syslog",
			name);
	else
		berth_error_set(error, BERTH_ERROR_INVALID, "logger: no log driver named '%s' is registered", name);
	return NULL;
}

// What only all options together say.
static bool finish(struct parser *parser, GError **error)
{
	struct berth_log_plan *plan = parser->plan;
	bool rotates = plan->max_size > 0 && plan->max_file > 1;

	if (parser->buffer_given && !plan->never_waits)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
	if (parser->compress == 1 && !rotates)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "compress cannot be true when max-file is less than 2 or max-size is not set");
	plan->compress = parser->compress != 0 && rotates;
	if (plan->tag) {
		static const struct berth_container_record nothing = {0};
		g_autofree char *tag = berth_log_tag(plan->tag, &nothing, error);
		if (!tag)
			return false;
	}
	plan->format = plan->driver->format;
	plan->file = plan->driver->file;
	plan->tag_in_attributes = plan->driver->format && plan->tag;
	if (!plan->driver->remote)
		return true;
	plan->target = plan->driver->name;
	if (!parser->cache_disabled) {
		plan->format = "local";
		plan->file = CACHE_FILE;
	}
	return true;
}

bool berth_log_plan_make(const struct api_log_config *config, struct berth_log_plan *ret, GError **error)
{
	struct parser parser = {.plan = ret, .compress = -1};
	GHashTableIter iter;
	void *name, *value;

	*ret = (struct berth_log_plan){
		.driver = find_driver(config->type && *config->type ? config->type : "json-file", error),
		.max_size = DEFAULT_SIZE,
		.max_file = DEFAULT_FILES,
		.buffer = DEFAULT_BUFFER,
		.facility = FACILITY_DAEMON,
		.syslog_format = "",
		.buffer_limit = FLUENTD_BUFFER,
		.retry_wait = FLUENTD_RETRY_WAIT,
		.max_retries = G_MAXINT32,
	};
	if (!ret->driver)
		return false;
	if (!ret->driver->options) // none takes anything
		return true;
	if (config->config) {
		g_hash_table_iter_init(&iter, config->config);
		while (g_hash_table_iter_next(&iter, &name, &value)) {
			parser.name = name;
			parser.value = value ? value : "";
			if (!take_option(&parser, error))
				return false;
		}
	}
	return finish(&parser, error);
}
