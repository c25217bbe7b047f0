"""
A local stand-in for IQM (classic API and v3), for demos, tests and trying Dags without an account.

Start it with ``python -m airflow_provider_iqm.sandbox`` (extra ``sandbox``). It implements IQM's documents
independently and shares no code with this package's client, so that tests detect mistakes in either.
"""
