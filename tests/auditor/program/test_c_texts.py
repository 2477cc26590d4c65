"""C helpers are judged by what they do: the names in these texts say nothing, or the wrong thing."""

from __future__ import annotations

import time

import pytest

from auditor.program.c.callers import Callers
from auditor.program.c.gates import c_target_gates
from auditor.program.c.mixtures import c_mixtures
from auditor.program.c.parser import parse
from auditor.program.c.text import CText
from auditor.program.mixtures.of_bytes import ByteMixture
from auditor.source import Unit


def _text(source: str) -> CText:
    return CText(Unit("t.cpp", source, "c"), None, None)


def _gates(source: str) -> list[int]:
    return [seen.place.line for seen in c_target_gates(_text(source), Callers(()))]


def _mixed(source: str) -> list[ByteMixture]:
    return list(c_mixtures(_text(source)))


_WALK = """
struct s1 { uint64_t a1; int a2; uint16_t *a3; };
static void f1(struct s1 *b1, uint16_t b2) { b1->a3[b1->a1 & 4095] = b2; b1->a1 = b1->a1 * 31 + b2; b1->a2++; }
void f2(struct s1 *b1, const uint16_t *b2, int64_t b3, const uint8_t *b4, uint16_t *b5) {
    for (int64_t i = 0; i < b3; ++i) {
        BODY
        f1(b1, b2[i]);
    }
}
"""


@pytest.mark.parametrize(
    "body",
    [
        "if (!b4[b2[i]]) b5[i] = b1->a3[b1->a1 & 4095]; else b5[i] = 0;",
        "b5[i] = b4[b2[i]] ? 0 : b1->a3[b1->a1 & 4095];",
        "b5[i] = (1 - b4[b2[i]]) * b1->a3[b1->a1 & 4095];",
        "uint16_t c = b2[i]; int d = b4[c]; if (d) { b5[i] = 0; f1(b1, c); continue; }\nb5[i] = b1->a3[b1->a1 & 4095];",
        "uint16_t c = 0; if ((b4[b2[i] >> 3] >> (b2[i] & 7)) & 1) c = b1->a3[b1->a1 & 4095]; b5[i] = c;",
        "switch (b4[b2[i]]) { case 0: b5[i] = b1->a3[b1->a1 & 4095]; break; default: b5[i] = 0; }",
        "int ok = 0; if (b4[b2[i]] == 2) ok = 1; if (ok) { b5[i] = b1->a3[b1->a1 & 4095]; }",
        "auto g = [&](int c) { if (c) return (uint16_t)0; return b1->a3[b1->a1 & 4095]; }; b5[i] = g(b4[b2[i]]);",
    ],
)
def test_a_hint_that_hangs_on_the_class_of_its_own_token(body: str) -> None:
    assert _gates(_WALK.replace("BODY", body))


@pytest.mark.parametrize(
    "body",
    [
        "b5[i] = b1->a3[b1->a1 & 4095];",
        "if (i > 0 && !b4[b2[i - 1]]) b5[i] = b1->a3[b1->a1 & 4095]; else b5[i] = 0;",
        "int gate = i > 0 ? b4[b2[i - 1]] : 0; b5[i] = gate ? 0 : b1->a3[b1->a1 & 4095]; f1(b1, b4[b2[i]]);",
        "b5[i] = 1 + b4[b2[i]] + (i > 0 && !b4[b2[i - 1]]);",  # bytes
        "if (b4[b2[i]]) b5[i] = b1->a2; else b5[i] = 0;",  # a number of the document
        "f1(b1, b2[i]); if (b4[b2[i]]) b5[i] = b1->a3[b1->a1 & 4095];",  # the hint is for the next one
        "b5[i] = b1->a3[b1->a1 & 4095]; if (b4[b2[i]]) { b1->a1 = 0; b1->a2 = 0; continue; }",
        "if (b4[b2[i]]) b5[i] = b1->a3[b1->a1 & 4095] == b2[i];",  # whether it was right, counted
        "b5[i] = b1->a3[b1->a1 & 4095]; if (b4[b2[i]]) b5[b2[i]]++;",  # counts of tokens
    ],
)
def test_a_hint_of_what_came_before(body: str) -> None:
    assert not _gates(_WALK.replace("BODY", body))


