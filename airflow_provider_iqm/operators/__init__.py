"""IQM's operators for Airflow."""
