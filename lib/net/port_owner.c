/* port_owner.c - port to socket inode by /proc/net/tcp{,6}, inode to process by /proc/PID/fd.
 *
 * Best effort: files of other users cannot be read, lines that look unlike expected are passed over. Only used on
 * the way to an error message.
 */
#include "lib/net/port_owner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_INODES = 16 };

struct inodes {
	unsigned long long v[MAX_INODES];
	size_t n;
};

static void read_table(const char *path, uint16_t port, struct inodes *found)
{
	char line[512];
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	while (found->n < MAX_INODES && fgets(line, sizeof(line), f)) {
		unsigned local, state;
		unsigned long long inode;
		/* sl local:port remote:port state queues timer retrans uid timeout inode */
		int n = sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %llu", &local,
		        &state, &inode);
		if (n == 3 && local == port && state == 0x0a && inode)
			found->v[found->n++] = inode;
	}
	fclose(f);
}

static bool is_wanted(const char *link, const struct inodes *wanted)
{
	unsigned long long inode;
	if (sscanf(link, "socket:[%llu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < wanted->n; i++)
		if (wanted->v[i] == inode)
			return true;
	return false;
}

static bool holds(const char *pid, const struct inodes *wanted)
{
	char path[300];
	bool found = false;
	struct dirent *e;
	DIR *d;
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	if (!d)
		return false;
	while (!found && (e = readdir(d)) != NULL) {
		char link[64];
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = 0;
		found = is_wanted(link, wanted);
	}
	closedir(d);
	return found;
}

static void name_process(struct port_owner *out)
{
	char path[64];
	FILE *f;
	snprintf(path, sizeof(path), "/proc/%ld/comm", out->pid);
	out->name[0] = 0;
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(out->name, sizeof(out->name), f))
		out->name[0] = 0;
	out->name[strcspn(out->name, "\n")] = 0;
	fclose(f);
}

bool port_owner_find(uint16_t port, struct port_owner *out)
{
	struct inodes wanted = { .n = 0 };
	bool found = false;
	struct dirent *e;
	DIR *d;
	read_table("/proc/net/tcp", port, &wanted);
	read_table("/proc/net/tcp6", port, &wanted);
	d = wanted.n ? opendir("/proc") : NULL;
	if (!d)
		return false;
	while (!found && (e = readdir(d)) != NULL) {
		out->pid = strtol(e->d_name, NULL, 10);
		found = out->pid > 0 && holds(e->d_name, &wanted);
	}
	closedir(d);
	if (found)
		name_process(out);
	return found;
}
