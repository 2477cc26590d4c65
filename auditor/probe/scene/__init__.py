"""What a run finds on disk: shards, tokenizer, sidecars and the submission's own files. Needs no torch."""

from auditor.probe.scene.streams import Site, Streams, Tokens
from auditor.probe.scene.tokenizer import NoTokenizer
from auditor.probe.scene.workspace import Layout, Workspace

__all__ = ["Layout", "NoTokenizer", "Site", "Streams", "Tokens", "Workspace"]
