"""Spaces of the workspace."""


def test_the_one_space_of_a_new_workspace(api):
    data = api.get("/spaces", pagination={"count": 10}).data
    assert data["spaces"] == [{"id": api.founded.space_id, "slug": "main", "name": "Main"}]
    assert data["pagination"] == {"current": "MA==", "next": None, "previous": None, "totalEntries": 1}


def test_both_forms_of_its_id_lead_to_it(api):
    id = api.founded.space_id
    assert len(id) == 22
    assert api.get(f"/spaces/{id}").data["space"]["id"] == id
    assert api.get(f"/spaces/spa_{id}").data["space"]["id"] == id
    created = api.post(
        f"/spaces/spa_{id}/audiences",
        {"name": "A", "audienceType": "USERS", "definition": {"query": "event('x').count() >= 1"}},
    ).data["audience"]
    assert created["spaceId"] == id
    assert api.get(f"{api.audiences}/{created['id']}").status == 200


def test_an_unknown_space(api):
    reply = api.get("/spaces/nope")
    assert reply.status == 404
    assert reply.errors[0]["type"] == "not-found"
