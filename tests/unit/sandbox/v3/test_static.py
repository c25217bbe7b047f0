from __future__ import annotations

import pytest

POLITICAL, SPECIALIZATION, HEALTHCARE = 31, 32, 33
HCP, NON_NPI_NURSE, PATIENT = 3, 5, 6
STATIC = ["column-list", "column-combinations", "data-formats", "data-partners"]


def all_ids(v3) -> dict[str, list[int]]:
    return {name: [each["id"] for each in v3.static(name)] for name in STATIC}


def test_columns_formats_and_combinations_are_consistent(v3) -> None:
    columns = v3.static("column-list")
    assert columns[0] == {"id": 101, "name": "Voters_ID", "order": 1, "displayName": "Voter ID"}
    hashable = {each["name"]: each["dataFormatIds"] for each in columns if "dataFormatIds" in each}
    formats = v3.ids("data-formats")
    assert hashable == {"Email": list(formats.values()), "Phone": list(formats.values())}
    assert list(formats) == ["Raw", "MD5", "SHA1", "SHA256", "SHA512", "Other"]
    names = {each["id"]: each["name"] for each in columns}
    combinations = [{names[number] for number in each["columnIds"]} for each in v3.static("column-combinations")]
    assert combinations[:5] == [{"Voters_ID"}, {"NPI_ID"}, {"Email"}, {"Phone"}, {"Residence_FullAddress"}]
    assert {"Residence_Addresses_AddressLine", "Residence_Addresses_State", "Residence_Addresses_Zip"} in combinations


def test_the_tutorials_column_list(v3, sandbox) -> None:
    sandbox.change_settings(column_list_shape="tutorial")
    answer = v3.call("GET", "/static/column-list?audienceTypeId=1", contradicts=True).json()["data"]
    assert answer[1] == {"id": 102, "label": "NPI ID", "key": "NPI_ID", "order": 2, "isSingleColumn": True}
    assert [each["key"] for each in answer if each["isSingleColumn"]] == [
        "Voters_ID", "NPI_ID", "Email", "Phone", "Residence_FullAddress",
    ]  # fmt: skip


def test_ids_differ_from_the_documents(v3, sandbox, reference) -> None:
    examples = [
        (path, each)
        for path in ("column-list", "column-combinations", "data-formats", "data-partners")
        for each in _ids_in(reference.document["paths"][f"/api/v3/audience/static/{path}"])
    ]
    assert len(examples) > 5
    for seed in (0, 7):
        sandbox.change_settings(id_seed=seed)
        for path, known in all_ids(v3).items():
            assert not {number for where, number in examples if where == path} & set(known)


def _ids_in(node) -> list[int]:
    if isinstance(node, dict):
        own = [node["id"]] if isinstance(node.get("id"), int) else []
        return own + [number for value in node.values() for number in _ids_in(value)]
    return [number for value in node for number in _ids_in(value)] if isinstance(node, list) else []


def test_ids_can_be_random(v3, sandbox) -> None:
    before = all_ids(v3)
    sandbox.change_settings(id_seed=7)
    drawn = all_ids(v3)
    sandbox.change_settings(id_seed=8)
    assert all(set(drawn[name]).isdisjoint(before[name]) for name in STATIC)
    assert all_ids(v3) != drawn
    numbers = [number for ids in drawn.values() for number in ids]
    assert len(set(numbers)) == len(numbers)


def test_absent_entries_do_not_change_other_ids(v3, sandbox) -> None:
    before = {name: v3.ids(name) for name in ("column-list", "data-formats", "data-partners")}
    sandbox.change_settings(absent_names={"NPI_ID", "SHA1", "i360_id"})
    after = {name: v3.ids(name) for name in before}
    assert {name: set(before[name].items()) - set(after[name].items()) for name in before} == {
        "column-list": {("NPI_ID", before["column-list"]["NPI_ID"])},
        "data-formats": {("SHA1", before["data-formats"]["SHA1"])},
        "data-partners": {("i360_id", before["data-partners"]["i360_id"])},
    }
    used = {number for each in v3.static("column-combinations") for number in each["columnIds"]}
    assert used <= set(after["column-list"].values())


