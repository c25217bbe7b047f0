"""IQM's responses during a replacement."""

from __future__ import annotations

from airflow_provider_iqm.api.replacement.plan import plan_replacement
from tests.unit.api.test_campaigns import api, drive, good, row

OLD, NEW = 1, 2
NOT_FOUND = 404, {"success": False, "errorObjects": [{"error": "Audience not found."}]}
DELETED = good({"successfulAudienceIds": [OLD], "failedAudienceIds": []})
KEPT = good({"successfulAudienceIds": [], "failedAudienceIds": [OLD]})


def status(audience_id, status_id=3):
    return good({"audienceId": audience_id, "audienceName": "VIP", "audienceStatusId": status_id})


def uses(*rows):
    return good({"audienceList": list(rows)})


BEFORE = uses(row(OLD, [5, 6], [7]), row(NEW))
AFTER = uses(row(OLD), row(NEW, [5, 6], [7]))


def counts(audience_id, included=0, excluded=0):
    counts = {"included": included, "excluded": excluded}
    return good({"id": audience_id, "audienceName": "VIP", "status": "ready", **counts})


def plan_classic(old, new, ids=(5, 6)):
    return drive(plan_replacement(api("classic"), [OLD], NEW, ids), old, new)[0]
