// SPDX-License-Identifier: Apache-2.0
// Files of the root are read as data, beneath its descriptor; links there lead nowhere else.
#include "build/context/owner.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/root.h"

#include <string.h>
#include <sys/stat.h>

#define UMASK 0022 // of a symbolic mode that does not say whose
#define PERMISSIONS 07777

// What is missing, no regular file or too long counts as empty.
static char *read_names(int root, const char *path)
{
	berth_fd fd = root >= 0 ? berth_root_open_regular(root, path, NULL) : -1;

	return fd >= 0 ? berth_read_fd(fd, BERTH_LIMIT_PASSWD, NULL, path, NULL) : NULL;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static bool read_number(const char *text, uint32_t *ret, GError **error)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX - 1, &value, NULL))
		return berth_error_set(error, BERTH_ERROR_INVALID, "invalid user or group number %s", text);
	*ret = (uint32_t) value;
	return true;
}

// The numbers in the fields `first` and `second` (0: none) of the entry `name`.
static bool look_up(const char *file, const char *name, guint first, guint second, uint32_t *ret_first,
		    uint32_t *ret_second)
{
	g_auto(GStrv) lines = g_strsplit(file ? file : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(g_strstrip(*line), ":", -1);
		guint count = g_strv_length(fields);
		if (count <= MAX(first, second) || !g_str_equal(fields[0], name) || !is_number(fields[first]) ||
		    (second && !is_number(fields[second])))
			continue;
		return read_number(fields[first], ret_first, NULL) &&
		       (!second || read_number(fields[second], ret_second, NULL));
	}
	return false;
}

bool berth_build_owner(int root, const char *text, uint32_t *ret_uid, uint32_t *ret_gid, GError **error)
{
	uint32_t uid = 0, gid = 0;

	if (text && *text) {
		const char *colon = strchr(text, ':');
		g_autofree char *user = colon ? g_strndup(text, (gsize) (colon - text)) : g_strdup(text);
		if (is_number(user)) {
			if (!read_number(user, &uid, error))
				return false;
			gid = uid;
		} else if (*user) {
			g_autofree char *passwd = read_names(root, "/etc/passwd");
			if (!look_up(passwd, user, 2, 3, &uid, &gid))
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "unable to find user %s: no matching entries in passwd file",
						       user);
		}
		if (colon && is_number(colon + 1)) {
			if (!read_number(colon + 1, &gid, error))
				return false;
		} else if (colon && colon[1]) {
			g_autofree char *group = read_names(root, "/etc/group");
			if (!look_up(group, colon + 1, 2, 0, &gid, NULL))
				return berth_error_set(error, BERTH_ERROR_INVALID,
						       "unable to find group %s: no matching entries in group file",
						       colon + 1);
		}
	}
	*ret_uid = uid;
	*ret_gid = gid;
	return true;
}

static bool is_octal(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && strspn(text, "01234567") == length;
}

// Bits of one class ("rwx" as 7) for those that `who` (u 4, g 2, o 1) names.
static mode_t spread(mode_t bits, unsigned who)
{
	return (mode_t) ((who & 4 ? bits << 6 : 0) | (who & 2 ? bits << 3 : 0) | (who & 1 ? bits : 0));
}

static bool add_letter(char letter, unsigned who, mode_t mode, mode_t *bits)
{
	switch (letter) {
	case 'r':
		*bits |= spread(4, who);
		return true;
	case 'w':
		*bits |= spread(2, who);
		return true;
	case 'x':
		*bits |= spread(1, who);
		return true;
	case 'X':
		if (S_ISDIR(mode) || mode & 0111)
			*bits |= spread(1, who);
		return true;
	case 's':
		*bits |= (who & 4 ? S_ISUID : 0) | (who & 2 ? S_ISGID : 0);
		return true;
	case 't':
		*bits |= S_ISVTX;
		return true;
	case 'u':
		*bits |= spread((mode >> 6) & 7, who);
		return true;
	case 'g':
		*bits |= spread((mode >> 3) & 7, who);
		return true;
	case 'o':
		*bits |= spread(mode & 7, who);
		return true;
	default:
		return false;
	}
}

// One of the parts between commas: "ug+rw-x". Returns what follows it, or NULL: it is malformed.
static const char *apply_part(const char *text, mode_t *mode)
{
	unsigned who = 0;

	for (; *text && strchr("ugoa", *text); text++)
		who |= *text == 'u' ? 4 : *text == 'g' ? 2 : *text == 'o' ? 1 : 7;
	mode_t mask = who ? 0 : UMASK;
	if (!who)
		who = 7;
	if (!*text || !strchr("+-=", *text))
		return NULL;
	while (*text && strchr("+-=", *text)) {
		char sign = *text++;
		mode_t bits = 0;
		for (; *text && *text != ',' && !strchr("+-=", *text); text++)
			if (!add_letter(*text, who, *mode, &bits))
				return NULL;
		bits &= ~mask;
		if (sign == '=')
			*mode &= ~(spread(7, who) & ~mask) &
				 ~(mode_t) ((who & 4 ? S_ISUID : 0) | (who & 2 ? S_ISGID : 0) |
					    (who == 7 ? S_ISVTX : 0));
		*mode = sign == '-' ? *mode & ~bits : *mode | bits;
	}
	return *text && *text != ',' ? NULL : text;
}

static bool apply(const char *text, mode_t *mode)
{
	if (is_octal(text)) {
		guint64 value;
		if (!g_ascii_string_to_unsigned(text, 8, 0, PERMISSIONS, &value, NULL))
			return false;
		*mode = (*mode & S_IFMT) | (mode_t) value;
		return true;
	}
	for (;;) {
		text = apply_part(text, mode);
		if (!text || !*text)
			return text != NULL;
		text++;
	}
}

bool berth_build_mode_check(const char *text, GError **error)
{
	mode_t mode = S_IFREG | 0644;

	return apply(text, &mode) || berth_error_set(error, BERTH_ERROR_INVALID,
						     "invalid chmod parameter: '%s'. it should be octal string and "
						     "between 0 and 07777, or a symbolic mode like u=rwX,go+r",
						     text);
}

mode_t berth_build_mode_apply(const char *text, mode_t mode)
{
	apply(text, &mode);
	return mode & PERMISSIONS;
}
