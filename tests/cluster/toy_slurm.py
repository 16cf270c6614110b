"""A Slurm cluster of two nodes on this machine, and how one of them dies."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

CONF = Path("/etc/slurm/slurm.conf")
"""Jobs find their cluster here only: SLURM_CONF does not reach them."""

MARK = "# Written by scalelaw's tests, which remove it again."
LOCK = Path(tempfile.gettempdir()) / "scalelaw-toy-slurm.lock"
SEARCH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
PACKAGES = ("slurm-wlm", "munge")
CALM = {"DEBIAN_FRONTEND": "noninteractive", "UV_SYSTEM_CERTS": "1"}
"""What installers need where nobody answers and the network has certificates of its own."""

SETTINGS = """\
{mark}
ClusterName=toy
SlurmctldHost={host}({address})
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=5,bf_interval=5
ReturnToService=2
SlurmdTimeout=10
MinJobAge=900
NodeName={nodes[0]} NodeHostname={host} NodeAddr={address} Port={ports[1]} CPUs=4 RealMemory=8000
NodeName={nodes[1]} NodeHostname={host} NodeAddr={address} Port={ports[2]} CPUs=4 RealMemory=8000
PartitionName=toy Nodes=ALL LLN=YES Default=YES State=UP
"""
"""No accounts, no cgroups, nodes of any size; jobs spread; a lost one starts after cred_expire."""


def obstacle() -> str | None:
    """Say what stands against a toy cluster on this machine."""
    if os.geteuid() != 0:
        return "a toy Slurm cluster needs root"
    if CONF.exists() and MARK not in CONF.read_text():
        return f"{CONF} belongs to a cluster and is left alone"
    if not is_installed() and not shutil.which("apt-get"):
        return "Slurm is not installed, and there is no apt-get to install it"
    return None


def is_installed() -> bool:
    """Tell whether all programs are there."""
    return all(shutil.which(program, path=SEARCH) for program in PROGRAMS)


def install() -> None:
    """Install Debian's Slurm where it is missing."""
    if is_installed():
        return
    run("apt-get", "-qq", "update", timeout=300)
    options = ("-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")
    run("apt-get", "install", *options, *PACKAGES, timeout=300)


def run(*command: str, timeout: float = 20) -> str:
    """Return what a command prints, or raise with all that it said."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=os.environ | {"PATH": SEARCH, **CALM},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def answers(*command: str) -> bool:
    """Tell whether a command succeeds."""
    try:
        run(*command)
    except RuntimeError:
        return False
    return True


def wait_for(what: str, condition: Callable[[], Any], seconds: float) -> Any:
    """Return the first true value of a condition, or raise after some time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {seconds:.0f} s in vain: {what}")
        time.sleep(0.25)
    return value


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses."""
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@dataclass
class ToySlurm:
    """The daemons, in a folder that holds their states and logs."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(3))
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes; the port sets them apart from those of any other cluster."""
        return [f"toy{port}" for port in self.ports[1:]]

    def bring_up(self) -> None:
        """Write the configuration and start everything."""
        host = socket.gethostname().split(".")[0]
        address = socket.gethostbyname(host)
        CONF.write_text(
            SETTINGS.format(
                mark=MARK,
                host=host,
                address=address,
                folder=self.folder,
                ports=self.ports,
                nodes=self.nodes,
            )
        )
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        place = {"key-file": key, "socket": self.folder / "munge.socket"}
        place |= {name: self.folder / f"munge.{name}" for name in ("pid-file", "seed-file")}
        options = [f"--{name}={path}" for name, path in place.items()]
        self.start("munged", "--foreground", "--force", *options)
        wait_for("munged", lambda: answers("munge", "-n", "-S", str(place["socket"])), 20)
        self.start("slurmctld", "-D")
        wait_for("slurmctld", lambda: answers("scontrol", "ping"), 20)
        for node in self.nodes:
            self.start_node(node)
        wait_for("the nodes", lambda: all(map(self.is_up, self.nodes)), 30)

    def start(self, program: str, *options: str, name: str = "") -> None:
        """Start a daemon in the foreground, so that its process is known."""
        name = name or program
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                [program, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PATH": SEARCH},
            )

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self.start("slurmd", "-D", "-N", node, name=node)

    def is_up(self, node: str) -> bool:
        """Tell whether the controller counts on a node."""
        return run("sinfo", "-h", "-n", node, "-o", "%t").strip() in ("idle", "mix", "alloc")

    def jobs(self) -> list[dict[str, str]]:
        """Return what the controller knows of each job."""
        lines = run("scontrol", "-o", "show", "job").splitlines()
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines if "JobId=" in line]

    def steps(self, job: str) -> list[str]:
        """Return the running steps of a job."""
        steps = run("squeue", "-h", "-s", "-o", "%i").split()
        return [step.split(".")[1] for step in steps if step.startswith(f"{job}.")]

    def crash(self, node: str) -> None:
        """Kill a node's daemon and all processes of its jobs, as a loss of power would."""
        if daemon := self.daemons.pop(node, None):
            daemon.kill()
            daemon.wait(10)

        def kill_all() -> bool:
            doomed = [process for process in psutil.process_iter() if node_of(process) == node]
            for process in doomed:
                with suppress(psutil.NoSuchProcess):
                    for parent in process.parents():
                        if parent.name() == "slurmstepd":
                            parent.kill()
                    process.kill()
            return not doomed

        wait_for(f"the end of {node}", kill_all, 20)

    def shut_down(self) -> None:
        """Stop all that was started."""
        for node in self.nodes:
            self.crash(node)
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait(10)

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        ends = []
        for log in sorted(self.folder.glob("*.log")):
            ends += [f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-60:]]
        return "\n".join(ends)


def node_of(process: psutil.Process) -> str | None:
    """Return the node on which a process believes to run."""
    try:
        return process.environ().get("SLURMD_NODENAME")
    except psutil.Error:
        return None


@contextmanager
def toy_slurm(folder: Path) -> Iterator[ToySlurm]:
    """Install Slurm if need be, run a cluster, and leave nothing of it behind."""
    install()
    with LOCK.open("w") as lock:

        def is_ours() -> bool:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return False

        wait_for("another run of these tests", is_ours, 600)
        cluster = ToySlurm(folder)
        try:
            cluster.bring_up()
            yield cluster
        finally:
            try:
                cluster.shut_down()
            finally:
                CONF.unlink(missing_ok=True)
                print(cluster.logs())
