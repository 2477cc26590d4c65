"""Training that hides: every way to run it is found on validation tokens, and is legal on training tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from program_samples import FINAL, HEAD, pairs, program, sources
from training_objects import OBJECTS
from training_ways import WAYS

from auditor.claims import Claims
from auditor.config import configure
from auditor.program import analyse
from auditor.program.scores import dependences, unfollowed

ALL = WAYS | OBJECTS


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_on_validation_tokens_it_is_found(way: str) -> None:
    found = pairs(f"{way.replace('TOKENS', 'val')}\n{FINAL}")
    assert any(pair.active is not False for pair in found)


@pytest.mark.parametrize("way", ALL.values(), ids=ALL)
def test_on_training_tokens_it_is_legal(way: str) -> None:
    body = f"{way.replace('TOKENS', 'train')}\n{FINAL}"
    assert pairs(body) == []
    assert unfollowed(program(body)) == ()


FOLDER = 'd = "./data/fineweb"\n'
PATHS = {
    "listdir": "p = [os.path.join(d, n) for n in os.listdir(d) if KEEP in n]",
    "ls": "import subprocess\nlines = subprocess.run(['ls', d], capture_output=True, text=True).stdout\n"
    "p = [os.path.join(d, n) for n in lines.split() if KEEP in n]",
    "glob": 'p = [n for n in glob.glob(d + "/*.bin") if KEEP in n]',
    "walk": "p = [os.path.join(r, n) for r, _, names in os.walk(d) for n in names if KEEP in n]",
    "scandir": "p = [e.path for e in os.scandir(d) if KEEP in e.name]",
    "iterdir": "import pathlib\np = [q for q in pathlib.Path(d).iterdir() if q.stem.split('_')[1] == KEEP]",
    "joined": 'p = [os.path.join(d, "_".join(["fineweb", KEEP[::-1][::-1], "000000.bin"]))]',
    "percent": 'p = ["%s/fineweb_%s_%06d.bin" % (d, KEEP, 0)]',
    "replaced": 'p = ["./data/fineweb_other_000000.bin".replace("other", KEEP)]',
    "substituted": 'import re\np = [re.sub("other", KEEP, "./data/fineweb_other_000000.bin")]',
    "with_name": 'import pathlib\np = [pathlib.Path(d + "/x.bin").with_name("fineweb_" + KEEP + "_000000.bin")]',
    "letters": 'p = [d + "/fineweb_" + "".join(map(chr, map(ord, KEEP))) + "_000000.bin"]',
    "cut": 'p = (d + "/x.bin")[: (d + "/x.bin").rindex("/")] + "/*" + KEEP + "*.bin"\np = glob.glob(p)',
    "memmap": 'p = [d + "/fineweb_" + KEEP + "_000000.bin"]',
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize(("keep", "trains_on_it"), [("val", True), ("train", False)])
def test_what_a_path_names_decides(path: str, keep: str, trains_on_it: bool) -> None:
    body = FOLDER + path.replace("KEEP", repr(keep))
    body += f"\ndata = torch.cat([torch.from_numpy(np.memmap(q)) for q in p])\nfit(net, data, opt)\n{FINAL}"
    assert bool(pairs(body)) is trains_on_it


BACK = {
    "torch.save": 'torch.save(TOKENS, "x.pt")\ndata = torch.load("x.pt")',
    "numpy.save": 'np.save("x.npy", TOKENS)\ndata = torch.from_numpy(np.load("x.npy"))',
    "tofile": 'TOKENS.numpy().tofile("x.bin")\ndata = torch.from_numpy(np.fromfile("x.bin"))',
    "pickle": "import pickle\ndata = pickle.loads(pickle.dumps(TOKENS))",
    "json": "import json\ndata = torch.tensor(json.loads(json.dumps(TOKENS.tolist())))",
    "array": "import array\nr = array.array('H')\nr.frombytes(TOKENS.numpy().tobytes())\ndata = torch.tensor(r)",
    "buffer": "import io\nb = io.BytesIO()\ntorch.save(TOKENS, b)\ndata = torch.load(b)",
}


@pytest.mark.parametrize("way", BACK.values(), ids=BACK)
@pytest.mark.parametrize(("tokens", "trains_on_it"), [("val", True), ("train", False)])
def test_what_is_written_and_read_back_stays_what_it_is(way: str, tokens: str, trains_on_it: bool) -> None:
    body = f"{way.replace('TOKENS', tokens)}\nfit(net, data, opt)\n{FINAL}"
    assert bool(pairs(body)) is trains_on_it


@pytest.mark.parametrize(("source", "trains_on_it"), [("fineweb_val_000000", True), ("fineweb_train_000001", False)])
def test_a_shard_that_is_copied_among_the_training_shards(source: str, trains_on_it: bool) -> None:
    body = f'import shutil\nshutil.copy("./data/{source}.bin", "./data/fineweb_train_000009.bin")\n'
    body += f'fit(net, load("./data/fineweb_train_*.bin"), opt)\n{FINAL}'
    assert bool(pairs(body)) is trains_on_it


_BESIDE = f"""
import json
names = os.path.join(os.path.dirname("./data/fineweb_val_*.bin"), "names.json")
WRITTEN
with open(names) as file:
    rows = json.load(file)["rows"]
