"""Apache Airflow provider for IQM: matched audiences from a warehouse to a campaign."""

__version__ = "0.1.0"
