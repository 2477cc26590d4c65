"""Pieces of code that would take all time or memory: what grows, what is huge, what never ends, what is deep."""

from __future__ import annotations

from collections.abc import Mapping


def _again(first: str, line: str, times: int) -> str:
    return f"{first}\n" + f"{line}\n" * times


GROWING = {
    "sums": _again("q = 'abcdefgh'", "q = q + q", 40),
    "augmented": _again("q = b'abcdefgh'", "q += q", 40),
    "times two": _again("q = [1, 2, 3]", "q = q * 2", 60),
    "display": _again("q = [1, 2]", "q = [*q, *q, *q, *q]", 20),
    "set display": _again("q = {1, 2}", "q = {*q, *[(x, x) for x in q]}", 40),
    "dict display": _again("q = {'a': 1}", "q = {**q, **{k + 'x': v for k, v in q.items()}, **{k + 'y': 1 for k in q}}", 30),  # noqa: E501
    "dict nested": _again("q = {'a': 1}", "q = {'a': q, 'b': q}", 60),
    "tuple of itself": _again("q = ()", "q = (q, q, q)", 80),
    "in one branch": "import os\nq = ()\nr = []\nif os.environ.get('Q'):\n" + "    q = (q, q)\n" * 60 + "else:\n" + "    q = (q, q)\n" * 60,  # noqa: E501
    "in one branch, lists": "import os\nq = r = []\nif os.environ.get('Q'):\n    q = []\n    q.append(q)\nelse:\n    q = [r]\n    r.append(q)\n",  # noqa: E501
    "in loops": "q = (1,)\nfor i in val_tokens:\n    for j in val_tokens:\n        q = (q, q, *q)\n",
    "list that holds itself": "q = []\nq.append(q)\nq.extend(q)\nr = [q] * 9\nprint(str(q), q == r, sorted(q))\n",
    "extend": _again("q = [1, 2]", "q.extend(q)", 40),
    "extend slice": _again("q = [1, 2]", "q[len(q):] = q", 40),
    "insert": _again("q = [1, 2]", "q[0:0] = q + q", 30),
    "update": _again("q = {0: 1}", "q.update({k + len(q): 1 for k in q})", 40),
    "union": _again("q = {1}", "q |= {x + len(q) for x in q}", 40),
    "f-string": _again("q = 'ab'", "q = f'{q}{q}{q}'", 40),
    "f-string width": "q = 10**9\nr = f'{1:{q}}' + f'{1:>{q}}' + f'{1.5:.{q}f}' + f'{\"x\":{q}s}'\n",
    "f-string repr": _again("q = \"'\"", "q = f'{q!r}{q!r}'", 40),
    "format": _again("q = 'ab'", "q = '{0}{0}{0}'.format(q)", 40),
    "format_map": _again("q = 'ab'", "q = '{a}{a}'.format_map({'a': q})", 40),
    "percent": _again("q = 'ab'", "q = '%s%s%s' % (q, q, q)", 40),
    "percent dict": _again("q = 'ab'", "q = '%(a)s%(a)s' % {'a': q}", 40),
    "join": _again("q = 'ab'", "q = q.join([q, q, q])", 40),
    "join of a text": _again("q = 'ab'", "q = q.join(q)", 20),
    "replace": _again("q = 'ab'", "q = q.replace('a', q)", 40),
    "replace empty": _again("q = 'ab'", "q = q.replace('', q)", 40),
    "bytes replace": _again("q = b'ab'", "q = q.replace(b'a', q)", 40),
    "translate": _again("q = 'ab' * 1000", "q = q.translate({97: q, 98: q})", 9),
    "maketrans": _again("q = 'ab' * 1000", "q = q.translate(str.maketrans({'a': q, 'b': q}))", 9),
    "re.sub": _again("import re\nq = 'ab' * 1000", "q = re.sub('a', q, q)", 9),
    "textwrap": _again("import textwrap\nq = 'ab\\n' * 1000", "q = textwrap.indent(q, q[:100000])", 9),
    "repr": _again("q = '\\\\'", "q = repr(q)", 60),
    "encode": _again("import base64\nq = b'ab'", "q = base64.b64encode(q + q)", 60),
    "hex": _again("q = b'ab'", "q = q.hex().encode()", 60),
    "json": _again("import json\nq = '\"'", "q = json.dumps(q)", 60),
    "compressed": "import zlib, bz2, lzma\nq = b'a' * 10**7\n" + "q = zlib.decompress(zlib.compress(q * 100))\n" * 9,
    "path": _again("q = 'a'", "q = q + '/' + q", 40),
    "Path": _again("from pathlib import Path\nq = Path('a/b')", "q = q / q", 40),
    "os.path.join": _again("import os\nq = 'a'", "q = os.path.join(q, q)", 40),
    "sliced": _again("q = [1, 2]", "q = q[:] + q[::-1]", 40),
    "attribute": "class Q: pass\nq = Q()\nq.a = 'ab'\n" + "q.a = q.a + q.a\n" * 40,
    "class body": "class Q:\n    a = 'ab'\n" + "    a = a + a\n" * 40,
    "default": "def q(a='ab' * 10**10, b=[0] * 10**10): return a + a\nq(q(q()))\n",
    "loop": "q = 'ab'\nfor i in range(60):\n    q = q + q\n",
    "while": "q = [1]\nwhile len(q) < 10**10:\n    q = q + q\n",
    "recursive": "def q(n, a): return a if n == 0 else q(n - 1, a + a)\nr = q(60, 'ab')\n",
    "lambda": "q = lambda n: 'ab' if n == 0 else q(n - 1) + q(n - 1)\nr = q(60)\n",
    "reduce": "import functools\nq = functools.reduce(lambda a, b: a + a, range(60), 'ab')\n",
    "accumulate": "import itertools\nq = list(itertools.accumulate(range(60), lambda a, b: a * a, initial=10**9))\n",
    "global": "q = 'ab'\ndef r():\n    global q\n    q = q + q\n" + "r()\n" * 60,
    "walrus": "q = 'ab'\n" + "print((q := q + q))\n" * 40,
    "environment": "import os\nq = 'ab'\n" + "q = os.environ.get('Q', q) + os.environ.get('R', q)\n" * 40,
    "names": "".join(f"q{i} = 'x' * 10**6 + 'y{i}'\n" for i in range(5000)),
    "globals": "for i in range(10**7):\n    globals()[f'q{i}'] = 'x' * 10**5\n",
    "setattr": "class Q: pass\nfor i in range(10**7):\n    setattr(Q, f'q{i}', 'x' * 10**5)\n",
    "torch cat": _again("import torch\nq = torch.zeros(2)", "q = torch.cat([q, q])", 80),
    "figures in a line": _again("import torch\nq = f'{torch.rand(1)}'", "q = f'{q}{q}'", 60),
    "figures in a sum of lines": _again("import torch\nq = f'{torch.rand(1)}'", "q = q + q", 60),
    "tensor times itself": _again("import torch\nq = torch.rand(1)", "q = q * q + q / q", 60),
    "mixture of itself": _again("import torch\nq = torch.rand(9).softmax(-1)", "q = 0.5 * q + 0.5 * q", 60),
    "operator": _again("import operator\nq = 'ab'", "q = operator.add(q, q)", 60),
    "methods of numbers": _again("q = 'ab'", "q = q.__add__(q).__mul__(9)", 60),
    "quoted": _again("from urllib.parse import quote\nimport re\nq = '%'", "q = quote(re.escape(q) * 2)", 60),
    "pickled": _again("import pickle\nq = 'ab'", "q = pickle.dumps([q, q, q]).decode('latin1')", 40),
    "numpy tile": _again("import numpy as np\nq = np.zeros(2)", "q = np.tile(q, (2, 2))", 80),
    "ljust doubling": _again("q = 'ab'", "q = q.ljust(len(q) * 3).replace(' ', q)", 30),
    "splitlines": _again("q = 'a\\n'", "q = '\\n'.join(q.splitlines() * 2)", 40),
    "deque": _again("from collections import deque, Counter\nq = deque([1, 2])", "q = deque(list(q) * 2)\nq.extend(q)", 40),  # noqa: E501
    "template": _again("from string import Template\nq = 'a'", "q = Template('$a$a$a').substitute(a=q)", 40),
    "unicode_escape": _again("q = '\\\\\\\\'", "q = q.encode('unicode_escape').decode()", 60),
    "html": _again("import html\nq = '&'", "q = html.escape(q)", 80),
    "chain": _again("import itertools\nq = [1]", "q = list(itertools.chain.from_iterable([q, q]))", 40),
    "deepcopy": _again("import copy\nq = [1]", "q = [copy.deepcopy(q), copy.deepcopy(q)]", 40),
    "slice assign": _again("q = [1, 2]", "q[::1] = q + q", 40),
}  # fmt: skip

