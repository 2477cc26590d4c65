"""`python -m auditor` is golf-audit."""

import sys

from auditor.commands.audit import main

if __name__ == "__main__":
    sys.exit(main())
