"""The kinds of destination an owner can choose from."""

from collections.abc import Mapping

from .kind import DestinationKind
from .webhook import WEBHOOK

KINDS: Mapping[str, DestinationKind] = {kind.metadata_id: kind for kind in (WEBHOOK,)}
