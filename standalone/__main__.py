"""``python -m standalone``: patch the standard library before any other import, then serve."""

from __future__ import annotations

import sys

from shared.rpc.patch import patch_standard_library

patch_standard_library()

from standalone.app import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
