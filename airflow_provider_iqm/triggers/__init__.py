"""IQM's triggers for Airflow."""
