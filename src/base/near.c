// SPDX-License-Identifier: Apache-2.0
#include "base/near.h"

#include <glib.h>
#include <string.h>

unsigned berth_near_distance(const char *a, const char *b)
{
	enum { MOST = 32 };
	unsigned rows[MOST + 1][MOST + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > MOST || m > MOST)
		return MOST;
	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				rows[i][j] = (unsigned) (i + j);
				continue;
			}
			unsigned best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			best = MIN(best, MIN(rows[i - 1][j], rows[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, rows[i - 2][j - 2] + 1);
			rows[i][j] = best;
		}
	return rows[n][m];
}
