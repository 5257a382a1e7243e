"""``python -m standalone``: patch the standard library before any other import, then serve."""

from __future__ import annotations

import os
import sys

from shared.rpc.patch import patch_standard_library

# Nothing here is looked up in the DNS, and loading a resolver takes a second.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
patch_standard_library()

from standalone.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
