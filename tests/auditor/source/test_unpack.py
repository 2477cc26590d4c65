"""Packed scripts: every codec, every way of executing the payload, nested, and those that can't be opened."""

from __future__ import annotations

import ast
import base64
import json
import lzma
import random
import time
import zlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_samples import (
    COMPRESSORS,
    ENCODINGS,
    IMPORTS,
    PROGRAM,
    decisive,
    decoded,
    opened,
    packed,
)

from auditor.source import library
from auditor.source.methods import binary
from auditor.source.values import CannotFold


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_compressor_under_every_encoding(compressor: str, encoding: str) -> None:
    sources = opened(f"{IMPORTS}exec({packed(PROGRAM, compressor, encoding)})")
    assert sources.entry is not None
    assert (sources.entry.path, sources.entry.layer) == ("train_gpt.py", 1)
    assert sources.entry.packing == f"{COMPRESSORS[compressor][2]}+{ENCODINGS[encoding][2]}"
    assert [(u.path, u.layer) for u in sources.units] == [("train_gpt.py", 1), ("train_gpt.py", 0)]


PAYLOAD = packed(PROGRAM)
MASKED = bytes(b ^ 90 for b in lzma.compress(PROGRAM.encode()))
NOISE = "".join(map(chr, random.Random(7).choices(range(33, 126), k=5000)))
LITERAL = repr(base64.b85encode(lzma.compress(PROGRAM.encode())))
FORMS = {
    "alias": f"import lzma as L,base64 as B\nexec({PAYLOAD.replace('lzma', 'L').replace('base64', 'B')})",
    "from": f"from base64 import b85decode as d\nfrom lzma import decompress\n"
    f"exec({PAYLOAD.replace('lzma.', '').replace('base64.b85decode', 'd')})",
    "star": f"from lzma import *\nimport base64\nexec({PAYLOAD.replace('lzma.', '')})",
    "dunder import": "z=__import__(chr(108)+'zma')\nb=__import__(str().join(['ba','se'])+str(64))\n"
    f"exec({PAYLOAD.replace('lzma', 'z').replace('base64', 'b')})",
    "decode": f"{IMPORTS}exec({PAYLOAD}.decode('utf-8'))",
    "compile": f"{IMPORTS}S={PAYLOAD}\nS=S.decode()\nF=__file__+'.inner.py'\nexec(compile(S,F,'exec'))",
    "eval compile": f"{IMPORTS}eval(compile({PAYLOAD},'x','exec'))",
    "globals": f"{IMPORTS}exec({PAYLOAD},globals())",
    "lambda": f"{IMPORTS}f=lambda p:lzma.decompress(base64.b85decode(p))\nexec(f({LITERAL}))",
    "function": f"{IMPORTS}def unpack(p):\n    raw=base64.b85decode(p)\n    return lzma.decompress(raw).decode()\n"
    f"def main():\n    exec(unpack({LITERAL}),globals())\nif __name__=='__main__':\n    main()",
    "reversed": f"{IMPORTS}exec(lzma.decompress(base64.b85decode({LITERAL}[::-1][::-1])))",
    "alias of exec": f"{IMPORTS}run=exec\nrun({PAYLOAD})",
    "builtins": f"{IMPORTS}import builtins\ngetattr(builtins,'ex'+'ec')({PAYLOAD})",
    "runpy": f"{IMPORTS}import runpy,tempfile\nd=tempfile.mkdtemp()\np=os.path.join(d,'t.py')\n"
    f"open(p,'wb').write({PAYLOAD})\nrunpy.run_path(p,run_name='__main__')",
    "runpy beside": f"{IMPORTS}import runpy\np=os.path.join(os.path.dirname(os.path.abspath(__file__)),'_t.py')\n"
    f"with open(p,'w') as f:f.write({PAYLOAD}.decode())\nsys.argv[0]=p;runpy.run_path(p,run_name='__main__')",
    "named temporary": f"{IMPORTS}import runpy,tempfile as t\nf=t.NamedTemporaryFile('wb',suffix='.py',delete=False)\n"
    f"f.write({PAYLOAD})\nf.close()\nrunpy.run_path(f.name,run_name='__main__')",
    "pathlib": f"{IMPORTS}import runpy\nfrom pathlib import Path\np=Path('/tmp')/'t.py'\np.write_bytes({PAYLOAD})\n"
    "exec(p.read_text())",
    "loader": f"{IMPORTS}import importlib.util as U\np='/tmp/t.py'\nif not os.path.exists(p):\n"
    f"  with open(p,'wb') as f:f.write({PAYLOAD})\ns=U.spec_from_file_location('__main__',p)\n"
    "m=U.module_from_spec(s)\nm.__name__='__main__'\nsys.modules['__main__']=m\ns.loader.exec_module(m)",
    "subprocess": f"{IMPORTS}import subprocess\nopen('/tmp/t.py','wb').write({PAYLOAD})\n"
    "subprocess.run([sys.executable,'/tmp/t.py'],check=True)",
    "import hook": f"{IMPORTS}class L:\n    def create_module(self,s):return None\n    def exec_module(self,m):\n"
    f"        exec({PAYLOAD})\nsys.meta_path.insert(0,L())\nimport inner",
    "xor": f"{IMPORTS}k=90\np=bytes(b^k for b in {MASKED!r})\nexec(lzma.decompress(p))",
    "xor loop": f"{IMPORTS}o=[]\nfor b in {MASKED!r}:\n    o.append(b^90)\nexec(lzma.decompress(bytes(o)))",
    "integers": f"{IMPORTS}exec(zlib.decompress(bytes({list(zlib.compress(PROGRAM.encode()))!r})))",
    "streaming": f"{IMPORTS}d=lzma.LZMADecompressor()\nexec(d.decompress(base64.b85decode({LITERAL})))",
    "codecs": f"import codecs\nexec(codecs.decode({PROGRAM.encode().hex().encode()!r},'hex'))",
    "environment": f"{IMPORTS}os.environ.setdefault('STRIDE','64')\n"
    f"if os.environ.get('QUIET'):\n    sys.stdout=None\nexec({PAYLOAD})",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_way_of_executing_a_payload(form: str) -> None:
    opened(FORMS[form])


@pytest.mark.parametrize("prefix", ["", "b"])
@pytest.mark.parametrize("wrap", ["({})", "(\n    {}\n)"])
def test_implicitly_concatenated_literals(prefix: str, wrap: str) -> None:
    text = base64.b85encode(lzma.compress(PROGRAM.encode())).decode()
    lines = "\n".join(f"{prefix}'{text[i : i + 60]}'" for i in range(0, len(text), 60))
    opened(f"{IMPORTS}exec(lzma.decompress(base64.b85decode({wrap.format(lines)})))")


def test_lines_in_a_triple_quoted_literal_and_a_joined_tuple() -> None:
    text = base64.b85encode(lzma.compress(PROGRAM.encode())).decode()
    rows = [text[i : i + 76] for i in range(0, len(text), 76)]
    block = "\n".join(rows)
    opened(f'{IMPORTS}_b=b"""\n{block}\n"""\nexec(lzma.decompress(base64.b85decode(_b.replace(b"\\n",b""))).decode())')
    opened(f'{IMPORTS}D={tuple(rows)!r}\nexec(lzma.decompress(base64.b85decode("".join(D))))')
    opened(f"{IMPORTS}D={'+'.join(map(repr, rows))}\nexec(lzma.decompress(base64.b85decode(D)))")


@settings(max_examples=25, deadline=None)
@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\f"), max_size=200),
    layers=st.lists(
        st.tuples(st.sampled_from(sorted(COMPRESSORS)), st.sampled_from(sorted(ENCODINGS))), min_size=1, max_size=5
    ),
)
def test_any_text_under_any_nesting(text: str, layers: list[tuple[str, str]]) -> None:
    program = PROGRAM + f"message = {text!r}\n"
    wrapper = program
    for compressor, encoding in layers:
        wrapper = f"{IMPORTS}exec({packed(wrapper, compressor, encoding)})\n"
    sources = opened(wrapper, program)
    assert sources.entry is not None
    assert sources.entry.layer == len(layers)
    assert sources.entry.packing.count(" > ") == len(layers) - 1


