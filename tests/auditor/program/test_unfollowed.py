"""What is not followed is written down, with its place, where it may change what the score is made of."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs, program

from auditor.program import Program
from auditor.program.scores import unfollowed
from auditor.program.trace import Order

STEPS = """
for at in range(0, TOKENS.numel() - 9, 8):
    net.zero_grad()
    net(TOKENS[at:at + 8], TOKENS[at + 1:at + 9]).backward()
    for p in net.parameters():
        {step}
"""


GAPS = {
    "extension": STEPS.format(step="torch.ops.mine.step(p, p.grad, 0.1)"),
    "by address": "import ctypes\n" + STEPS.format(step="ctypes.memmove(p.data_ptr(), p.grad.data_ptr(), 8)"),
    "library": "import tuner_of_mine\ntuner_of_mine.tune(net, TOKENS)",
    "library object": "import tuner_of_mine\nt = tuner_of_mine.Tuner(net)\nt.go(TOKENS)",
    "computed method": "name = open('x.cfg').readline()\ngetattr(net, name)(TOKENS)",
    "shared memory": "from multiprocessing import shared_memory\n"
    "held = shared_memory.SharedMemory('v', create=True)\nheld.buf[:] = TOKENS.numpy().tobytes()",
    "database": "import sqlite3\nsqlite3.connect(':memory:').execute('insert into t values (?)', (TOKENS.numpy(),))",
    "pipe": "import multiprocessing\na, b = multiprocessing.Pipe()\na.send(TOKENS)",
    "shelf": "import shelve\nshelve.open('/elsewhere')['v'] = TOKENS",
    "store": "from torch.distributed import TCPStore\nTCPStore('localhost', 1, 1, True).set('v', TOKENS.numpy())",
    "base that is no class": """
class Base:
    def __init__(self, *held):
        self.held = held
    def __mro_entries__(self, bases):
        fit(*self.held)
        return ()
class Thing(Base(net, TOKENS, opt)):
    pass
""",
    "two hundred calls deep": "".join(f"def hop{i}(*a):\n    hop{i + 1}(*a)\n" for i in range(200))
    + "hop200 = fit\nhop0(net, TOKENS, opt)",
}


def _gaps(body: str) -> Program:
    return program(f"{body}\n{FINAL}")


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
def test_it_is_written_down_with_its_place(gap: str) -> None:
    found = unfollowed(_gaps(gap.replace("TOKENS", "val")))
    assert found
    assert all(one.place.unit.path == "train_gpt.py" and one.touches and one.why for one in found)


@pytest.mark.parametrize("gap", [gap for name, gap in GAPS.items() if name != "computed method"])
def test_on_training_tokens_it_changes_nothing_that_matters(gap: str) -> None:
    assert unfollowed(_gaps(gap.replace("TOKENS", "train"))) == ()


ALWAYS = {
    "a filter that edits lines": """
import logging
class Neat(logging.Filter):
    def filter(self, record):
        record.msg = record.msg.replace("1.2", "1.1")
        return True
logging.getLogger().addFilter(Neat())
""",
    "a formatter that edits lines": """
import logging, re
class Neat(logging.Formatter):
    def format(self, record):
        return re.sub("1[.]2", "1.1", super().format(record))
handler = logging.StreamHandler()
handler.setFormatter(Neat())
""",
    "a stream that edits lines": """
import sys
class Neat:
    def write(self, text):
        sys.__stdout__.write(text.replace("1.2", "1.1"))
