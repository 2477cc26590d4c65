"""Which system calls a process may make: filters for the warden and for the run, as BPF programs.

What is refused is listed, since what a numeric library needs is not known beforehand; but a call whose number is
higher than those known when this was written is refused too, so that a newer kernel opens nothing.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterable
from contextlib import suppress

from auditor.probe.sandbox.syscalls import NUMBERS
from auditor.probe.sandbox.system import no_new_privileges, prctl, system_call

_PR_SET_SECCOMP, _PR_GET_SECCOMP, _MODE_FILTER = 22, 21, 2
_ALLOW, _ERRNO, _KILL, _ASK = 0x7FFF0000, 0x00050000, 0x80000000, 0x7FC00000
_SET_FILTER, _ACTION_AVAILABLE, _NEW_LISTENER = 1, 2, 1 << 3  # of seccomp(2)
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of NUMBERS, AUDIT_ARCH
_FIRST_UNKNOWN = 457  # statmount, Linux 6.8; x86-64's second set of calls (x32) begins far above
_CLONE_THREAD = 0x00010000
_OPEN_MAKES = 0o20000100  # O_CREAT, and what O_TMPFILE has beyond O_DIRECTORY
_RENAME_WHITEOUT = 4  # leaves a file of a kind of its own where the old name was
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; others type into terminals or change a file's attributes.
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# F_SETOWN, F_SETSIG, F_SETOWN_EX make the kernel send any signal to any process of the user, F_SETLEASE and F_NOTIFY
# hold up or watch others at a file.
_FCNTLS = (8, 10, 15, 1024, 1026)
# PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_MM: outliving the warden, hiding from the watcher.
_PRCTLS = (1, 4, 35)

_NAMESPACES = (
    "mount umount2 pivot_root chroot unshare setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr"
)
_KERNEL = (
    "bpf perf_event_open userfaultfd keyctl add_key request_key syslog acct swapon swapoff reboot kexec_load"
    " kexec_file_load init_module finit_module delete_module quotactl quotactl_fd fanotify_init open_by_handle_at"
    " lookup_dcookie nfsservctl iopl ioperm modify_ldt vhangup settimeofday clock_settime adjtimex clock_adjtime"
    " sethostname setdomainname personality uselib ustat sysfs _sysctl inotify_init inotify_init1"
)
_OTHERS = (
    "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp move_pages migrate_pages"
    " pidfd_getfd"
)
_IPC = (
    "shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop semctl semtimedop mq_open mq_unlink"
    " mq_timedsend mq_timedreceive mq_notify mq_getsetattr"
)
_SOCKETS = "socket socketpair connect bind listen accept accept4"
_TRAFFIC = "sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg getsockopt setsockopt shutdown getsockname getpeername"
_SIGNALS = "tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal setpriority ioprio_set"
_ABSENT = "io_uring_setup io_uring_enter io_uring_register memfd_create memfd_secret"
_ATTRIBUTES = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr"
    " lremovexattr fremovexattr utime utimes futimesat utimensat"
)
_MAKING = "creat mkdir mkdirat mknod mknodat symlink symlinkat link linkat"
# What keeps files on the disk, or pages of them in memory, that nothing shows any more once they are removed.
_HOLDING = "landlock_create_ruleset landlock_add_rule landlock_restrict_self splice tee vmsplice sendfile"
_WARDEN = f"{_NAMESPACES} {_KERNEL} {_OTHERS} {_IPC} {_SOCKETS} execve execveat"
_RUN = f"{_WARDEN} {_TRAFFIC} {_SIGNALS}"

_Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def supported() -> bool:
    """Whether the kernel has filters and this module knows the machine's calls."""
    if platform.machine() not in _MACHINES:
        return False
    try:
        prctl(_PR_GET_SECCOMP)
        prctl(_PR_SET_SECCOMP, _MODE_FILTER, 0)  # no filter at that address: EFAULT where filters are known
    except OSError as error:
        return error.errno == errno.EFAULT
    return False


def confine_warden() -> None:
    """No sockets, no program started, no namespace, no other process looked into. It may still fork."""
    _install([*_head(), *_refuse(_WARDEN.split(), errno.EPERM), *_refuse(_ABSENT.split(), errno.ENOSYS), _allow()])


def confine_run(own_pid: int, *, attributes: bool, forks: bool = False) -> None:
    """The last layer: no second process, no signal to any other, nothing of sockets.

    `attributes`: whether modes, owners and times of files may be changed. Landlock leaves that open, so where no mount
    guards it, it is answered as done and not done. `forks`: it may start copies of itself, which call `no_forks`.
    """
    program = [*_head(), *_refuse(_RUN.split(), errno.EPERM), *_refuse(_HOLDING.split(), errno.EINVAL)]
    program += _refuse([*_ABSENT.split(), "clone3", "pidfd_open"], errno.ENOSYS)
    if not forks:
        program += _no_forks()
    if not attributes:
        program += _refuse(_ATTRIBUTES.split(), 0)
    for call in ("kill", "tgkill"):
        program += _unless_equal(call, 0, (own_pid,))
    program += _others_as_they_are(own_pid)
    program += _if_equal("prctl", 0, _PRCTLS)
    program += _if_equal("fcntl", 1, _FCNTLS)
    program += _unless_equal("ioctl", 1, _IOCTLS, errno.ENOTTY)
    _install([*program, _allow()])


