"""The state of a running sandbox."""

from airflow_provider_iqm.sandbox.settings import SandboxSettings
from airflow_provider_iqm.sandbox.state.audiences import AudienceStore
from airflow_provider_iqm.sandbox.state.campaigns import CampaignStore
from airflow_provider_iqm.sandbox.state.clock import Clock
from airflow_provider_iqm.sandbox.state.faults import FaultList
from airflow_provider_iqm.sandbox.state.journal import Journal
from airflow_provider_iqm.sandbox.state.tokens import TokenStore
from airflow_provider_iqm.sandbox.state.window import SlidingWindow


class SandboxState:
    """
    The sandbox's account, with everything that belongs to it.

    :param settings: initial settings.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._initial = settings
        self.settings = settings
        self.clock = Clock()
        self.tokens = TokenStore(self.clock)
        self.campaigns = CampaignStore(self.clock)
        self.audiences = AudienceStore(self.clock, self.campaigns)
        self.window = SlidingWindow(self.clock)
        self.journal = Journal()
        self.faults = FaultList()

    def reset(self) -> None:
        """Reset to the initial settings, without audiences, campaigns, tokens, faults or requests."""
        self.settings = self._initial
        self.tokens.expire(refresh_too=True)
        self.audiences.clear()
        self.campaigns.clear()
        self.window.clear()
        self.journal.clear()
        self.faults.clear()
