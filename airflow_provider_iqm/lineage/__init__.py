"""Where an audience comes from, told to OpenLineage and to Airflow's hook lineage; never a value of a list."""