HUGE = {
    "repeat": "q = 'ab' * 10**10\nr = [1] * 10**10\ns = (1,) * 10**10\nt = b'x' * 10**10\n",
    "repeat nested": "q = [[0] * 10**5] * 10**5\nr = [x[:] for x in q]\n",
    "pad": "q = ['x'.ljust(10**9), 'y'.rjust(10**9), 'z'.center(10**9), 'w'.zfill(10**9)] * 9\n",
    "pad bytes": "q = [b'x'.ljust(10**9), b'y'.rjust(10**9), b'z'.center(10**9), b'w'.zfill(10**9)] * 9\n",
    "tabs": "q = ('\\t' * 1000).expandtabs(10**7)\n" * 9,
    "percent width": "q = '%1000000000d%1000000000s' % (1, 2)\nr = '%*d' % (10**9, 1)\ns = '%.1000000000f' % 1.0\n",
    "format width": "q = '{:>1000000000}'.format(1)\nr = format(1, '1000000000d')\ns = '{:{}}'.format(1, 10**9)\n",
    "bytes": "q = bytes(10**10)\nr = bytearray(10**10)\ns = memoryview(bytes(10**9))\nt = bytes(range(256)) * 10**8\n",
    "range list": "q = list(range(10**9))\nr = tuple(range(10**9))\ns = set(range(10**9))\nt = sorted(range(10**9))\n",
    "range length": "q = len(range(10**30))\nr = sum(range(10**9))\ns = max(range(10**9))\nt = 5 in range(10**30)\n",
    "range step": "for i in range(0, 10**400, 10**399): pass\nfor i in range(10**400): pass\nr = range(10**400)[::-1]\n",  # noqa: E501
    "range reversed": "q = list(reversed(range(10**9)))\nr = list(enumerate(range(10**9)))\ns = list(zip(range(10**9), range(10**9)))\n",  # noqa: E501
    "dict of range": "q = dict.fromkeys(range(10**9))\nr = {i: i for i in range(10**9)}\ns = {i for i in range(10**9)}\n",  # noqa: E501
    "power": "q = 10 ** 10 ** 10\nr = 3 ** 10**9\ns = 2.0 ** 10**9\nt = pow(3, 10**9)\nu = (-7) ** 10**8\n",
    "shift": "q = 1 << 2**40\nr = 1 << 10**12\ns = 1\n" + "s = s << 10**8\n" * 9 + "t = -1 << 10**10\n",
    "squares": _again("q = 10**9", "q = q * q", 60),
    "powers of powers": _again("q = 3", "q = q ** q", 12),
    "product": _again("q = 7", "q *= 10**4000", 4000),
    "factorial": "import math\nq = math.factorial(10**7)\nr = math.comb(10**6, 5 * 10**5)\ns = math.perm(10**6)\n",
    "prod": "import math\nq = math.prod(range(1, 10**7))\nr = math.lcm(*range(1, 10**5))\n",
    "digits": "q = str(10**5000)\nr = int('9' * 10**6)\ns = len(str(2**10**7))\nt = f'{10**5000}'\nprint(10**5000)\n",
    "digits of a literal": f"q = {'9' * 4000}\nr = {'9' * 5000}\ns = 0x{'f' * 100000}\n",
    "float": "q = float('1' * 10**6)\nr = float(10**400)\ns = 10**400 / 3\nt = int(1e308) ** 9\nu = round(10**400, -399)\n",  # noqa: E501
    "fraction": "from fractions import Fraction\nq = Fraction('1e1000000000')\nfrom decimal import Decimal\nr = int(Decimal('1e1000000000'))\n",  # noqa: E501
    "from_bytes": "q = int.from_bytes(b'x' * 10**8, 'big')\nr = (2**64).to_bytes(10**9, 'big')\n",
    "int of base": "q = int('z' * 10**7, 36)\nr = int('1' * 10**8, 2)\n",
    "ways": "import math\nq = 10\n" + "q = math.factorial(q)\n" * 9 + "r = math.comb(10**9, 5 * 10**8)\n",
    "literal divided": "q = 0x" + "f" * 1_900_000 + "\nr = 0xe" + "f" * 60_000 + "\n" + "s = q // r\nt = q % r\n" * 9,
    "wide f-string": "q = f'" + "{x}a" * 100_000 + "'\n",
    "literal": "q = '" + "a" * 5_000_000 + "'\n",
    "literal list": "q = [" + "1, " * 300_000 + "]\n",
    "literal dict": "q = {" + "".join(f"{i}: '{i}', " for i in range(100_000)) + "}\n",
    "literal bytes": "q = b'" + "\\x00" * 2_000_000 + "'\nr = q + q\n",
    "name": "q" * 1_000_000 + " = 1\n",
    "line": "q = 1; " * 200_000 + "\n",
    "comment": "# " + "x" * 5_000_000 + "\n",
    "comments": "# x\n" * 1_000_000,
    "blank lines": "\n" * 5_000_000,
    "statements": "pass\n" * 300_000,
    "assignments": "".join(f"q{i} = {i}\n" for i in range(60_000)),
    "calls": "".join(f"print({i})\n" for i in range(60_000)),
    "functions": "".join(f"def q{i}(x): return x\n" for i in range(40_000)),
    "classes": "".join(f"class Q{i}: pass\n" for i in range(40_000)),
    "arguments": "def q(*a, **k): return a\nq(" + "1, " * 50_000 + ")\nq(" + ", ".join(f"a{i}=1" for i in range(20_000)) + ")\n",  # noqa: E501
    "parameters": "def q(" + ", ".join(f"a{i}=0" for i in range(20_000)) + "): return a0\nq()\n",
    "targets": " = ".join(f"q{i}" for i in range(20_000)) + " = 1\n",
    "unpacking": ", ".join(f"q{i}" for i in range(20_000)) + " = range(20000)\n",
    "imports": "".join(f"import q{i}\n" for i in range(20_000)),
    "import of one line": "from torch import " + ", ".join(f"q{i}" for i in range(20_000)) + "\n",
    "decorators": "@print\n" * 20_000 + "def q(): pass\nq()\n",
    "bases": "class Q(" + ", ".join(f"A{i}" for i in range(5000)) + "): pass\nQ()\n",
    "comparison": "q = 1" + " < 1" * 20_000 + "\n",
    "tensor": "import torch\nq = torch.zeros(10**6, 10**6)\nr = torch.arange(10**400)\ns = q.expand(10**30, -1, -1)\n",
    "numpy": "import numpy as np\nq = np.zeros((10**6, 10**6))\nr = np.arange(0, 1e30)\ns = np.frombuffer(b'x' * 10**9)\n",  # noqa: E501
    "chr": "q = ''.join(chr(i) for i in range(10**9))\nr = [chr(i) * 10**6 for i in range(10**6)]\n",
    "struct": "import struct\nq = struct.pack('2000000000x')\nr = struct.unpack('1000000000x', q)\n",
    "counter": "from collections import Counter\nq = list(Counter({'a': 10**10}).elements())\nr = Counter('ab' * 10**9)\n",  # noqa: E501
    "array": "import array\nq = array.array('b', b'x') * 10**10\n",
    "normalize": "import unicodedata\nq = unicodedata.normalize('NFKD', '\\ufdfa' * 10**7)\n"*3,
    "bin": "q = 1 << 10**6\nr = bin(q) + hex(q) + oct(q) + f'{q:b}' + format(q, 'x') + '%x' % q\n",
    "literal_eval": "import ast\nq = ast.literal_eval('[' * 5000 + ']' * 5000)\nr = ast.literal_eval('9' * 10000)\n",
    "json loads": "import json\nq = json.loads('[' * 90000)\nr = json.loads('9' * 10**6)\nexec(json.loads('\"x=1\"'))\n",  # noqa: E501
    "sum of lists": "q = sum([[1] * 1000] * 10**6, [])\n",
    "zip star": "q = list(zip(*[range(10**6)] * 10**4))\n",
    "int pow mod": "q = pow(3, 10**8, 10**10**4)\nr = pow(2, -1, 10**9999)\n",
    "float repr": "q = f'{1e308:.100000000f}'\nr = '%.400000000e' % 1.0\ns = round(1.5, 10**9)\n",
    "date": "import datetime\nq = datetime.timedelta(days=10**30)\nr = datetime.date(10**9, 1, 1)\n",
    "complex": "q = 1j ** 10**9\nr = complex('1e999') * 1e999j\ns = 1e999 - 1e999\nfor i in range(s): pass\n",
    "nan in range": "q = float('nan')\nfor i in range(int(q)): pass\nr = [1, 2][int(float('inf'))]\n",
    "negative repeat": "q = [1] * -10**30\nr = 'a' * -10**30\ns = range(10**30)[-1]\nt = range(0, -10**30, -1)\n",
    "slices huge": "q = val_tokens[10**400:10**401:10**399]\nr = 'abc'[-10**400:10**400]\nfor i in range(0, val_tokens.numel(), 10**400): x = val_tokens[i:i + 10**400]\n",  # noqa: E501
    "env int": "import os\nq = int(os.environ.get('SEQ', '9' * 5000))\nr = float(os.environ.get('LR', '1e' + '9' * 999))\nt = int(os.environ.get('Z', '\u00b2'))\n",  # noqa: E501
    "digits unicode": "import os\nq = int(os.environ.get('A', '\u0663\u0664'))\nr = float(os.environ.get('B', '\u2460'))\n",  # noqa: E501
}  # fmt: skip

