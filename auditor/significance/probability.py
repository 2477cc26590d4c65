"""How a p-value is written: neither 0 nor 1, which no test of finitely many seeds can say."""

from __future__ import annotations


def show_p(p: float | None) -> str:
    """Three significant digits, "-" where there is none."""
    if p is None:
        return "-"
    if p < 1e-300:
        return "< 1e-300"
    if p > 0.9995:
        return "> 0.999"
    return f"{p:.3f}" if p >= 0.1 else f"{p:#.3g}" if p >= 0.0001 else f"{p:.2e}"


def said_p(p: float) -> str:
    """`p = 0.0203`, `p > 0.999`."""
    shown = show_p(p)
    return f"p {shown}" if shown[0] in "<>" else f"p = {shown}"