def test_a_bundle_of_several_files() -> None:
    names = ["_run.py", "train_gpt.py", "helper.py"]
    texts = ["from train_gpt import main\nmain()\n", PROGRAM + "import helper\ndef main():\n    pass\n", "K = 3\n"]
    bundle = packed("\n# -- file\n".join(texts), "raw")
    wrapper = (
        f"{IMPORTS}import tempfile\nparts={bundle}.decode().split('\\n# -- file\\n')\nd=tempfile.mkdtemp(prefix='x')\n"
        f"for n,c in zip({names!r},parts):\n f=os.path.join(d,n);os.makedirs(os.path.dirname(f),exist_ok=True)\n"
        " open(f,'w').write(c)\nsys.path.insert(0,d)\nexec(open(os.path.join(d,'_run.py')).read())\n"
    )
    # The copy of the helper that is shipped beside it is not what runs.
    sources = decoded({"train_gpt.py": wrapper, "readable/helper.py": "K = 4\n"})
    assert not sources.problems
    assert {u.text for u in sources.units} == {wrapper, *texts}
    assert sources.unused == ("readable/helper.py",)
    assert sources.modules["train_gpt"].text == texts[1]
    assert sources.modules["helper"].text == texts[2]


def test_a_payload_in_a_file_of_the_folder() -> None:
    wrapper = "import lzma,pathlib\nexec(lzma.decompress(pathlib.Path(__file__).with_suffix('.bin').read_bytes()))"
    sources = opened({"train_gpt.py": wrapper, "train_gpt.bin": lzma.compress(PROGRAM.encode())})
    assert sources.entry is not None
    assert sources.entry.path == "train_gpt.bin"
    assert {f.path: f.role for f in sources.files} == {"train_gpt.py": "entry", "train_gpt.bin": "payload-of-entry"}


