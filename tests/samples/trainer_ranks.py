"""Ranks of the trainer, forked off one process that has imported torch: as torchrun starts them, but with one start.

    python trainer_ranks.py WORLD CODE

Each rank runs CODE, which may leave a `status`, and writes what it prints to rankN.txt in the working folder. The exit
status is the largest of theirs.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback

import torch._dynamo  # what every optimizer imports when it is made  # noqa: F401


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def run(code: str) -> int:
    """In a rank. One that fails ends here: what is above belongs to the process that it was forked off."""
    names: dict[str, object] = {"status": 0}
    try:
        exec(code, names)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return int(str(names["status"]))


def main(world: int, code: str) -> int:
    os.environ |= {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = []
    for rank in range(world):
        started.append(os.fork())
        if started[-1] == 0:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            os.dup2(os.open(f"rank{rank}.txt", os.O_WRONLY | os.O_CREAT), 1)
            os._exit(run(code))
    return max(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in started)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
