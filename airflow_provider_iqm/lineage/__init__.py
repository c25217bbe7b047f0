"""Lineage of audiences for OpenLineage and Airflow's hook lineage; it never contains values of a list."""
