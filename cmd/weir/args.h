/* args.h - the flags that every command which reads a config has: --config, --set, --help. */
#pragma once
#include "config/plan.h"

struct args_option {
	const char *name; /* "--mode"; the list ends with NULL */
	const char **value; /* NULL: a flag without value */
	bool *flag; /* set when seen; may be NULL */
};

struct args {
	struct plan_sources sources; /* points into argv */
	bool help;
};

/* Reads argv[1..). Values may follow a flag or stand behind "=". `options` may be NULL. Returns 0, or -1 after a
 * message on stderr: exit code 1. Released by args_release in both cases. */
int args_parse(struct args *a, int argc, char **argv, const struct args_option *options) MUST_USE;
void args_release(struct args *a);