def test_a_json_bundle_in_a_file_of_the_folder() -> None:
    wrapper = (
        "import lzma,json,os\nwith open(os.path.join(os.path.dirname(__file__),'code.xz'),'rb') as f:\n"
        "    bundle=json.loads(lzma.decompress(f.read()))\nexec(compile(bundle['main.py'],'main.py','exec'))"
    )
    opened({"train_gpt.py": wrapper, "code.xz": lzma.compress(json.dumps({"main.py": PROGRAM, "b.py": ""}).encode())})


def test_modules_made_by_hand() -> None:
    program = (
        "import sys, types\n"
        "_source = 'def score(x):\\n    return x\\n'\n"
        "_module = types.ModuleType('package.scoring')\n"
        "exec(_source, _module.__dict__)\nsys.modules['package.scoring'] = _module\n" + PROGRAM * 40
    )
    sources = decoded(program)
    assert sources.entry is not None
    assert sources.entry.layer == 0
    assert sources.modules["package.scoring"].text.startswith("def score")


def test_a_script_that_only_holds_the_packers_template_is_not_packed() -> None:
    program = PROGRAM + (
        "def packed_size(code):\n    import lzma, base64\n"
        "    body = base64.b85encode(lzma.compress(code.encode()))\n"
        "    wrapper = b'import lzma as L,base64 as B\\nexec(L.decompress(B.b85decode(\"' + body + b'\")))\\n'\n"
        "    return len(wrapper)\n"
    )
    sources = decoded(program)
    assert sources.entry is not None
    assert (sources.entry.layer, len(sources.units)) == (0, 1)
    assert not sources.problems


UNKNOWN = {
    "network": "import urllib.request\nexec(urllib.request.urlopen('http://example.org/x').read())",
    "environment": "import os\nexec(os.environ['CODE'])",
    "marshal": f"{IMPORTS}import marshal\nexec(marshal.loads(base64.b85decode('abcde')))",
    "damaged": f"{IMPORTS}exec(lzma.decompress(base64.b85decode('abcdefghij')))",
    "missing": "exec(open(__file__.replace('train_gpt.py','other.py')).read())",
    "not python": f"{IMPORTS}exec({packed('this is ( not Python')})",
    "unseen": f"{IMPORTS}import helperlib\nhelperlib.go({packed(NOISE)})",
}


