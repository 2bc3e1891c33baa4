/* validate.c - `weir validate`: all findings of a config, nothing started.
 *
 * Warnings and notices are told but do not change the exit code.
 */
#include <stdio.h>

#include "cmd/weir/args.h"
#include "cmd/weir/commands.h"

static const char help[] =
        "weir validate --config F [--config G ..] [--set key::path=value ..]\n"
        "\n"
        "Checks a config and prints every finding as FILE:LINE:COL: error|warning|notice: TEXT on stderr.\n"
        "Starts nothing, opens no socket, resolves no name. Exit code 0 when there is no error, else 1.\n"
        "\n"
        "  --config, -c F   a path, file:PATH, env:NAME, yaml:TEXT, or - for stdin; later ones win\n"
        "  --set K=V        one value on top of all files: exporters::debug::verbosity=detailed\n";

static int validate(const struct args *a)
{
	struct findings f;
	findings_init(&f);
	struct plan *p = plan_load(&a->sources, &f);
	findings_print(&f, stderr);
	findings_release(&f);
	int code = p ? EXIT_OK : EXIT_USAGE;
	plan_free(p);
	return code;
}

int cmd_validate(int argc, char **argv)
{
	struct args a;
	int code = EXIT_USAGE;
	if (args_parse(&a, argc, argv, NULL) == 0) {
		if (a.help) {
			fputs(help, stdout);
			code = EXIT_OK;
		} else if (!a.sources.n_configs) {
			fprintf(stderr, "weir validate: at least one --config must be given\n");
		} else {
			code = validate(&a);
		}
	}
	args_release(&a);
	return code;
}