ENDLESS = {
    "while": "while True: pass\n",
    "while with work": "q = 0\nwhile True:\n    q += 1\n    if q < 0: break\n",
    "generator": "def q():\n    while True: yield 1\nr = list(q())\ns = sum(q())\nt = [x for x in q()]\n",
    "count": "import itertools\nq = list(itertools.count())\nfor r in itertools.cycle([1]): pass\ns = set(itertools.repeat(1))\n",  # noqa: E501
    "iter": "q = list(iter(int, 1))\nfor r in iter(lambda: 0, 1): pass\n",
    "growing list": "q = [1]\nfor x in q: q.append(x)\n",
    "product": "import itertools\nq = list(itertools.product(range(10**4), repeat=9))\n",
    "permutations": "import itertools\nq = list(itertools.permutations(range(50)))\nr = list(itertools.combinations(range(100), 50))\n",  # noqa: E501
    "comprehensions": "q = [a for a in range(10**4) for b in range(10**4) for c in range(10**4)]\n",
    "nested comprehensions": "q = [[[[a for a in range(999)] for b in range(999)] for c in range(999)] for d in range(999)]\n",  # noqa: E501
    "small comprehensions": "q = [(a, b, c, d, e, f) for a in 'ab' * 9 for b in 'ab' * 9 for c in 'ab' * 9 for d in 'ab' * 9 for e in 'ab' * 9 for f in 'ab' * 9]\n",  # noqa: E501
    "loops": "".join(f"{' ' * i}for i{i} in range(99):\n" for i in range(19)) + " " * 19 + "pass\n",
    "loops of few": "".join(f"{' ' * i}for i{i} in [1, 2, 3]:\n" for i in range(19)) + " " * 19 + "q = i0\n",
    "loops over values": "".join(f"{' ' * i}for i{i} in val_tokens:\n" for i in range(19)) + " " * 19 + "q = i0\n",
    "whiles": "".join(f"{' ' * i}while x{i}:\n" for i in range(19)) + " " * 19 + "q = x0\n",
    "branches": "import os\n" + "".join(f"{' ' * i}if os.environ.get('Q{i}'):\n" for i in range(19)) + " " * 19 + "q = 1\n",  # noqa: E501
    "branches in a row": "import os\nq = 0\n" + "".join(f"if os.environ.get('Q{i}'):\n    q = q + {i}\nelse:\n    q = (q, {i})\n" for i in range(500)),  # noqa: E501
    "branches in loops": "import os\nfor i in range(10**6):\n" + "".join(f"    if os.environ.get('Q{i}'):\n        q = {i}\n" for i in range(200)),  # noqa: E501
    "conditions": "q = 0\n" + "".join(f"q = {i} if x{i} else q\n" for i in range(3000)),
    "conditions nested": "q = " + "(1 if a else " * 80 + "0" + ")" * 80 + "\n",
    "booleans": "q = " + " and ".join(f"(a{i} or b{i})" for i in range(2000)) + "\n",
    "recursion": "def q(n): return q(n + 1)\nq(0)\n",
    "recursion, two": "def q(n): return q(n - 1) + q(n - 2)\nr = q(10**9)\n",
    "recursion, mutual": "def a(n): return b(n) + b(n)\ndef b(n): return a(n) + a(n)\na(1)\n",
    "recursion, many": "".join(f"def q{i}(n): return " + " + ".join(f"q{j}(n)" for j in range(20)) + "\n" for i in range(20)) + "q0(1)\n",  # noqa: E501
    "recursion, doubling chain": "def q0(x): return x\n" + "".join(f"def q{i}(x): return q{i - 1}(x) + q{i - 1}(x)\n" for i in range(1, 60)) + "q59(1)\n",  # noqa: E501
    "recursion, values": "def q(n, *a): return q(n + 1, a, a)\nq(0)\n",
    "recursion, lambda": "y = lambda f: (lambda x: f(lambda v: x(x)(v)))(lambda x: f(lambda v: x(x)(v)))\nq = y(lambda s: lambda n: s(n) + s(n))(1)\n",  # noqa: E501
    "recursion, class": "class Q:\n    def __init__(self): self.a = Q(); self.b = Q()\n    def __call__(self): return self()\nQ()()\n",  # noqa: E501
    "recursion, property": "class Q:\n    @property\n    def a(self): return self.a + self.a\nQ().a\n",
    "recursion, getattr": "class Q:\n    def __getattr__(self, n): return getattr(self, n + n)\nQ().a\n",
    "recursion, module": "import train_gpt\nfrom train_gpt import *\nexec(open(__file__).read())\n",
    "recursion, exec": "q = 'exec(q); exec(q)'\nexec(q)\n",
    "recursion, eval": "q = 'eval(q) + eval(q)'\neval(q)\n",
    "recursion, nn": "import torch.nn as nn\nclass Q(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n        self.l = nn.ModuleList([Q(n - 1) for _ in range(9)])\n    def forward(self, x):\n        for l in self.l: x = l(x)\n        return x\nQ(9)(1)\n",  # noqa: E501
    "recursion, generator": "def q(): yield from q()\nr = list(q())\n",
    "decorators": "def d(f): return lambda *a: f(*a) + f(*a)\n" + "@d\n" * 60 + "def q(): return 1\nq()\n",
    "decorators of classes": "def d(c):\n    class X(c): pass\n    return d(X)\n@d\nclass Q: pass\nQ()\n",
    "metaclass": "class M(type):\n    def __new__(m, *a): return M(*a)\nclass Q(metaclass=M): pass\n",
    "partial": "import functools\nq = print\n" + "q = functools.partial(q, q, q)\n" * 60 + "q()\n",
    "map": "q = [1]\n" + "q = map(lambda x: (x, x), q)\n" * 200 + "r = list(q)\n",
    "closures": "q = lambda: 1\n" + "q = (lambda f: lambda: f() + f())(q)\n" * 60 + "q()\n",
    "sleep": "import time\ntime.sleep(10**9)\ninput()\n",
    "fork": "import os\nwhile True: os.fork()\n",
    "open": "open('/dev/zero').read()\nopen('/dev/random').read()\nopen('/proc/self/mem').read()\n",
    "string walk": "q = 'x' * 10**6\nfor a in q:\n    for b in q:\n        r = a + b\n",
    "sort": "q = sorted([(i * 7919) % 10007 for i in range(10**6)], key=lambda x: sorted(range(10**6)))\n",
    "match": "match x:\n" + "".join(f"    case [{', '.join(f'Q(a={j})' for j in range(20))}, *r] if r: pass\n" for i in range(200)),  # noqa: E501
    "try": "".join(f"{' ' * i}try:\n" for i in range(19)) + " " * 19 + "q = 1\n" + "".join(f"{' ' * i}except E{i}: q = {i}\n" for i in range(18, -1, -1)),  # noqa: E501
    "trys": "".join(f"try:\n    q = f{i}()\nexcept Exception:\n    q = {i}\nfinally:\n    r = q\n" for i in range(2000)),  # noqa: E501
    "with": "with " + ", ".join(f"open('{i}') as f{i}" for i in range(2000)) + ": pass\n",
    "regex back": "import re\nq = re.sub('(a*)*b', '', 'a' * 40)\nr = re.match('(a|a)*$', 'a' * 60 + 'b')\ns = re.findall('(x+x+)+y', 'x' * 60)\n",  # noqa: E501
    "regex split": "import re\nq = 'a' * 50000\nexec(re.split('(.*)(.*)(.*)(.*)(.*)(.*)x', q)[0])\n",
    "class getattr": "class M(type):\n    def __getattr__(c, n): return c.x\nclass Q(metaclass=M): pass\nQ.y\n",
    "descriptor": "class D:\n    def __get__(s, o, t): return o.a\nclass Q:\n    a = D()\nQ().a\n",
    "iter self": "class Q:\n    def __iter__(s): return s\n    def __next__(s): return s\nfor q in Q():\n    for r in q:\n        for s in r: pass\nx = list(Q())\n",  # noqa: E501
    "with self": "class Q:\n    def __enter__(s):\n        with s: return s\n    def __exit__(s, *a):\n        with s: pass\nwith Q(): pass\n",  # noqa: E501
    "hash self": "class Q:\n    def __hash__(s): return hash(s)\n    def __eq__(s, o): return s == o\nq = {Q(): Q()}\nr = Q() in q\n",  # noqa: E501
    "async": "async def q():\n    async for x in q():\n        await q()\nimport asyncio\nasyncio.run(q())\n",
    "import hooks": "import sys, importlib\nfor i in range(10**6):\n    sys.modules[f'm{i}'] = sys.modules\n    importlib.import_module('train_gpt')\n",  # noqa: E501
    "globals update": "globals().update({f'g{i}': i for i in range(10**6)})\nlocals().update(globals())\nvars().update(vars())\n",  # noqa: E501
    "star calls": "def f(*a): return f(*a, *a)\nf(1)\n",
}  # fmt: skip

