"""The command line: ``airflow iqm …`` on Airflow 3, and ``python -m airflow_provider_iqm …`` everywhere."""
