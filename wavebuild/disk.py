"""The only file access of the parent process: look, list, read, move, copy, remove.

It does not know what a file means to a build. Paths are absolute texts; every function raises
OSError as the system gave it, but for those that say otherwise.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as st
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wavebuild.errors import Place, mistake
from wavebuild.later import sha256 as summed
from wavebuild.later import sha256_of_much

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK = 1 << 20

_COPIED = (st.S_IFREG, st.S_IFDIR, st.S_IFLNK)
"""What holds something that can be copied; a FIFO, a socket or a device holds nothing."""

NOT_THERE = (errno.ENOENT, errno.ENOTDIR)

PART = ".part"
"""How the name of a file ends that is being written: what a kill leaves of it is nobody's."""

_COARSE_CLOCK = 5
"""Linux's CLOCK_REALTIME_COARSE: the time as it was at the kernel's last tick, which most file systems go by."""

FICLONE = 0x40049409
"""Linux's request that a file share the bytes of another."""


def _nothing_happens(point: str) -> None:
    """What a fault point is to everybody but a test."""


fault: Callable[[str], None] = _nothing_happens
"""Told before and after each rename, each link, each write and each commit. No variable and no flag changes it: a
program of the tests puts another in its place, to be killed or to fail there."""


def rename(old: str, new: str) -> None:
    fault("before rename")
    os.rename(old, new)
    fault("after rename")


def look(path: str) -> os.stat_result | None:
    """What stands at a path, a link not followed; None if nothing does."""
    try:
        return os.lstat(path)
    except OSError as error:
        if error.errno in NOT_THERE:
            return None
        raise


def look_through(path: str) -> os.stat_result | None:
    """What stands at the end of a path's links; None if nothing does (a loop of links is nothing)."""
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno in (*NOT_THERE, errno.ELOOP):
            return None
        raise


def entries(folder: str) -> list[os.DirEntry[str]]:
    """The entries of a folder by name; none if it is not there."""
    return sorted(unsorted_entries(folder), key=lambda entry: entry.name)


def unsorted_entries(folder: str) -> list[os.DirEntry[str]]:
    """The entries of a folder as the system gives them; none if it is not there."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        if error.errno in NOT_THERE:
            return []
        raise


def read_regular(path: str, limit: int) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes; never blocks on a FIFO or a device.

    Raises WavebuildError if it is something else or larger, OSError if it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(handle)
        if st.S_ISDIR(status.st_mode):
            raise mistake("not-a-file", "this is a directory, not a file", Place(path))
        if not st.S_ISREG(status.st_mode):
            raise mistake("not-a-file", "this is not a regular file", Place(path))
        parts, size = [], 0
        while part := os.read(handle, CHUNK):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise mistake("too-large", f"the file is larger than {limit >> 20} MiB", Place(path))
        return b"".join(parts)
    finally:
        os.close(handle)


def sha256(path: str, small: int = 0, size: int | None = None) -> tuple[str, os.stat_result, bytes | None]:
    """The SHA-256 of a regular file in hex, what it was once it was read, and its bytes if at most ``small``.

    ``size``: of the regular file that the caller has just seen there; if it is that no more, what is returned
    tells so. Plain reads, never a memory map: a file cut short meanwhile would kill the process.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if size is None:
            size = _regular_size(handle, path)
        first = os.read(handle, size + 1) if size < CHUNK else b""
        if len(first) == size:
            return summed(first).hexdigest(), os.fstat(handle), first if size <= small else None
        _regular_size(handle, path)
        state = sha256_of_much(first)
        whole = _add_rest(state, handle) == 0 and len(first) <= small
        return state.hexdigest(), os.fstat(handle), first if whole else None
    finally:
        os.close(handle)


def _regular_size(handle: int, path: str) -> int:
    status = os.fstat(handle)
    if not st.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return status.st_size


def _add_rest(state: _Hash, handle: int) -> int:
    """Adds what is left of a file, by way of one buffer, and says how many bytes that were."""
    buffer, total = bytearray(CHUNK), 0
    view = memoryview(buffer)
    while size := os.readv(handle, (buffer,)):
        state.update(view[:size])
        total += size
    return total


def tells_every_change(folder: str) -> int | None:
    """The device of a folder, if a change there after a look always shows in the time of change; else None.

    Most clocks of file systems stand still for milliseconds. Linux since 6.13 gives a file that was looked at a
    finer time; whether it does so here is tried, on a file without a name, while the clock stands still.
    """
    try:
        handle = os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except (AttributeError, OSError):
        return None
    try:
        return next((device for _ in range(3) if (device := _tells_change(handle)) is not None), None)
    except OSError:
        return None
    finally:
        os.close(handle)