_OTHER_WALKS = [
    # a loop that counts by itself
    """
    void learn(uint16_t *clean, uint32_t *hash, uint16_t t) { clean[*hash & 255] = t; *hash = *hash * 7 + t; }
    void f(const uint16_t *t, long n, const char *safe, uint16_t *clean, uint16_t *out) {
        uint32_t hash = 0; long k = 0;
        while (k < n) {
            if (safe[t[k]]) out[k] = clean[hash & 255];
            learn(clean, &hash, t[k]);
            k++;
        }
    }
    """,
    # pointers that walk
    """
    void f(const uint16_t *p, const uint16_t *end, const char *c, uint16_t *q) {
        uint16_t table[256]; uint32_t h = 0;
        for (; p < end; ++p, ++q) {
            uint16_t x = *p;
            *q = c[x] ? table[h & 255] : 0;
            table[h & 255] = x;
            h = h * 7 + x;
        }
    }
    """,
    # rows of a batch, a map of the library, and a macro
    """
    #define ASK(c, x) ((c)[x] != 0)
    void f(const int64_t *t, int rows, int n, const uint8_t *c, int64_t *out) {
        std::unordered_map<uint64_t, int64_t> m;
        for (int r = 0; r < rows; r++) {
            uint64_t h = 0;
            for (int i = 0; i < n; i++) {
                int64_t x = t[r * n + i];
                auto it = m.find(h);
                if (it != m.end() && ASK(c, x)) out[r * n + i] = it->second;
                m[h] = x;
                h = h * 1000003 + x;
            }
        }
    }
    """,
    # what learns is another function, called from outside; the key is of the tokens before
    """
    struct table { int64_t *best; };
    void learn(table *m, uint64_t key, int64_t x) { m->best[key & 1023] = x; }
    void hints(table *m, const int64_t *t, const int64_t *at, int n, const uint8_t *c, int64_t *out) {
        for (int i = 0; i < n; i++) {
            int64_t p = at[i];
            uint64_t key = 0;
            for (int k = 1; k < 4; k++) key = key * 31 + t[p - k];
            if (c[t[p]]) out[i] = m->best[key & 1023];
        }
    }
    """,
]


@pytest.mark.parametrize("source", _OTHER_WALKS)
def test_other_ways_along_the_stream(source: str) -> None:
    assert len(_gates(source)) == 1


@pytest.mark.parametrize(
    ("source", "asked", "instead"),
    [
        (_OTHER_WALKS[0], "safe[t[k]]", "k > 0 && safe[t[k - 1]]"),
        (_OTHER_WALKS[1], "*q = c[x] ? table[h & 255] : 0;", "*q = c[h] ? table[h & 255] : 0;"),
        (_OTHER_WALKS[2], "ASK(c, x)", "i > 0 && ASK(c, t[r * n + i - 1])"),
        (_OTHER_WALKS[3], "c[t[p]]", "t[p] < 0 || c[t[p - 1]]"),
    ],
)
def test_the_same_ways_with_the_token_before(source: str, asked: str, instead: str) -> None:
    assert asked in source
    assert not _gates(source.replace(asked, instead))


_SPREAD = """
#define LSE(a, c) ((a) > (c) ? (a) + log1p(exp((c) - (a))) : (c) + log1p(exp((a) - (c))))
static double f1(double a, double c) { double m = fmax(a, c); return m + log(exp(a - m) + exp(c - m)); }
double f2(const double *a1, const TYPE *a2, const int64_t *a3, const double *a4, int64_t n, double a5, double a6) {
    double a7 = 0.0;
    for (int64_t i = 0; i < n; i++) {
        int a8 = a2[a3[i]];
        double a9 = -a1[i] / BY;
        double b1 = a4[i];
        a7 -= MIXED;
    }
    return a7;
}
"""