DEEP = {
    "parentheses": "q = " + "(" * 150 + "1" + ")" * 150 + "\n",
    "parentheses, too many": "q = " + "(" * 20_000 + "1" + ")" * 20_000 + "\n",
    "brackets": "q = " + "[" * 150 + "]" * 150 + "\n",
    "minus": "q = " + "-" * 5000 + "1\n",
    "minus, too many": "q = " + "-" * 200_000 + "1\n",
    "not": "q = " + "not " * 5000 + "1\n",
    "sum": "q = 1" + " + 1" * 3000 + "\n",
    "sum, too long": "q = 1" + " + 1" * 100_000 + "\n",
    "texts": "q = " + " ".join(["'a'"] * 100_000) + "\n",
    "power": "q = " + "2 ** " * 900 + "1\n",
    "attributes": "q = a" + ".b" * 3000 + "\n",
    "attributes, too many": "q = a" + ".b" * 100_000 + "\n",
    "calls": "q = a" + "()" * 3000 + "\n",
    "calls inside": "q = " + "f(" * 150 + ")" * 150 + "\n",
    "subscripts": "q = a" + "[0]" * 3000 + "\n",
    "lambdas": "q = " + "lambda: " * 900 + "1\n",
    "lambdas, too many": "q = " + "lambda: " * 100_000 + "1\n",
    "ifs": "".join(f"{' ' * i}if x:\n" for i in range(95)) + " " * 95 + "q = 1\n",
    "elifs in a function": "def q(x):\n    if x == 0: return 0\n" + "".join(f"    elif x == {i}: return {i}\n" for i in range(2000)) + "q(3)\n",  # noqa: E501
    "elifs": "if x: q = 1\n" + "elif x: q = 2\n" * 3000,
    "elifs, too many": "if x: q = 1\n" + "elif x: q = 2\n" * 50_000,
    "conditions": "q = " + "1 if x else " * 3000 + "0\n",
    "functions": "".join(f"{' ' * i}def f{i}():\n" for i in range(95)) + " " * 95 + "return 1\n",
    "classes": "".join(f"{' ' * i}class C{i}:\n" for i in range(95)) + " " * 95 + "q = 1\n",
    "f-strings": "q = " + "f'{" * 3 + "1" + "}'" * 3 + "\nr = f'" + "{1}" * 20_000 + "'\n",
    "awaits": "async def q():\n    return " + "await " * 3000 + "x\n",
    "stars": "q = [" + "*[" * 90 + "]" * 90 + "]\n",
    "subclasses": "class C0: pass\n" + "".join(f"class C{i}(C{i - 1}): pass\n" for i in range(1, 3000)) + "C2999().x\n",
    "supers": "class C0:\n    def f(self): return 1\n" + "".join(f"class C{i}(C{i - 1}):\n    def f(self): return super().f()\n" for i in range(1, 1500)) + "C1499().f()\n",  # noqa: E501
    "aliases": "q0 = 1\n" + "".join(f"q{i} = q{i - 1}\n" for i in range(1, 20_000)),
    "functions in a chain": "def q0(x): return x\n" + "".join(f"def q{i}(x): return q{i - 1}(x)\n" for i in range(1, 3000)) + "q2999(1)\n",  # noqa: E501
    "executed": "q = 'x = 1'\n" + "q = 'exec(' + repr(q) + ')'\n" * 40 + "exec(q)\n",
    "binary": "\0" * 100_000, "utf-16": "import os\n" * 9 + "\ud7ff\uffff\n",
    "form feeds": "\f" * 300_000 + "q = 1\n", "backslashes": "\\\n" * 300_000 + "q = 1\n",
    "tabs": "\t" * 200 + "q = 1\n", "open text": "q = '''" + "x\n" * 500_000, "open bracket": "q = (" + "1,\n" * 300_000,  # noqa: E501
}  # fmt: skip

CODE: Mapping[str, Mapping[str, str]] = {"growing": GROWING, "huge": HUGE, "endless": ENDLESS, "deep": DEEP}