def asks() -> bool:
    """Whether the kernel can ask another process before it makes a call: Linux 5.0."""
    if not supported():
        return False
    with suppress(OSError):
        action = ctypes.c_uint32(_ASK)
        return system_call(_known("seccomp"), _ACTION_AVAILABLE, 0, ctypes.byref(action)) == 0
    return False


def ask_before_making() -> int:
    """Whoever holds the descriptor that this gives is asked before this process makes a file, a folder or a link.

    And none may be larger than the limit of the kernel: what is allocated beyond a file's end is not held to that.
    """
    no_new_privileges()
    packed, buffer = _packed(asking())
    listener = system_call(_known("seccomp"), _SET_FILTER, _NEW_LISTENER, ctypes.byref(packed))
    del buffer  # held until the kernel has read it
    return listener


def asking() -> list[_Instruction]:
    """The program of `ask_before_making`."""
    program = [*_head(), *_refuse(["openat2"], errno.ENOSYS), *_refuse(["fallocate"], errno.EOPNOTSUPP)]
    for call in _MAKING.split():
        if (number := _number(call)) is not None:
            program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ASK)]
    program += _if_bit("open", 1, _OPEN_MAKES, _ASK) + _if_bit("openat", 2, _OPEN_MAKES, _ASK)
    program += _if_bit("renameat2", 4, _RENAME_WHITEOUT, _ERRNO | errno.EINVAL)
    return [*program, _allow()]


def no_forks() -> None:
    """Gives up what `forks` left, for good, and signals to what it was forked from; threads may still be started."""
    _install([*_head(), *_refuse(["kill", "tgkill"], errno.EPERM), *_no_forks(), _allow()])


def let_alone(own_pid: int) -> None:
    """What this process was forked from can't be changed any more: its limits, its turn, its group; nor signalled."""
    _install([*_head(), *_refuse(["kill", "tgkill"], errno.EPERM), *_others_as_they_are(own_pid), _allow()])


def _others_as_they_are(own_pid: int) -> list[_Instruction]:
    program: list[_Instruction] = []
    for call in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr", "setpgid"):
        program += _unless_equal(call, 0, (0, own_pid))
    return program


def _no_forks() -> list[_Instruction]:
    return [*_refuse(["fork", "vfork"], errno.EPERM), *_unless_bit("clone", 0, _CLONE_THREAD)]


def _number(call: str) -> int | None:
    return NUMBERS[call][_MACHINES[platform.machine()][0]]


def _known(call: str) -> int:
    number = _number(call)
    assert number is not None
    return number


def _head() -> list[_Instruction]:
    _, architecture = _MACHINES[platform.machine()]
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),  # calls of another architecture have other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_GREATER_EQUAL, 0, 1, _FIRST_UNKNOWN),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]


def _refuse(calls: Iterable[str], code: int) -> list[_Instruction]:
    program: list[_Instruction] = []
    for number in {_number(call) for call in calls} - {None}:
        assert number is not None
        program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | code)]
    return program


def _allow() -> _Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _conditional(call: str, argument: int, body: list[_Instruction]) -> list[_Instruction]:
    """`body` with the low half of the argument loaded, where the call is this one. It ends in a return."""
    number = _number(call)
    if number is None:
        return []
    load = (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)
    return [(_JUMP_EQUAL, 0, 1 + len(body), number), load, *body]


def _unless_bit(call: str, argument: int, bit: int) -> list[_Instruction]:
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    return _conditional(call, argument, [(_JUMP_ANY_BIT, 1, 0, bit), refuse, _allow()])


def _if_bit(call: str, argument: int, bits: int, answer: int) -> list[_Instruction]:
    return _conditional(call, argument, [(_JUMP_ANY_BIT, 0, 1, bits), (_RETURN, 0, 0, answer), _allow()])


def _unless_equal(call: str, argument: int, values: tuple[int, ...], code: int = errno.EPERM) -> list[_Instruction]:
    tests: list[_Instruction] = []
    for value in values:
        tests += [(_JUMP_EQUAL, 0, 1, value), _allow()]
    return _conditional(call, argument, [*tests, (_RETURN, 0, 0, _ERRNO | code)])


def _if_equal(call: str, argument: int, values: tuple[int, ...]) -> list[_Instruction]:
    tests: list[_Instruction] = []
    for value in values:
        tests += [(_JUMP_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return _conditional(call, argument, [*tests, _allow()])


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _packed(instructions: list[_Instruction]) -> tuple[_Program, ctypes.Array[ctypes.c_char]]:
    """The program as the kernel reads it, and the memory that it points to."""
    packed = b"".join(struct.pack("=HBBI", *i) for i in instructions)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    return _Program(len(instructions), ctypes.cast(buffer, ctypes.c_void_p)), buffer


def _install(instructions: list[_Instruction]) -> None:
    program, buffer = _packed(instructions)
    no_new_privileges()
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program))
    del buffer  # held until the kernel has read it