def _tells_change(handle: int) -> int | None:
    before, times = time.clock_gettime_ns(_COARSE_CLOCK), set()
    for _ in range(3):
        os.pwrite(handle, b"x", 0)
        status = os.fstat(handle)
        times.add(status.st_ctime_ns)
    still = time.clock_gettime_ns(_COARSE_CLOCK) == before
    return status.st_dev if still and len(times) == 3 else None


def tells_changes_of_folders(folder: str) -> bool:
    """Whether the same holds of the folder itself, in which a file of ours comes and goes."""
    trial = os.path.join(folder, ".trial")
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return any(_tells_going(trial, handle) for _ in range(3))
        finally:
            os.close(handle)
    except OSError:
        return False


def _tells_going(trial: str, folder: int) -> bool:
    before = time.clock_gettime_ns(_COARSE_CLOCK)
    try:
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        os.unlink(trial)  # of somebody who was killed just then
        return False
    came = os.fstat(folder)
    os.unlink(trial)
    went = os.fstat(folder)
    still = time.clock_gettime_ns(_COARSE_CLOCK) == before
    return still and came.st_ctime_ns != went.st_ctime_ns and came.st_mtime_ns != went.st_mtime_ns


def read_link(path: str) -> str:
    return os.readlink(path)


def make_folder(path: str) -> None:
    if not os.path.isdir(path):  # as it mostly is, which costs less to see than to try in vain
        os.makedirs(path, exist_ok=True)


