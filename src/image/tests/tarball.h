// SPDX-License-Identifier: Apache-2.0
// Tar archives made byte by byte, so that tests can make what no tar program would.
#pragma once

#include <glib.h>
#include <stdint.h>

struct tarball_entry {
	const char *name;
	char type; // as in the header: '0' file (also 0), '1' hard link, '2' symbolic link, '3' '4' devices, '5'
		   // folder, '6' pipe
	unsigned mode; // 0: 0644, or 0755 for a folder
	uint64_t uid, gid;
	int64_t size; // as the header says; 0: the content's
	uint64_t mtime;
	const char *link;
	const void *content;
	size_t length; // of content; 0: strlen()
	unsigned major, minor;
	const char *const *pax; // "key=value" of an extended header; may be NULL
};

GByteArray *tarball_new(void);
void tarball_add(GByteArray *tarball, const struct tarball_entry *entry);
void tarball_add_pax(GByteArray *tarball, const char *key, const void *value, size_t length); // before its entry
void tarball_end(GByteArray *tarball); // two blocks of zeros
// A descriptor of a file in memory with that content.
int tarball_open(const void *data, size_t length);
// Compressed by "gzip", "zstd", "xz" or "bzip2".
GByteArray *tarball_compress(const GByteArray *tarball, const char *filter);
// The digest of the content, to be freed.
char *tarball_digest(const void *data, size_t length);
