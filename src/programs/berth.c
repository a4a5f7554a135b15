// SPDX-License-Identifier: Apache-2.0
// The command line.
#include "cli/command.h"

int main(int argc, char **argv)
{
	return berth_cli_main(argc, argv);
}