@pytest.mark.parametrize("form", UNKNOWN)
def test_what_cannot_be_opened_is_decisive(form: str) -> None:
    sources = decoded(UNKNOWN[form])
    assert decisive(sources)
    assert all("\n" not in message for message in decisive(sources))


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_a_bomb_is_refused_quickly(compressor: str) -> None:
    compress, opens, _ = COMPRESSORS[compressor]
    read = "open(os.path.join(os.path.dirname(__file__),'b'),'rb').read()"
    wrapper = f"{IMPORTS}exec({opens.replace('@', read)})"
    bomb = compress(bytes(20_000_000))
    start = time.process_time()
    sources = decoded({"train_gpt.py": wrapper, "b": bomb})
    assert time.process_time() - start < 3
    assert any("decompresses to more than" in message for message in decisive(sources))


@pytest.mark.parametrize(
    "code",
    [
        "x='a'*10**12\nexec(x)",
        "x='a'\nwhile True:\n    x=x+x\nexec(x)",
        "x=2**(10**9)\nexec(str(x))",
        "x='%1000000000d'%1\nexec(x)",
        "x='{:1000000000}'.format(1)\nexec(x)",
        "x='ab'.replace('','c'*10**7)*9\nfor i in range(10**9):\n    x=x.replace('c','cc')\nexec(x)",
        "def f():\n    return f()\nexec(f())",
        "f=lambda:f()\nexec(f())",
        "x=[0]\nfor i in range(60):\n    x=x+x\nexec(bytes(x))",
        "exec(bytes(range(10**11)))",
        "exec(''.join(chr(i%90+33) for i in range(10**9) for j in range(10**9)))",
        "i=0\nwhile i<10**9:\n    i+=1\nexec(i)",
    ],
)
def test_runaway_folding_ends_soon_and_is_decisive(code: str) -> None:
    start = time.process_time()
    assert decisive(decoded(code))
    assert time.process_time() - start < 4


def test_a_wrapper_that_executes_itself_again_ends() -> None:
    sources = decoded("exec(open(__file__).read())")
    assert sources.entry is not None
    nested = "exec(" * 3 + repr("exec('exec(1)')") + ")" * 3
    assert decoded(nested).units


@pytest.mark.parametrize("stray", ["return 1", "break", "with x:\n    continue\n"])
def test_a_return_that_is_in_no_function_is_said(stray: str) -> None:
    """`ast` reads it, and Python would not run it."""
    sources = decoded(f"{IMPORTS}exec({packed(PROGRAM)})\n{stray}\n")
    assert any("not valid Python" in problem.message for problem in sources.problems)


OWN = "import time\n" + "".join(f"def own{i}(x):\n    return x + {i}\n" for i in range(100))
LONG = PROGRAM + "".join(f"def other{i}(x):\n    return x + {i}\n" for i in range(2000))


def test_a_script_with_code_of_its_own_is_no_wrapper_whatever_it_can_run() -> None:
    """Otherwise what it does itself would not be looked at."""
    for never in ("def unused():\n    exec(TEXT)\n", "if time.time() < 0:\n    exec(TEXT)\n"):
        sources = decoded(f"{OWN}TEXT = {LONG!r}\n{never}")
        assert sources.entry is not None
        assert (sources.entry.layer, sources.entry.text[:11]) == (0, "import time")
        assert [unit.layer for unit in sources.units] == [0, 1]


def test_a_wrapper_of_two_programs_stands_for_neither() -> None:
    sources = decoded(f"{IMPORTS}import time\nif time.time() > 5:\n    exec({PAYLOAD})\nelse:\n    exec({LONG!r})\n")
    assert sources.entry is not None
    assert sources.entry.layer == 0
    assert len(sources.units) == 3
    same = decoded(f"{IMPORTS}import time\nif time.time() > 5:\n    exec({PAYLOAD})\nelse:\n    exec({PAYLOAD})\n")
    assert same.entry is not None
    assert same.entry.layer == 1


def test_a_path_that_doubles_is_not_made() -> None:
    """Its parts are taken apart at every step: a hundred seconds for a few lines of a byte table's loop, once."""
    long = PurePosixPath("a/" * 30_000)
    with pytest.raises(CannotFold, match="65,536 characters"):
        library.path(long, long)
    with pytest.raises(CannotFold, match="65,536 characters"):
        binary(ast.Div(), long, long)
    assert binary(ast.Div(), PurePosixPath("a"), "b") == PurePosixPath("a/b")
