"""Airflow's runtime besides hooks."""