@pytest.mark.parametrize(
    ("asked", "voters", "professionals"),
    [
        ({}, True, True),
        ({"verticalId": POLITICAL}, True, False),
        ({"verticalId": SPECIALIZATION}, False, False),
        ({"verticalId": HEALTHCARE}, False, True),
        ({"audienceSubtypeId": HCP}, False, True),
        ({"verticalId": HEALTHCARE, "audienceSubtypeId": NON_NPI_NURSE}, False, False),
        ({"audienceSubtypeId": PATIENT}, False, False),
    ],
)
def test_verticals_and_subtypes_restrict_the_lists(v3, asked: dict, voters: bool, professionals: bool) -> None:
    columns = v3.ids("column-list", **asked)
    assert ("Voters_ID" in columns, "NPI_ID" in columns) == (voters, professionals)
    subtypes = {"audienceSubtypeIds": asked["audienceSubtypeId"]} if "audienceSubtypeId" in asked else {}
    partners = v3.ids("data-partners", **{k: v for k, v in asked.items() if k == "verticalId"}, **subtypes)
    assert ("LalVoterID" in partners, "hl_npi_id" in partners) == (voters, professionals)
    used = {number for each in v3.static("column-combinations", **asked) for number in each["columnIds"]}
    assert used <= set(columns.values())


def test_partners_can_be_inactive(v3) -> None:
    assert list(v3.ids("data-partners", active="false")) == ["data360_npi_id"]
    assert "data360_npi_id" not in v3.ids("data-partners", active="true")
    assert {each["active"] for each in v3.static("data-partners")} == {True, False}


@pytest.mark.parametrize("subtypes", [[3, 6], "3,6"])
def test_ids_can_be_repeated_or_comma_separated(v3, subtypes) -> None:
    assert list(v3.ids("data-partners", audienceSubtypeIds=subtypes)) == [
        "hl_npi_id", "healthcare_id", "data360_npi_id",
    ]  # fmt: skip


def test_statuses_and_subtypes_have_the_documented_ids(v3, sandbox) -> None:
    sandbox.change_settings(id_seed=7)
    statuses = v3.ids("audience-status", audienceTypeIds=1)
    assert statuses == {
        "pending": 2, "processing": 1, "ready": 3, "rejected": 4, "failed": 6, "fetching_data": 7, "data_fetched": 8,
    }  # fmt: skip
    assert v3.ids("audience-status", deletedStatusRequired="true") == statuses | {"deleted": 5}
    subtypes = v3.data("GET", "/static/audience-subtypes", params={"audienceTypeIds": "1,9"})
    assert {each["name"]: each["id"] for each in subtypes["audienceSubtypes"]} == {
        "hcp": 3, "npi_nurse": 4, "non_npi_nurse": 5, "patient": 6,
    }  # fmt: skip
    assert (subtypes["totalRecords"], subtypes["filteredRecords"]) == (4, 4)
    other = v3.data("GET", "/static/audience-subtypes", params={"audienceTypeIds": "2"})
    assert (other["totalRecords"], other["filteredRecords"], other["audienceSubtypes"]) == (4, 0, [])


@pytest.mark.parametrize(
    ("settings", "path", "message"),
    [
        ({}, "column-list", "Missing required parameter: 'audienceTypeId'."),
        ({}, "column-combinations", "Missing required parameter: 'audienceTypeId'."),
        ({}, "data-partners", "Missing required parameter: 'audienceTypeId'."),
        ({}, "column-list?audienceTypeId=x", "Input should be a valid integer"),
        ({}, "column-list?audienceTypeId=15", "Invalid audience type ID provided."),
        ({}, "data-partners?audienceTypeId=2", "Data Partner doesn't exist"),
        ({}, "column-list?audienceTypeId=1&verticalId=99", "Invalid vertical ID provided."),
        ({}, "column-list?audienceTypeId=1&audienceSubtypeId=7", "Invalid audienceSubtypeId 7 for verticalId null"),
        ({}, "column-combinations?audienceTypeId=1&audienceSubtypeId=3&verticalId=31", "3 for verticalId 31"),
        ({"vertical_id": POLITICAL}, "audience-subtypes?verticalId=33", "forbidden vertical ID"),
        ({"vertical_required": True}, "column-list?audienceTypeId=1", "No vertical ID provided"),
        ({"vertical_required": True}, "audience-subtypes", "No vertical ID provided"),
    ],
)
def test_invalid_requests_for_static_lists(v3, sandbox, settings: dict, path: str, message: str) -> None:
    sandbox.change_settings(**settings)
    (error,) = v3.refused(v3.call("GET", f"/static/{path}")).values()
    assert message in error


def test_other_audience_types_have_no_columns(v3) -> None:
    assert v3.static("column-list", audienceTypeId=2) == []
    assert v3.static("column-combinations", audienceTypeId=2) == []


def test_an_advertiser_has_one_vertical(v3, sandbox) -> None:
    sandbox.change_settings(vertical_id=POLITICAL, vertical_required=True)
    assert "NPI_ID" not in v3.ids("column-list")
    assert v3.data("GET", "/static/audience-subtypes")["audienceSubtypes"] == []
