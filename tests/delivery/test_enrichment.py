"""Traits that go along with what is told."""

import pytest

from chalicelib.profiles.profile import Trait
from chalicelib.workspace.model import Activation

from .test_emit import Stage
from .world import E1, U1, audience, change, connection, head, trait


def stage(*activations, **settings):
    vip, ltv = audience(), trait()
    made = Stage([vip, ltv], [connection(vip, **settings)])
    made.directory.activations = {"ii_vip_d1": list(activations)}
    return made


def activation(*properties, type="All Events", enabled=True, **mapping):
    return Activation(
        id="act_1",
        workspace_id="w",
        space_id="s",
        computation_id="aud_vip",
        connection_id="ii_vip_d1",
        type=type,
        name="a",
        enabled=enabled,
        created_at=0,
        updated_at=0,
        properties=list(properties),
        mapping=mapping,
    )


def person(vip, **outcomes):
    found = head(U1, E1, vip=vip, **outcomes)
    found.traits = {key: Trait(value, 0, "src") for key, value in {"plan": "pro", "gone": None, "vip": "no"}.items()}
    return found


def entered(made, **outcomes):
    (delivery,) = made.emit(change(head(U1, E1), person(True, **outcomes)))
    return delivery.payload


def test_chosen_traits_go_along_under_their_new_names():
    event = entered(stage(traits={"plan": "tier", "ltv": "ltv", "gone": "gone", "unknown": "unknown"}), ltv=7)
    assert event["traits"] == {"email": "jo1@ex.io", "vip": True, "tier": "pro", "ltv": 7}


def test_in_the_form_of_track_they_are_properties():
    event = entered(stage(traits={"plan": "tier"}, sendTrack=True, sendIdentify=False))
    assert event["properties"] == {"audience_key": "vip", "vip": True, "tier": "pro"}


@pytest.mark.parametrize("name", ["vip", "email", "audience_key"])
def test_nothing_of_the_message_itself_is_overwritten(name):
    plain = entered(stage(sendTrack=True, sendIdentify=False))
    rich = entered(stage(traits={"plan": name}, sendTrack=True, sendIdentify=False))
    assert rich["properties"]["vip"] is True
    assert rich["properties"]["audience_key"] == "vip"
    assert rich["context"] == plain["context"]


def test_activations_choose_traits_too():
    event = entered(stage(activation("plan", "ltv", plan="tier")), ltv=7)
    assert event["traits"] == {"email": "jo1@ex.io", "vip": True, "tier": "pro", "ltv": 7}


def test_an_activation_that_is_off_or_of_the_other_change_chooses_nothing():
    for one in (activation("plan", enabled=False), activation("plan", type="Audience Exited")):
        assert "plan" not in entered(stage(one))["traits"]
    made = stage(activation("plan", type="Audience Exited"))
    (left,) = made.emit(change(person(True), person(False)))
    assert left.payload["traits"] == {"email": "jo1@ex.io", "vip": False, "plan": "pro"}


def test_what_goes_along_does_not_change_the_id_of_a_message():
    assert entered(stage())["messageId"] == entered(stage(traits={"plan": "plan"}))["messageId"]
