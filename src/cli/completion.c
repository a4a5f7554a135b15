// SPDX-License-Identifier: Apache-2.0
// Completion scripts. They hold no knowledge of their own but ask the program, which starts in a millisecond, by
// `berth __complete WORDS...`: one candidate a line. No candidate is ever read as code by the shell.
#include "base/error.h"
#include "cli/command.h"

#include <string.h>

// bash takes words apart at "=" and ":" and completes the last part only; so the words are read from the line.
static const char bash_script[] = "# bash completion for berth\n"
				  "_berth() {\n"
				  "\tlocal line=${COMP_LINE:0:COMP_POINT} words word before candidate\n"
				  "\tread -ra words <<<\"$line\"\n"
				  "\t[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
				  "\tword=${words[-1]}\n"
				  "\tbefore=${word%\"${word##*[=:]}\"}\n"
				  "\tCOMPREPLY=()\n"
				  "\twhile IFS= read -r candidate; do\n"
				  "\t\tCOMPREPLY+=(\"${candidate#\"$before\"}\")\n"
				  "\t\t[[ $candidate == *[=:] ]] && compopt -o nospace\n"
				  "\tdone < <(\"${words[0]}\" __complete -- \"${words[@]:1}\" 2>/dev/null)\n"
				  "}\n"
				  "complete -o default -F _berth berth\n";

static const char zsh_script[] = "#compdef berth\n"
				 "_berth() {\n"
				 "\tlocal -a candidates shown\n"
				 "\tlocal line\n"
				 "\tfor line in \"${(@f)$(\"${words[1]}\" __complete --describe -- "
				 "\"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
				 "\t\t[[ -n $line ]] || continue\n"
				 "\t\tcandidates+=(\"${line%%$'\\t'*}\")\n"
				 "\t\tshown+=(\"${line/$'\\t'/  -- }\")\n"
				 "\tdone\n"
				 "\tif (( ! ${#candidates} )); then\n"
				 "\t\t_files\n"
				 "\telif [[ ${#candidates} = 1 && ${candidates[1]} = *[=:] ]]; then\n"
				 "\t\tcompadd -S '' -- $candidates\n"
				 "\telif [[ \"$shown\" = *'  -- '* ]]; then\n"
				 "\t\tcompadd -l -d shown -- $candidates\n"
				 "\telse\n"
				 "\t\tcompadd -- $candidates\n"
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
				  "\t$words[1] __complete --describe -- $words[2..-1] 2>/dev/null\n"
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
