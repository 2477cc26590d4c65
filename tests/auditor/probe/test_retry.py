"""What an error changes for the next run."""

from __future__ import annotations

import ast

import pytest

from auditor.probe.arguments import arguments
from auditor.probe.job import Failure
from auditor.probe.model import Shrunk
from auditor.probe.plan import Plan, Prefix
from auditor.probe.retry import adjusted, with_prefix
from auditor.probe.shrink import Measures


def failure(error: str, message: str) -> Failure:
    return Failure(error, message)


def test_an_error_says_what_to_change():
    plan = Plan()
    triton = adjusted(plan, failure("ModuleNotFoundError", "No module named 'triton'"), ())
    assert triton is not None
    assert triton.triton
    shards = adjusted(plan, failure("FileNotFoundError", "No files found for pattern: ./x/fineweb_val_*.bin"), ())
    assert shards is not None
    assert shards.data == ("./x",)
    missing = failure("OSError", 'Not found: "./t/fineweb.model": No such file or directory: ./t/fineweb.model')
    model = adjusted(plan, missing, ())
    assert model is not None
    assert model.tokenizers == ("./t/fineweb.model",)
    denied = adjusted(plan, failure("OSError", "[Errno 30] Read-only file system: '/tmp/x/logs'"), ())
    assert denied is not None
    assert denied.writable


def test_settings_that_the_error_names_stay_as_submitted():
    changed = (Shrunk("GROUP_SIZE", "64", "8"), Shrunk("MODEL_DIM", "512", "64"), Shrunk("ITERATIONS", "9", "2"))
    failed = Failure("ValueError", "bad", "a.py", 3, source="if width % args.group_size or step == args.iterations:")
    plan = adjusted(Plan(), failed, changed)
    assert plan is not None
    assert plan.scale.kept == {"GROUP_SIZE"}
    assert adjusted(plan, failed, changed) is None


def test_what_is_done_every_so_many_steps_is_done_after_the_last_where_none_is_no_number():
    changed = (Shrunk("VAL_LOSS_EVERY", "4000", "0"), Shrunk("ITERATIONS", "9", "2"))
    line = "if step % args.val_loss_every == 0 or step == args.iterations:"
    failed = Failure("ZeroDivisionError", "integer modulo by zero", "a.py", 3, source=line)
    plan = adjusted(Plan(), failed, changed)
    assert plan is not None
    assert plan.overrides == (("VAL_LOSS_EVERY", "2", failed.sentence),)
    once = (Shrunk("VAL_LOSS_EVERY", "4000", "2", failed.sentence), changed[1])
    again = adjusted(plan, failed, once)
    assert again is not None
    assert again.scale.kept == {"VAL_LOSS_EVERY"}


@pytest.mark.parametrize(
    ("message", "stem", "folder"),
    [
        ("No data shards found at data/fineweb_bpe4096_train_*.bin. Run setup.", "data/fineweb_bpe4096_", None),
        ("No files found for pattern: ./data/x/fineweb_train_*.bin", None, "./data/x"),
        ("no val shards", None, None),
        ("No training shards match train_*.bin", "", None),
    ],
)
def test_shards_are_put_where_the_script_looks(message, stem, folder):
    plan = adjusted(Plan(), Failure("FileNotFoundError", message), ())
    assert (plan.stems if plan else ()) == (() if stem is None else (stem,))
    assert (plan.data if plan else ()) == (() if folder is None else (folder,))


def test_a_longer_stream_and_no_group_where_the_error_asks_for_it():
    short = adjusted(Plan(), Failure("ValueError", "Validation split is too short for TRAIN_SEQ_LEN=4096"), ())
    assert short is not None
    assert short.scale.stream == 4097
    alone = adjusted(Plan(), Failure("AttributeError", "'Parallel' object has no attribute 'forward_logits'"), ())
    assert alone is not None
    assert not alone.group


def test_names_that_are_set_beside_warm_up_steps_get_one():
    plan = adjusted(Plan(), Failure("UnboundLocalError", "cannot access local variable 'ema_state'"), ())
    assert plan is not None
    assert plan.scale.warmup == 1
    assert adjusted(plan, Failure("UnboundLocalError", "cannot access local variable 'ema_state'"), ()) is None


def test_small_batches_stay_where_a_large_one_has_a_shape_that_the_script_cannot_take():
    failed = Failure("RuntimeError", "The size of tensor a (512) must match the size of tensor b (64)")
    changed = (Shrunk("grad_accum_steps=", "8 // world_size", "1"), Shrunk("ITERATIONS", "20000", "2"))
    plan = adjusted(Plan(), failed, changed)
    assert plan is not None
    assert arguments([ast.parse("grad_accum_steps = 8 // world_size")], Measures(), plan.scale) == {}
    assert adjusted(Plan(), failed, changed[1:]) is None


def test_the_same_repair_is_not_tried_twice():
    plan = Plan(triton=True)
    assert adjusted(plan, failure("ModuleNotFoundError", "No module named 'triton'"), ()) is None
    assert adjusted(plan, failure("ValueError", "something else"), ()) is None


def test_groups_that_share_a_scale_stay_where_shapes_do_not_fit():
    changed = (Shrunk("BITNET_GROUP_SIZE", "64", "8"), Shrunk("MODEL_DIM", "768", "64"))
    plan = adjusted(Plan(), Failure("RuntimeError", "The size of tensor a (512) must match tensor b (64)"), changed)
    assert plan is not None
    assert plan.scale.kept == {"BITNET_GROUP_SIZE"}
    assert adjusted(plan, Failure("RuntimeError", "The size of tensor a (512)"), changed[1:]) is None


def test_a_file_of_packed_tokens_is_made_where_the_submission_lacks_it() -> None:
    missing = Failure("FileNotFoundError", "Paid prefix file not found: outside/workspace/x/prefix.raw", "a.py", 9)
    plan = with_prefix(Plan(), missing)
    assert plan is not None
    assert plan.prefixes == (Prefix("outside/workspace/x/prefix.raw", "raw", "a.py", 9),)
    packed = with_prefix(plan, Failure("LZMAError", "Input format not supported by decoder"))
    assert packed is not None
    assert packed.prefixes == (Prefix("outside/workspace/x/prefix.raw", "xz", "a.py", 9),)
    for known in (missing, Failure("LZMAError", "Input format not supported by decoder")):
        assert with_prefix(packed, known) is None
    for other in (
        Failure("FileNotFoundError", "[Errno 2] No such file or directory: 'final_model.int8.ptz'"),
        Failure("FileNotFoundError", "No files found for pattern: ./x/fineweb_val_*.bin"),
        Failure("ValueError", "not found: prefix.xz"), Failure("LZMAError", "Input format not supported by decoder"),
    ):  # fmt: skip
        assert with_prefix(Plan(), other) is None


def test_the_vocabulary_is_as_submitted_where_a_small_one_fails():
    """A size, or the number of some piece, may stand in the code a second time. A module that is missing is no such."""
    changed = (Shrunk("VOCAB_SIZE", "8192", "1024"),)
    plan = adjusted(Plan(), Failure("IndexError", "index 5000 is out of range"), changed)
    assert plan is not None
    assert plan.scale.kept == {"VOCAB_SIZE"}
    assert adjusted(plan, Failure("IndexError", "index 5000 is out of range"), changed) is None
    assert adjusted(Plan(), Failure("ModuleNotFoundError", "No module named 'away'"), changed) is None
