"""Scripts that are packed: small files that are very large, or very deep, once they are unpacked."""

from __future__ import annotations


def packed_layers() -> str:
    """A script within a script within a script: each layer is decompressed and executed."""
    import base64
    import zlib

    text = "print('inner')\n"
    for _ in range(200):
        data = base64.b64encode(zlib.compress(text.encode())).decode()
        text = f"import base64, zlib\nexec(zlib.decompress(base64.b64decode('{data}')))\n"
        if len(text) > 4_000_000:
            break
    return text


def bomb(packer: str, size: int = 500_000_000) -> str:
    """So many spaces, twice compressed."""
    import base64
    import bz2
    import lzma
    import zlib

    data = b" " * size
    for _ in range(2):
        data = (
            lzma.compress(data) if packer == "lzma" else bz2.compress(data) if packer == "bz2" else zlib.compress(data)
        )
    text = base64.b85encode(data).decode()
    return f"import base64, {packer} as z\nexec(z.decompress(z.decompress(base64.b85decode({text!r}))))\n"


def writers(n: int) -> str:
    """A script that writes one that writes one, and so on, and executes it."""
    text = "print(1)\n"
    for i in range(n):
        text = f"open('w{i}.py', 'w').write({text!r})\nexec(open('w{i}.py').read())\n"
        if len(text) > 2_000_000:
            break
    return text


def packed(packer: str, data: bytes) -> bytes:
    import base64

    return f"import base64, {packer}\nexec({packer}.decompress(base64.b85decode({base64.b85encode(data).decode()!r})))\n".encode()  # noqa: E501


def gzip_members() -> bytes:
    import gzip

    return gzip.compress(b" " * 60_000) * 20_000


def brotli() -> bytes:
    import brotli

    return bytes(brotli.compress(b" " * 300_000_000, quality=5))


def zipped() -> str:
    """A zip in a zip, 300 MB of spaces in the inner one, read by zipfile and executed."""
    import base64
    import io
    import zipfile

    data = b" " * 300_000_000
    for name in ("a.py", "b.zip"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data = out.getvalue()
    text = base64.b85encode(data).decode()
    return (
        "import base64, io, zipfile\n"
        f"z = zipfile.ZipFile(io.BytesIO(base64.b85decode({text!r})))\n"
        "exec(zipfile.ZipFile(io.BytesIO(z.read('b.zip'))).read('a.py'))\n"
    )


def in_base64(layers: int) -> str:
    import base64

    text = "print('inner')\n"
    for _ in range(layers):
        text = f"import base64\nexec(base64.b64decode('{base64.b64encode(text.encode()).decode()}'))\n"
        if len(text) > 3_000_000:
            break
    return text


RAW_LZMA = b"import lzma\nexec(lzma.decompress(b'x' * 99, lzma.FORMAT_RAW, None, [{'id': lzma.FILTER_LZMA2, 'dict_size': 4 << 30}]))\n"  # noqa: E501
