"""A disk whose power can be cut, which can break, and the file system on it.

The disk is a process (this file as a program) that shows one file through FUSE; a loop device and ext4 are on top of it. What is written
to it stays in its memory, as in a disk with a volatile cache, until it is told to flush; then it goes to the image. Killing it is the
power cut: all that was not flushed is gone, or, as it may be with a real disk, an arbitrary half of it is there (kept=True). Then the
next disk process shows the image, and mounting it replays the journal of ext4.

It takes root, /dev/fuse and loop devices. Mounts bear the pid of their owner in their name: sweep() takes away those of the dead.
"""
import ctypes
import errno
import mmap
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys

BLOCK = 4096
SOURCE = "weir-power-"
WORKS, BROKEN = 0, 1  # in the control file: what the disk says to writes and flushes
ENV = {**os.environ, "PATH": f"{os.environ.get('PATH', '/usr/bin')}:/usr/sbin:/sbin", "LC_ALL": "C"}
libc = ctypes.CDLL(None, use_errno=True)


# ---- the disk

# Of linux/fuse.h.
FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, RELEASE, FSYNC, FLUSH, INIT = 2, 3, 4, 14, 15, 16, 18, 20, 25, 26
INTERRUPT, BATCH_FORGET = 36, 42
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22
MOST = 1 << 20  # of one write
HEAD = 40  # bytes before the argument of a request


