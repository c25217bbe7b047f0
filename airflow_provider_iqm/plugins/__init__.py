"""Airflow's plugin of this package: the page "IQM audiences" in Airflow's UI."""
