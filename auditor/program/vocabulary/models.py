"""Modules, optimizers and attention of torch: their names, methods and parameters."""

from __future__ import annotations

from auditor.program.vocabulary.tensors import REFILL

IDENTITY = frozenset(
    {
        "compile",
        "DistributedDataParallel",
        "DDP",
        "DataParallel",
        "as_tensor",
        "from_numpy",
        "asarray",
        "from_dlpack",
        "to_dlpack",
        "memoryview",
        "ascontiguousarray",
        "script",
        "no_grad",
        "inference_mode",
        "Path",
        "PurePath",
        "deterministic_algorithms",
        "wraps",
        "cast",
    }
)

SELF = frozenset(
    {
        "to",
        "cuda",
        "cpu",
        "bfloat16",
        "half",
        "float",
        "double",
        "train",
        "eval",
        "requires_grad_",
        "contiguous",
        "compile",
        "apply",
        "share_memory_",
        "pin_memory",
    }
)

WRAPPED = frozenset({"module", "_orig_mod"})
"""Where wrappers (DistributedDataParallel, torch.compile) have the module that they were given."""

HELD_BY_MODULES = frozenset({"_parameters", "_buffers"})
"""Attributes by which a module of torch holds its tensors."""

PARTS_OF_MODULES = "_modules"
"""The attribute by which a module of torch holds the modules inside it."""

TAKES_PARTS = frozenset({"register_module", "add_module", "set_submodule", "register_buffer", "register_parameter"})
"""Methods by which a module of torch takes a part, or a tensor, under a name."""

REPLACES_WEIGHTS = REFILL | {"load_state_dict", "reset_parameters"}

TRAINING_STEPS = frozenset({"step", "backward"})

OPTIMIZERS = (
    "AdamW",
    "Adam",
    "SGD",
    "LBFGS",
    "RMSprop",
    "Adagrad",
    "NAdam",
    "RAdam",
    "Adadelta",
    "Adamax",
    "Muon",
    "Optimizer",
    "AdamW8bit",
    "Adam8bit",
    "Lion",
    "Rprop",
    "FusedAdam",
    "ASGD",
    "Adafactor",
    "SparseAdam",
)


def is_method(name: str) -> bool:
    """Methods that torch gives to every module or optimizer."""
    if name.lstrip("_").startswith("register_") and name.endswith("hook"):
        return True
    return name in SELF or name in TAKES_PARTS or name in {
        "parameters", "named_parameters", "buffers", "named_buffers", "state_dict", "load_state_dict", "modules",
        "named_modules", "children", "named_children", "zero_grad", "step", "add_param_group", "register_buffer",
        "register_parameter", "register_forward_hook", "register_forward_pre_hook", "get_parameter", "add_argument",
        "parse_args", "parse_known_args", "state", "add_mutually_exclusive_group", "add_argument_group", "append",
        "extend", "items", "keys", "values", "type", "no_sync", "apply", "get_buffer", "get_submodule",
    }  # fmt: skip


ATTENTION = frozenset(
    {"scaled_dot_product_attention", "flash_attn_func", "flash_attn_varlen_func", "flash_attn_3_func"}
)
"""Functions of attention that are told whether it is causal."""

ATTENTION_BY_BIAS = frozenset({"multi_head_attention_forward", "memory_efficient_attention"})
"""Functions of attention that are told what to leave out by a mask, or a bias, among much else."""

NO_GRADIENT = frozenset({"no_grad", "inference_mode"})

EMBEDDINGS = frozenset({"Embedding", "EmbeddingBag"})
"""Modules that look up ids."""

CALLED_BY_TORCH = frozenset({"forward", "__call__", "__init__"})
"""Methods of a module that others than the class itself call."""

FACTS_OF_MODULES = frozenset({"training", "module", "weight", "bias"})
"""Attributes that modules of torch have."""

PROCEDURES = frozenset({"backward", "step", "zero_grad"})
"""Methods that do something and compute nothing."""

GIVES_PARAMETERS = frozenset({"get_parameter", "named_parameters", "parameters"})
"""Methods of a part of a module that is not told apart from the whole."""

OF_MODULE_LISTS = SELF | {
    "parameters", "named_parameters", "buffers", "named_buffers", "modules", "named_modules", "children",
    "named_children", "state_dict", "load_state_dict", "zero_grad", "values", "items",
}  # fmt: skip
"""Methods that lists and dicts of modules have because they are modules; lists of Python have none of them."""

RECURRENT = ("nn.GRU", "nn.LSTM", "nn.RNN")
"""Modules of torch that go along a sequence."""

ATTENTION_MODULES = ("nn.MultiheadAttention", "nn.TransformerEncoderLayer", "nn.TransformerEncoder")
"""Modules of torch that attend, as they are told to."""

CONVOLUTIONS = ("nn.Conv1d", "nn.Conv2d")
"""Modules of torch that convolve along a sequence."""

POOLS = ("nn.AvgPool1d", "nn.MaxPool1d", "nn.LPPool1d", "nn.AdaptiveAvgPool1d", "nn.AdaptiveMaxPool1d")
"""Modules of torch that make one of neighbours in a sequence."""

NORMS_OVER_POSITIONS = ("nn.InstanceNorm1d", "nn.InstanceNorm2d", "nn.GroupNorm")
"""Modules of torch that normalize over positions too."""

MASK_PARAMETERS = frozenset({"attn_mask", "is_causal", "src_mask", "mask"})
"""Parameters by which attention is told what it may see."""

MODULE = "torch.nn.Module"

OPTIMIZER = "torch.optim.Optimizer"

INITIALIZES = ("torch.nn.init.", "nn.init.")
"""How functions begin that fill a parameter."""

OF_FUNCTIONS = ("torch.func.", "functorch.", "torch.autograd.functional.")
"""How functions begin that make a function of a function: its gradient, its map over a batch."""

CAUSAL_MASK = "create_additive_causal_mask"
"""MLX's function for the mask that leaves no later position."""

MLX_TAKES_WEIGHTS = frozenset({"update", "load_weights"})
"""Methods by which a module of MLX takes other weights: a tree of them, a file."""

MLX_GIVES_WEIGHTS = frozenset({"trainable_parameters", "parameters", "state"})

MLX_SELF = frozenset({"freeze", "unfreeze", "set_dtype"})
"""Methods of a module of MLX that give the module itself."""

MLX_TREES = "mlx.utils.tree_"
"""How the names of MLX's functions of trees begin."""

MLX = "mlx."
"""How the names of MLX begin."""

FUNCTIONAL_OPTIMIZERS = ("torch.optim.", "torch.distributed.optim.")
"""How functions begin that take an optimizer's step: `torch.optim.sgd.sgd(weights, gradients, ...)`."""

LAYERS = ("torch.nn.", "nn.", "mlx.nn.")
"""How the names of modules begin, of torch and of MLX."""
