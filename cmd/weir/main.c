/* main.c - picks the subcommand; everything else is in one file per command.
 *
 * `weir` alone is local mode; `weir --config F` is `weir run --config F`. */
#include "lib/base/base.h"

#include "cmd/weir/commands.h"
#include "lib/conf/findings.h"

static const struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "run with a config; without one: local mode", cmd_run },
	{ "validate", "check a config and print every finding", cmd_validate },
	{ "print-config", "print the merged and expanded config", cmd_print_config },
	{ "components", "list what is built in; with a name, its options", cmd_components },
	{ "schema", "print the JSON Schema of the config", cmd_schema },
	{ "price", "what a call costs, line by line", cmd_price },
	{ "explain", "why spans are kept, what becomes of them, what destinations get", cmd_explain },
	{ "demo", "send sample traces of six conventions to a running weir", cmd_demo },
	{ "queue", "what waits in the storages, how old, and what became of the rest", cmd_queue },
	{ "dlq", "dead letters: list, show, replay, purge", cmd_dlq },
	{ "version", "print the version", cmd_version },
};

static void print_help(void)
{
	fputs("weir - a GenAI trace gateway: one OTLP door in, every observability backend out\n\n"
	      "  weir                                   local mode: listen on 127.0.0.1:4318, print what arrives\n"
	      "  weir --config F [--set key::path=value] run with a config (the Collector's YAML)\n"
	      "  weir COMMAND --help                    options of a command\n\n",
	        stdout);
	for (size_t i = 0; i < COUNTOF(commands); i++)
		printf("  %-13s %s\n", commands[i].name, commands[i].summary);
}

int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("weir version %s\n", WEIR_VERSION);
	return EXIT_OK;
}

static const char *nearest_command(const char *name)
{
	const char *names[COUNTOF(commands) + 1] = { 0 };
	for (size_t i = 0; i < COUNTOF(commands); i++)
		names[i] = commands[i].name;
	return findings_nearest(slice_of(name), names);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "run";
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help();
		return EXIT_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-v"))
		return cmd_version(argc, argv);
	if (name[0] == '-' || argc == 1)
		return cmd_run(argc, argv);
	for (size_t i = 0; i < COUNTOF(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	const char *near = nearest_command(name);
	fprintf(stderr, "weir: unknown command \"%s\"%s%s%s; `weir --help` lists them\n", name,
	        near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return EXIT_USAGE;
}
