"""The door of the sandbox: a jail is entered, called and left."""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType
from typing import TYPE_CHECKING

from auditor.probe.model import Isolation
from auditor.probe.sandbox.capabilities import available, isolation
from auditor.probe.sandbox.model import Ended, Limits, Mechanism, Policy

if TYPE_CHECKING:
    from auditor.probe.sandbox.held import Held
    from auditor.probe.sandbox.keeper import Keeper


class Jail:
    """A confined process that runs functions, each in a fork of its own. A context manager.

    `mechanisms`: those to use, of the ones that are there. With `unsafe`, what can't be guarded stays open and
    `isolation` says so. A call whose end took the warden along starts another one the next time. It lives as long as
    the thread that started it, at most.
    """

    def __init__(
        self, policy: Policy, *, unsafe: bool = False, mechanisms: Collection[Mechanism] | None = None
    ) -> None:
        found = available()
        if mechanisms is not None:
            found = found.only(frozenset(mechanisms))
        self.isolation: Isolation = isolation(found, unsafe=unsafe)
        self._policy, self._mechanisms = policy, found.mechanisms
        self._keeper: Keeper | None = None

    def __enter__(self) -> Jail:
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warden and everything that it has started; empty the scratch folder."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def call(self, target: str, argument: bytes, *, limits: Limits | None = None) -> Ended:
        """`module:function`(argument, channel) in a fork. Returns when it has ended, or was ended over a limit."""
        keeper = self._started()
        try:
            ended, intact = keeper.call(target, argument, limits or self._policy.limits)
        except BaseException:
            self.close()
            raise
        if not intact:
            self.close()
        return ended

    def hold(self, target: str, argument: bytes, *, limits: Limits) -> Held | None:
        """The same call, up to where it stands still, to be forked there; None where this machine can't fork safely.

        It has ended instead where `over` says so. Calls go on meanwhile; `let_go` ends it.
        """
        keeper = self._started()
        if not keeper.holds():
            return None
        try:
            held = keeper.hold(limits)
            held.over = not held.begin(target, argument)
        except BaseException:
            self.close()
            raise
        return held

    def let_go(self) -> None:
        """Whatever is held ends."""
        if self._keeper is not None and not self._keeper.let_go():
            self.close()

    def _started(self) -> Keeper:
        if self._keeper is None:
            from auditor.probe.sandbox.keeper import Keeper  # of Linux alone: without it `Jail` has refused by now

            self._keeper = Keeper(self._policy, self._mechanisms)
        return self._keeper
