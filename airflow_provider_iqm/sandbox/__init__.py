"""
A local IQM, which speaks the quickstart's API and that of v3: for demos, tests and trying Dags without an account.

Start it with ``python -m airflow_provider_iqm.sandbox`` (extra ``sandbox``). It is an independent reading of IQM's
documents and shares no code with the client in this package: what one of them got wrong, the other one shows.
"""
