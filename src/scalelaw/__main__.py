"""Run the command line: ``python -m scalelaw``."""

import sys

from scalelaw.cli import main

if __name__ == "__main__":
    sys.exit(main())
