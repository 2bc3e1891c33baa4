/* print_config.c - `weir print-config`: what the sources amount to after merging and expansion.
 *
 * A config with errors is not printed: it has no meaning that could be shown. Secrets stay hidden unless asked for.
 */
#include <stdio.h>

#include "cmd/weir/args.h"
#include "cmd/weir/commands.h"
#include "lib/base/strbuf.h"

static const char help[] =
        "weir print-config --config F [--config G ..] [--set key::path=value ..] [--mode redacted|unredacted]\n"
        "\n"
        "Prints the merged and expanded config as YAML on stdout; secrets as [REDACTED] unless --mode unredacted.\n"
        "Findings go to stderr. Exit code 1 when the config has errors.\n";

enum { MAX_OUTPUT = 256 << 20 };

static int print_plan(const struct plan *p, bool unredacted)
{
	struct strbuf out;
	strbuf_init(&out, MAX_OUTPUT);
	bool ok = plan_print(p, unredacted, &out) == 0 && fwrite(out.p, 1, out.len, stdout) == out.len;
	ok = ok && fflush(stdout) == 0;
	strbuf_release(&out);
	if (!ok)
		fprintf(stderr, "weir print-config: cannot write the config\n");
	return ok ? EXIT_OK : EXIT_USAGE;
}

static int load_and_print(const struct args *a, bool unredacted)
{
	struct findings f;
	findings_init(&f);
	struct plan *p = plan_load(&a->sources, &f);
	findings_print(&f, stderr);
	findings_release(&f);
	int code = p ? print_plan(p, unredacted) : EXIT_USAGE;
	plan_free(p);
	return code;
}

int cmd_print_config(int argc, char **argv)
{
	const char *mode = "redacted";
	const struct args_option options[] = { { "--mode", &mode, NULL }, { NULL, NULL, NULL } };
	struct args a;
	int code = EXIT_USAGE;
	if (args_parse(&a, argc, argv, options) == 0) {
		bool unredacted = strcmp(mode, "unredacted") == 0;
		if (a.help) {
			fputs(help, stdout);
			code = EXIT_OK;
		} else if (!unredacted && strcmp(mode, "redacted") != 0) {
			fprintf(stderr, "weir print-config: --mode is redacted or unredacted, not \"%s\"\n", mode);
		} else if (!a.sources.n_configs) {
			fprintf(stderr, "weir print-config: at least one --config must be given\n");
		} else {
			code = load_and_print(&a, unredacted);
		}
	}
	args_release(&a);
	return code;
}
