/* run.c - the long-running program: load, start, signals, drain, exit code.
 *
 * The main thread's loop lives here. SIGHUP loads the same sources again; SIGTERM and SIGINT drain, a second one hurries. All
 * state is in struct program on cmd_run's stack. */
#include "config/plan.h"
#include "lib/genai/tables.h"
#include "lib/pipe/core.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/weir/args.h"
#include "cmd/weir/commands.h"
#include "cmd/weir/local.h"

enum { MAX_LOG_FDS = 8 };

struct program {
	struct args args;
	struct loop loop;
	struct log *log;
	struct log_conf log_conf;
	struct log_conf retired; /* of the config before: a thread may still be writing a line to them */
	struct core *core;
	struct key_table *keys;
	uv_signal_t on_term, on_int, on_hup;
	int64_t drain_ns;
	bool local, json, draining;
	int code;
};

static const char help[] =
        "weir [run] [--config F ..] [--set key::path=value ..]\n"
        "\n"
        "Runs until SIGTERM or SIGINT, then drains (service.drain_timeout). SIGHUP reloads the config.\n"
        "Without --config: local mode on 127.0.0.1:4318, prints a line per model call, forwards nothing.\n"
        "\n"
        "  --config, -c F   a path, file:PATH, env:NAME, yaml:TEXT, or - for stdin; later ones win\n"
        "  --set K=V        one value on top of all files: exporters::debug::verbosity=detailed\n"
        "  --json           local mode: print the normalised spans as OTLP/JSON lines\n";

static int open_log(slice path)
{
	char name[4096];
	if (slice_is(path, "stderr"))
		return STDERR_FILENO;
	if (slice_is(path, "stdout"))
		return STDOUT_FILENO;
	if (path.len >= sizeof name)
		return -1;
	memcpy(name, path.p, path.len);
	name[path.len] = 0;
	return open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void close_logs(const struct log_conf *c)
{
	for (unsigned i = 0; i < c->n_fds; i++)
		if (c->fds[i] > STDERR_FILENO)
			close(c->fds[i]);
}

static int make_log_conf(const struct service_conf *s, struct log_conf *out)
{
	*out = (struct log_conf){ .level = (enum log_level)s->logs.level, .sampling = s->logs.sampling };
	if (s->logs.encoding < 0)
		out->encoding = isatty(STDERR_FILENO) ? LOG_TEXT : LOG_JSON;
	else
		out->encoding = (enum log_encoding)s->logs.encoding;
	for (size_t i = 0; i < s->logs.output_paths.n && out->n_fds < MAX_LOG_FDS; i++) {
		int fd = open_log(s->logs.output_paths.v[i]);
		if (fd < 0) {
			fprintf(stderr, "Error: cannot open log output %.*s: %s\n",
			        SLICE_ARG(s->logs.output_paths.v[i]), strerror(errno));
			close_logs(out);
			return -1;
		}
		out->fds[out->n_fds++] = fd;
	}
	return 0;
}

/* Loads the sources and tells every finding. */
static struct plan *load(const struct args *a)
{
	struct findings f;
	findings_init(&f);
	struct plan *p = plan_load(&a->sources, &f);
	findings_print(&f, stderr);
	findings_release(&f);
	return p;
}

static bool reads_stdin(const struct args *a)
{
	for (size_t i = 0; i < a->sources.n_configs; i++)
		if (!strcmp(a->sources.configs[i], "-"))
			return true;
	return false;
}

static void reload(struct program *p)
{
	struct err e;
	struct log_conf lc;
	if (p->draining)
		return;
	struct plan *plan = reads_stdin(&p->args) ? NULL : load(&p->args);
	if (!plan) {
		core_reload_failed(p->core);
		log_error(p->log, "Reload failed, the running config stays", "reason",
		        reads_stdin(&p->args) ? "a config from stdin cannot be read again" : "errors in the config",
		        NULL);
		return;
	}
	int64_t drain_ns = plan->service.drain_timeout.ns;
	if (make_log_conf(&plan->service, &lc)) {
		plan_free(plan);
		core_reload_failed(p->core);
		return;
	}
	if (core_apply(p->core, plan, &e)) {
		close_logs(&lc);
		log_error(p->log, "Reload failed, the running config stays", "reason", e.text, NULL);
		return;
	}
	/* core_apply waited for an event of every worker and exporter: no line is older than the last reload */
	close_logs(&p->retired);
	p->retired = p->log_conf;
	log_configure(p->log, &lc);
	p->log_conf = lc;
	p->drain_ns = drain_ns;
	log_info(p->log, "Config reloaded", NULL);
}

static void close_signals(struct program *p)
{
	uv_close((uv_handle_t *)&p->on_term, NULL);
	uv_close((uv_handle_t *)&p->on_int, NULL);
	uv_close((uv_handle_t *)&p->on_hup, NULL);
}

static void on_drained(void *ctx, uint64_t n_lost)
{
	struct program *p = ctx;
	p->code = n_lost ? EXIT_LOST : EXIT_OK;
	if (n_lost)
		log_error(p->log, "Stopped with data lost: not delivered within drain_timeout", "items", LOG_U(n_lost),
		        NULL);
	else
		log_info(p->log, "Shutdown complete.", NULL);
	loop_stop(&p->loop);
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct program *p = h->data;
	if (signum == SIGHUP) {
		log_info(p->log, "Received signal, reloading", NULL);
		reload(p);
	} else if (p->draining) {
		log_warn(p->log, "Second signal, not waiting any longer", NULL);
		core_hurry(p->core);
	} else {
		log_info(p->log, "Received signal from OS, draining", NULL);
		p->draining = true;
		core_drain(p->core, p->drain_ns, on_drained, p);
	}
}

static void watch(struct program *p, uv_signal_t *h, int signum)
{
	uv_signal_init(&p->loop.uv, h);
	h->data = p;
	uv_signal_start(h, on_signal, signum);
}

static unsigned count_cpus(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
	double quota = 0, period = 0;
	FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
	if (f && fscanf(f, "%lf %lf", &quota, &period) == 2 && period > 0) {
		unsigned limit = (unsigned)((quota + period - 1) / period);
		n = limit && limit < n ? limit : n;
	}
	if (f)
		fclose(f);
	return n ? n : 1;
}

/* All descriptors that the limits allow; what is left after our own use may be connections. */
static size_t raise_descriptors(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r))
		return 512;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r))
		getrlimit(RLIMIT_NOFILE, &r);
	size_t n = r.rlim_cur == RLIM_INFINITY || r.rlim_cur > 65536 ? 65536 : (size_t)r.rlim_cur;
	return n > 512 ? n - 256 : n / 2;
}

