// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/names.h"

#include "base/error.h"
#include "base/limits.h"

#include <string.h>

static const char *const moods[] = {
	"able",   "agile",   "airy",     "amber",  "ample",   "apt",      "azure",   "bold",   "brave",   "bright",
	"brisk",  "calm",    "candid",   "clear",  "clever",  "copper",   "cosmic",  "cozy",   "crisp",   "curious",
	"daring", "deft",    "earnest",  "eager",  "elastic", "elegant",  "fair",    "fleet",  "fluent",  "fond",
	"frank",  "gentle",  "golden",   "grand",  "handy",   "happy",    "hardy",   "honest", "humble",  "jolly",
	"keen",   "kind",    "lively",   "lucid",  "merry",   "mellow",   "mighty",  "modest", "neat",    "nimble",
	"noble",  "patient", "playful",  "plucky", "polite",  "precise",  "proud",   "quick",  "quiet",   "radiant",
	"ready",  "robust",  "scarlet",  "serene", "sharp",   "silver",   "sincere", "smart",  "snug",    "solid",
	"spry",   "stable",  "steady",   "stoic",  "sunny",   "supple",   "swift",   "tender", "tidy",    "trusty",
	"upbeat", "valiant", "vigilant", "vivid",  "warm",    "watchful", "wise",    "witty",  "zealous", "zesty",
};

static const char *const people[] = {
	"abel",         "agnesi",     "alfven",    "ampere",     "anning",    "arago",     "armstrong",  "avogadro",
	"babbage",      "bardeen",    "bell",      "bernoulli",  "bessemer",  "bohr",      "boltzmann",  "born",
	"bose",         "bragg",      "brunel",    "cannon",     "carnot",    "cavendish", "chadwick",   "cockcroft",
	"compton",      "coulomb",    "curie",     "daimler",    "darby",     "debye",     "dewar",      "diesel",
	"dirac",        "doppler",    "earnshaw",  "eddington",  "ehrenfest", "eiffel",    "ericsson",   "euler",
	"faraday",      "fermi",      "fessenden", "fick",       "foucault",  "franklin",  "fresnel",    "fulton",
	"galvani",      "gauss",      "geiger",    "gibbs",      "goddard",   "green",     "hahn",       "hamilton",
	"heaviside",    "heisenberg", "helmholtz", "henry",      "hertz",     "higgs",     "hooke",      "hopper",
	"huygens",      "jacquard",   "joule",     "kapitza",    "kelvin",    "kepler",    "kirchhoff",  "knuth",
	"kovalevskaya", "lagrange",   "lamarr",    "landau",     "langevin",  "laplace",   "lenz",       "lorentz",
	"lovelace",     "mach",       "marconi",   "maxwell",    "mayer",     "meitner",   "michelson",  "millikan",
	"morse",        "newcomen",   "newton",    "noether",    "oersted",   "ohm",       "otto",       "pascal",
	"pauli",        "payne",      "peltier",   "perrin",     "planck",    "poynting",  "prandtl",    "raman",
	"rayleigh",     "reynolds",   "rontgen",   "rutherford", "rydberg",   "savery",    "siemens",    "smeaton",
	"stephenson",   "stirling",   "stokes",    "telford",    "tesla",     "thomson",   "torricelli", "trevithick",
	"volta",        "watt",       "weber",     "wheatstone", "wu",        "yukawa",
};

bool berth_container_name_check(const char *name, GError **error)
{
	static const char tail[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-";

	if (strlen(name) > BERTH_LIMIT_CONTAINER_NAME)
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Invalid container name (%.40s...): longer than %d characters", name,
				       BERTH_LIMIT_CONTAINER_NAME);
	if (!g_ascii_isalnum(name[0]) || name[1] == '\0' || name[strspn(name, tail)] != '\0')
		return berth_error_set(error, BERTH_ERROR_INVALID,
				       "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
	return true;
}

char *berth_container_name_make(unsigned attempt)
{
	const char *mood = moods[g_random_int_range(0, G_N_ELEMENTS(moods))];
	const char *person = people[g_random_int_range(0, G_N_ELEMENTS(people))];

	if (attempt == 0)
		return g_strdup_printf("%s_%s", mood, person);
	return g_strdup_printf("%s_%s%d", mood, person, g_random_int_range(0, attempt < 10 ? 10 : 1000000));
}
