"""What all tests share."""

import os

from hypothesis import settings

# On a forge the same commit gives the same verdict; a developer's machine goes on searching.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")
