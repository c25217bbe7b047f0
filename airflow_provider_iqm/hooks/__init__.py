"""IQM's hooks for Airflow."""
