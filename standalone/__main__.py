"""``python -m standalone``: patch the standard library before any other import, then serve."""

from __future__ import annotations

import os
import sys

from shared.rpc.patch import patch_standard_library

# Nothing here is looked up in the DNS, and loading a resolver takes a second.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
# Real threads hash passwords, and each keeps the 20 MB that takes; more than cores are no faster.
os.environ.setdefault("EVENTLET_THREADPOOL_SIZE", str(min(os.cpu_count() or 1, 4)))
patch_standard_library()

from standalone.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
