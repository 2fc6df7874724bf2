"""In which ways a connection tells a change: through each activation that has a mapping, and else as it says itself."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..workspace.activations import CHANGED, ENTERED, EXITED
from ..workspace.model import Activation
from .payloads import IDENTIFY, TRACK

FORMS = {ENTERED: TRACK, EXITED: TRACK, CHANGED: IDENTIFY}


class Way(NamedTuple):
    """The `activations` whose traits go along, and the forms. `activation_id` is that of the one whose mapping it goes
    through, blank where it goes as the destination says."""

    activation_id: str
    activations: Sequence[Activation]
    forms: Sequence[str]


def ways(activations: Sequence[Activation], forms: Sequence[str], *, is_exit: bool, fixed: bool) -> Iterator[Way]:
    """`forms` are those of the connection, `fixed` where there are no others. What an activation with a mapping has
    taken out is not sent otherwise while it is switched off: its mapping may leave out what must not be sent."""
    fit = [one for one in activations if one.type != (ENTERED if is_exit else EXITED)]
    mapped = [one for one in fit if one.destination_mapping is not None]
    plain = [one for one in fit if one.destination_mapping is None and one.enabled]
    if forms and (plain or not mapped):
        yield Way("", plain, forms)
    for one in mapped:
        own = [FORMS[one.type]] if one.type in FORMS and not fixed else forms
        if one.enabled and own:
            yield Way(one.id, [one], own)
