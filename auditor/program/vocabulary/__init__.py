"""Every name of a library and every path pattern that means something to the analysis, once, grouped by domain."""

from auditor.program.vocabulary.axes import *  # noqa: F403
from auditor.program.vocabulary.c import *  # noqa: F403
from auditor.program.vocabulary.files import *  # noqa: F403
from auditor.program.vocabulary.losses import *  # noqa: F403
from auditor.program.vocabulary.models import *  # noqa: F403
from auditor.program.vocabulary.processes import *  # noqa: F403
from auditor.program.vocabulary.python import *  # noqa: F403
from auditor.program.vocabulary.tensors import *  # noqa: F403
from auditor.program.vocabulary.tokens import *  # noqa: F403
