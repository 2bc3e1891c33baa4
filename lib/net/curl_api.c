/* curl_api.c - see curl_api.h.
 *
 * The table below is the one mutable object of the process that belongs to nobody: it is filled once, under
 * pthread_once, and read only afterwards. It cannot be per client because curl_global_init is per process.
 */
#include "lib/net/curl_api.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define SONAME "libcurl.so.4"

static struct {
	pthread_once_t once;
	struct curl_api api;
	struct err err; /* why it failed; text empty: it did not */
} loaded = { .once = PTHREAD_ONCE_INIT };

static const struct {
	const char *name;
	size_t at;
} functions[] = {
#define X(name) { "curl_" #name, offsetof(struct curl_api, name) },
	CURL_FUNCTIONS(X)
#undef X
};

static void load(void)
{
	void *lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

	if (!lib) {
		err_set(&loaded.err, "sending needs libcurl (Debian package libcurl4): %s", dlerror());
		return;
	}
	for (size_t i = 0; i < COUNTOF(functions); i++) {
		void *f = dlsym(lib, functions[i].name);

		if (!f) {
			err_set(&loaded.err, "this %s is too old or not libcurl: it has no %s", SONAME,
			        functions[i].name);
			return;
		}
		memcpy((char *)&loaded.api + functions[i].at, &f, sizeof(f));
	}
	CURLcode r = loaded.api.global_init(CURL_GLOBAL_DEFAULT);

	if (r != CURLE_OK)
		err_set(&loaded.err, "libcurl cannot start: %s", loaded.api.easy_strerror(r));
}

const struct curl_api *curl_api_get(struct err *e)
{
	pthread_once(&loaded.once, load);
	if (loaded.err.text[0] == '\0')
		return &loaded.api;
	err_set(e, "%s", loaded.err.text);
	return NULL;
}

/* In the directories where dlopen would look. */
static bool on_search_path(void)
{
	Dl_serinfo count, *info;
	void *self = dlopen(NULL, RTLD_LAZY);
	bool found = false;

	if (!self || dlinfo(self, RTLD_DI_SERINFOSIZE, &count) != 0)
		return false;
	info = calloc(1, count.dls_size);
	if (!info)
		abort();
	info->dls_size = count.dls_size;
	info->dls_cnt = count.dls_cnt;
	if (dlinfo(self, RTLD_DI_SERINFO, info) == 0)
		for (unsigned i = 0; i < info->dls_cnt && !found; i++) {
			char path[4096];
			int n = snprintf(path, sizeof(path), "%s/" SONAME, info->dls_serpath[i].dls_name);

			found = n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0;
		}
	free(info);
	dlclose(self);
	return found;
}

int curl_api_find(struct err *e)
{
	/* A place known only to ld.so.cache is rare; then the library is opened early. */
	return on_search_path() || curl_api_get(e) ? 0 : -1;
}
