// SPDX-License-Identifier: Apache-2.0
// What a container's monitor is told about its log: everything that needs names to be looked up is decided here.
#include "engine/internal.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/log/log-plan.h"
#include "monitor/client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SYSLOG_PORT "514"
#define FLUENTD_PORT "24224"

char *berth_engine__log_file(struct berth_engine *engine, const struct berth_engine_container *container,
			     const struct berth_log_plan *plan)
{
	g_autofree char *folder = g_build_filename(engine->containers_path, container->id, NULL);

	if (!plan->file)
		return g_strdup("");
	if (*plan->file == '%')
		return g_strdup_printf("%s/%s%s", folder, container->id, plan->file + 1);
	return g_build_filename(folder, plan->file, NULL);
}

// A host's first address, as the monitor writes it: "127.0.0.1:514".
static char *look_up(const char *host, const char *default_port, bool datagram, GError **error)
{
	const struct addrinfo hints = {.ai_socktype = datagram ? SOCK_DGRAM : SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	const char *bracket = strrchr(host, ']'), *colon = strrchr(bracket ? bracket : host, ':');
	bool bracketed = *host == '[' && bracket;
	g_autofree char *name = bracketed ? g_strndup(host + 1, (gsize) (bracket - host - 1))
					  : g_strndup(host, colon ? (gsize) (colon - host) : strlen(host));
	const char *port = colon && colon[1] ? colon + 1 : default_port;
	char address[64], number[16];
	struct addrinfo *found = NULL;

	int problem = getaddrinfo(*name ? name : "localhost", port, &hints, &found);
	if (problem == 0)
		problem = getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, number, sizeof number,
				      NI_NUMERICHOST | NI_NUMERICSERV);
	bool ipv6 = problem == 0 && found->ai_family == AF_INET6;
	if (found)
		freeaddrinfo(found);
	if (problem == 0)
		return g_strdup_printf(ipv6 ? "[%s]:%s" : "%s:%s", address, number);
	berth_error_set(error, BERTH_ERROR_UNAVAILABLE, "log address %s: %s", host, gai_strerror(problem));
	return NULL;
}

// "proto://rest" of the user's as the monitor's "proto:rest".
static char *resolve(const char *address, const char *default_port, GError **error)
{
	const char *scheme_end = strstr(address, "://");
	g_autofree char *scheme = scheme_end ? g_strndup(address, (gsize) (scheme_end - address)) : g_strdup("tcp");
	const char *rest = scheme_end ? scheme_end + strlen("://") : address;
	struct stat status;

	if (g_str_has_prefix(scheme, "unix")) {
		if (stat(rest, &status) == 0)
			return g_strdup_printf("%s:%s", scheme, rest);
		berth_error_set_errno(error, errno, "log address %s", address);
		return NULL;
	}
	g_autofree char *found = look_up(rest, default_port, g_str_equal(scheme, "udp"), error);
	return found ? g_strdup_printf("%s:%s", scheme, found) : NULL;
}

static char *make_address(const struct berth_log_plan *plan, GError **error)
{
	bool fluentd = g_str_equal(plan->target, "fluentd");

	if (plan->address)
		return resolve(plan->address, fluentd ? FLUENTD_PORT : SYSLOG_PORT, error);
	return g_strdup(fluentd ? "tcp:127.0.0.1:" FLUENTD_PORT : "");
}

static bool make_target(const struct berth_log_plan *plan, const struct berth_container_record *record,
			struct berth_monitor_settings *settings, GError **error)
{
	g_autofree char *address = make_address(plan, error);

	if (!address)
		return false;
	struct berth_monitor_log_target *target = berth_document_new(&berth_monitor_log_target_document);
	bool fluentd = g_str_equal(plan->target, "fluentd");
	settings->log_target = target;
	target->driver = g_strdup(plan->target);
	target->address = g_steal_pointer(&address);
	target->id = g_strdup(record->id);
	target->name = g_strconcat(fluentd ? "/" : "", record->name, NULL);
	target->image = g_strdup(record->config->image ? record->config->image : "");
	target->tag = berth_log_tag(plan->tag ? plan->tag : "{{.ID}}", record, error);
	target->hostname = g_strdup(g_get_host_name());
	target->fields = berth_log_attributes(plan, record);
	target->facility = plan->facility;
	target->format = g_strdup(plan->syslog_format);
	target->async = plan->async;
	target->buffer_limit = plan->buffer_limit;
	target->retry_wait = plan->retry_wait;
	target->max_retries = plan->max_retries;
	target->sub_second = plan->sub_second;
	target->request_ack = plan->request_ack;
	return target->tag;
}

static bool make_attributes(const struct berth_log_plan *plan, const struct berth_container_record *record,
			    struct berth_monitor_settings *settings, GError **error)
{
	g_autoptr(GHashTable) attributes = berth_log_attributes(plan, record);
	GHashTableIter iter;
	void *name, *value;

	if (plan->tag_in_attributes) {
		char *tag = berth_log_tag(plan->tag, record, error);
		if (!tag)
			return false;
		g_hash_table_insert(attributes, g_strdup("tag"), tag);
	}
	if (g_hash_table_size(attributes) == 0)
		return true;
	BERTH_AUTO_JSON json_t *json = json_object();
	g_hash_table_iter_init(&iter, attributes);
	while (g_hash_table_iter_next(&iter, &name, &value))
		json_object_set_new(json, name, json_string(value));
	settings->log_attributes = berth_json_text(json);
	return true;
}

bool berth_engine__log_settings(struct berth_engine *engine, const struct berth_engine_container *container,
				struct berth_monitor_settings *settings, GError **error)
{
	const struct berth_container_record *record = container->record;
	struct berth_log_plan plan;

	if (!berth_log_plan_make(record->host_config->log_config, &plan, error))
		return false;
	if (plan.format) {
		settings->log_path = berth_engine__log_file(engine, container, &plan);
		settings->log_format = g_strdup(plan.format);
		settings->log_max_size = plan.max_size;
		settings->log_max_file = plan.max_file;
		settings->log_compress = plan.compress;
	}
	settings->log_never_waits = plan.never_waits;
	settings->log_buffer = plan.never_waits ? plan.buffer : 0;
	if (plan.format && !plan.target && !make_attributes(&plan, record, settings, error))
		return false;
	if (plan.target && !make_target(&plan, record, settings, error)) {
		g_prefix_error(error, "failed to initialize logging driver: ");
		return false;
	}
	return true;
}
