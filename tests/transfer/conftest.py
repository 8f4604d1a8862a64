"""The fixtures of the ingest's tests: workspaces to copy and to merge."""

from tests.ingestion.conftest import done as done
from tests.ingestion.conftest import videos as videos