def move(old: str, new: str) -> None:
    """Renames, over what stands there; across file systems copies with times and removes the old."""
    try:
        rename(old, new)
        return
    except FileNotFoundError:
        make_folder(os.path.dirname(new))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    try:
        rename(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _carry(old, new)


def _carry(old: str, new: str) -> None:
    """Copies and removes, what is in a folder first: after a kill each file is whole, at one place or at both."""
    kind = st.S_IFMT(os.lstat(old).st_mode)
    if kind == st.S_IFDIR:
        make_folder(new)
        for entry in entries(old):
            _carry(entry.path, os.path.join(new, entry.name))
    if kind in _COPIED:
        copy(old, new)
    remove(old)


def copy(old: str, new: str) -> None:
    """A copy with bytes, mode and times, there whole or not at all; links stay links."""
    import shutil

    make_folder(os.path.dirname(new))
    if os.path.isdir(old) and not os.path.islink(old):
        os.makedirs(new, exist_ok=True)
        shutil.copystat(old, new)
        return
    # Always of the same name: whoever does it again after a kill leaves nothing behind.
    mark = summed(os.fsencode(os.path.basename(new))).hexdigest()[:16]
    part = os.path.join(os.path.dirname(new), f".wavebuild-{mark}.part")
    remove(part)
    if not os.path.islink(old):
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # nobody else's meanwhile
    if _cloned(old, part):
        shutil.copystat(old, part)
    else:
        shutil.copy2(old, part, follow_symlinks=False)
    rename(part, new)


def _cloned(old: str, new: str) -> bool:
    """Lets both files share their bytes until one is written to; false where the system cannot do that."""
    import fcntl

    if os.path.islink(old) or not os.path.isfile(old):
        return False
    with open(old, "rb") as source, open(new, "wb") as target:
        try:
            fcntl.ioctl(target.fileno(), FICLONE, source.fileno())
        except OSError:
            return False
    return True


def replicate(old: str, new: str, pause: Callable[[], None]) -> None:
    """A file of its own with the bytes, the permissions and the time of the file that a path leads to.

    Nothing may stand at ``new``. ``pause`` is called between parts of a large file.
    """
    source = os.open(old, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(source)
        if not st.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", old)
        target = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _copy_bytes(source, target, status.st_size, pause)
            os.fchmod(target, status.st_mode & 0o777 | 0o400)
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        except OSError as error:
            error.filename = error.filename or new
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_bytes(source: int, target: int, size: int, pause: Callable[[], None]) -> None:
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.ioctl(target, FICLONE, source)
        return
    while (left := size - os.lseek(target, 0, os.SEEK_CUR)) > 0:
        part = os.read(source, min(left, CHUNK))
        if not part:
            return
        view = memoryview(part)
        while view:
            view = view[os.write(target, view) :]
        pause()


def same_bytes(one: str, other: str) -> bool:
    """Whether two regular files hold the same bytes."""
    first, second = look(one), look(other)
    if first is None or second is None or not (st.S_ISREG(first.st_mode) and st.S_ISREG(second.st_mode)):
        return False
    return first.st_size == second.st_size and sha256(one)[0] == sha256(other)[0]


def take_times(path: str, former: str) -> None:
    """Gives a file the times of another."""
    status = os.lstat(former)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def point_link(path: str, text: str) -> None:
    """A link leads elsewhere from now on."""
    os.unlink(path)
    os.symlink(text, path)


def take_mode(folder: str, former: str) -> None:
    """Gives a folder the permissions of another."""
    os.chmod(folder, os.stat(former).st_mode & 0o7777)


def remove(path: str) -> None:
    """Removes a file, a link or an empty folder; nothing there is well."""
    try:
        os.unlink(path)
    except IsADirectoryError:
        os.rmdir(path)
    except PermissionError:
        if not os.path.isdir(path) or os.path.islink(path):
            raise
        os.rmdir(path)
    except OSError as error:
        if error.errno not in NOT_THERE:
            raise


def remove_tree(path: str) -> None:
    """Removes a folder of ours with all that is in it; most are empty, and one call is enough."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            _remove_what_is_in(path)
            os.rmdir(path)


def _remove_what_is_in(folder: str, above: int | None = None) -> None:
    """Empties a folder; by its handle, so that no link that comes into its place leads elsewhere."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        with os.scandir(handle) as found:
            entries = list(found)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _remove_what_is_in(entry.name, handle)
                os.rmdir(entry.name, dir_fd=handle)
            else:
                os.unlink(entry.name, dir_fd=handle)
    finally:
        os.close(handle)


def remove_all(path: str) -> None:
    """Removes a folder with all that a step has put into it, folders among it that it has closed to us.

    What stands in the folder's place, a file or a link, goes too.
    """
    if os.path.islink(path) or os.path.isfile(path):
        remove(path)
    try:
        remove_tree(path)
    except PermissionError:
        open_folders(path)
        remove_tree(path)


def open_folders(top: str) -> None:
    """Whoever owns a folder and those below it may look into them and change them again."""
    if not os.path.isdir(top):
        return
    _open_folder(top)
    for folder, names, _ in os.walk(top):
        for name in names:
            _open_folder(os.path.join(folder, name))  # before it is looked into


def _open_folder(path: str) -> None:
    status = os.lstat(path)
    if st.S_ISDIR(status.st_mode) and status.st_mode & 0o700 != 0o700:
        os.chmod(path, status.st_mode & 0o7777 | 0o700)


def remove_empty_folders(folder: str, stop: str) -> None:
    """Removes a folder and those above it while they are empty, up to but without ``stop``."""
    while folder.startswith(stop + os.sep):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass  # gone already: those above it may be empty all the same
        except OSError:
            return
        folder = os.path.dirname(folder)


def write_atomic(path: str, *data: bytes | bytearray | memoryview) -> None:
    """Writes a whole file or leaves the former one; the caller holds the project, so nobody else does so meanwhile.

    ``data``: the parts of the file, one after the other.
    """
    make_folder(os.path.dirname(path))
    part = path + PART
    try:
        write(part, *data)
        rename(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            remove(part)
        raise


def write_new(path: str, data: bytes) -> None:
    """A file that was not there: whole or not at all. Raises FileExistsError if something stands at the path."""
    part = f"{path}.{os.getpid()}.part"
    write(part, data)
    try:
        fault("before link")
        os.link(part, path)
        fault("after link")
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A file system without hard links: the name is taken first, then filled.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        rename(part, path)
    finally:
        remove(part)


def write(path: str, *data: bytes | bytearray | memoryview) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        fault("before write")
        for part in data:
            view = memoryview(part)
            while view:
                view = view[os.write(handle, view) :]
        fault("after write")
    finally:
        os.close(handle)


def tail(path: str, size: int) -> bytes:
    """The last bytes of a file; nothing if it is not there."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - size))
            return file.read(size)
    except FileNotFoundError:
        return b""


def placed(text: str, folder: str) -> str:
    """The absolute path that a person means by a text; ``folder``: where it is relative to."""
    return os.path.normpath(os.path.join(folder, os.path.expanduser(text)))


def name_of(folder: str) -> str:
    """A name for a folder among all folders, whatever links lead to it."""
    path = real(folder)
    return f"{os.path.basename(path) or 'root'}-{summed(os.fsencode(path)).hexdigest()[:12]}"


def real(path: str) -> str:
    """The path with its links resolved, as far as it exists."""
    return os.path.realpath(path)


def walk(folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry below a folder that is no folder, links unfollowed, with its path relative to it."""
    stack = [""]
    while stack:
        below = stack.pop()
        for entry in entries(os.path.join(folder, below) if below else folder):
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                stack.append(path)
            else:
                yield path, entry