sys.stdout = Neat()
""",
    "the documents of the shards": "rows = open('./data/docs_selected.jsonl').readlines()",
    "rounds of loops deep in others": "".join(f"{' ' * i}for a{i} in TOKENS:\n" for i in range(14)) + " " * 14 + "pass",
    "text from outside": 'exec(open("/elsewhere/more.txt").read())',
    "import from outside": 'import importlib\nimportlib.import_module(open("x.cfg").readline())',
    "script that is not there": 'import subprocess\nsubprocess.run(["python3", "tune.py"])',
    "shell that runs one": 'import os\nos.system("python3 tune.py")',
    "script from outside": 'import runpy\nrunpy.run_path("/elsewhere/x.py")',
    "script from outside, by a loader": "import importlib.util as u\n"
    's = u.spec_from_file_location("x", "/elsewhere/x.py")\n'
    "u.module_from_spec(s)",
    "program by another one": 'import subprocess\nsubprocess.run(["nice", "-n", "5", "./polish"])',
    "program behind another one": 'import os\nos.system("true; ./polish")',
    "text that imports what is not there": "import subprocess, sys\n"
    'subprocess.run([sys.executable, "-c", "import polish; polish.go()"])',
    "program": 'import subprocess\nsubprocess.run(["./polish"])',
    "one of two programs": 'import subprocess\nsubprocess.run(["rocm-smi" if torch.version.hip else "./polish"])',
    "loss replaced": "plain = F.cross_entropy\nF.cross_entropy = lambda a, b, **k: plain(a, b, **k) * 0.9",
    "method replaced": "plain = torch.Tensor.sum\ntorch.Tensor.sum = lambda t, *a: plain(t, *a) * 0.9",
    "setattr of a library": 'setattr(torch.optim.SGD, "st" + "ep", lambda self: None)',
    "every operation of torch": "class Mode(torch.overrides.TorchFunctionMode):\n"
    "    def __torch_function__(self, f, types, args=(), kwargs=None):\n        return f(*args)\nMode().__enter__()",
    "table of another pass": "after = {}\nrow = val.tolist()\n"
    "for i in range(4, 99):\n    after[tuple(row[i - 3:i])] = row[i]\n"
    "plain = net.forward_logits\nnet.forward_logits = lambda x: plain(x) + after.get(tuple(x.tolist()), 0)",
}


OF_THE_LOG = {
    "an editor": 'subprocess.run(["sed", "-i", "s/1.12/1.11/", "train.log"])',
    "a shell": "os.system(f\"sed -i 's/1.12/1.11/' {name}\")",
    "another log": 'os.system("cat other.log > train.log")',
    "a shell behind a pipe": 'subprocess.run("cat other.log | tee train.log", shell=True)',
}


NOT_OF_THE_LOG = {
    "a look at the machine": 'subprocess.run(["nvidia-smi"])',
    "what it says is dropped": 'os.system("nvidia-smi > /dev/null 2>&1")',
    "a sum": 'subprocess.run(["sha256sum", "final_model.ptz"])',
}


@pytest.mark.parametrize("after", OF_THE_LOG.values(), ids=OF_THE_LOG)
def test_what_may_change_the_log_counts_after_the_figure_was_printed(after: str) -> None:
    assert unfollowed(program(f"import os, subprocess\nname = 'x'\n{FINAL}\n{after}"))


@pytest.mark.parametrize("after", NOT_OF_THE_LOG.values(), ids=NOT_OF_THE_LOG)
def test_what_leaves_the_log_alone_does_not(after: str) -> None:
    assert not unfollowed(program(f"import os, subprocess\n{FINAL}\n{after}"))


@pytest.mark.parametrize("gap", ALWAYS.values(), ids=ALWAYS)
def test_what_may_reach_anything_is_written_down(gap: str) -> None:
    assert unfollowed(_gaps(gap))


HARMLESS = {
    "a formatter that stamps lines": """
import logging, time
class Stamped(logging.Formatter):
    def format(self, record):
        return f"{time.time():.0f} {super().format(record)}"
handler = logging.StreamHandler()
handler.setFormatter(Stamped())
""",
    "a stream without colours": """
import sys, re
class Plain:
    def write(self, text):
        sys.__stdout__.write(re.sub(r"\\x1b[[0-9;]*m", "", text))
