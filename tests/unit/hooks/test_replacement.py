"""Replacing an audience by the hook, sync and async, against a local IQM that fails in every way at every request."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from airflow_provider_iqm.exceptions import AudienceNotFoundError, AudienceOptionError, CampaignTargetingError, IQMError
from airflow_provider_iqm.hooks.iqm import IQMHook
from tests.unit.hooks.test_campaigns import hook  # noqa: F401

FAULTS = ["drop_before", "drop_after", "truncate", "status", "status_after_work", "html"]


def never_neither(sandbox, *audience_ids):
    """Whether each campaign has targeted one of the audiences, in its role, at any moment since it had one."""
    for campaign in sandbox.campaigns:
        for role in ("included", "excluded"):
            moments = [set(getattr(moment, role)) & set(audience_ids) for moment in campaign.timeline]
            assert all(itertools.dropwhile(lambda targeted: not targeted, moments)), campaign.timeline
    return True


def roles(sandbox, audience_id):
    return (
        [campaign.id for campaign in sandbox.campaigns if audience_id in campaign.included],
        [campaign.id for campaign in sandbox.campaigns if audience_id in campaign.excluded],
    )


def status_of(sandbox, audience_id):
    return next(audience.status for audience in sandbox.audiences if audience.id == audience_id)


@pytest.fixture
def swap(local_iqm, add_audience):
    """An audience in three campaigns, and its successor."""
    old, new = add_audience("Old"), add_audience("New")
    local_iqm.used = [local_iqm.add_campaign(included=[old]), local_iqm.add_campaign(included=[old], status="paused")]
    local_iqm.used_excluded = [local_iqm.add_campaign(excluded=[old])]
    return old, new


def test_an_audience_is_replaced_in_all_campaigns_and_deleted(hook, local_iqm, swap):  # noqa: F811
    old, new = swap
    done = hook.replace_audience(old, new)
    assert roles(local_iqm, new) == (local_iqm.used, local_iqm.used_excluded) == (done["included"], done["excluded"])
    assert (done["deleted"], status_of(local_iqm, old)) == ([old], "Deleted")
    assert never_neither(local_iqm, old, new)
    # Once more, as a cleared task does it.
    assert hook.replace_audience(old, new) == done


def test_the_old_audience_can_be_kept(hook, local_iqm, swap):  # noqa: F811
    old, new = swap
    assert hook.replace_audience(old, new, delete_old=False)["deleted"] == []
    assert status_of(local_iqm, old) == "Ready"
    # And back.
    hook.replace_audience(new, old, delete_old=False)
    assert roles(local_iqm, old) == (local_iqm.used, local_iqm.used_excluded)


def test_failed_campaigns_keep_the_old_audience(hook, local_iqm, swap, add_audience):  # noqa: F811
    old, new = swap
    full = local_iqm.add_campaign(included=[old, *(add_audience() for _ in range(19))])
    with pytest.raises(CampaignTargetingError, match=f"may still use audience {old}") as error:
        hook.replace_audience(old, new)
    assert list(error.value.failed) == [full]
    assert roles(local_iqm, old) == ([full], [])
    assert roles(local_iqm, new) == (local_iqm.used, local_iqm.used_excluded)
    assert status_of(local_iqm, old) == "Ready"


def test_invalid_arguments_change_nothing(hook, local_iqm, swap, add_audience):  # noqa: F811
    old, new = swap
    with pytest.raises(AudienceNotFoundError):
        hook.replace_audience(99, new)
    with pytest.raises(AudienceNotFoundError):
        hook.replace_audience(old, 99)
    with pytest.raises(AudienceOptionError):
        hook.replace_audience(new, new)
    with pytest.raises(IQMError, match="Rejected"):
        hook.replace_audience(old, add_audience(status="Rejected"))
    assert all(len(campaign.timeline) == 1 for campaign in local_iqm.campaigns)


def test_classic_connections_require_campaigns_and_keep_their_role(hook, local_iqm, swap):  # noqa: F811
    local_iqm.connect(api_version="classic")
    old, new = swap
    with pytest.raises(AudienceOptionError, match="campaign_ids is missing"):
        hook.replace_audience(old, new)
    with pytest.raises(AudienceOptionError, match="doesn't report which"):
        hook.replace_audience(old, new, local_iqm.used)
    IQMHook().target_audience(local_iqm.used_excluded, remove=[old])
    assert hook.replace_audience(old, new, local_iqm.used[:1])["in_use"] == [old]
    assert hook.replace_audience(old, new, local_iqm.used)["deleted"] == [old]
    assert roles(local_iqm, new) == (local_iqm.used, [])


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("times", [1, 100])
def test_every_fault_at_every_request(local_iqm, swap, kind, times):
    """A fault that passes is survived in place, one that lasts by the next try; no campaign ever targets neither."""
    local_iqm.connect(api_version="v3")
    old, new = swap
    # Log in, read the new audience, ask who uses both, change the campaigns, ask again.
    for before in range(5):
        local_iqm.add_fault(kind, skip=before, times=times)
        with contextlib.suppress(IQMError):
            IQMHook().replace_audience(old, new, delete_old=False)
        local_iqm.clear_faults()
        assert never_neither(local_iqm, old, new)
        IQMHook().replace_audience(old, new, delete_old=False)
        assert roles(local_iqm, new) == (local_iqm.used, local_iqm.used_excluded)
        assert roles(local_iqm, old) == ([], [])
        old, new = new, old


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("times", [1, 100])
def test_every_fault_at_the_deletion(local_iqm, swap, kind, times):
    local_iqm.connect(api_version="v3")
    old, new = swap
    local_iqm.add_fault(kind, path="/api/v3/audience", method="DELETE", times=times)
    with contextlib.suppress(IQMError):
        IQMHook().replace_audience(old, new)
    local_iqm.clear_faults()
    assert IQMHook().replace_audience(old, new)["deleted"] == [old]
    assert status_of(local_iqm, old) == "Deleted"
    assert never_neither(local_iqm, old, new)