def _spread(mixed: str, by: str = "(double)a8", kind: str = "int32_t") -> str:
    return _SPREAD.replace("MIXED", mixed).replace("BY", by).replace("TYPE", kind)


@pytest.mark.parametrize(
    "mixed",
    [
        "f1(log(a5) + a9, log(1.0 - a5) + b1)",
        "LSE(log(a5) + a9, log(1.0 - a5) + b1)",
        "log(a5 * exp(a9) + (1.0 - a5) * exp(b1))",
        "log(a5 * std::exp(a9) + (1.0 - a5) * b1)",
        "log(a5 * pow(exp(-a1[i]), 1.0 / a8) + (1.0 - a5) * b1)",
        "[&](double x, double y) { return f1(x, y); }(log(a5) + a9, b1)",
    ],
)
def test_a_loss_that_is_spread_over_bytes_is_mixed(mixed: str) -> None:
    (found,) = _mixed(_spread(mixed))
    assert found.gate is None


def test_what_counts_the_bytes_may_be_of_any_type() -> None:
    assert _mixed(_spread("f1(log(a5) + a9, log(1.0 - a5) + b1)", "a2[a3[i]]", "float"))
    assert _mixed(_spread("f1(log(a5) + a9, log(1.0 - a5) + b1)", "(double)(a8 + (a2[i] ? 1 : 0))"))


@pytest.mark.parametrize("by", ["a6", "2.0", "sqrt(64.0)"])
def test_a_temperature_spreads_nothing(by: str) -> None:
    assert not _mixed(_spread("f1(log(a5) + a9, log(1.0 - a5) + b1)", by))


@pytest.mark.parametrize(
    "mixed",
    [
        "a9",  # bits per byte of each token
        "log(a5 * exp(-a1[i]) + (1.0 - a5) * exp(b1))",  # of whole tokens
        "log(a5 * b1 + (1.0 - a5) * ((double)a2[i] / (double)a2[i + 1]))",  # of counts
        "f1(log(a5) + b1, log(1.0 - a5) + log((double)a2[i] / (double)a2[i + 1]))",
        "f1(log(a5) + b1, log(1.0 - a5) + log(a4[i] / a8))",
    ],
)
def test_a_mixture_of_anything_else(mixed: str) -> None:
    ppm_spread = _spread(mixed).replace("f2", "byte_mix").replace("a2", "lens").replace("a1", "nll")
    assert not _mixed(ppm_spread)


@pytest.mark.parametrize(
    "text",
    [
        "void f(const float *x, const float *t, int n, int m, float *o) { for (int j = 0; j < m; j++) { float s = 0.f;"
        " for (int i = 0; i < n; i++) s = s + expf(x[i] / t[j]);"
        " for (int i = 0; i < n; i++) o[i] = expf(x[i] / t[j]) / s; } }",
        "void f(const float *x, const int *n, float e, float *o, int m) { for (int i = 0; i < m; i++)"
        " o[i] = expf(x[i] / (float)n[i]) + e; }",
        "__global__ void f(const float *q, const float *k, const float *v, float *o, int n, int d, float scale) {"
        " float m = -1e30f, l = 0.f, acc = 0.f; for (int j = 0; j < n; j++) { float s = 0.f;"
        " for (int c = 0; c < d; c++) s += q[c] * k[j * d + c]; s = s / sqrtf((float)d); float a = fmaxf(m, s);"
        " float p = expf(s - a), r = expf(m - a); l = l * r + p; acc = acc * r + p * v[j]; m = a; } o[0] = acc / l; }",
    ],
    ids=["softmax with temperatures", "perplexities", "attention"],
)
def test_kernels_mix_no_bytes(text: str) -> None:
    assert not _mixed(text)
    assert not _gates(text)