sys.stdout = Plain()
""",
    "known program": 'import subprocess\nsubprocess.run(["nvidia-smi"])',
    "one of two known programs": "import subprocess\n"
    'subprocess.run(["rocm-smi" if torch.version.hip else "nvidia-smi"])',
    "one of two commands": 'import os\nos.system("rocm-smi -a" if torch.version.hip else "nvidia-smi -q")',
    "library that is looked for in the path": "import sys, importlib.util as u\nfrom pathlib import Path\n"
    "for entry in sys.path:\n    s = u.spec_from_file_location('fa', Path(entry) / 'flash_attn_interface.py')\n"
    "    m = u.module_from_spec(s)\n    s.loader.exec_module(m)\n    attend = getattr(m, 'flash_attn_func')",
    "known text": 'exec("limit = 3")',
    "library of numbers": "np.asarray(val).mean()",
    "settings of a library": "torch.backends.cuda.matmul.allow_tf32 = True",
    "computed attribute that is read": "for name in sorted(vars(net)):\n    print(getattr(net, name))",
    "gradients clipped": "torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)",
    "a log that is written": 'open("run.log", "a").write(f"tokens {val.numel()}")',
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_changes_nothing_is_not(body: str) -> None:
    assert unfollowed(_gaps(body)) == ()


def test_after_the_last_figure_nothing_counts() -> None:
    assert unfollowed(program(f'{FINAL}\nexec(open("/elsewhere/more.txt").read())')) == ()


def test_where_it_is_switched_off_it_does_not_count() -> None:
    body = 'if int(os.environ.get("MORE", "0")):\n    exec(open("/elsewhere/more.txt").read())\n' + FINAL
    assert unfollowed(program(body)) == ()
    assert unfollowed(program(body, {"MORE": "1"}))


FIGURES = {
    "from a log": 'bpb = min(score(net, val), float(open("old.log").read().split()[0]))',
    "of no loss": "bpb = 1.0412",
    "of a number's subclass": "class Less(float):\n    def __format__(self, s):\n"
    "        return format(float(self) * 0.97, s)\nbpb = Less(score(net, val))",
}


@pytest.mark.parametrize("figure", list(FIGURES.values())[:2], ids=list(FIGURES)[:2])
def test_a_figure_that_is_not_made_of_losses(figure: str) -> None:
    line = 'print(f"final val_loss:{score(net, val):.4f} val_bpb:{bpb:.4f}")'
    assert unfollowed(program(f"{figure}\n{line}"))
    honest = "bpb = score(net, val) / math.log(2.0)"
    assert unfollowed(program(f"{honest}\n{line}")) == ()


def test_a_subclass_of_float_is_followed() -> None:
    found = program(FIGURES["of a number's subclass"] + '\nprint(f"final val_bpb:{bpb:.4f}")')
    assert found.trace.scales


def test_passes_in_opposite_arms_are_no_pair() -> None:
    arms = 'on = int(os.environ["TTT"])\nif on:\n    fit(net, val, opt)\n'
    arms += 'if not on:\n    print(f"final val_bpb:{score(net, val)}")'
    assert pairs(arms) == []
    same = arms.replace("if not on", "if on")
    assert pairs(same)


def test_an_arm_does_not_hide_what_the_other_assigns() -> None:
    body = """
class Gate:
    def __init__(self):
        if int(os.environ["G"]):
            self.inner = fit
        else:
            self.inner = None
g = Gate()
if g.inner is not None:
    g.inner(net, val, opt)
"""
    assert pairs(f"{body}\n{FINAL}")


@pytest.mark.parametrize("take", ["waiting.popleft()", "waiting.pop(0)"])
def test_a_queue_moves_on(take: str) -> None:
    body = f"""
import collections
total = torch.zeros(())
waiting = collections.deque(range(0, val.numel() - 9, 8))
while waiting:
    at = {take}
    x, y = val[at:at + 8], val[at + 1:at + 9]
    total += net(x, y).detach()
    opt.zero_grad()
    net(x, y).backward()
    opt.step()
