"""What stands around the program: the machine, its clock, its processes, other programs, the network, the log."""

from __future__ import annotations

import re

CLOCKS = tuple(
    f"time.{name}{unit}" for name in ("time", "perf_counter", "monotonic", "process_time") for unit in ("", "_ns")
)
"""Functions that tell the time."""

OF_THE_MACHINE = {"os.name": "posix", "os.sep": "/", "os.linesep": "\n", "sys.platform": "linux"}
"""What Python says of the machine that submissions are scored on."""

CHANNELS = frozenset(
    {
        "sqlite3.connect", "shelve.open", "dbm.open", "socket.socket", "socket.create_connection", "socket.socketpair",
        "multiprocessing.Pipe", "multiprocessing.Manager", "multiprocessing.shared_memory.SharedMemory",
        "multiprocessing.shared_memory.ShareableList", "torch.distributed.TCPStore", "torch.distributed.FileStore",
        "contextvars.ContextVar", "torch.distributed.HashStore", "torch.multiprocessing.Pipe",
        "torch.multiprocessing.Manager",
    }
)  # fmt: skip
"""What opens a way for things that leaves the values which the analysis follows."""

PRINTERS = frozenset({"builtins.print", "print", "tqdm.write", "rich.print", "sys.stdout.write"})

LOG_CALLS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "success"})
"""Methods of loggers, whichever library they are of; `log` takes a level first."""

NAMES_OF_PROCESSES = frozenset({"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"})
"""What torchrun calls the numbers of a process and how many there are, in the environment."""

NAMES_OF_RANK = frozenset({"RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_LOCALID", "OMPI_COMM_WORLD_RANK"})
"""What torchrun, Slurm and Open MPI call the number of a process."""

NAMES_OF_SIZE = frozenset({"WORLD_SIZE", "LOCAL_WORLD_SIZE"})
"""What torchrun calls how many processes there are."""

HARMLESS = frozenset(
    {
        "7z", "amd-smi", "apt", "apt-get", "black", "brotli", "bzip2", "c++", "cat", "cc", "chmod", "clang",
        "cmake", "cmix", "conda", "curl", "date", "df", "du", "echo", "env", "free", "g++", "gcc", "git",
        "grep", "gzip", "head", "hf", "hostname", "huggingface-cli", "id", "kill", "ldconfig", "ldd",
        "lrzip", "ls", "lscpu", "lspci", "make", "md5sum", "mkdir", "ninja", "nm", "nproc", "numactl",
        "nvcc", "nvidia-smi", "nvidia-smi.exe", "objdump", "paq8", "pip", "pip3", "pkill", "ps", "pyminify",
        "rm", "rocm-smi", "rocminfo", "ruff", "sha256sum", "sleep", "sudo", "sync", "sysctl", "tail", "tar",
        "taskset", "test", "true", "ulimit", "uname", "uv", "wc", "wget", "which", "whoami", "xz", "zpaq",
        "zstd",
    }
)  # fmt: skip
"""Programs that leave the weights, the tokens and the log alone."""

LISTS_FILES = frozenset({"dir", "find", "ls"})
"""Programs that print what a folder holds."""

SHOWS_FILES = frozenset({"base64", "cat", "dd", "head", "od", "tail", "xxd"})
"""Programs that print what a file holds."""

COPIES_FILES = frozenset({"cp", "ln", "mv", "rsync", "install", "dd"})
"""Programs that make a file be found in another place."""

RUNS_ANOTHER = frozenset({"env", "nice", "nohup", "numactl", "sudo", "taskset", "time", "timeout", "xargs"})
"""Programs that run the one that they are told."""

SUMS_OVER_PROCESSES = frozenset({"all_reduce", "reduce"})
"""Functions of torch.distributed that add up what every process has."""

GATHERS_PROCESSES = frozenset({"all_gather", "all_gather_into_tensor", "all_gather_object"})
"""Functions of torch.distributed that collect what every process has."""

GROUPS_OF_PROCESSES = frozenset({"new_group", "new_subgroups", "new_subgroups_by_enumeration", "split_group"})
"""Functions of torch.distributed that make a group of some processes."""

DOWNLOADS = frozenset(
    {"hf_hub_download", "snapshot_download", "urlopen", "urlretrieve", "load_dataset", "create_connection"}
)
"""Functions that bring something over the network."""

HTTP = frozenset({"requests.get", "requests.post", "httpx.get", "httpx.post", "socket.socket"})
"""Functions that ask a server, by their full names."""

SHELL = frozenset({"run", "call", "check_call", "check_output", "Popen", "system"})
"""Functions that run a command."""

FETCHERS = ("wget", "curl", "pip install", "pip3 install", "apt-get", "apt install", "git clone")
"""Commands that bring something over the network."""

ENVIRONMENT = frozenset({"os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault"})
"""Functions that give what a variable of the environment holds."""

AMBIENT = re.compile(
    r"(HOME|PATH|PWD|SHELL|USER|LOGNAME|HOSTNAME|LANG|LC_\w+|TERM|TMPDIR|TZ|DISPLAY|VIRTUAL_ENV|CONDA\w*|PYTHON\w*"
    r"|LD_\w+|CUDA\w*|NVIDIA\w*|NCCL\w*|OMP\w*|MKL\w*|TORCH\w*|RUNPOD\w*|SLURM\w*|KUBERNETES\w*|SSH\w*|MASTER_\w+)"
)
"""Variables that an environment may have although no command gives them: by the system, the launcher, the host."""

AVAILABLE = frozenset(
    {
        "torch.cuda.is_available", "torch.distributed.is_available", "torch.distributed.is_initialized",
        "torch.cuda.is_bf16_supported",
    }
)  # fmt: skip
"""Questions that are answered with yes where submissions are scored."""

GATHERS_AT_ONE = frozenset({"torch.distributed.gather", "torch.distributed.gather_object"})
"""Functions by which one process gets what every process has."""

GIVES_RANK = frozenset({"torch.distributed.get_rank", "torch.distributed.get_node_local_rank"})
"""Functions that give the number of the process."""

SHELL_OWNERS = ("subprocess", "os.", "Popen", "check_call", "run")
"""Parts of the full names of functions that run a command."""

SEEDS = frozenset({"manual_seed", "manual_seed_all", "seed", "default_rng"})
"""Functions that say where random numbers begin."""

ATOMIC = tuple(f"triton.language.atomic_{name}" for name in ("add", "xchg", "max", "min", "cas"))
"""Functions of kernels that write in turn."""
