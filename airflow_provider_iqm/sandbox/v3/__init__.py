"""
IQM's API v3, on the same audiences as the classic API.

Follows IQM's OpenAPI file; where it contradicts itself or the guides, a setting selects the variant.
"""

from fastapi import APIRouter, Depends

from airflow_provider_iqm.sandbox.session.access import require_token
from airflow_provider_iqm.sandbox.v3 import calls, campaign_calls, static

router = APIRouter(dependencies=[Depends(require_token)])
router.include_router(static.router)
router.include_router(calls.router)
router.include_router(campaign_calls.router)
