// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

// clang-format off
G_DEFINE_QUARK(berth-error-quark, berth_error)
// clang-format on

static const struct {
	int errnum;
	enum berth_error kind;
} kinds[] = {
	{ENOENT, BERTH_ERROR_NOT_FOUND},
	{EEXIST, BERTH_ERROR_CONFLICT},
	{EBUSY, BERTH_ERROR_CONFLICT},
	{EACCES, BERTH_ERROR_FORBIDDEN},
	{EPERM, BERTH_ERROR_FORBIDDEN},
	{EROFS, BERTH_ERROR_FORBIDDEN},
	{EINVAL, BERTH_ERROR_INVALID},
	{ENAMETOOLONG, BERTH_ERROR_INVALID},
	{ELOOP, BERTH_ERROR_INVALID},
	{ENOTDIR, BERTH_ERROR_INVALID},
	{EISDIR, BERTH_ERROR_INVALID},
	{ENOSPC, BERTH_ERROR_RESOURCE_EXHAUSTED},
	{EDQUOT, BERTH_ERROR_RESOURCE_EXHAUSTED},
	{EMFILE, BERTH_ERROR_RESOURCE_EXHAUSTED},
	{ENFILE, BERTH_ERROR_RESOURCE_EXHAUSTED},
	{ENOSYS, BERTH_ERROR_NOT_IMPLEMENTED},
	{EOPNOTSUPP, BERTH_ERROR_NOT_IMPLEMENTED},
	{ECONNREFUSED, BERTH_ERROR_UNAVAILABLE},
};

static const char *const names[BERTH_ERROR_KINDS] = {
	[BERTH_ERROR_INTERNAL] = "internal",
	[BERTH_ERROR_INVALID] = "invalid",
	[BERTH_ERROR_NOT_FOUND] = "not-found",
	[BERTH_ERROR_CONFLICT] = "conflict",
	[BERTH_ERROR_UNAUTHORIZED] = "unauthorized",
	[BERTH_ERROR_FORBIDDEN] = "forbidden",
	[BERTH_ERROR_NOT_MODIFIED] = "not-modified",
	[BERTH_ERROR_UNAVAILABLE] = "unavailable",
	[BERTH_ERROR_NOT_IMPLEMENTED] = "not-implemented",
	[BERTH_ERROR_CANCELED] = "canceled",
	[BERTH_ERROR_RESOURCE_EXHAUSTED] = "resource-exhausted",
};

const char *berth_error_text(int errnum)
{
	const char *text = strerrordesc_np(errnum);

	return text ? text : "unknown error";
}

bool berth_error_set_errno(GError **error, int errnum, const char *format, ...)
{
	enum berth_error kind = BERTH_ERROR_INTERNAL;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].errnum == errnum)
			kind = kinds[i].kind;

	va_list args;
	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, BERTH_ERROR, (int) kind, "%s: %s", what, berth_error_text(errnum));
	return false;
}

bool berth_error_set(GError **error, enum berth_error kind, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, BERTH_ERROR, (int) kind, message);
	return false;
}

const char *berth_error_kind_name(enum berth_error kind)
{
	return kind < BERTH_ERROR_KINDS ? names[kind] : names[BERTH_ERROR_INTERNAL];
}

enum berth_error berth_error_kind_from_name(const char *name)
{
	for (size_t i = 0; name && i < G_N_ELEMENTS(names); i++)
		if (g_str_equal(names[i], name))
			return (enum berth_error) i;
	return BERTH_ERROR_INTERNAL;
}