class Disk:
    """One file, speaking the kernel's FUSE protocol (7.31) on /dev/fuse. `cached`: the image as its users see it."""

    def __init__(self, image, control, seed):
        self.image = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.image).st_size
        self.cached = mmap.mmap(self.image, self.size, flags=mmap.MAP_PRIVATE)
        self.control = mmap.mmap(os.open(control, os.O_RDWR), 1)
        self.dirty = set()
        self.dice = random.Random(seed)
        self.fuse = os.open("/dev/fuse", os.O_RDWR)

    def mount(self, place, source):
        options = f"fd={self.fuse},rootmode=100600,user_id=0,group_id=0"
        if libc.mount(source.encode(), place.encode(), b"fuse", 6, options.encode()):  # nosuid, nodev
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def store(self, blocks):
        for b in blocks:
            os.pwrite(self.image, self.cached[b * BLOCK:(b + 1) * BLOCK], b * BLOCK)

    def cut(self, *_):
        """SIGUSR1: dies; of what was not flushed a part survives, in no order."""
        self.store(b for b in sorted(self.dirty) if self.dice.random() < 0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    def attributes(self):
        return struct.pack("<QII6Q10I", 1, 0, 0, 1, self.size, self.size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0, 0, BLOCK, 0)

    def answer(self, opcode, argument):
        """What goes back, in pieces; a number is an errno, None no answer."""
        if opcode in (INTERRUPT, FORGET, BATCH_FORGET):
            return None
        if opcode == INIT:
            return [struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 16, BIG_WRITES | MAX_PAGES, 0, 0, MOST, 1, MOST // BLOCK, 0, 0)]
        if opcode in (GETATTR, SETATTR):
            return [self.attributes()]
        if opcode == OPEN:
            return [struct.pack("<QII", 0, 0, 0)]
        if opcode in (RELEASE, FLUSH):
            return []
        if opcode == READ:
            _, at, size = struct.unpack_from("<QQI", argument)
            return [self.cached[at:at + size]]
        if opcode in (WRITE, FSYNC) and self.control[0] != WORKS:
            return errno.EIO
        if opcode == FSYNC:
            self.store(sorted(self.dirty))
            self.dirty.clear()
            return []
        if opcode == WRITE:
            _, at, size = struct.unpack_from("<QQI", argument)
            self.dirty.update(range(at // BLOCK, (at + size - 1) // BLOCK + 1))
            self.cached[at:at + size] = argument[40:40 + size]
            return [struct.pack("<II", size, 0)]
        return errno.ENOSYS

    def serve(self):
        room = memoryview(bytearray(MOST + (1 << 16)))
        while True:
            try:
                n = os.readv(self.fuse, [room])
            except OSError as e:
                if e.errno == errno.ENODEV:  # unmounted
                    return
                if e.errno == errno.ENOENT:  # taken back
                    continue
                raise
            _, opcode, unique = struct.unpack_from("<IIQ", room)
            pieces = self.answer(opcode, room[HEAD:n])
            if pieces is None:
                continue
            code, pieces = (0, pieces) if isinstance(pieces, list) else (pieces, [])
            try:
                os.writev(self.fuse, [struct.pack("<IiQ", 16 + sum(map(len, pieces)), -code, unique), *pieces])
            except OSError as e:
                if e.errno != errno.ENOENT:
                    raise


def main(image, control, place, source, seed, parent):
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: not longer than the tests
    if os.getppid() != int(parent):
        return
    disk = Disk(image, control, seed)
    signal.signal(signal.SIGUSR1, disk.cut)
    try:
        disk.mount(place, source)
    except OSError as e:
        print(f"FUSE: {e}", flush=True)
        return
    print("mounted", flush=True)
    disk.serve()


# ---- its owner

class Unable(Exception):
    """This machine does not allow it; says why."""


def run(*argv, check=True):
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, env=ENV)
    if check and done.returncode:
        raise Unable(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done


def mounts():
    """[(place, source)], the latest last."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        found.append((fields[4].encode().decode("unicode_escape"), fields[fields.index("-") + 2]))
    return found


def unmount(place):
    """For good if possible; else out of sight, and gone with its last user."""
    if any(place == str(p) for p, _ in mounts()) and run("umount", place, check=False).returncode:
        run("umount", "-l", place, check=False)


def backing(device):
    """Loop devices over a file."""
    found = []
    for f in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if f.read_text().rstrip("\n").removesuffix(" (deleted)") == str(device):
                found.append(f"/dev/{f.parts[3]}")
        except OSError:
            continue
    return found


def clear(device):
    """Takes away all that is on a disk, and the disk's file; its process is dead."""
    for loop in backing(device):
        for place in [p for p, s in mounts() if s == loop]:
            unmount(place)
        run("losetup", "-d", loop, check=False)
    unmount(str(device))


def sweep():
    """What runs left behind that were killed: mounts, loop devices, and who was started with a file beside the disk's directory."""
    for place, source in mounts():
        if not source.startswith(SOURCE) or os.path.exists(f"/proc/{source[len(SOURCE):]}"):
            continue
        for f in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if f"{pathlib.Path(place).parents[1]}/".encode() in f.read_bytes():
                    os.kill(int(f.parts[2]), signal.SIGKILL)
            except OSError:
                continue
        clear(place)


class Power:
    """A disk with ext4 at `place`. `journal=False`: an ext4 that survives failing writes without a new mount."""

    def __init__(self, directory, seed=0, size=64 << 20, journal=True, options=()):
        for program in ("mkfs.ext4", "chattr", "losetup", "mount", "umount"):
            if not shutil.which(program, path=ENV["PATH"]):
                raise Unable(f"no {program}")
        if os.geteuid():
            raise Unable("mounting takes root")
        for node in ("/dev/fuse", "/dev/loop-control"):
            if not os.access(node, os.R_OK | os.W_OK):
                raise Unable(f"no {node}")
        self.directory = pathlib.Path(directory)
        self.image, self.control, self.device = (self.directory / n for n in ("image", "control", "device"))
        self.place = self.directory / "disk"
        self.place.mkdir(parents=True)
        self.control.write_bytes(bytes(1))
        self.device.touch()
        self.options = ",".join(("loop", "nodiscard", "errors=remount-ro", *options))
        self.dice = random.Random(seed)
        self.process = None
        with open(self.image, "wb") as f:
            f.truncate(size)
        kind = ["-J", "size=4"] if journal else ["-O", "^has_journal"]
        run("mkfs.ext4", "-q", "-F", "-b", BLOCK, *kind, "-E", "nodiscard,lazy_itable_init=0", self.image)

    def on(self):
        assert self.process is None
        self.order(WORKS)
        argv = [sys.executable, __file__, self.image, self.control, self.device, f"{SOURCE}{os.getpid()}", self.dice.random(), os.getpid()]
        self.process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().strip()
        if said != "mounted":
            self.off()
            raise Unable(said or "the disk died")
        try:
            run("mount", "-t", "ext4", "-o", self.options, self.device, self.place)
        except Unable:
            self.off()
            raise
        return self

    def order(self, what):
        with open(self.control, "r+b") as f:
            f.write(bytes([what]))

    def cut(self, kept=False):
        """The power is gone; the file system stays, and fails, until off()."""
        self.process.send_signal(signal.SIGUSR1 if kept else signal.SIGKILL)
        self.process.wait(20)

    def off(self):
        """After a cut, or as a machine that is shut down. Nobody may use the file system any more."""
        if self.process is None:
            return
        unmount(str(self.place))
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()
        self.process = None
        clear(self.device)

    def remount(self, how):
        return run("mount", "-o", f"remount,{how}", self.place, check=False)

    def commit_fails(self):
        """Makes the file system want to write its journal to the broken disk: it gives up."""
        place = os.open(self.place, os.O_RDONLY)
        try:
            (self.place / "new").mkdir()
            os.fsync(place)
        except OSError:
            return
        finally:
            os.close(place)
        raise AssertionError("the disk is not broken")

    def find_error(self):
        """The file system believes that it found damage in itself."""
        (loop,) = backing(self.device)
        pathlib.Path("/sys/fs/ext4", loop.removeprefix("/dev/"), "trigger_fs_error").write_text("1")

    @staticmethod
    def immutable(directory, on):
        """Nothing below can be made, removed or written, not through open files either. The directory first: no new file is missed."""
        sign = "+i" if on else "-i"
        run("chattr", sign, directory)
        run("chattr", "-R", sign, directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
