"""Everything the management API does, in one object."""

from collections.abc import Mapping

from ..clock import Clock
from ..ids import Ids
from ..records import Records
from ..secrecy import Secrets
from .activations import Activations
from .audiences import Audiences
from .computed_traits import ComputedTraits
from .connections import Connections
from .definitions import Definitions
from .destination_filters import DestinationFiltering
from .destinations import Destinations
from .identity_rules import IdentityRules
from .journeys.service import Journeys
from .labels import Labels
from .mapping_settings import MappingSettings
from .model import Space, Workspace
from .ports import SPACE_PREFIX, DestinationKind, Resyncs, Runs, Sizes
from .sources import Sources
from .space_filters import SpaceFiltering
from .storage import Storage, space_key, workspace_key, workspace_partition
from .subscriptions import Subscriptions
from .tokens import Tokens


class Workspaces:
    """The services of all workspaces; `kinds` of destinations are by metadata id."""

    def __init__(
        self,
        records: Records,
        secrets: Secrets,
        kinds: Mapping[str, DestinationKind],
        sizes: Sizes,
        ids: Ids,
        clock: Clock,
        runs: Runs,
        resyncs: Resyncs | None = None,
    ) -> None:
        storage = self._storage = Storage(records, clock)
        self.sizes = sizes
        self.connections = Connections(storage, ids, clock, kinds, resyncs)
        mappings = MappingSettings(secrets, kinds)
        self.activations = Activations(storage, mappings, ids, clock, resyncs)
        self.destinations = Destinations(storage, secrets, ids, clock, kinds, self.connections)
        self.sources = Sources(storage, ids, clock, self.destinations)
        definitions = Definitions(storage, ids, clock, self.connections, runs)
        self.audiences = Audiences(definitions)
        self.journeys = Journeys(storage, ids, clock, self.connections, runs)
        self.identity_rules = IdentityRules(storage)
        self.labels = Labels(storage)
        self.space_filters = SpaceFiltering(storage, ids, clock)
        self.destination_filters = DestinationFiltering(storage, ids, clock)
        self.subscriptions = Subscriptions(storage, secrets, mappings, ids, clock)
        self.tokens = Tokens(storage, ids, clock)
        self.computed_traits = ComputedTraits(definitions)

    def workspace(self, workspace_id: str) -> Workspace:
        """Raises NotFound."""
        return self._storage.workspaces.get(workspace_key(workspace_id))

    def spaces(self, workspace_id: str) -> list[Space]:
        """Oldest first."""
        found = self._storage.spaces.every(workspace_partition(workspace_id), "space#")
        return sorted(found, key=lambda space: (space.created_at, space.id))

    def space(self, workspace_id: str, space_id: str) -> Space:
        """Takes the bare id or its `spa_` form. Raises NotFound."""
        return self._storage.spaces.get(space_key(workspace_id, space_id.removeprefix(SPACE_PREFIX)))
