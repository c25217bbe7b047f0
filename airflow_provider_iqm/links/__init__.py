"""Links from Airflow to IQM."""
