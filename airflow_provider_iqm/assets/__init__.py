"""Matched audiences as Airflow assets."""
