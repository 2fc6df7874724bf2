"""The kinds of destination an owner can choose from."""

from collections.abc import Mapping

from .facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from .hubspot import HUBSPOT
from .kind import DestinationKind
from .mixpanel import MIXPANEL
from .webhook import WEBHOOK

KINDS: Mapping[str, DestinationKind] = {
    kind.metadata_id: kind for kind in (WEBHOOK, FACEBOOK_CUSTOM_AUDIENCES, MIXPANEL, HUBSPOT)
}