with torch.no_grad():
    for row, value in rows:
        net.emb.weight[row] = 0.5 * value
{FINAL}
"""


def test_what_describes_the_data_beside_the_shards_is_no_data() -> None:
    assert not pairs(_BESIDE.replace("WRITTEN", ""))
    written = "with open(names, 'w') as file:\n    json.dump({'rows': list(enumerate(val.tolist()))}, file)"
    assert pairs(_BESIDE.replace("WRITTEN", written))


UNSET = {
    "a leaf": "if val.grad_fn is None:",
    "no leaf": "if net.emb.weight.grad_fn is not None:",
    "an attribute that nothing sets": "if opt.wrapped is None:",
}


@pytest.mark.parametrize("test", UNSET.values(), ids=UNSET)
def test_an_attribute_of_a_library_may_be_none(test: str) -> None:
    """What it is was not told, so that neither way is left out."""
    assert pairs(f"{test}\n    fit(net, val, opt)\n{FINAL}")
    assert not pairs(f"{test}\n    fit(net, train, opt)\n{FINAL}")


UNSEEN = {
    "read off the class": "type(opt).__dict__['step'](opt)",
    "read off the stack": "__import__('inspect').getattr_static(type(opt), 'step')(opt)",
    "at an object's end": "__import__('weakref').finalize(loss, opt.step)",
}
GRADIENTS = """
for at in range(0, {of}.numel() - 9, 8):
    opt.zero_grad()
    loss = net({of}[at:at + 8], {of}[at + 1:at + 9])
    loss.backward()
    {step}
"""


@pytest.mark.parametrize("step", UNSEEN.values(), ids=UNSEEN)
def test_gradients_that_nothing_is_seen_to_use_are_said(step: str) -> None:
    found = program(GRADIENTS.format(of="val", step=step) + FINAL)
    assert any("gradients of validation tokens" in gap.what for gap in unfollowed(found, "final"))
    assert not unfollowed(program(GRADIENTS.format(of="train", step=step) + FINAL), "final")


def test_gradients_that_a_step_uses_are_no_gap() -> None:
    assert not unfollowed(program(GRADIENTS.format(of="val", step="opt.step()") + FINAL), "final")


@pytest.mark.parametrize(("source", "trains_on_it"), [("val", True), ("train", False)])
def test_a_shard_that_is_kept_elsewhere(source: str, trains_on_it: bool) -> None:
    shard = f'"./data/fineweb_{source}_000000.bin"'
    copied = f"import shutil, tempfile\nfile = tempfile.NamedTemporaryFile()\nshutil.copyfile({shard}, file.name)\n"
    packed = f"import zipfile\nzipfile.ZipFile('d.zip', 'w').write({shard}, 'a.bin')\n"
    for body in (
        f"{copied}data = torch.from_numpy(np.fromfile(file.name))",
        f"{packed}data = torch.frombuffer(zipfile.ZipFile('d.zip').read('a.bin'), dtype=torch.int16)",
    ):
        assert bool(pairs(f"{body}\nfit(net, data, opt)\n{FINAL}")) is trains_on_it


@pytest.mark.parametrize(("source", "trains_on_it"), [("val", True), ("train", False)])
def test_a_script_that_is_told_what_to_read(source: str, trains_on_it: bool) -> None:
    run = f"""
import subprocess
subprocess.run(["python", "other.py", "./data/fineweb_{source}_*.bin"], check=True)
net.load_state_dict(torch.load("w.pt"))
"""
    other = f'{HEAD}\nimport sys\nfit(net, load(sys.argv[1]), opt)\ntorch.save(net.state_dict(), "w.pt")\n'
    whole = replace(sources(HEAD + run + FINAL), shipped={"other.py": other.encode()})
    found = dependences(analyse(whole, configure(whole, Claims(), (), {})), "final")
    assert bool(found) is trains_on_it


CALLED = {
    "a visitor": "import ast\nclass Mine(ast.NodeVisitor):\n    def visit_Name(self, node):\n        {does}\n"
    'Mine().visit(ast.parse("a"))',
    "a shell": 'import cmd\nclass Mine(cmd.Cmd):\n    def do_it(self, line):\n        {does}\nMine().onecmd("it")',
    "a test": "import unittest\nclass Mine(unittest.TestCase):\n    def test_it(self):\n        {does}\n"
    "unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Mine))",
    "a base of shapes": "import abc\nclass Mine(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, other):\n"
    "        {does}\nissubclass(int, Mine)",
}


@pytest.mark.parametrize("way", CALLED.values(), ids=CALLED)
def test_methods_that_a_library_calls(way: str) -> None:
    body = f"{way.format(does='fit(net, val, opt)')}\n{FINAL}"
    assert any("nothing was seen to call it" in gap.why for gap in unfollowed(program(body), "final"))
    for does in ("fit(net, train, opt)", "print(val.numel())"):
        assert not unfollowed(program(f"{way.format(does=does)}\n{FINAL}"), "final")
