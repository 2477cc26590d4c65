"""Tokenizers: from texts to ids and back."""

from __future__ import annotations

GIVES_TEXT = frozenset({"id_to_piece", "convert_ids_to_tokens", "id_to_token"})
"""Methods of tokenizers that give the text of an id."""

DECODES = frozenset({"decode", "decode_ids", "decode_ids_as_serialized_proto"})
"""Methods of tokenizers that give the text of several ids."""

GIVES_PIECE = ("id_to_piece", "IdToPiece", "decode_single_token_bytes", "id_to_token")
"""Methods of tokenizers that give what an id stands for, as text or as bytes."""

ENCODES = frozenset(
    {"encode", "Encode", "EncodeAsIds", "encode_as_ids", "encode_batch", "encode_ordinary", "encode_ordinary_batch"}
    | {"encode_as_pieces", "EncodeAsPieces", "tokenize", "Train", "train", "train_from_iterator"}
)
"""Methods of tokenizers that take texts."""
