"""For every test: a run that a shell has put into the background ignores signals, and so would what it starts."""

from __future__ import annotations

import signal

for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