static void greet(FILE *to, const char *address)
{
	fprintf(to,
	        "\nweir shows the model calls that it is sent; nothing leaves this machine. Point an application "
	        "here:\n\n"
	        "    export OTEL_EXPORTER_OTLP_ENDPOINT=http://%s\n\n",
	        address);
	fflush(to);
}

/* The greeting belongs to the lines on stdout. With --json those are for programs; and whoever keeps stderr in a file looks there
 * for where weir listens. */
static void on_address(void *ctx, const char *address)
{
	struct program *p = ctx;
	log_info(p->log, "Listening", "address", address, NULL);
	if (!p->local || p->code)
		return;
	if (!p->json)
		greet(stdout, address);
	if (p->json || !isatty(STDERR_FILENO))
		greet(stderr, address);
}

/* What is small is not checked where it is allocated, and a thread or a loop that cannot be had is the end (lib/base). While
 * starting that has one cause, and it is said. */
static void on_abort(int signum UNUSED)
{
	static const char text[] = "Error: cannot start: not enough memory, threads or file descriptors "
	                           "(RLIMIT_AS, RLIMIT_NPROC, RLIMIT_NOFILE, the cgroup)\n";
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(EXIT_START);
}

static int start(struct program *p, struct plan *plan)
{
	struct err e;
	size_t max_connections = raise_descriptors();
	p->keys = genai_keys_new();
	struct core_options o = {
		.loop = &p->loop,
		.log = p->log,
		.version = WEIR_VERSION,
		.n_workers = plan->service.workers ? plan->service.workers : count_cpus(),
		.max_connections = max_connections,
		.plan_free = plan_free,
		.keys = p->keys,
	};
	p->drain_ns = plan->service.drain_timeout.ns;
	p->core = core_new(&o);
	if (core_apply(p->core, plan, &e)) {
		fprintf(stderr, "Error: cannot start: %s\n", e.text);
		if (p->local)
			fputs("Another port: weir --set receivers::otlp::protocols::http::endpoint=127.0.0.1:4319\n",
			        stderr);
		return -1;
	}
	core_each_address(p->core, on_address, p);
	signal(SIGABRT, SIG_DFL);
	log_info(p->log, "Everything is ready. Begin running and processing data.", NULL);
	return 0;
}

/* A request's buffers are taken and given back within a millisecond. By default glibc returns each to the kernel at once and has
 * its pages faulted in anew for the next, which costs more than reading the request. */
static void keep_freed_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

static int serve(struct program *p, struct plan *plan)
{
	keep_freed_memory();
	if (make_log_conf(&plan->service, &p->log_conf)) {
		plan_free(plan);
		return EXIT_USAGE;
	}
	if (loop_init(&p->loop, clock_system())) {
		fprintf(stderr, "Error: cannot start: no event loop\n");
		plan_free(plan);
		return EXIT_START;
	}
	p->log = log_new(&p->log_conf, clock_system());
	watch(p, &p->on_term, SIGTERM);
	watch(p, &p->on_int, SIGINT);
	watch(p, &p->on_hup, SIGHUP);
	if (start(p, plan))
		p->code = EXIT_START;
	else
		loop_run(&p->loop);
	close_signals(p);
	core_free(p->core);
	key_table_free(p->keys);
	loop_release(&p->loop);
	log_free(p->log);
	close_logs(&p->retired);
	close_logs(&p->log_conf);
	return p->code;
}

int cmd_run(int argc, char **argv)
{
	struct program p = { 0 };
	bool json = false;
	const struct args_option options[] = { { "--json", NULL, &json }, { NULL, NULL, NULL } };
	const char *local[2];
	int code = EXIT_USAGE;
	signal(SIGABRT, on_abort);
	if (args_parse(&p.args, argc, argv, options) == 0) {
		p.local = !p.args.sources.n_configs;
		p.json = json;
		struct plan_sources given = p.args.sources;
		if (p.local) {
			p.args.sources.n_configs = local_configs(json, local);
			p.args.sources.configs = local;
		}
		struct plan *plan = p.args.help ? NULL : load(&p.args);
		if (p.args.help)
			fputs(help, stdout);
		code = p.args.help ? EXIT_OK : plan ? serve(&p, plan) : EXIT_USAGE;
		p.args.sources = given;
	}
	args_release(&p.args);
	return code;
}
