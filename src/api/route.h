// SPDX-License-Identifier: Apache-2.0
// Routes as data: what a request's method and path select, which parameters its query may have, and how it runs. The
// table is in routes.c; matching, the check of parameters and the description read the same rows.
#pragma once

#include <glib.h>
#include <stdbool.h>

struct berth_request;

enum berth_parameter_type {
	BERTH_PARAMETER_TEXT,
	BERTH_PARAMETER_SWITCH, // "", 0, no, false and none are false, everything else is true
	BERTH_PARAMETER_INTEGER,
	BERTH_PARAMETER_LIST, // may be given several times
	BERTH_PARAMETER_FILTERS, // JSON: {"name": ["value"]} or {"name": {"value": true}}
	BERTH_PARAMETER_MOMENT, // Unix time with or without fraction, or RFC 3339
};

struct berth_parameter {
	const char *name; // NULL ends the table
	enum berth_parameter_type type;
	const char *help;
	bool required;
};

enum berth_route_flags {
	// The handler runs on a thread of its own and writes its answer with berth_stream_write().
	BERTH_ROUTE_STREAM = 1 << 0,
	// The same, and reads the request's body from berth_request_body_fd() while it arrives.
	BERTH_ROUTE_UPLOAD = 1 << 1,
	// Taken only for requests that ask for an upgrade of the connection (Upgrade: tcp).
	BERTH_ROUTE_UPGRADE = 1 << 2,
	// The body, if there is one, is JSON.
	BERTH_ROUTE_JSON = 1 << 3,
};

// Answers with one of the berth_reply functions, or returns false with an error.
typedef bool berth_handler(struct berth_request *request, GError **error);

struct berth_route {
	const char *method;
	const char *path; // with at most one placeholder: {id} is one segment, {name:.*} one or more
	unsigned since; // first API version: 124 is 1.24
	berth_handler *handler;
	const struct berth_parameter *query; // NULL: none that is looked at
	unsigned flags;
	const char *summary;
};

extern const struct berth_route berth_routes[]; // ends with a row without method

// Takes "/v1.47" off the path: *ret_path is the rest and *ret_version 147, or the path as it is and 0 if there is none.
void berth_route_split_version(const char *path, const char **ret_path, unsigned *ret_version);

// Finds the first row that fits, or NULL. *ret_argument is what the placeholder stands for, or NULL; the caller frees
// it. `version` 0 is the newest.
const struct berth_route *berth_route_find(const struct berth_route *routes, const char *method, const char *path,
					   unsigned version, bool upgrade, char **ret_argument);

// Docker's reading of a switch in a query.
bool berth_route_switch(const char *text);
