"""IQM's matched audiences as Airflow's assets."""
