"""IQM's sensors for Airflow."""
