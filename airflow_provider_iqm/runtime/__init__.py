"""What is used of Airflow's runtime besides hooks."""
