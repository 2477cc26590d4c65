"""What the words of a submission say of training on the validation set: sentences that admit it."""

from __future__ import annotations

import re

_VALIDATION = (
    r"(?:(?:val(?:idation)?|test|eval(?:uation)?)[ _-]?"
    r"(?:set|split|shards?|data(?:set)?|tokens?|files?|docs?|documents?|stream|corpus)|fineweb_val\w*"
    r"|val(?:idation)?(?=\s*(?:[.,;:)]|only|$)))"
)
_TRAINED = re.compile(
    rf"(?i)\b(?:train(?:s|ed|ing)?|fit(?:s|ted)?|overfit(?:s|ted|ting)?|memori[sz](?:es?|ed|ing))\b[^.;:!?]{{0,40}}?"
    rf"\b(?:on|with|from|using|over)\b[^.;:!?]{{0,25}}?\b{_VALIDATION}(?![ _-]?(?:loss|bpb|score|perplexity))"
)
_DATA = re.compile(
    r"(?i)\btraining (?:data|set|shards?|tokens?)\b[^.;!?]{0,15}(?:is|are|was|were|[:=])\s*[^.;!?]{0,15}\b"
    rf"{_VALIDATION}\b"
)
_NAME = re.compile(
    r"(?i)(?:^|[\s_\-/])(?:val[_-]?only|only[_-]?val|train[_-]?on[_-]?val|val[_-]?train(?:ed|ing)?|trained[_-]?on[_-]?val)"
)
_DENIED = re.compile(
    r"(?i)\b(?:no|not|never|none|without|nor|cannot|instead|unlike|rather|avoid\w*|forbid\w*|prohibit\w*|illegal\w*|"
    r"invalid|ban(?:s|ned)?|disallow\w*|exclud\w+|violat\w+|remov\w+|legal|allowed|"
    r"after(?!\s+(?:(?:the|all|main)\s+)*(?:train|pre-?train|steps?\b|warm))|already|previously|once|before|"
    r"score[- ]first|scored|graded|evaluated|seen|causal\w*|backward[- ]looking|prefix|ttt|test[- ]time|adapt\w*|lora|"
    r"if|whether|would|could|should|might|may|must|question|previous|earlier|other|others|prior)\b"
    r"|n['’]t\b|#\d|github\.com|\?"
)
_THEN = re.compile(r"(?i)\bthen\b")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|\s\|\s")
_LONGEST = 600  # characters of a sentence that is looked at


def admission(text: str) -> str | None:
    """The first sentence that says that the model is trained on the validation set; None where none does.

    A sentence that denies it, or speaks of another submission, of a condition or of tokens that were scored, is none.
    """
    for sentence in _SENTENCE.split(text):
        said = sentence.strip()[:_LONGEST]
        found = _TRAINED.search(said) or _DATA.search(said)
        # "scored, then trained on": what stands ahead of the word may be the score.
        if found is not None and not _DENIED.search(said) and not _THEN.search(said[: found.end()]):
            return said
    return None


def telling_name(text: str) -> bool:
    """Whether a name says it: `sp1024_val_only`."""
    return _NAME.search(text) is not None and not _DENIED.search(text.replace("_", " ").replace("-", " "))
