"""A file system of its own for a test's nodes, whose power can be cut: an ext4 in a file, mounted through a loop device.

Cutting the power is the ioctl that file system developers test theirs with: from that moment nothing reaches the disk any
more, not even what the journal holds in memory. What was synced is there after the next mount; of the rest, what the kernel
happened to write before. Needs root; a test that cannot have it ends with SKIPPED, and says why."""

import errno
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

SKIPPED = 77  # to ctest, SKIP_RETURN_CODE
GOING_DOWN = 0x8004587D  # _IOR('X', 125, u32)
WITHOUT_LOG_FLUSH = struct.pack("I", 2)


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Disk:
    def __init__(self, size_mib):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tallystick-disk."))
        self.image = self.folder / "image"
        with open(self.image, "wb") as file:
            file.truncate(size_mib << 20)
        run("mkfs.ext4", "-q", "-F", "-m", "0", self.image)
        self.at = None

    def mount(self, at):
        run("mount", "-o", "loop", self.image, at)
        self.at = pathlib.Path(at)

    def unmount(self):
        if self.at is not None:
            run("umount", self.at)
        self.at = None

    def cut_power(self):
        root = os.open(self.at, os.O_RDONLY)
        fcntl.ioctl(root, GOING_DOWN, WITHOUT_LOG_FLUSH)
        os.close(root)

    def power_on(self):
        """Once nobody has a file of it open any more."""
        at = self.at
        self.unmount()
        self.mount(at)

    def fill(self):
        """Takes all the space that is left."""
        with open(self.at / "ballast", "wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
            os.fsync(file)

    def make_space(self):
        (self.at / "ballast").unlink()

    def close(self):
        self.unmount()
        shutil.rmtree(self.folder)


def require():
    """Ends the program where there is no such disk to be had."""
    disk = at = None
    try:
        at = tempfile.mkdtemp(prefix="tallystick-mount.")
        disk = Disk(16)
        disk.mount(at)
        disk.cut_power()
        disk.close()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: no file system of one's own to mount, and to cut the power of: {error} "
              f"{getattr(error, 'stderr', b'')}")
        raise SystemExit(SKIPPED) from None
    finally:
        if at:
            os.rmdir(at)
