"""The Airflow connection: its form, its settings, how to reach the server."""
