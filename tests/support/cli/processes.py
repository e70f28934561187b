"""How tests start the command line in a process of its own."""

import sys

_CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import ranvier.cli
sys.exit(ranvier.cli.main())
"""

RANVIER = (sys.executable, "-W", "error", "-c", _CODE)
"""The command `ranvier`. Ctrl-C ends it even if the tests run in a shell that ignores SIGINT."""
