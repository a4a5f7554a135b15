// SPDX-License-Identifier: Apache-2.0
// Completion scripts. They hold no knowledge of their own but ask the program, which starts in a millisecond, by
// `berth __complete WORDS...`: one candidate a line.
#include "base/error.h"
#include "cli/command.h"

#include <string.h>

static const char bash_script[] = "# bash completion for berth\n"
				  "_berth() {\n"
				  "\tlocal IFS=$'\\n'\n"
				  "\tlocal word=${COMP_WORDS[COMP_CWORD]}\n"
				  "\tCOMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" __complete -- "
				  "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\" -- \"$word\"))\n"
				  "}\n"
				  "complete -o default -F _berth berth\n";

static const char zsh_script[] = "#compdef berth\n"
				 "_berth() {\n"
				 "\tlocal -a candidates\n"
				 "\tcandidates=(${(f)\"$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" "
				 "2>/dev/null)\"})\n"
				 "\tif (( ${#candidates} )); then\n"
				 "\t\tcompadd -- $candidates\n"
				 "\telse\n"
				 "\t\t_files\n"
				 "\tfi\n"
				 "}\n"
				 "if [ \"$funcstack[1]\" = _berth ]; then\n"
				 "\t_berth \"$@\"\n"
				 "else\n"
				 "\tcompdef _berth berth\n"
				 "fi\n";

static const char fish_script[] = "# fish completion for berth\n"
				  "function __berth_complete\n"
				  "\tset -l words (commandline -opc) (commandline -ct)\n"
				  "\t$words[1] __complete -- $words[2..-1] 2>/dev/null\n"
				  "end\n"
				  "complete -c berth -a '(__berth_complete)'\n";

bool berth_cli_completion(const char *shell, GString *out, GError **error)
{
	const char *script = strcmp(shell, "bash") == 0   ? bash_script
			     : strcmp(shell, "zsh") == 0  ? zsh_script
			     : strcmp(shell, "fish") == 0 ? fish_script
							  : NULL;

	if (!script)
		return berth_error_set(error, BERTH_ERROR_INVALID, "\"%s\": completion is there for bash, zsh and fish",
				       shell);
	g_string_append(out, script);
	return true;
}
