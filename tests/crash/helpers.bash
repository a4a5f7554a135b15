# SPDX-License-Identifier: Apache-2.0

# One scenario of walk.py.
walk() {
	BERTH_BUILD=${BERTH_BUILD:-$BATS_TEST_DIRNAME/../../build-failpoint} \
		/usr/bin/python3 -B "$BATS_TEST_DIRNAME/walk.py" "$1"
}
