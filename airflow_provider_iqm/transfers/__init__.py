"""IQM's transfers for Airflow."""