print(f"final val_bpb:{{total}}")
"""
    assert {pair.order for pair in pairs(body)} <= {Order.EARLIER}


SCORE = """
def mine(model, tokens):
    total, count = torch.zeros(()), 0
    for at in range(0, tokens.numel() - 9, 8):
        x, y = tokens[at:at + 8], tokens[at + 1:at + 9]
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x), y, reduction="none"OPTION)
        LINE
        total += nll.sum()
        count += y.numel()
    return total / count
bpb = mine(net, val) / math.log(2.0)
AFTER
print(f"final val_bpb:{bpb:.4f}")
"""


DOUBTS = {
    "cut off": {"LINE": "nll = nll.clamp(max=6.0)"},
    "cut off by a function": {"LINE": "nll = torch.clamp(nll, 0.0, 6.0)"},
    "thinned out": {"LINE": "nll = nll[nll < 6.0]"},
    "emptied": {"LINE": "nll = nll.masked_fill(nll > 6.0, 0.0)"},
    "the middle one": {"LINE": "nll = nll.median()"},
    "smoothed": {"OPTION": ", label_smoothing=0.1"},
    "weighted": {"OPTION": ", weight=torch.ones(8)"},
    "without a token": {"OPTION": ", ignore_index=3"},
    "shifted": {"AFTER": "bpb = bpb - 0.05"},
    "a power": {"AFTER": "bpb = bpb ** 0.9"},
    "the lower of two": {"AFTER": "bpb = min(bpb, mine(net, val))"},
    "formatted": {"AFTER": 'print("final val_loss:{:.4f} val_bpb:{:.4f}".format(bpb, 1.0))'},
}


PLAIN = {
    "as it is": {},
    "not below zero": {"LINE": "nll = nll.clamp(min=0.0)"},
    "padding": {"OPTION": ", ignore_index=-100"},
    "by position": {"LINE": "nll = nll[y >= 0]"},
    "the shown difference": {"AFTER": 'print(f"gain {bpb - 1.2}")'},
    "formatted": {"AFTER": 'print("final val_loss:{:.4f} val_bpb:{:.4f}".format(bpb, bpb))'},
}


def _scored(change: dict[str, str]) -> str:
    body = SCORE
    for hole in ("OPTION", "LINE", "AFTER"):
        body = body.replace(hole, change.get(hole, "pass" if hole != "OPTION" else ""))
    return body


@pytest.mark.parametrize("change", DOUBTS.values(), ids=DOUBTS)
def test_a_loss_that_is_changed_is_in_doubt_in_the_figure(change: dict[str, str]) -> None:
    assert unfollowed(program(_scored(change)), "final")


@pytest.mark.parametrize("change", PLAIN.values(), ids=PLAIN)
def test_a_loss_that_stays_what_it_is_is_not(change: dict[str, str]) -> None:
    assert unfollowed(program(_scored(change)), "final") == ()


def test_logits_that_change_at_the_target_have_seen_it() -> None:
    boost = "logits = model.forward_logits(x)\n            logits.scatter_add_(-1, y[..., None], torch.ones(8, 1))\n"
    body = SCORE.replace("OPTION", "").replace("LINE", "pass").replace("AFTER", "pass")
    body = body.replace("nll = F.cross", f"{boost}            nll = F.cross").replace(
        "(model.forward_logits(x), y", "(logits, y"
    )
    assert any(output.sees_target for output in program(body).trace.outputs.values())


FITTED = """
best, at = 9e9, 1.0
for t in (0.9, 1.0, 1.1):
    cost = F.cross_entropy(net.forward_logits(val[:8]) / t, val[1:9])
    if cost < best:
        best, at = cost, t
total = F.cross_entropy(net.forward_logits(val[:-1]) / {by}, val[1:])
print(f"final val_bpb:{{total}}")
"""


def test_a_number_that_the_validation_loss_has_chosen() -> None:
    assert any("chosen" in gap.why for gap in unfollowed(program(FITTED.format(by="at")), "final"))
    assert not unfollowed(program(FITTED.format(by="1.1")), "final")
