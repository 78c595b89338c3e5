"""A bound on the memory of a process by the kernel: a control group (version 2 or 1), where this process may make one."""

import os
import time
from pathlib import Path


class Group:
    """A group of its own with a bound, below that of this process."""

    def __init__(self, folder: Path, limit: str):
        self.folder, self.limit = folder, limit

    @classmethod
    def new(cls, size: int) -> "Group | None":
        """None where groups cannot be made: in most containers."""
        version2, version1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
        for root, limit in ((version2, "memory.max"), (version1, "memory.limit_in_bytes")):
            group = cls(root / f"epochd-attack-{os.getpid()}", limit)
            if not root.joinpath("cgroup.procs").exists():
                continue
            try:
                group.folder.mkdir()
            except OSError:
                continue
            try:
                group.folder.joinpath(limit).write_text(str(size))
                group.without_swap(size)
                return group
            except OSError:
                group.remove()
        return None

    def without_swap(self, size: int):
        """Swap would hide what does not fit."""
        for name, value in (("memory.swap.max", 0), ("memory.memsw.limit_in_bytes", size)):
            if (file := self.folder / name).exists():
                file.write_text(str(value))

    def enter(self):
        """Puts the calling process into the group."""
        self.folder.joinpath("cgroup.procs").write_text(str(os.getpid()))

    def peak(self) -> float:
        """MiB that the group has used at most, pages of files among them."""
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            if (file := self.folder / name).exists():
                return int(file.read_text()) / (1 << 20)
        return 0.0

    def remove(self):
        for _ in range(50):
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.1)  # Until its processes are gone.
