/* commands.h - the subcommands: one function and one file each; main.c holds the table.
 *
 * argv[0] is the subcommand's name. Each returns the process's exit code: 0 ok, 1 config or
 * usage error, 2 stopped with data lost, 3 could not start, 4 what was asked for is not there. Results go to
 * stdout, logs and findings to stderr.
 */
#pragma once

enum exit_code { EXIT_OK = 0, EXIT_USAGE = 1, EXIT_LOST = 2, EXIT_START = 3, EXIT_ABSENT = 4 };

int cmd_run(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_print_config(int argc, char **argv);
int cmd_components(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_price(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_dlq(int argc, char **argv);
int cmd_version(int argc, char **argv);
