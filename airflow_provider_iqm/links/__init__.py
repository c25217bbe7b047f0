"""Links from Airflow's UI to IQM's web app."""