@pytest.mark.parametrize(
    ("weight", "gated"),
    [
        ("a9 > -a6 ? 0.05 : 0.9", True),
        ("exp(b1) >= a6 ? 0.05 : 0.9", True),
        ("a2[i] > 3 ? 0.05 : 0.9", False),
        ("a6", False),
    ],
)
def test_a_weight_that_reads_what_a_component_gave(weight: str, gated: bool) -> None:
    mixed = f"log(({weight}) * exp(a9) + (1.0 - ({weight})) * exp(b1))"
    (found,) = _mixed(_spread(mixed))
    assert (found.gate is not None) is gated
    assert bool(found.reads) is gated


@pytest.mark.parametrize(
    "text",
    [
        "template <typename T, int N> __global__ void k(T* __restrict__ a, const T (&b)[N]) { a[0] = b[0]; }",
        "class A : public B { public: A(int x) : x_(x), y_{1} {} ~A() { f(); } int x_, y_; };",
        'extern "C" { int f(void) { return sizeof(int[4]) + (int)-1.5e3f; } }',
        "int f() { auto [a, b] = g(); for (auto& [k, v] : m) { k += v; } return a + b; }",
        "void f() { x<<<1, 2, 0, s>>>(a); }",
        "typedef struct { int a; } T; T g = {.a = 1}; int f(T t) { return t.a ? : 2; }",
        "int f() { if (int *p = g()) return *p; else { do x++; while (x < 3); } goto end; end: return 0; }",
        "int f() { return (a) - b + (int)(c) * (double)d - (char *)e; }",
        "#if 1\nint f() {\n#else\nint f() {\n#endif\n return 1; }",
    ],
)
def test_other_c_does_no_harm(text: str) -> None:
    assert parse(text).functions
    assert not _gates(text)


def test_what_is_no_c_is_said() -> None:
    read = "void f(int n, float *a) { BODY for (int i = 0; i < n; i++) a[i] += 1; }"
    assert _text(read.replace("BODY", "HOST_ONLY int k = 0;")).run.whole  # a macro of a header that is not here
    assert not _text(read.replace("BODY", "begin a[0] = 1 end")).run.whole
    assert not _text(read.replace("BODY", "a[0] = @b[1];")).run.whole


def test_lines_are_those_of_the_text_also_behind_comments_and_strings() -> None:
    source = '/* if (x) {\n*/ // "\nconst char *s = "{ // }";\n' + _WALK.replace(
        "BODY", "b5[i] = b4[b2[i]] ? 0 : b1->a3[b1->a1 & 4095];"
    )
    line = next(n for n, text in enumerate(source.splitlines(), 1) if "b5[i] =" in text)
    assert _gates(source) == [line]


def test_what_is_too_long_is_said() -> None:
    loops = "for (int i = 0; i < n; i++) { " * 18
    assert not _text(f"void f(int n, float *a) {{ {loops} a[0] += 1; {'}' * 18} }}").run.whole
    assert _text("void f(int n, float *a) { for (int i = 0; i < n; i++) a[i] += 1; }").run.whole


def test_hostile_texts_take_bounded_time() -> None:
    start = time.process_time()
    for text in (
        "double a = nll / nb;" + "if (" * 3000 + "x = y ? " * 3000,
        "int f(int tok) {" + "a" * 200_000 + " " * 50_000 + "if (" * 20_000 + "}",
        "int f(int a) {" + "{" * 5000 + "}" * 5000 + "}",
        "int f(int a) { return " + "-(" * 5000 + "a" + ")" * 5000 + "; }",
        "int f(int a) { " + "a = a + a * a; " * 4000 + "return a; }",
        "/*" * 100_000,
        '"' * 100_001,
        "#define A(x) A(x) + A(x)\nint f(int a) { return A(a); }",
        "".join(f"int f{i}(int a) {{ return f{i + 1}(a) + f{i + 1}(a); }}\n" for i in range(400)),
    ):
        assert not _gates(text)
        assert not _mixed(text)
    assert time.process_time() - start < 20
