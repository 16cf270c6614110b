"""A newer Debian in a folder, for its newer Python: made by debootstrap, entered by root."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
CALM = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
UV = Path(sys.executable).with_name("uv")


def obstacle() -> str | None:
    """Say what stands against it on this machine."""
    if os.geteuid() != 0:
        return "a folder with another Debian needs root"
    if not shutil.which("debootstrap") and not shutil.which("apt-get"):
        return "debootstrap is not installed, and there is no apt-get to install it"
    return None


def make(root: Path, suite: str) -> None:
    """Make a Debian with nothing but Python."""
    if not shutil.which("debootstrap"):
        run("apt-get", "-qq", "update")
        run("apt-get", "install", "-qq", "-y", "-o", "DPkg::Lock::Timeout=120", "debootstrap")
    run("debootstrap", "--variant=minbase", "--include=python3", suite, str(root))
    for name in ("etc/resolv.conf", "etc/hosts", CERTIFICATES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("/", name), root / name)
    shutil.copy(UV, root / "usr/local/bin/uv")


def run_in(root: Path, here: Path, *command: str, **environment: str) -> str:
    """Run a command in it; a folder of the machine is ``/mnt`` there, and its working folder."""
    mounts = [
        f"mount --bind {here} {root}/mnt",
        f"mount --rbind /dev {root}/dev",
        f"mount -t proc proc {root}/proc",
    ]
    # The mounts end with the command, as they are in a space of their own.
    script = " && ".join([*mounts, f'exec chroot {root} sh -c \'cd /mnt && exec "$@"\' sh "$@"'])
    path = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return run(
        "unshare", "--mount", "sh", "-c", script, "sh", *command, PATH=path, **CALM, **environment
    )


def run(*command: str, **environment: str) -> str:
    """Return what a command prints, or raise with all that it said."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        env=environment or os.environ | CALM,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout
