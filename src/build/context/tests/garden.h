// SPDX-License-Identifier: Apache-2.0
// Git repositories, and a daemon on loopback that serves them.
#pragma once

#include <glib.h>

#define GARDEN_TRIES 200 // of 50 ms, for the daemon to listen

struct garden {
	char *path;
	unsigned port;
	GPid daemon;
};

// Makes the folder "garden" in `folder`, runs the script there, and serves what it has made.
void garden_plant(struct garden *garden, const char *folder, const char *script);
void garden_dig_over(struct garden *garden);
// "git://…/<rest>", to be freed.
char *garden_repository(const struct garden *garden, const char *rest);

// A repository "r" with branches, tags, a folder and links of all kinds; the digest of a commit of it is in "commit".
extern const char garden_plain[];
