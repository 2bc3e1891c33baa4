"""How much memory a weir may take: the bound that docs/guarantees.md states, computed from a config, and what /proc says."""
import os
import pathlib
import re

MiB = 1 << 20
BASE = 25 * MiB  # the program, its libraries, threads and tables
CONNECTION = 48 << 10
MARGIN = 1.3  # for the allocator
UNITS = {"": 1, "KiB": 1 << 10, "MiB": MiB, "GiB": 1 << 30}


def resident(pid, field="VmRSS"):
    """Bytes now; with VmHWM at the most, since the start or clear_refs. 0 of a process that has ended and was not waited for."""
    found = re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) << 10 if found else 0


def machine():
    """The least of what the machine has and the limits of our cgroup (v1 and v2) and its ancestors."""
    least = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        root, name = ("memory", "memory.limit_in_bytes") if "memory" in controllers.split(",") else ("", "memory.max")
        if number != "0" and root == "":
            continue
        at = pathlib.Path("/sys/fs/cgroup", root, path.lstrip("/"))
        for level in (at, *at.parents):
            file = level / name
            if file.exists() and (text := file.read_text().strip()).isdigit():
                least = min(least, int(text))
    return least


def pool(config, total):
    """The byte pool: the smallest memory_limiter, less its spike limit (a fifth, if not given); else min(256 MiB, a quarter)."""
    limits = []
    for name, options in (config.get("processors") or {}).items():
        if name.split("/")[0] == "memory_limiter":
            unit, of = (MiB, "mib") if options.get("limit_mib") else (total // 100, "percentage")
            limit = options[f"limit_{of}"] * unit
            limits.append(limit - (options.get(f"spike_limit_{of}", 0) * unit or limit // 5))
    return min(limits, default=min(256 * MiB, total // 4))


def in_flight(config):
    """How many deliveries may be under way, over all exporters that send to somewhere."""
    queues = [e.get("sending_queue") or {} for e in (config.get("exporters") or {}).values() if e and "endpoint" in e]
    return sum(q.get("num_consumers", 10) if q.get("enabled", True) else 1 for q in queues)


def memory_bound(config, connections=0, largest=0, total=None):
    """Resident bytes at the most: 1.3 x (25 MiB + pool + connections x 48 KiB + deliveries under way x largest request x 2).

    config: as parsed from its file. connections: at a time. largest: bytes of the largest request that is delivered, inflated.
    total: memory that the process may use, if less than we."""
    return MARGIN * (BASE + pool(config, total or machine()) + connections * CONNECTION + in_flight(config) * largest * 2)
